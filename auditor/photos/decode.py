"""Hostile bytes in, a small upright RGB picture out, or a reason in plain words.

What may arrive here is whatever a service, a proxy or an attacker put behind a picture's address. Limits
are checked on the file's structure and header before anything is decoded, only the six formats below are tried,
only the first frame is read, and every complaint of a decoder becomes `UnreadablePicture`. Whatever the bytes, a
picture takes at most `MOST_MEMORY` beside itself, and seconds: `tests/photos/test_hostile.py` measures both.
Pillow's global switches (`MAX_IMAGE_PIXELS`, `LOAD_TRUNCATED_IMAGES`) are neither read nor set.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from auditor.photos.structure import is_filled_up, too_many_parts

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""The formats that are tried, by Pillow's names."""

MAX_BYTES = 16 * 1024 * 1024
"""Bytes a picture may have. The services refuse uploads far below it."""

MAX_PIXELS = 64_000_000
"""Pixels a picture may have, by its header: at four bytes each, a quarter of a gigabyte."""

MAX_WEBP_PIXELS = MAX_PIXELS // 2
"""The same for WebP, which is decoded into two canvases and copied out of them: 34 bytes of it can fill 64 million
pixels, at sixteen bytes each."""

MAX_RUN_LENGTH = 1_000_000
"""Pixels that a run-length encoded BMP may have: Pillow decodes it in Python, at worst a pixel at a time."""

RUN_BYTES = 3
"""Bytes a pixel that such a file may have: one that is no larger than unpacked needs two at most, and jumps that go
nowhere would otherwise keep Python busy for megabytes."""

TIFF_COMPRESSIONS = frozenset(
    {
        "raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "tiff_ccitt", "group3", "group4",
        "tiff_raw_16",
    }
)  # fmt: skip
"""Ways a TIFF may be compressed: those of TIFF 6.0 and its supplements. Others (LZMA, Zstandard, old-style JPEG, ...)
bring whole decoders of their own to the attack, and no program writes photos so."""

MOST_MEMORY = 640 * 1024 * 1024
"""Bytes of memory that decoding takes at most, whatever the picture says of itself."""

WORKING_SIDE = 64
"""A picture is decoded or reduced to at least this many pixels a side where it has them (at most 127
but for JPEG decoding, which only halves): a third more than the lattice that everything else is computed on."""

_ORIENTATION = 0x0112
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.3, tag Orientation: what makes the stored picture upright."""
_FROM_THE_RIGHT = {2, 3, 6, 7}
_FROM_BELOW = {3, 4, 7, 8}
"""Orientations that make the stored picture's last column or row the upright picture's first."""

_quiet = threading.Lock()


class UnreadablePicture(Exception):
    """The bytes are no picture that we decode; the message says why, in one sentence."""


class PictureTooLarge(UnreadablePicture):
    """The picture is beyond the limits on bytes, pixels or parts; nothing was decoded."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, upright, opaque, in RGB, at reduced scale."""

    image: Image.Image
    """Mode RGB. Its sides may be reduced by different factors: it stands for the picture, squashed."""
    format: str
    """One of `FORMATS`."""
    width: int
    height: int
    """Of the whole picture, upright, in pixels."""
    cell: tuple[int, int]
    """How many of the whole picture's pixels one of `image` covers, across and down; the last column and
    row may cover fewer."""
    reversed: tuple[bool, bool] = (False, False)
    """Whether it is the first column, the first row instead: turning a picture upright moves its edges."""


def decode(data: bytes) -> Decoded:
    """Decode the first frame of `data`, once and no larger than needed.

    Raises:
        PictureTooLarge: more than `MAX_BYTES` or `MAX_PIXELS`, or more parts than `auditor.photos.structure` allows.
        UnreadablePicture: anything else that keeps the bytes from being a picture.
    """
    if not data:
        raise UnreadablePicture("There are no bytes.")
    if len(data) > MAX_BYTES:
        raise PictureTooLarge(f"The picture has {len(data):,} bytes; at most {MAX_BYTES:,} are read.")
    if excess := too_many_parts(data):
        raise PictureTooLarge(excess)
    if is_filled_up(data):
        raise UnreadablePicture("The picture breaks off and is filled up with zeros.")
    try:
        return _decode(data)
    except UnreadablePicture:
        raise
    except UnidentifiedImageError:
        raise UnreadablePicture("The bytes are no JPEG, PNG, WebP, GIF, BMP or TIFF picture.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise PictureTooLarge("The picture has more pixels than are read.") from None
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like at hostile bytes
        complaint = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadablePicture(f"The picture cannot be decoded: {complaint}.") from None


def _decode(data: bytes) -> Decoded:
    image = _open(data)
    width, height = image.size
    if width < 1 or height < 1:
        raise UnreadablePicture("The picture has no pixels.")
    _check_limits(image, len(data))
    # Pillow calls a JPEG with a second picture for stereo or depth, as phones write it, MPO.
    name = "JPEG" if image.format in {"JPEG", "MPO"} else str(image.format)
    if name == "JPEG":
        image.draft(None, (WORKING_SIDE, WORKING_SIDE))
    _load(image)
    orientation = _orientation(image)
    if name == "TIFF":  # Pillow turns TIFF pictures upright itself, while loading
        width, height = image.size
    cell_x, cell_y = -(-width // image.width), -(-height // image.height)
    image = _with_eight_bits(image)
    factors = (max(1, image.width // WORKING_SIDE), max(1, image.height // WORKING_SIDE))
    if factors != (1, 1):
        image = image.reduce(factors)
        cell_x, cell_y = cell_x * factors[0], cell_y * factors[1]
    image = _flattened(image)
    if orientation in _TRANSPOSED:
        image = image.transpose(_TRANSPOSED[orientation])
        if orientation >= 5:
            width, height, cell_x, cell_y = height, width, cell_y, cell_x
    turned = orientation if orientation in _TRANSPOSED else 1
    return Decoded(image, name, width, height, (cell_x, cell_y), (turned in _FROM_THE_RIGHT, turned in _FROM_BELOW))


def _open(data: bytes) -> Image.Image:
    """Read the header only, without the warnings that a hostile one can call up.

    Filters for warnings belong to the process, so the change is short and one thread's at a time.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_limits(image: Image.Image, length: int) -> None:
    """By what the header says and how many bytes follow it, before a sample is decoded."""
    limit = MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS
    compression = image.info.get("compression")
    if image.format == "BMP" and compression in _BMP_RUNS:
        limit = MAX_RUN_LENGTH
    if image.width * image.height > limit:
        raise PictureTooLarge(f"The picture has {image.width} × {image.height} pixels; at most {limit:,} are read.")
    if limit == MAX_RUN_LENGTH and length > _BMP_HEAD + RUN_BYTES * image.width * image.height:
        raise PictureTooLarge("The picture has more run-length data than its pixels can need.")
    if image.format == "TIFF" and compression not in TIFF_COMPRESSIONS:
        raise UnreadablePicture(f"The picture is compressed in a way that is not read ({compression}).")


_BMP_RUNS = frozenset({1, 2})
"""BI_RLE8 and BI_RLE4."""
_BMP_HEAD = 2048
"""Bytes before a BMP's samples: at most 138 of headers and 256 colours of four."""


def _load(image: Image.Image) -> None:
    """Decode, for TIFF without the warnings at its tags, which are read only now."""
    if image.format != "TIFF":
        image.load()
        return
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.load()


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it cannot be read.

    A picture with a broken EXIF block still is a picture.
    """
    if not ({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"} & image.info.keys()):
        return 1
    try:
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - as hostile as the rest
        return 1
    return value if isinstance(value, int) and value in _TRANSPOSED else 1


def _with_eight_bits(image: Image.Image) -> Image.Image:
    """Bring 1-bit, palette, 16- and 32-bit and float samples to eight bits a channel."""
    if image.mode.startswith("I;16"):
        return _from_bands(image, lambda samples: samples.astype(np.float32) / 257.0)
    if image.mode in {"I", "F"}:
        with np.errstate(invalid="ignore"):  # floats that are no numbers
            low, high = _range(image)
            return _from_bands(image, lambda samples: _scaled(samples, low, high))
    if image.mode in {"P", "PA"}:
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode in {"1", "L", "RGB"}:
        if "transparency" in image.info:
            return image.convert("RGBA")
        return image.convert("L") if image.mode == "1" else image
    if image.mode in {"LA", "RGBA"}:
        return image
    if image.mode in {"La", "RGBa"}:
        return image.convert(image.mode[:-1] + "A")
    return image.convert("RGB")  # CMYK, YCbCr, LAB, HSV, RGBX


_BAND = 1_000_000
"""Wide samples that are brought to eight bits at a time: at eight bytes each they would fill gigabytes at once."""


def _bands(image: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """The samples, some rows at a time, each with the number of its first row."""
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(image.height, top + rows))))


def _from_bands(image: Image.Image, to_levels: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
    """A grey picture from samples, which `to_levels` brings to 0..255."""
    grey = np.empty((image.height, image.width), np.uint8)
    for top, samples in _bands(image):
        grey[top : top + samples.shape[0]] = np.rint(to_levels(samples)).astype(np.uint8)
    return Image.fromarray(grey)


def _finite(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0), -1e12, 1e12)


def _range(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest sample."""
    ends = [(float(some.min()), float(some.max())) for some in (_finite(samples) for _, samples in _bands(image))]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _scaled(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    """Wide samples to 0..255: by the depth they seem to have, else by the range they span."""
    samples = _finite(samples)
    if low >= 0 and high <= 1:
        return samples * 255.0
    if low >= 0 and high <= 255:
        return samples
    if low >= 0 and high <= 65535:
        return samples / 257.0
    return (samples - low) * (255.0 / max(high - low, 1e-9))


def _flattened(image: Image.Image) -> Image.Image:
    """On white, in RGB: what a page with a white ground shows."""
    if image.mode in {"LA", "RGBA"}:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, image).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image
