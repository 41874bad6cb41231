"""Bytes to fingerprint."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from auditor.model import Fingerprint
from auditor.photos.decode import UnreadablePicture, decode
from auditor.photos.descriptor import RECIPE, describe


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
            phash=_phash(grey),
            dhash=_dhash(grey),
            descriptor=describe(decoded),
        )
    except MemoryError:
        raise UnreadablePicture("There is not enough memory to read the picture.") from None


def _phash(grey: Image.Image) -> str:
    """`imagehash.phash(grey)`, bit for bit, with only those frequencies computed that it keeps."""
    samples = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    low = _COSINES @ samples @ _COSINES.T
    middle = np.partition(low.ravel(), (31, 32))[31:33]
    return _hexadecimal(low > middle.mean())


def _dhash(grey: Image.Image) -> str:
    """`imagehash.dhash(grey)`, bit for bit."""
    samples = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS))
    return _hexadecimal(samples[:, 1:] > samples[:, :-1])


def _hexadecimal(bits: NDArray[np.bool_]) -> str:
    """(8, 8) bits as `str(imagehash.ImageHash(bits))` writes them."""
    return np.packbits(bits).tobytes().hex()


_COSINES = 2 * np.cos(np.pi * np.arange(8)[:, None] * (2 * np.arange(32)[None, :] + 1) / 64)
"""(8, 32): the eight lowest frequencies of the type II discrete cosine transform."""
