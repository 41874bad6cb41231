"""Makes pictures that are meant to hurt: small files that say they are huge, or have more parts than anyone needs."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

FINGERPRINT, TOO_LARGE, UNREADABLE = "fingerprint", "PictureTooLarge", "UnreadablePicture"
LARGE = 8000
"""A side of the largest square that is decoded."""


def saved(kind: str, size: tuple[int, int] = (64, 64), mode: str = "RGB", **how: Any) -> bytes:
    """A gradient in this format."""
    out = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert(mode).save(out, kind, **how)
    return out.getvalue()


def even(kind: str, size: tuple[int, int], mode: str = "RGB", **how: Any) -> bytes:
    """One colour, which packs a large picture into few bytes."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **how)
    return out.getvalue()


def zeros(count: int) -> bytes:
    """So many zero bytes, deflated (RFC 1950): one packed million again and again, which it stands for by itself."""
    million, rest = divmod(count, 1_000_000)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(rest)) + packer.flush()
    checksum = count % 65_521 << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + packed * million + last + struct.pack(">I", checksum)


# -- PNG ---------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, *extra: bytes, depth: int = 8, colour: int = 2, bytes_a_pixel: int = 3, interlaced: int = 0
) -> bytes:
    """A black PNG with extra chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    pixels = zeros(height * (width * bytes_a_pixel + 1) + interlaced * 100_000)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra, chunk(b"IDAT", pixels), chunk(b"IEND")]
    )  # fmt: skip


# -- JPEG --------------------------------------------------------------------------------------------------------


def segment(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, kind, 2 + len(body)) + body


def jpeg(*parts: bytes) -> bytes:
    """A JPEG with these bytes after its first marker."""
    plain = saved("JPEG")
    return plain[:2] + b"".join(parts) + plain[2:]


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of one colour whose cheapest scan is repeated: a dozen bytes, and a walk over every block."""
    data = even("JPEG", (side, side), "L", progressive=True)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    ends = [data.index(b"\xff", start + 10) for start in starts]  # header of one component: 10 bytes
    start, end = min(zip(starts[1:], ends[1:], strict=True), key=lambda scan: scan[1] - scan[0])
    return data[:end] + data[start:end] * scans + b"\xff\xd9"


def exif(entries: Sequence[tuple[int, int, int, int]]) -> bytes:
    """An EXIF segment of (tag, type, count, offset)."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4000)
    return segment(0xE1, body[:65_000])


MPO_INDEX = segment(
    0xE2,
    b"MPF\0II*\0"
    + struct.pack("<IH", 8, 3)
    + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    + struct.pack("<HHII", 0xB001, 4, 1, 4_000_000_000)
    + struct.pack("<HHII", 0xB002, 7, 16, 50)
    + bytes(68),
)

# -- GIF, BMP, TIFF ----------------------------------------------------------------------------------------------


def gif(*before: bytes) -> bytes:
    """A GIF with these bytes before its first frame."""
    plain = saved("GIF", (4, 4))
    at = plain.index(b"\x2c")
    return plain[:at] + b"".join(before) + plain[at:]


def gif_sizes(canvas: tuple[int, int] | None = None, frame: tuple[int, int] | None = None) -> bytes:
    """A GIF of 4 × 4 pixels that says otherwise."""
    plain = bytearray(saved("GIF", (4, 4)))
    if canvas:
        plain[6:10] = struct.pack("<HH", *canvas)
    if frame:
        at = plain.index(b"\x2c") + 5
        plain[at : at + 4] = struct.pack("<HH", *frame)
    return bytes(plain)


def bmp_runs(width: int, height: int, runs: bytes) -> bytes:
    """A run-length encoded BMP."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078) + header + bytes(1024) + runs


def long(value: int) -> bytes:
    return struct.pack("<I", value)


def tiff(
    size: tuple[int, int], compression: int, strip: bytes, *extra: tuple[int, int, int, bytes], strips: int = 1,
    bits: int = 8, sample: int = 1,
) -> bytes:  # fmt: skip
    """A grey TIFF whose strips are all the same bytes; extra tags are (tag, type, count, value)."""
    width, height = size
    plain = [
        (256, 4, 1, long(width)), (257, 4, 1, long(height)), (258, 3, 1, long(bits)), (259, 3, 1, long(compression)),
        (262, 3, 1, long(1)), (277, 3, 1, long(1)), (278, 4, 1, long(-(-height // strips))), (339, 3, 1, long(sample)),
    ]  # fmt: skip
    after = 8 + 2 + 12 * (len(plain) + len(extra) + 2) + 4
    if strips == 1:
        places, arrays = ((273, 4, 1, long(after)), (279, 4, 1, long(len(strip)))), b""
    else:
        places = (273, 4, strips, long(after)), (279, 4, strips, long(after + 4 * strips))
        arrays = long(after + 8 * strips) * strips + long(len(strip)) * strips
    tags = sorted([*plain, *extra, *places])
    directory = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + long(0) + arrays + strip


def tiff_loop() -> bytes:
    """A TIFF whose next directory is its first."""
    data = bytearray(tiff((4, 4), 1, bytes(16)))
    (tags,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<I", data, 10 + 12 * tags, 8)
    return bytes(data)


def webp(chunks: bytes) -> bytes:
    return b"RIFF" + long(4 + len(chunks)) + b"WEBP" + chunks


def zipped(before: bytes) -> bytes:
    """A file that is a picture from its start and a ZIP archive from its end."""
    out = io.BytesIO(before)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("run.html", "<script>alert(1)</script>")
    return out.getvalue()


Case = tuple[str, Callable[[], bytes]]
OF_A_KIND = {
    "JPEG: 64 million pixels, progressive",
    "JPEG: 100,000 scans behind a thumbnail",
    "JPEG: a million comments",
    "JPEG: 16 MB of junk",
    "PNG: 64 million pixels",
    "PNG: 64 million pixels of 16 bits",
    "PNG: 64 million pixels, interlaced",
    "PNG: 64 million pixels with a transparent colour",
    "PNG: an international text of 300 MB",
    "GIF: 64 million pixels",
    "GIF: one comment in 7,000,000 blocks",
    "GIF: 16 MB of junk",
    "TIFF: 64 million pixels, deflated",
    "TIFF: 64 million pixels, packed",
    "TIFF: 64 million numbers of 32 bits",
}
"""Long cases with a like one that is played in the ordinary suite."""
CASES: dict[str, Case] = {
    "JPEG: 64 million pixels": (FINGERPRINT, lambda: even("JPEG", (LARGE, LARGE))),
    "JPEG: 64 million pixels, progressive": (
        FINGERPRINT,
        lambda: even("JPEG", (LARGE, LARGE), progressive=True, subsampling=0),
    ),
    "JPEG: a hundred scans over 64 million pixels": (FINGERPRINT, lambda: many_scans(LARGE, 100)),
    "JPEG: 100,000 scans": (TOO_LARGE, lambda: many_scans(LARGE, 100_000)),
    "JPEG: 100,000 scans behind a thumbnail": (
        TOO_LARGE,
        lambda: jpeg(segment(0xE1, saved("JPEG")))[:-2] + many_scans(LARGE, 100_000)[2:],
    ),
    "JPEG: a million segments": (TOO_LARGE, lambda: jpeg(segment(0xE5) * 1_000_000)),
    "JPEG: a million comments": (TOO_LARGE, lambda: jpeg(segment(0xFE) * 1_000_000)),
    "JPEG: 200,000 tables": (TOO_LARGE, lambda: jpeg(segment(0xDB, b"\0" + bytes(range(1, 65))) * 200_000)),
    "JPEG: 16 MB of fill bytes": (TOO_LARGE, lambda: jpeg(b"\xff" * 16_000_000)),
    "JPEG: 16 MB of junk": (TOO_LARGE, lambda: jpeg(b"junk" * 4_000_000)),
    "JPEG: 16 MB of segments": (FINGERPRINT, lambda: jpeg(segment(0xE5, bytes(65_000)) * 240)),
    "JPEG: 240 profile chunks": (
        FINGERPRINT,
        lambda: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(60_000)) * 240),
    ),
    "JPEG: a million resources of an editor": (
        FINGERPRINT,
        lambda: jpeg(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5000) * 200),
    ),
    "JPEG: 5,000 EXIF tags of the same 60 KB": (
        FINGERPRINT,
        lambda: jpeg(exif([(1000 + n, 3, 30_000, 0) for n in range(5000)])),
    ),
    "JPEG: 5,000 EXIF tags of fractions": (
        FINGERPRINT,
        lambda: jpeg(exif([(1000 + n, 5, 7900, 0) for n in range(5000)])),
    ),
    "JPEG: XMP that tempts a pattern": (
        FINGERPRINT,
        lambda: jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b'<x tiff:Orientation="' * 3000)),
    ),
    "JPEG: four thousand million pictures for stereo": (FINGERPRINT, lambda: jpeg(MPO_INDEX)),
    "PNG: 64 million pixels": (FINGERPRINT, lambda: png(LARGE, LARGE)),
    "PNG: 64 million pixels of 64 bits": (FINGERPRINT, lambda: png(LARGE, LARGE, depth=16, colour=6, bytes_a_pixel=8)),
    "PNG: 64 million pixels of 16 bits": (FINGERPRINT, lambda: png(LARGE, LARGE, depth=16, colour=0, bytes_a_pixel=2)),
    "PNG: 64 million pixels, interlaced": (
        FINGERPRINT,
        lambda: png(LARGE, LARGE, colour=6, bytes_a_pixel=4, interlaced=1),
    ),
    "PNG: 64 million pixels with a transparent colour": (
        FINGERPRINT,
        lambda: png(LARGE, LARGE, chunk(b"tRNS", bytes(6))),
    ),
    "PNG: a text of 300 MB": (UNREADABLE, lambda: png(1, 1, chunk(b"zTXt", b"k\0\0" + zeros(300 << 20)))),
    "PNG: an international text of 300 MB": (
        UNREADABLE,
        lambda: png(1, 1, chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(300 << 20))),
    ),
    "PNG: a profile of 300 MB": (UNREADABLE, lambda: png(1, 1, chunk(b"iCCP", b"k\0\0" + zeros(300 << 20)))),
    "PNG: eighty texts of 0.9 MB": (
        UNREADABLE,
        lambda: png(1, 1, *(chunk(b"zTXt", b"k%d\0\0" % n + zeros(900 << 10)) for n in range(80))),
    ),
    "PNG: a million chunks": (TOO_LARGE, lambda: png(1, 1, chunk(b"teSt") * 1_000_000)),
    "PNG: 19,000 texts": (FINGERPRINT, lambda: png(1, 1, *(chunk(b"tEXt", b"k%d\0v" % n) for n in range(19_000)))),
    "GIF: 64 million pixels": (FINGERPRINT, lambda: even("GIF", (LARGE, LARGE), "P", transparency=0)),
    "GIF: 95 bytes on a canvas of 59 million pixels": (FINGERPRINT, lambda: gif_sizes(canvas=(65_535, 900))),
    "GIF: 95 bytes on a canvas of 4,295 million pixels": (TOO_LARGE, lambda: gif_sizes(canvas=(65_535, 65_535))),
    "GIF: a frame larger than its canvas": (TOO_LARGE, lambda: gif_sizes(frame=(65_535, 65_535))),
    "GIF: 3,000,000 comments": (TOO_LARGE, lambda: gif(b"\x21\xfe\x01a\x00" * 3_000_000)),
    "GIF: one comment in 7,000,000 blocks": (TOO_LARGE, lambda: gif(b"\x21\xfe" + b"\x01a" * 7_000_000 + b"\0")),
    "GIF: 800,000 loop counts": (TOO_LARGE, lambda: gif(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" * 800_000)),
    "GIF: 16 MB of junk": (TOO_LARGE, lambda: gif(bytes(16_000_000))),
    "GIF: 200,000 frames": (
        FINGERPRINT,
        lambda: (
            (plain := saved("GIF", (4, 4)))[: plain.index(b"\x2c")] + plain[plain.index(b"\x2c") : -1] * 200_000 + b";"
        ),
    ),
    "WebP: 34 bytes of 64 million pixels": (TOO_LARGE, lambda: even("WEBP", (LARGE, LARGE), lossless=True, method=0)),
    "WebP: 34 bytes of 32 million pixels": (
        FINGERPRINT,
        lambda: even("WEBP", (LARGE, LARGE // 2), lossless=True, method=0),
    ),
    "WebP: 1,900,000 chunks": (
        FINGERPRINT,
        lambda: webp(
            saved("WEBP", lossless=True, exif=b"Exif\0\0II*\0" + bytes(12))[12:] + (b"JUNK" + long(0)) * 1_900_000
        ),
    ),
    "BMP: runs over 64 million pixels": (TOO_LARGE, lambda: bmp_runs(LARGE, LARGE, b"\xff\0" * 31 * LARGE + b"\0\1")),
    "BMP: a jump in a line of 64 million pixels": (TOO_LARGE, lambda: bmp_runs(64_000_000, 1, b"\0\2\xff\xff\0\1")),
    "BMP: four million jumps that go nowhere": (TOO_LARGE, lambda: bmp_runs(1000, 1000, b"\0\2\0\0" * 4_000_000)),
    "BMP: as many jumps that go nowhere as are read": (
        UNREADABLE,
        lambda: bmp_runs(1000, 1000, b"\0\2\0\0" * 750_000),
    ),
    "BMP: as many runs of one pixel as are read": (
        FINGERPRINT,
        lambda: bmp_runs(1000, 1000, (b"\1\0" * 1000 + b"\0\0") * 1000),
    ),
    "BMP: an end of line in one of a million pixels": (FINGERPRINT, lambda: bmp_runs(1_000_000, 1, b"\1\0\0\0\0\1")),
    "BMP: 64 million pixels and no data": (UNREADABLE, lambda: even("BMP", (LARGE, LARGE))[:54]),
    "TIFF: 64 million pixels, deflated": (FINGERPRINT, lambda: tiff((LARGE, LARGE), 8, zeros(LARGE * LARGE))),
    "TIFF: 64 million pixels, packed": (
        FINGERPRINT,
        lambda: tiff((LARGE, LARGE), 32773, b"\x81\0" * (LARGE * LARGE // 128 + 1)),
    ),
    "TIFF: 64 million floats": (
        FINGERPRINT,
        lambda: tiff((LARGE, LARGE), 8, zeros(LARGE * LARGE * 4), bits=32, sample=3),
    ),
    "TIFF: 64 million numbers of 32 bits": (
        FINGERPRINT,
        lambda: tiff((LARGE, LARGE), 8, zeros(LARGE * LARGE * 4), bits=32),
    ),
    "TIFF: a fax of 64 million pixels": (
        FINGERPRINT,
        lambda: tiff((LARGE, LARGE), 4, b"\x80" * 1000 + b"\0\x10\1", bits=1),
    ),
    "TIFF: a tag of two thousand million bytes": (
        FINGERPRINT,
        lambda: tiff((4, 4), 1, bytes(16), (700, 1, 2**31 - 1, long(8))),
    ),
    "TIFF: 900 tags of the same 15 MB": (
        FINGERPRINT,
        lambda: tiff((4, 4), 1, bytes(15_000_000), *((40_000 + n, 5, 1_870_000, long(12_000)) for n in range(900))),
    ),
    "TIFF: 60,000 tags": (
        TOO_LARGE,
        lambda: tiff((4, 4), 1, bytes(16), *((1000 + n, 4, 1, long(1)) for n in range(60_000))),
    ),
    "TIFF: directories in a circle": (FINGERPRINT, tiff_loop),
    "TIFF: a million strips": (TOO_LARGE, lambda: tiff((1, 1_000_000), 1, b"\0", strips=1_000_000)),
    "TIFF: 60,000 strips that are all the same 15 MB": (
        FINGERPRINT,
        lambda: tiff((8, 60_000), 5, (b"\x80" + b"\x20\x10\x08\x04\x02\x01\x00\x80\x40" * 1_500_000), strips=60_000),
    ),
    "TIFF: rows of two thousand million": (FINGERPRINT, lambda: tiff((16, 16), 8, zeros(100 << 20))),
    "TIFF: compressed with LZMA": (UNREADABLE, lambda: tiff((4, 4), 34925, bytes(16))),
}
"""By name: what comes of it, and how to make it."""


def small() -> dict[str, bytes]:
    """What is kept as files in `hostile/`, by name: polyglots, damaged files and small bombs."""
    formats = {
        "jpg": saved("JPEG"), "png": saved("PNG"), "gif": saved("GIF"), "webp": saved("WEBP"),
        "bmp": saved("BMP", (16, 16)), "tif": saved("TIFF", (16, 16), compression="tiff_lzw"),
    }  # fmt: skip
    kept = {
        "javascript.gif": gif(b"\x21\xfe\x0d=1;alert(1)//\0"),
        "html.gif": b"GIF89a" + b"<script>alert(1)</script>",
        "archive.jpg": zipped(formats["jpg"]),
        "archive.png": zipped(formats["png"]),
        "pdf.jpg": jpeg(segment(0xFE, b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj")),
        "picture-inside.pdf": b"%PDF-1.4\n1 0 obj<</Length 1>>stream\n" + formats["jpg"] + b"\nendstream endobj\n%%EOF",
        "svg.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>',
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd)(r) file\n%%EOF",
        "canvas.gif": gif_sizes(canvas=(65_535, 65_535)),
        "frame.gif": gif_sizes(frame=(65_535, 65_535)),
        "canvas.webp": even("WEBP", (LARGE, LARGE), lossless=True, method=0),
        "jump.bmp": bmp_runs(64_000_000, 1, b"\0\2\xff\xff\0\1"),
        "circle.tif": tiff_loop(),
        "tag.tif": tiff((4, 4), 1, bytes(16), (700, 1, 2**31 - 1, long(8))),
        "lzma.tif": tiff((4, 4), 34925, bytes(16)),
        "stereo.jpg": jpeg(MPO_INDEX),
        "scans.jpg": many_scans(64, 300),
        "segments.jpg": jpeg(segment(0xE5) * 2100),
        "no-length.jpg": jpeg(b"\xff\xe1\0\0"),
        "profile.png": png(1, 1, chunk(b"iCCP", b"k\0\0" + zeros(8 << 20))),
    }
    for ending, data in formats.items():
        kept[f"half.{ending}"] = data[: len(data) // 2]
        kept[f"header.{ending}"] = data[:20]
        flipped = bytearray(data)
        for at in range(24, len(flipped), 37):
            flipped[at] ^= 1 << at % 8
        kept[f"flipped.{ending}"] = bytes(flipped)
    return kept
