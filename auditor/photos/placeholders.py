"""Photo, or a stand-in that a service drew.

Told by the small network of `auditor.photos.network` from the descriptor alone: from the picture, from its mirror image
and from the picture a step to either side. A tile that is mirrored or off the middle still is a tile, and what looks
drawn in one place only is a coincidence. How well, `benchmarks/placeholders.py` measures with drawings that the network
has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from auditor.model import Fingerprint
from auditor.photos.descriptor import Descriptor, parse
from auditor.photos.network import CLASSES, likelihoods, nudged, seen
from auditor.photos.thresholds import FOURTH_COLOUR, PLACEHOLDER, PLACEHOLDER_COLOURFUL, PLACEHOLDER_DOUBTFUL
from auditor.photos.variants import mirrored


class Look(StrEnum):
    """What a picture is taken for."""

    PHOTO = "photo"
    """A photo, a drawing or a logo: something that somebody chose."""
    PLACEHOLDER = "placeholder"


class PlaceholderKind(StrEnum):
    """Which stand-in."""

    NONE = ""
    INITIALS = "initials"
    SILHOUETTE = "silhouette"
    BLANK = "blank"
    DEFAULT = "default"
    """Undecided alone, and many accounts have it."""


@dataclass(frozen=True, slots=True)
class Classification:
    """Photo or placeholder, and why."""

    look: Look
    kind: PlaceholderKind
    signal: str
    """What decided, as a sentence."""
    undecided: bool = False
    """A photo that has some of the looks of a placeholder: repetition over accounts may settle it."""

    @property
    def placeholder(self) -> bool:
        """Whether it is a placeholder."""
        return self.look is Look.PLACEHOLDER


REPEATED = 5
"""Accounts that must have an undecided picture before it counts as a default image."""

_PLAINLY = 0.98
"""Likelihood of a photo from which one look is enough, as it is for nearly every photo."""

_LOOKS = {
    PlaceholderKind.INITIALS: "one or two letters on an even ground",
    PlaceholderKind.SILHOUETTE: "a head over shoulders without a face",
    PlaceholderKind.BLANK: "nothing but an even ground",
}


def classify(fingerprint: Fingerprint, repeated: int = 1) -> Classification:
    """Tell a photo from initials, a silhouette, a blank or a default image by its looks.

    Args:
        fingerprint: of the current recipe.
        repeated: on how many accounts the same picture was seen. Many settle a picture that already looks
            undecided; they never make a placeholder of a portrait or a logo.

    Raises:
        ValueError: the fingerprint was made by another recipe.
    """
    descriptor = parse(fingerprint.descriptor)
    likely, drawn = _looked_at(descriptor)
    kind = PlaceholderKind(max(likely, key=likely.__getitem__))
    signal = f"It shows {_LOOKS[kind]}, {drawn:.1%} likely drawn by a service."
    if drawn >= PLACEHOLDER.value and (
        drawn >= PLACEHOLDER_COLOURFUL.value or _strays(descriptor) <= FOURTH_COLOUR.value
    ):
        return Classification(Look.PLACEHOLDER, kind, signal)
    if drawn < PLACEHOLDER_DOUBTFUL.value:
        return _photo(f"It is {1 - drawn:.1%} likely a photo, a drawing or a logo that somebody chose.")
    if repeated >= REPEATED:
        return Classification(
            Look.PLACEHOLDER, PlaceholderKind.DEFAULT, f"{repeated} accounts have the same picture. {signal}"
        )
    return Classification(Look.PHOTO, PlaceholderKind.NONE, signal, undecided=True)


def _looked_at(descriptor: Descriptor) -> tuple[dict[str, float], float]:
    """How likely each kind of stand-in is, and how likely it is any of them: the mean of the logarithms of the odds."""
    view = seen(descriptor)
    looks = [likelihoods(view, descriptor.strength)]
    if looks[0][0] < _PLAINLY:
        others = [seen(mirrored(descriptor)), *nudged(view)]
        looks += [likelihoods(other, descriptor.strength) for other in others]
    photo = np.clip([look[0] for look in looks], _SURE, 1.0 - _SURE)
    drawn = 1.0 / (1.0 + np.exp(-np.mean(np.log((1.0 - photo) / photo))))
    likely = dict(zip(CLASSES, np.mean(looks, axis=0).tolist(), strict=True))
    del likely["photo"]
    return likely, float(drawn)


def _strays(descriptor: Descriptor) -> float:
    """Levels by which the fields stray from mixtures of three colours: all that a ground, letters and a rim make."""
    colours = descriptor.colours.reshape(-1, 3)
    return float(np.sqrt(max(np.linalg.eigvalsh(np.cov(colours, rowvar=False, bias=True))[0], 0.0)))


_SURE = 1e-9
"""No look is surer than this, however large its odds."""


def _photo(signal: str) -> Classification:
    return Classification(Look.PHOTO, PlaceholderKind.NONE, signal)
