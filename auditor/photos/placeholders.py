"""Photo, or a stand-in that a service drew."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.model import Fingerprint
from auditor.photos.descriptor import parse
from auditor.photos.looks import Looks


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
    """Looks doubtful alone, and many accounts have it."""


@dataclass(frozen=True, slots=True)
class Classification:
    """Photo or placeholder, and why."""

    look: Look
    kind: PlaceholderKind
    signal: str
    """What decided, as a sentence."""
    doubtful: bool = False
    """A photo that has some of the looks of a placeholder: repetition over accounts may settle it."""

    @property
    def placeholder(self) -> bool:
        """Whether it is a placeholder."""
        return self.look is Look.PLACEHOLDER


REPEATED = 5
"""Accounts that must have a doubtful picture before it counts as a default image."""


def classify(fingerprint: Fingerprint, repeated: int = 1) -> Classification:
    """Tell a photo from initials, a silhouette, a blank or a default image by its looks.

    Args:
        fingerprint: of the current recipe.
        repeated: on how many accounts the same picture was seen. Many settle a picture that already looks
            doubtful; they never make a placeholder of a portrait or a logo.

    Raises:
        ValueError: the fingerprint was made by another recipe.
    """
    looks = parse(fingerprint.descriptor).looks
    if looks.spread < 24 and looks.ground > 0.97:
        return _placeholder(PlaceholderKind.BLANK, "All of the picture is one colour or one even gradient.")
    small = min(fingerprint.width, fingerprint.height) < _SMALL_SIDE
    kind, signal = _drawn(looks, _SMALL if small else _CLEAR)
    if kind is not PlaceholderKind.NONE:
        return _placeholder(kind, signal)
    kind, signal = _drawn(looks, _DOUBT)
    if kind is PlaceholderKind.NONE:
        return Classification(Look.PHOTO, PlaceholderKind.NONE, _why_photo(looks))
    if repeated >= REPEATED:
        return _placeholder(
            PlaceholderKind.DEFAULT, f"{repeated} accounts have the same picture, and it looks drawn: {signal}"
        )
    return Classification(Look.PHOTO, PlaceholderKind.NONE, f"Doubtful: {signal}", doubtful=True)


def _placeholder(kind: PlaceholderKind, signal: str) -> Classification:
    return Classification(Look.PLACEHOLDER, kind, signal)


def _why_photo(looks: Looks) -> str:
    if looks.ground < 0.38:
        return "The picture has no flat ground."
    if looks.unexplained_by_two > 0.05:
        return f"{looks.unexplained_by_two:.0%} of the picture is neither ground nor a figure in one or two flat tones."
    return "The figure has neither the shape of one or two letters nor of a head over shoulders."


@dataclass(frozen=True, slots=True)
class _Leeway:
    """How far a picture may be from what was drawn, by its size: JPEG blurs the edges of small tiles."""

    unexplained: float
    features: float
    roughness: float
    shape: float
    """0 where the shape must be right, 1 where doubt is enough."""


_CLEAR = _Leeway(unexplained=0.014, features=0.002, roughness=4.0, shape=0.0)
_SMALL = _Leeway(unexplained=0.035, features=0.004, roughness=7.0, shape=0.0)
_DOUBT = _Leeway(unexplained=0.07, features=0.010, roughness=12.0, shape=1.0)
_SMALL_SIDE = 72
"""Short side in pixels below which a picture is small."""


def _drawn(looks: Looks, leeway: _Leeway) -> tuple[PlaceholderKind, str]:
    # The fields between a disk and its flat corners are blurred into each other: more is forgiven.
    more = 1.6 if looks.disk else 1.0
    if looks.contrast < 20 or looks.figure <= 0 or looks.roughness > leeway.roughness * more:
        return PlaceholderKind.NONE, ""
    if looks.unexplained <= leeway.unexplained * more and looks.features <= 3 * leeway.features:
        if _letters(looks, leeway.shape):
            return PlaceholderKind.INITIALS, "One or two letters in one colour on an even ground."
        if looks.features <= leeway.features and _silhouette(looks, leeway.shape):
            return PlaceholderKind.SILHOUETTE, "A symmetric head over shoulders in one flat tone on an even ground."
    two = looks.unexplained_by_two <= 1.3 * leeway.unexplained * more and looks.features <= 0.5 * leeway.features
    if two and _silhouette(looks, leeway.shape):
        return PlaceholderKind.SILHOUETTE, "A symmetric head over shoulders in two flat tones on an even ground."
    return PlaceholderKind.NONE, ""


def _letters(looks: Looks, slack: float) -> bool:
    """In the middle, clear of the edges, as tall as letters are, drawn with strokes and not with areas."""
    height, width = looks.bottom - looks.top, looks.right - looks.left
    middle_x, middle_y = (looks.left + looks.right) / 2, (looks.top + looks.bottom) / 2
    return (
        min(looks.left, looks.top, 1 - looks.right, 1 - looks.bottom) >= 0.06
        and 0.12 <= height <= 0.72 + 0.05 * slack
        and width <= 0.9
        and abs(middle_x - 0.5) <= 0.09 + 0.04 * slack
        and abs(middle_y - 0.5) <= 0.18 + 0.04 * slack
        and width <= (3.2 + 0.4 * slack) * height
        and looks.thickness <= min(0.24, (0.52 + 0.08 * slack) * max(height, 0.6 * width))
        and looks.components <= 9 + 3 * slack
    )


def _silhouette(looks: Looks, slack: float) -> bool:
    """Symmetric, solid, a head, no wider neck, and wider shoulders lower down."""
    return (
        looks.symmetry >= 0.86 - 0.08 * slack
        and 0.10 <= looks.figure <= 0.75
        and looks.thickness >= 0.16
        and looks.shoulders >= (1.15 - 0.1 * slack) * looks.head
        and 0.12 <= looks.head <= 0.62
        and 0.03 <= looks.top <= 0.45
        and looks.bottom >= 0.66
        and looks.solid >= 0.6 - 0.1 * slack
        and looks.axis >= 0.8 - 0.1 * slack
        and looks.holes <= 0.0015 + 0.003 * slack
    )
