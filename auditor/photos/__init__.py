"""Bytes to fingerprint; fingerprints to same, variant or different; photo or placeholder.

Usable on its own: nothing here knows of services or tenants. No face is detected or recognised, only the
equality of pictures is judged. A fingerprint holds hashes and gradients, from which a coarse likeness can be
computed back: it is personal data, to be guarded like the photo.
"""

from __future__ import annotations

from auditor.photos.compare import Comparison, compare, is_same
from auditor.photos.decode import PictureTooLarge, UnreadablePicture
from auditor.photos.descriptor import RECIPE
from auditor.photos.fingerprints import fingerprint
from auditor.photos.nearest import Match, nearest
from auditor.photos.placeholders import Classification, classify

__all__ = [
    "RECIPE",
    "Classification",
    "Comparison",
    "Match",
    "PictureTooLarge",
    "UnreadablePicture",
    "classify",
    "compare",
    "fingerprint",
    "is_same",
    "nearest",
]
