"""Are two pictures the same photograph, a variant of it, or another?

The cheap questions come first: equal bytes, equal structure, the centre square. Only what is neither goes
on to turns, tones, windows and overlays. Each step either knows and answers, or passes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auditor.model import Decision, Fingerprint
from auditor.photos import thresholds as limits
from auditor.photos import variants, windows
from auditor.photos.descriptor import RECIPE, Descriptor, Floats, parse


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing two fingerprints found. Symmetric but for what the sentence calls first and second."""

    decision: Decision
    kind: str
    """For `variant` how it differs: crop, mirror, rotated, greyscale, tone, overlay, letterbox, stretched.
    For `same` a note: empty, `squared`, `low_resolution` or `profile_lost`. Empty for `different`."""
    distance: float
    """The distance that decided: 1000 × (1 − correlation of gradients)."""
    sentence: str
    """The finding in plain English."""
    confidence: float = 1.0
    """0.5 at a threshold to 1 far from it; a scale for people, not a probability."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """Every distance that was looked at, by its name; `whole` is the two pictures laid upon each other."""
    kept_share: float | None = None
    """For a crop: how much of the side of the larger picture is kept, 0..1."""


Distances = dict[str, float]
_Step = Callable[["_Side", "_Side", Distances], Comparison | None]


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two pictures."""

    name: str
    aspect: float
    short: int
    structure: Descriptor


def compare(a: Fingerprint, b: Fingerprint) -> Comparison:
    """Judge two pictures by their fingerprints alone.

    Raises:
        ValueError: they were made by different recipes, or by one that this version cannot read.
    """
    return _judged(a, b, (*_CHEAP_STEPS, _window, _overlaid))


def is_same(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether `compare` says `same`, and not at low resolution only; a fiftieth of its time where it does not.

    Raises:
        ValueError: as `compare`.
    """
    found = _judged(a, b, _CHEAP_STEPS)
    return found.decision is Decision.SAME and found.kind != "low_resolution"


def _judged(a: Fingerprint, b: Fingerprint, steps: Sequence[_Step]) -> Comparison:
    if a.sha256 == b.sha256:
        return Comparison(Decision.SAME, "", 0.0, "Both are the same file, byte for byte.", 1.0, {"whole": 0.0})
    if a.recipe != b.recipe:
        raise ValueError(f"Fingerprints cannot be compared across recipes: made by recipe {a.recipe} and {b.recipe}.")
    if a.recipe != RECIPE:
        raise ValueError(f"Fingerprints made by recipe {a.recipe} and {b.recipe}; this version reads {RECIPE}.")
    first, second = _side("first", a), _side("second", b)
    one, other = first.structure, second.structure
    if min(one.strength, other.strength) < limits.FLAT.value:
        return _flat(one, other)
    whole = _whole(first, second)
    distances = {"whole": whole}
    if whole <= limits.SAME.value:
        return _one_structure(first, second, distances)
    for step in steps:
        found = step(first, second, distances)
        if found is not None:
            return found
    nearest = min(distances["whole"], distances.get("window", 1000.0))
    return Comparison(
        Decision.DIFFERENT,
        "",
        whole,
        "Two different pictures: neither is a rendition or a known variant of the other.",
        _confidence(max(nearest, limits.SAME.value), limits.STRANGERS.value, rising=True),
        distances,
    )


def squared_with_bars(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether one of two pictures is the other, made square with bars: the one step of `compare` by itself."""
    first, second = _side("first", a), _side("second", b)
    found = _barred(first, second, {"whole": _whole(first, second)})
    return found is not None and found.decision is Decision.SAME


def _whole(first: _Side, second: _Side) -> float:
    one, other = first.structure.gradients.ravel(), second.structure.gradients.ravel()
    return 1000.0 * (1.0 - float(np.dot(one, other)))


def _side(name: str, fingerprint: Fingerprint) -> _Side:
    short = max(min(fingerprint.width, fingerprint.height), 1)
    return _Side(name, aspect_of(fingerprint), short, parse(fingerprint.descriptor))


def aspect_of(fingerprint: Fingerprint) -> float:
    """Width by height."""
    return max(fingerprint.width, 1) / max(fingerprint.height, 1)


def _confidence(distance: float, limit: float, rising: bool = False) -> float:
    """From 0.5 at the limit to 1 far on the decided side."""
    part = distance / limit
    away = min(1.0, part) if rising else 1.0 - min(1.0, part)
    return round(0.5 + 0.5 * max(0.0, away), 3)


def _square(side: _Side) -> bool:
    return abs(math.log(side.aspect)) <= limits.SQUARE_ASPECT.value


def _stretch(first: _Side, second: _Side) -> float:
    return abs(math.log(first.aspect / second.aspect))


def _flat(one: Descriptor, other: Descriptor) -> Comparison:
    """At least one has no structure: only colours can tell."""
    apart = float(np.abs(one.colours - other.colours).max())
    distances = {"colours": apart}
    if max(one.strength, other.strength) < 2 * limits.FLAT.value and apart <= limits.FLAT_COLOUR.value:
        return Comparison(
            Decision.SAME,
            "",
            0.0,
            "Both are the same even colour.",
            _confidence(apart, limits.FLAT_COLOUR.value),
            distances,
        )
    return Comparison(Decision.DIFFERENT, "", 1000.0, "One is an even colour and the other is not it.", 1.0, distances)


def _variant(
    kind: str, distance: float, limit: float, sentence: str, distances: Distances, kept: float | None = None
) -> Comparison:
    return Comparison(Decision.VARIANT, kind, distance, sentence, _confidence(distance, limit), distances, kept)


def _one_structure(first: _Side, second: _Side, distances: Distances) -> Comparison:
    """Laid upon each other they agree: same, unless mirrored, stretched, recoloured or with something on top."""
    whole = distances["whole"]
    if whole > _WORTH_TURNING:  # a face in the middle is nearly its own mirror image
        turned = _turned(first, second, distances)
        if turned is not None:
            return turned
    if _stretch(first, second) > limits.ASPECT.value:
        return _variant("stretched", whole, limits.SAME.value, _STRETCHED, distances)
    found = _recoloured(first, second, limits.SAME.value, distances)
    if found is not None:
        return found
    return Comparison(Decision.SAME, "", whole, "The same photo.", _confidence(whole, limits.SAME.value), distances)


_WORTH_TURNING = 4.0
_STRETCHED = "The same photo, stretched: its width and height were not scaled alike."


def _recoloured(first: _Side, second: _Side, limit: float, distances: Distances) -> Comparison | None:
    """Equal structure, but colours that differ: greyed, toned, or changed in a few fields only."""
    whole = distances["whole"]
    one, other = first.structure.colours, second.structure.colours
    # Nearly every pair of copies ends here, at a third of the price.
    if _nothing_to_tell(one, other):
        distances["tone"] = variants.luma_apart(one, other)
        return None
    tone = variants.tones(one, other)
    distances["tone"] = tone.grey
    if min(tone.chroma) <= limits.GREY.value and max(tone.chroma) >= limits.COLOURED.value:
        which = first.name if tone.chroma[0] < tone.chroma[1] else second.name
        return _variant("greyscale", whole, limit, f"The same photo; the {which} is in grey.", distances)
    tiny = _is_tiny(first, second)
    rough = tiny and whole > _ROUGH
    grey = (limits.TONE_GREY_ROUGH if rough else limits.TONE_GREY_TINY if tiny else limits.TONE_GREY).value
    colour = limits.TONE_COLOUR.value * (1.5 if rough else 1.0)
    toned = tone.grey >= grey or tone.colour >= colour
    if toned and _lost_profile(one, other):
        words = "The same photo; one has lost the colour profile (Display-P3) that the other kept."
        return Comparison(Decision.SAME, "profile_lost", whole, words, _confidence(whole, limit), distances)
    curved = tone.uncurved <= limits.TONE_CURVE.value
    if (
        tone.second_worst >= limits.OVERLAY_FIELD.value
        and tone.untouched <= limits.OVERLAY_UNTOUCHED.value
        and not curved
    ):
        words = "The same photo with something small laid upon it."
        return _variant("overlay", whole, limit, words, distances)
    if toned:
        return _variant("tone", whole, limit, f"The same photo; {_tone_words(tone)}.", distances)
    return None


_ROUGH = 6.0
"""Distance from which a tiny copy was made without antialiasing, which moves its mean colours."""


def _nothing_to_tell(one: Floats, other: Floats) -> bool:
    """Whether no field differs by enough for any limit on tones to be reached."""
    largest = variants.largest_apart(one, other)
    if largest >= _LEAST_TOLD:
        return False
    return 2 * largest < limits.COLOURED.value - limits.GREY.value or (
        variants.chroma(one) > limits.GREY.value + 2 * largest
    )


_LEAST_TOLD = min(limits.TONE_GREY.value, limits.TONE_COLOUR.value / 2, limits.OVERLAY_FIELD.value)
"""Grey levels: luma differs by no more than the channels do, what is left without luma by twice as much."""


def _lost_profile(one: Floats, other: Floats) -> bool:
    """Whether one's colours are the other's in Display-P3 numbers: nobody edited it, a profile was dropped."""
    return any(
        max(left.grey, left.colour) <= limits.PROFILE_LOST.value
        for left in (
            variants.tones(variants.in_display_p3(one), other),
            variants.tones(one, variants.in_display_p3(other)),
        )
    )


def _tone_words(tone: variants.Tones) -> str:
    words = []
    if abs(tone.lift) >= 4:
        words.append("brighter" if tone.lift > 0 else "darker")
    if abs(tone.gain - 1) >= 0.1:
        words.append("with more contrast" if tone.gain > 1 else "with less contrast")
    if not words:
        words.append("with weaker colours" if tone.chroma[1] < tone.chroma[0] else "with other colours")
    return "the second is " + " and ".join(words)


def _is_tiny(first: _Side, second: _Side) -> bool:
    return min(first.short, second.short) < limits.LOW_RESOLUTION_SIDE.value


def _limit(first: _Side, second: _Side) -> float:
    return limits.SAME_LOW_RESOLUTION.value if _is_tiny(first, second) else limits.SAME.value


def _turned(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """Mirrored or turned by quarters."""
    found = variants.turn_distances(first.structure.gradients, second.structure.gradients)
    how = min(found, key=lambda name: found[name])
    distances[how] = found[how]
    if found[how] > limits.TURNED.value or found[how] >= 0.5 * distances["whole"]:
        return None
    kind = "rotated" if how.startswith("turned") else "mirror"
    words = f"The same photo, {variants.TURNS[how]}."
    return _variant(kind, found[how], limits.TURNED.value, words, distances)


def _barred(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """One is the other between uniform bars: squared by the service, or letterboxed by somebody."""
    for larger, smaller in ((first, second), (second, first)):
        guess = _between_bars(larger, smaller)
        if guess is None:
            continue
        found = windows.refine(larger.structure.gradients, smaller.structure.gradients, guess, bars=True)
        window = found.window
        distances["between bars"] = min(found.distance, distances.get("between bars", found.distance))
        stretch = abs(math.log(window.width / window.height * larger.aspect / smaller.aspect))
        if not _explains(found.distance, distances) or stretch > 2 * limits.ASPECT.value:
            continue
        if _square(larger) and not _square(smaller) and max(window.width, window.height) > _FILLS:
            words = f"The same photo, squared by the service: the {larger.name} is the {smaller.name} with bars."
            confidence = _confidence(found.distance, limits.WINDOW.value)
            return Comparison(Decision.SAME, "squared", found.distance, words, confidence, distances)
        if _seam(larger, smaller, window):
            words = f"The same photo; the {larger.name} has uniform borders around it."
            return _variant("letterbox", found.distance, limits.WINDOW.value, words, distances)
    return None


def _explains(distance: float, distances: Distances) -> bool:
    """Whether a window at this distance is the reason why the whole pictures differ.

    Something laid upon a photo differs as much in any window as in the whole.
    """
    return distance <= limits.WINDOW.value and distance <= max(0.35 * distances["whole"], _CLOSE)


_CLOSE = 8.0
_FILLS = 0.96
_BAR = 0.035
"""Least width of a bar, in parts of the side: two lattice lines are 0.042."""
_LOPSIDED = 0.05
"""How much opposite bars may differ."""


def _between_bars(larger: _Side, smaller: _Side) -> windows.Window | None:
    """Where `smaller` would be in `larger` if that has bars on two opposite sides or on all; else None."""
    left, top, right, bottom = larger.structure.borders
    own_left, own_top, own_right, own_bottom = smaller.structure.borders
    beside, above = bars_on_both(left, right), bars_on_both(top, bottom)
    if not beside and not above:
        return None
    # A border of the photo's own colour cannot be told from a bar: the shape says where the photo ends.
    width, height = 1.0, 1.0
    if beside:
        width = max(0.3, (1 - left - right) / max(1 - own_left - own_right, 0.3))
    if above:
        height = max(0.3, (1 - top - bottom) / max(1 - own_top - own_bottom, 0.3))
    width, height = min(width, 1.0), min(height, 1.0)
    return windows.Window((1 - width) / 2, (1 - height) / 2, width, height)


def bars_on_both(one: float, other: float) -> bool:
    """Whether two opposite borders, in parts of the side, look like bars."""
    return min(one, other) >= _BAR and abs(one - other) <= _LOPSIDED + 0.2 * max(one, other)


def _seam(larger: _Side, smaller: _Side, window: windows.Window) -> bool:
    """Whether the photo visibly ends at bars: two of one colour that reach to it, no more of its own even ground."""
    strips = (window.left, window.top, 1 - window.left - window.width, 1 - window.top - window.height)
    outer, own = _edges(larger.structure.colours), _edges(smaller.structure.colours)
    colours = [np.median(outside, axis=0) for outside in outer]
    reached = [
        strip >= _BAR and bar >= strip - _SHORT for strip, bar in zip(strips, larger.structure.borders, strict=True)
    ]
    for one, other in ((0, 2), (1, 3)):
        alike = float(np.abs(colours[one] - colours[other]).max()) <= _ALIKE
        if not (alike and reached[one] and reached[other]):
            continue
        if any(float(np.median(np.abs(own[at] - colours[at]).max(axis=1))) > _SEAM for at in (one, other)):
            return True
    return False


_ALIKE = 60.0
"""Grey levels between two bars of one colour: fields of an eighth reach beyond a narrow bar into the photo."""
_SHORT = 0.045
"""How much narrower than the strip outside of the photo a bar may seem: two lattice lines, blurred into the photo."""
_SEAM = 12.0
"""Grey levels between a bar and the edge of the photo that people see."""


def _edges(colours: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean colours along the left, top, right and bottom edge, (8, 3) each."""
    return colours[:, 0], colours[0], colours[:, -1], colours[-1]


def _squared(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """A square picture that is the centre of one that is not."""
    if _square(first) == _square(second):
        return None
    square, oblong = (first, second) if _square(first) else (second, first)
    centre = windows.centre(oblong.aspect)
    cut = windows.distance(oblong.structure.gradients, square.structure.gradients, centre)
    distances["centre"] = cut
    limit = max(limits.SQUARED.value, _limit(first, second))
    if cut > limit:
        return None
    words = f"The same photo, squared by the service: the {square.name} is the centre of the {oblong.name}."
    return Comparison(Decision.SAME, "squared", cut, words, _confidence(cut, limit), distances)


def _tiny(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """Near, and one so small that its structure suffered."""
    limit, whole = _limit(first, second), distances["whole"]
    if whole > limit or _stretch(first, second) > limits.ASPECT.value:
        return None
    one, other = first.structure.gradients, second.structure.gradients
    guess = windows.Window(0.02, 0.02, 0.96, 0.96)
    if min(windows.refine(one, other, guess).distance, windows.refine(other, one, guess).distance) < 0.25 * whole:
        return None  # a crop explains the difference far better than low resolution does
    found = _recoloured(first, second, limit, distances)
    if found is not None:
        return found
    words = "The same photo at low resolution."
    return Comparison(Decision.SAME, "low_resolution", whole, words, _confidence(whole, limit), distances)


def _toned(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """A change of tone so strong that it clipped part of the picture."""
    if distances["whole"] > limits.TONE_STRUCTURE.value or _stretch(first, second) > limits.ASPECT.value:
        return None
    fields = variants.compare_fields(first.structure, second.structure, limits.OVERLAY_AGREES.value)
    distances["unclipped"] = fields.clear
    tone = variants.tones(first.structure.colours, second.structure.colours)
    if fields.clear > limits.TONE_CLEAR.value or tone.uncurved > limits.TONE_CURVE.value:
        return None
    return _recoloured(first, second, limits.TONE_STRUCTURE.value, distances)


def _window(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """One is a part of the other: a crop, or a stretched part."""
    best: tuple[windows.Found, _Side, _Side] | None = None
    for larger, smaller in ((first, second), (second, first)):
        found = windows.search(larger.structure.gradients, smaller.structure.gradients, smaller.aspect / larger.aspect)
        if found is not None and (best is None or found.distance < best[0].distance):
            best = found, larger, smaller
    if best is None:
        return None
    found, larger, smaller = best
    distances["window"] = found.distance
    if not _explains(found.distance, distances):
        return None
    window = found.window
    stretch = abs(math.log(window.width / window.height * larger.aspect / smaller.aspect))
    if stretch > limits.ASPECT.value:
        return _variant("stretched", found.distance, limits.WINDOW.value, _STRETCHED, distances)
    share = max(window.width, window.height)
    words = f"The {smaller.name} is a crop of the {larger.name} that keeps {share:.0%} of its side."
    return _variant("crop", found.distance, limits.WINDOW.value, words, distances, round(share, 4))


def _overlaid(first: _Side, second: _Side, distances: Distances) -> Comparison | None:
    """Something covers a part, and the rest agrees."""
    if _stretch(first, second) > limits.ASPECT.value:
        return None
    fields = variants.compare_fields(first.structure, second.structure, limits.OVERLAY_AGREES.value)
    distances["agreeing"] = fields.agreeing
    share = min(fields.agreeing / limits.OVERLAY_SHARE.value, fields.centre / limits.OVERLAY_CENTRE.value)
    if share < 1 or fields.textured < _FEWEST_FIELDS:
        return None
    words = f"The same photo with something laid upon it: {fields.agreeing:.0%} of its textured parts agree."
    confidence = round(0.5 + 0.5 * fields.agreeing, 3)
    return Comparison(Decision.VARIANT, "overlay", distances["whole"], words, confidence, distances)


_FEWEST_FIELDS = 8
"""Textured fields needed to speak of most of them agreeing."""

_CHEAP_STEPS: tuple[_Step, ...] = (_turned, _barred, _squared, _tiny, _toned)
"""The steps after which two pictures can still be the same; those that follow search for variants only."""
