"""Bytes to fingerprint."""

from __future__ import annotations

import hashlib

from auditor.model import Fingerprint
from auditor.photos.decode import UnreadablePicture, decode
from auditor.photos.descriptor import RECIPE, describe
from auditor.photos.hashes import dhash, phash


def fingerprint(data: bytes) -> Fingerprint:
    """Decode a picture once and keep of it what comparing and classifying need.

    `phash` and `dhash` are those of the imagehash library, of the upright opaque picture at reduced scale: a
    bit or two may differ from the hash of the stored picture at full scale.

    Raises:
        UnreadablePicture: the bytes are no picture that we decode; the message says why.
        PictureTooLarge: (one of them) it is beyond the limits on bytes or pixels.
    """
    decoded = decode(data)
    try:
        grey = decoded.image.convert("L")
        return Fingerprint(
            sha256=hashlib.sha256(data).hexdigest(),
            recipe=RECIPE,
            format=decoded.format,
            width=decoded.width,
            height=decoded.height,
            size=len(data),
            phash=phash(grey),
            dhash=dhash(grey),
            descriptor=describe(decoded),
        )
    except MemoryError:
        raise UnreadablePicture("There is not enough memory to read the picture.") from None
