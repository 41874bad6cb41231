"""Every number that a decision hangs on, as data, each with where it comes from.

Distances are 1000 × (1 − correlation of gradients): 0 for equal structure, about 1000 for unrelated
pictures. "Portraits" are the benchmark's: `benchmarks/accuracy.py` measures all of this again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number and its origin."""

    value: float
    meaning: str
    origin: str


def upper_bound(errors: int, trials: int) -> float:
    """The one-sided 95 % bound on a rate: three by the number of trials without errors, else Wilson's."""
    if not errors:
        return min(1.0, 3 / trials)
    rate, z = errors / trials, 1.645
    spread = z * math.sqrt((rate * (1 - rate) + z * z / (4 * trials)) / trials)
    return (rate + z * z / (2 * trials) + spread) / (1 + z * z / trials)


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often a decision was wrong in the benchmark."""

    what: str
    where: str
    errors: int
    trials: int

    @property
    def bound(self) -> float:
        """Below this the true rate is, with 95 % confidence, if the trials were independent."""
        return upper_bound(self.errors, self.trials)


SAME = Threshold(
    17.0,
    "distance up to which two pictures have one structure",
    "renditions of one portrait from 48 to 648 px, made with antialiasing, stay under 9; two sittings of one"
    " person in one studio: 0 of 1,800 under 17",
)
SAME_LOW_RESOLUTION = Threshold(
    60.0,
    "the same, where a short side is below LOW_RESOLUTION_SIDE",
    "48-px copies of portraits made without antialiasing stay under 60; 23 of 1,800 pairs of two sittings are"
    " under it too, so it holds for tiny pictures only and the decision says so",
)
LOW_RESOLUTION_SIDE = Threshold(
    64, "short side in pixels below which a picture is tiny", "the services' smallest sizes are 48 and 64 px"
)
STRANGERS = Threshold(
    209.0,
    "no two photos of different people came nearer than this, whole to whole",
    "19 million pairs of 1,699 portraits",
)
SQUARE_ASPECT = Threshold(
    0.022,
    "how far the logarithm of width by height may be from 0 in a square picture",
    "one pixel of rounding at 48 px",
)
ASPECT = Threshold(
    0.035,
    "how far the logarithms of two pictures' aspects may differ without one being called stretched",
    "rounding of both sides of a 48-px copy",
)
SQUARED = Threshold(
    35.0,
    "distance up to which a square picture is the centre of a picture that is not square",
    "centres of portraits up to 2:1 against their squares at 48 to 300 px: at most 30, and 9 up to 3:2;"
    " different people: never under 490",
)
WINDOW = Threshold(
    30.0,
    "distance up to which one picture is a window (crop, letterbox, stretched part) of another",
    "crops of portraits keeping 50 to 97 % of the side: 99.9 % under 30, all that keep 60 % under 19;"
    " best window over different people: 72 and more in 2,400 searches",
)
TURNED = Threshold(
    60.0,
    "distance up to which one picture is the other mirrored or turned",
    "as SAME_LOW_RESOLUTION: nobody's two sittings are mirrored",
)
TONE_STRUCTURE = Threshold(
    120.0,
    "distance up to which a change of tone, with what it clips to black and white, is looked for",
    "brightness +30 % of portraits: 99 % under 52, all under 76",
)
TONE_CLEAR = Threshold(
    25.0,
    "the distance that must remain where neither picture is clipped",
    "as SAME, with a little room for the edges of clipped fields",
)
TONE_GREY = Threshold(
    3.0,
    "root mean square difference of luma, in grey levels, from which the tones differ",
    "renditions of portraits from 64 px stay under 2.3; contrast ±20 % gives 3.9 and more, brightness ±20 %"
    " 10 and more",
)
TONE_GREY_TINY = Threshold(
    3.8,
    "the same where a short side is below LOW_RESOLUTION_SIDE",
    "48-px copies of portraits, chains of copies included, stay under 3.5",
)
TONE_GREY_ROUGH = Threshold(
    6.0,
    "the same for such copies made without antialiasing",
    "48-px copies of portraits without antialiasing stay under 5.3",
)
TONE_COLOUR = Threshold(
    6.0,
    "root mean square difference of colour with luma taken out, from which the tones differ",
    "renditions of portraits stay under 4.4, a palette of 64 colours included",
)
TONE_CURVE = Threshold(
    0.5,
    "part of the luma difference that a curve of tones may leave unexplained",
    "brightness, contrast and gamma of portraits leave under 0.4; badges and ribbons more than 0.6",
)
PROFILE_LOST = Threshold(
    3.0,
    "root mean square difference of luma and of colour up to which Display-P3 numbers explain another tone",
    "portraits in Display-P3 without their profile: 321 of 321 under 2.5",
)
GREY = Threshold(
    2.5,
    "mean chroma, in grey levels, up to which a picture is grey",
    "portraits greyed and through JPEG stay under 0.5",
)
COLOURED = Threshold(
    5.0,
    "mean chroma from which the other picture has colours that greying took",
    "the least colourful of the portraits in colour has 11",
)
OVERLAY_UNTOUCHED = Threshold(
    3.0,
    "median difference of luma, in grey levels, up to which most of the picture is untouched",
    "renditions of portraits stay under 2",
)
OVERLAY_FIELD = Threshold(
    34.0,
    "difference that at least two fields must reach, in any channel, for something to lie upon them",
    "second largest of renditions of portraits: 22 with a palette of 64 colours, 18 else; of badges of a"
    " quarter of the side: 38 and more",
)
OVERLAY_SHARE = Threshold(
    0.38,
    "share of textured fields whose structure must agree for an overlay",
    "different people: at most 0.33 in 17,889 pairs; a ring of 8 % around a portrait covers 28 of 64 fields",
)
OVERLAY_CENTRE = Threshold(
    0.60,
    "the same in the middle quarter: two sittings before one background agree outside of it",
    "different people: next to none; badges, ribbons and rings leave the middle alone",
)
OVERLAY_AGREES = Threshold(
    0.15, "relative difference up to which a field's structure agrees", "fields of renditions of portraits"
)
FLAT = Threshold(
    0.45,
    "root mean square of the gradients, in grey levels a lattice step, below which a picture has no structure",
    "uniform tiles through JPEG stay under 0.2; the weakest of the portraits has 4",
)
FLAT_COLOUR = Threshold(
    8.0,
    "difference of mean colours up to which two flat pictures are the same",
    "JPEG and colour profiles move a flat colour by at most 4",
)

PLACEHOLDER = Threshold(
    0.9,
    "likelihood, from the mean odds of six looks at a picture, from which it counts as drawn by a service",
    "initials, silhouettes and blanks of generators that the network never saw: 99.6 % of 16,200 are above it; of"
    " 15,120 portraits in 14 treatments (in discs, margins, dark, posterised) none is, of 7,200 logos, drawings 2.6 %",
)
FOURTH_COLOUR = Threshold(
    5.0,
    "levels by which the mean colours of 64 fields stray from mixtures of three, up to which a picture may be a ground,"
    " letters and a rim",
    "tiles of the simulated tenant stray by 2 at most, nine of ten of its drawn people by more than 5",
)
PLACEHOLDER_COLOURFUL = Threshold(
    0.98,
    "the likelihood that it takes where a picture strays further than that",
    "of 1,600 drawn people the nearest are at 0.96 and 0.18; of the initials that the network is held against while it"
    " learns, many in rims and frames of further colours, it costs 3 in 1,000",
)
PLACEHOLDER_DOUBTFUL = Threshold(
    0.6,
    "the same likelihood from which repetition over accounts may settle it",
    "all of the same initials, silhouettes and blanks but 5 in 10,000 are above it, none of the portraits, and 8.9 %"
    " of the logos",
)

_HALF = "the second half (161) of 321 portraits, against the photo at 648 px"
_PEOPLE = "all 12,880 pairs of that half, in each of ten combinations of sizes from 48 to 648 px"
ERROR_RATES = (
    ErrorRate(
        "renditions of one photo that are not called the same",
        f"31 renditions with both sides at least 64 px, of {_HALF}",
        0,
        4991,
    ),
    ErrorRate("16-bit grey copies that are not called the same", f"{_HALF} in grey", 0, 161),
    ErrorRate(
        "renditions below 64 px that are not called the same",
        f"4 renditions at 48 px, one without antialiasing, of {_HALF}",
        0,
        644,
    ),
    ErrorRate(
        "copies without antialiasing from 64 px that are not called the same",
        f"64, 72 and 96 px, of {_HALF}; of every second portrait of the folder 2 of 161"
        " fail at 64 and at 72 px, at distances up to 70",
        1,
        483,
    ),
    ErrorRate("pictures of different people called the same", _PEOPLE, 0, 128_800),
    ErrorRate("pictures of different people called a variant", _PEOPLE, 0, 128_800),
)
"""What `benchmarks/accuracy.py` measured with this recipe and these thresholds. Pairs of different people share
pictures, so that a bound over them is narrower than for people in general."""
