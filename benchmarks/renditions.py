"""Renditions of a portrait as services and people make them, and variants of each kind.

Everything is a function from a Pillow picture in RGB to bytes. Nothing here knows of the code it measures.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageEnhance, ImageOps

Make = Callable[[Image.Image], bytes]
Change = Callable[[Image.Image, random.Random], Image.Image]

BEST = Image.Resampling.LANCZOS


def jpeg(picture: Image.Image, quality: int = 85, subsampling: int = 2, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=subsampling, **options)
    return buffer.getvalue()


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def sized(picture: Image.Image, side: int, how: Image.Resampling = BEST) -> Image.Image:
    """Scaled so that the long side has `side` pixels."""
    part = side / max(picture.size)
    return picture.resize((max(1, round(picture.width * part)), max(1, round(picture.height * part))), how)


def below(picture: Image.Image, limit: int) -> bytes:
    """The best JPEG quality that stays under `limit` bytes."""
    for quality in range(90, 10, -10):
        data = jpeg(picture, quality)
        if len(data) < limit:
            return data
    return data


def _oriented(picture: Image.Image, orientation: int) -> bytes:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(picture.transpose(undo[orientation]), 85, exif=exif.tobytes())


def _sixteen(picture: Image.Image) -> bytes:
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    return saved(Image.fromarray(grey), "PNG")


def _with_profile(picture: Image.Image) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return jpeg(picture, 85, icc_profile=profile)


_P3 = np.array(((0.4866, 0.2657, 0.1982), (0.2290, 0.6917, 0.0793), (0.0, 0.0451, 1.0439)))
"""Linear Display-P3 to XYZ (D65), SMPTE EG 432-1."""
_SRGB = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
"""Linear sRGB to XYZ (D65), IEC 61966-2-1. Both share one curve of tones."""


def _display_p3(picture: Image.Image) -> bytes:
    """The same colours in Display-P3 numbers, as phones save them, and the profile dropped on the way."""
    coded = np.asarray(picture).astype(np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    wide = (linear @ (np.linalg.inv(_P3) @ _SRGB).T).clip(0, 1)
    again = np.where(wide <= 0.0031308, wide * 12.92, 1.055 * wide ** (1 / 2.4) - 0.055)
    return jpeg(Image.fromarray(np.rint(again * 255).astype(np.uint8)), 85)


def _sixteen_colour(picture: Image.Image) -> bytes:
    """A PNG with 16 bits in each of three channels, which Pillow reads and cannot write."""
    samples = (np.asarray(picture).astype(np.uint16) * 257).astype(">u2")
    lines = b"".join(b"\0" + line.tobytes() for line in samples)
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _transparent(picture: Image.Image) -> bytes:
    with_alpha = picture.copy()
    with_alpha.putalpha(255)
    return saved(with_alpha, "PNG", compress_level=1)


ORDINARY: dict[str, Make] = {
    "648": lambda p: jpeg(sized(p, 648)),
    "648 q60": lambda p: jpeg(sized(p, 648), 60),
    "432": lambda p: jpeg(sized(p, 432, Image.Resampling.BICUBIC), 80),
    "300": lambda p: jpeg(sized(p, 300, Image.Resampling.BICUBIC), 75),
    "240 4:4:4": lambda p: jpeg(sized(p, 240, Image.Resampling.HAMMING), 90, 0),
    "96 under 10 KB": lambda p: below(sized(p, 96), 10_000),
    "72": lambda p: jpeg(sized(p, 72, Image.Resampling.BILINEAR), 75),
    "64": lambda p: jpeg(sized(p, 64), 75),
    "648 to 300 to 96": lambda p: jpeg(sized(_again(jpeg(sized(_again(jpeg(sized(p, 648))), 300))), 96), 70),
    "96 upscaled": lambda p: jpeg(sized(sized(p, 96), 648, Image.Resampling.BICUBIC), 85),
    "64 upscaled": lambda p: jpeg(sized(sized(p, 64), 300, Image.Resampling.BILINEAR), 85),
    "quality 15": lambda p: jpeg(sized(p, 300), 15),
    "progressive": lambda p: jpeg(sized(p, 500), 70, progressive=True, optimize=True),
    "PNG": lambda p: saved(sized(p, 432), "PNG", compress_level=1),
    "WebP": lambda p: saved(sized(p, 300), "WEBP", quality=60, method=0),
    "GIF": lambda p: saved(sized(p, 240), "GIF"),
    "BMP": lambda p: saved(sized(p, 200), "BMP"),
    "TIFF": lambda p: saved(sized(p, 240), "TIFF", compression="tiff_lzw"),
    "palette of 64": lambda p: saved(sized(p, 240).quantize(64), "PNG"),
    "CMYK": lambda p: jpeg(sized(p, 300).convert("CMYK"), 85, 0),
    "with alpha": lambda p: _transparent(sized(p, 300)),
    "profile": lambda p: _with_profile(sized(p, 432)),
    "Display-P3 without its profile": lambda p: _display_p3(sized(p, 300)),
    "16-bit": lambda p: _sixteen_colour(sized(p, 240)),
    "EXIF 3": lambda p: _oriented(sized(p, 300), 3),
    "EXIF 6": lambda p: _oriented(sized(p, 300), 6),
    "EXIF 8": lambda p: _oriented(sized(p, 300), 8),
    "EXIF 3, 225 px": lambda p: _oriented(sized(p, 225), 3),
    "EXIF 6, 225 px": lambda p: _oriented(sized(p, 225), 6),
    "EXIF 8, 225 px": lambda p: _oriented(sized(p, 225), 8),
    "648 without antialiasing to 300": lambda p: jpeg(sized(sized(p, 648), 300, Image.Resampling.NEAREST), 85),
}
"""Renditions with both sides at least 64 px."""

TINY: dict[str, Make] = {
    "48": lambda p: jpeg(sized(p, 48), 75),
    "48 box": lambda p: jpeg(sized(p, 48, Image.Resampling.BOX), 80),
    "48 chain": lambda p: jpeg(sized(_again(jpeg(sized(p, 96), 60)), 48), 60),
    "48 without antialiasing": lambda p: jpeg(sized(p, 48, Image.Resampling.NEAREST), 85),
}
"""Renditions below 64 px, the hostile one last."""

GREY_RENDITIONS: dict[str, Make] = {"16-bit grey": _sixteen}


def _again(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def crop(share: float) -> Change:
    def change(picture: Image.Image, chance: random.Random) -> Image.Image:
        wide, high = round(picture.width * share), round(picture.height * share)
        left, top = chance.randint(0, picture.width - wide), chance.randint(0, picture.height - high)
        return picture.crop((left, top, left + wide, top + high))

    return change


def tone(kind: str, factor: float) -> Change:
    def change(picture: Image.Image, _: random.Random) -> Image.Image:
        if kind == "gamma":
            return picture.point([round(255 * (level / 255) ** factor) for level in range(256)] * 3)
        return getattr(ImageEnhance, kind)(picture).enhance(factor)

    return change


def badge(share: float) -> Change:
    """A disk in a corner, in a strong colour."""

    def change(picture: Image.Image, chance: random.Random) -> Image.Image:
        result = picture.copy()
        side = share * picture.width
        left = chance.choice([0.02 * picture.width, 0.98 * picture.width - side])
        top = chance.choice([0.02 * picture.height, 0.98 * picture.height - side])
        colour = chance.choice([(200, 30, 40), (20, 120, 60), (30, 60, 190), (240, 190, 20)])
        ImageDraw.Draw(result).ellipse((left, top, left + side, top + side), fill=colour)
        return result

    return change


def ribbon(share: float) -> Change:
    """A band with letters along the lower edge."""

    def change(picture: Image.Image, chance: random.Random) -> Image.Image:
        result = picture.copy()
        top = picture.height * (1 - share)
        drawing = ImageDraw.Draw(result)
        drawing.rectangle((0, top, picture.width, picture.height), fill=chance.choice([(20, 120, 60), (60, 20, 120)]))
        drawing.text((picture.width * 0.1, top), "#OPENTOWORK", fill="white", font_size=max(8, picture.width // 9))
        return result

    return change


def ring(share: float) -> Change:
    def change(picture: Image.Image, _: random.Random) -> Image.Image:
        result = picture.copy()
        box = (0, 0, picture.width - 1, picture.height - 1)
        ImageDraw.Draw(result).ellipse(box, outline=(30, 140, 60), width=round(share * picture.width))
        return result

    return change


def bars(aspect: float, colour: tuple[int, int, int]) -> Change:
    """Bars on two sides, kept square by squeezing nothing: the picture becomes smaller within."""

    def change(picture: Image.Image, _: random.Random) -> Image.Image:
        size = (
            (round(picture.width * aspect), picture.height)
            if aspect > 1
            else (picture.width, round(picture.height / aspect))
        )
        return ImageOps.pad(picture, size, color=colour)

    return change


def frame(share: float, colour: tuple[int, int, int]) -> Change:
    return lambda picture, _: ImageOps.expand(picture, round(share * picture.width), fill=colour)


def stretched(factor: float, cut: bool) -> Change:
    """Wider by `factor` (or higher, below 1); cut back to its old shape from the middle if so wished."""

    def change(picture: Image.Image, _: random.Random) -> Image.Image:
        wide = (round(picture.width * max(factor, 1)), round(picture.height * max(1 / factor, 1)))
        result = picture.resize(wide, BEST)
        return ImageOps.fit(result, picture.size, BEST) if cut else result

    return change


VARIANTS: dict[str, list[tuple[str, Change]]] = {
    "mirror": [("left to right", lambda p, _: ImageOps.mirror(p))],
    "rotated": [(f"{angle}°", lambda p, _, angle=angle: p.rotate(angle, expand=True)) for angle in (90, 180, 270)],
    "crop": [(f"{share:.0%}", crop(share)) for share in (0.95, 0.9, 0.85, 0.8, 0.75, 0.7)],
    "greyscale": [("grey", lambda p, _: p.convert("L").convert("RGB"))],
    "tone": [
        *((f"Brightness {f}", tone("Brightness", f)) for f in (0.7, 0.8, 1.2, 1.3)),
        *((f"Contrast {f}", tone("Contrast", f)) for f in (0.7, 0.8, 1.2, 1.3)),
        *((f"gamma {f}", tone("gamma", f)) for f in (0.75, 1.3)),
    ],
    "overlay": [
        ("badge 25 %", badge(0.25)),
        ("badge 35 %", badge(0.35)),
        ("ribbon 20 %", ribbon(0.2)),
        ("ring 8 %", ring(0.08)),
    ],
    "letterbox": [
        ("4:3 black", bars(4 / 3, (0, 0, 0))),
        ("16:9 white", bars(16 / 9, (255, 255, 255))),
        ("3:4 grey", bars(3 / 4, (128, 128, 128))),
        ("frame 10 % white", frame(0.1, (255, 255, 255))),
        ("frame 15 % black", frame(0.15, (0, 0, 0))),
    ],
    "stretched": [
        *((f"by {f}", stretched(f, cut=False)) for f in (0.8, 0.9, 1.15, 1.3)),
        *((f"by {f}, cut", stretched(f, cut=True)) for f in (0.85, 1.15, 1.25)),
    ],
}
"""By kind: what is done, at several strengths."""

ALIASED: dict[str, Make] = {
    f"{side} without antialiasing": lambda p, side=side: jpeg(sized(sized(p, 648), side, Image.Resampling.NEAREST), 85)
    for side in (64, 72, 96)
}
"""Copies made without antialiasing, by side: what they cost is shown, and they count in no other table."""

COMBINATIONS = (
    ("648", "648"), ("648", "300"), ("648", "96 under 10 KB"), ("648", "64"), ("648", "48"),
    ("300", "300"), ("300", "96 under 10 KB"), ("300", "48"), ("96 under 10 KB", "48"), ("48", "48"),
)  # fmt: skip
"""Renditions in which two people's photos meet."""

SERVED: dict[str, Make] = {name: ORDINARY[name] for name in ("648", "300", "96 under 10 KB")} | {"48": TINY["48"]}
"""Renditions in which a variant may be met."""
