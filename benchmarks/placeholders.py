"""How well are initials, silhouettes and blanks told from photos, logos and drawings?

The pictures are drawn here from what services and people are seen to use, not from what the detector looks at.
Each generator draws numbered pictures, each in six sizes, each as PNG and as JPEG of several qualities.

Run from the checkout:

    .venv/bin/python benchmarks/placeholders.py              # everything, some minutes
    .venv/bin/python benchmarks/placeholders.py --quick      # under a minute
    .venv/bin/python benchmarks/placeholders.py --only silhouette. --examples ../mistakes
    .venv/bin/python benchmarks/placeholders.py --sheets ../sheets    # look at what is drawn

Portraits are read from --portraits, or PHOTO_AUDITOR_PORTRAITS, or ../shared/photos; without any, their generators
are left out. Pillow's own font is enough; other fonts, where the machine has them, add weights and scripts. Chinese
and Devanagari letters are built from strokes where no font has them, and scripts that cannot be drawn are left out.
Other fonts, other numbers: only runs on the same machine compare exactly.

Columns: pictures drawn; called placeholder, in percent, in all, per size, as PNG and as JPEG; called placeholder when
the same picture is on 20 accounts; undecided photos, in percent; and which kinds were named.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from auditor.photos import Classification, classify, fingerprint

ROOT = Path(__file__).resolve().parents[1]
SIZES = (48, 64, 96, 240, 300, 648)
QUALITIES = (60, 70, 80, 90, 95)
MANY = 20
SEED = 20240611

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
Draw = Callable[[Random, int], Image.Image]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

PASTEL_PAIRS = (
    ("d69ca5", "420610"), ("eeacb2", "6e0811"), ("f1bbbc", "751d1f"), ("efc4ad", "712d09"), ("ffddb3", "8f4e00"),
    ("f9e2ae", "835b00"), ("ecdfa5", "6c5700"), ("e0cea2", "553e06"), ("ddc3b0", "50301a"), ("bdd99b", "294903"),
    ("a8f0cd", "00723b"), ("9ad29a", "063b06"), ("a6e9ed", "00666d"), ("9bd9db", "02494c"), ("94c8d4", "00333f"),
    ("a9d3f2", "004377"), ("9abfdc", "002c4e"), ("c8d1fa", "2c3c85"), ("a3b2e8", "001665"), ("d2ccf8", "3f3682"),
    ("c6b1de", "341a51"), ("d9a7e0", "4c0d55"), ("e6bfed", "63276d"), ("f7c0e3", "80215d"), ("eca5d1", "6b0043"),
    ("d696c0", "43002b"), ("d7d4d4", "444241"), ("cecccb", "343231"), ("cdd6d8", "3b4447"), ("bcc3c7", "202427"),
)  # fmt: skip
SATURATED = (
    "4f6bed", "0078d4", "004e8c", "038387", "498205", "0b6a0b", "c239b3", "e3008c", "881798", "5c2e91", "ca5010",
    "d13438", "a4262c", "8764b8", "986f0b", "750b1c", "7a7574", "69797e", "005b70", "8e562e",
)  # fmt: skip
MATERIAL = (
    "f44336", "e91e63", "9c27b0", "673ab7", "3f51b5", "2196f3", "009688", "4caf50", "8bc34a", "ff9800", "ff5722",
    "795548", "607d8b", "78909c", "5c6bc0", "00897b", "33691e", "bf360c", "512da8", "0097a7",
)  # fmt: skip
SLACK = ("e01e5a", "36c5f0", "2eb67d", "ecb22e", "4a154b", "2bac76", "c9375f", "674b1b", "3a2c3d", "de4e2b")
GREYS = ("f3f2f1", "e1dfdd", "d2d0ce", "c8c6c4", "b3b0ad", "a19f9d", "8a8886", "605e5c", "3b3a39")

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CYRILLIC = "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯЇЄ"
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
CHINESE = "王李张刘陈杨黄林田中山口大木日高周吴徐孙"
DEVANAGARI = "अआकखगघचजटडतदनपबभमयरलवशसह"


def rgb(text: str) -> Colour:
    """Read a colour from six hexadecimal digits."""
    return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16))


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Go from one colour a share of the way to the other."""
    a, b, c = (round(x + (y - x) * share) for x, y in zip(one, other, strict=True))
    return (a, b, c)


def any_colour(rng: Random, saturation: Point = (35, 95), lightness: Point = (25, 75)) -> Colour:
    """Pick a colour."""
    hue, strong, light = rng.randrange(360), rng.uniform(*saturation), rng.uniform(*lightness)
    red, green, blue = ImageColor.getrgb(f"hsl({hue},{strong:.0f}%,{light:.0f}%)")[:3]
    return (red, green, blue)


def luminance(colour: Colour) -> float:
    """Say how light a colour is, from 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def far_colour(rng: Random, other: Colour, least: float = 70) -> Colour:
    """Pick a colour well lighter or darker than another."""
    while True:
        colour = any_colour(rng, lightness=(8, 95))
        if abs(luminance(colour) - luminance(other)) >= least:
            return colour


# --- Fonts ----------------------------------------------------------------------------------------------------------

FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/Library/Fonts", "/System/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip
STYLES = ("regular", "bold", "thin", "serif", "italic", "mono")


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """List the machine's fonts, without those that hold only symbols or emoji."""
    found: list[Path] = []
    for folder in FONT_FOLDERS:
        where = Path(folder).expanduser()
        if where.is_dir():
            found += [path for path in where.rglob("*") if path.suffix.lower() in {".ttf", ".otf", ".ttc"}]
    unfit = ("symbol", "emoji", "icon", "dingbat", "math", "wingding", "webding")
    return tuple(sorted(path for path in found if not any(word in path.name.lower() for word in unfit)))


def style_of(path: Path) -> str:
    """Tell a font's style by its file's name."""
    name = path.stem.lower()
    if "mono" in name or "courier" in name:
        return "mono"
    if "italic" in name or "oblique" in name:
        return "italic"
    if "serif" in name and "sans" not in name:
        return "serif"
    if any(word in name for word in ("light", "thin", "hairline")):
        return "thin"
    return "bold" if any(word in name for word in ("bold", "black", "heavy", "semi")) else "regular"


@lru_cache(maxsize=4096)
def load_font(path: Path | None, size: int) -> ImageFont.FreeTypeFont:
    """Open a font, None being Pillow's own."""
    if path is not None:
        return ImageFont.truetype(str(path), size)
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        sys.exit("This Pillow was built without FreeType.")
    return font


@lru_cache(maxsize=65536)
def has_letter(path: Path | None, letter: str) -> bool:
    """Whether the font draws the letter, and not the box that stands for a missing one."""
    font = load_font(path, 40)
    shape, missing = font.getmask(letter), font.getmask("\U0010fffe")
    return shape.getbbox() is not None and (shape.size != missing.size or bytes(shape) != bytes(missing))


@lru_cache(maxsize=256)
def fonts_for(letters: str, style: str) -> tuple[Path | None, ...]:
    """List the fonts of a style that have all these letters."""
    return tuple(
        path
        for path in (*font_files(), None)
        if (path is None and style in {"regular", "thin", "bold"}) or (path is not None and style_of(path) == style)
        if all(has_letter(path, letter) for letter in letters)
    )


# Letters for machines without such fonts: strokes through points, in hundredths of a square.
STROKES_WRITTEN = {
    "王": "12,12-88,12 18,50-82,50 5,90-95,90 50,12-50,90",
    "田": "12,12-88,12-88,90-12,90-12,12 50,12-50,90 12,50-88,50",
    "中": "12,28-88,28-88,66-12,66-12,28 50,4-50,98",
    "山": "50,6-50,88 10,36-10,88-90,88-90,36",
    "大": "6,36-94,36 50,5-49,40-36,70-8,94 50,40-66,72-94,94",
    "木": "6,30-94,30 50,4-50,98 50,30-30,62-4,80 50,30-70,62-96,80",
    "林": "3,30-46,30 25,4-25,98 25,30-4,72 25,36-44,58 52,30-98,30 74,4-74,98 74,30-52,76 74,30-98,78",
    "工": "12,14-88,14 50,14-50,88 4,88-96,88",
    "日": "22,6-78,6-78,94-22,94-22,6 22,50-78,50",
    "高": "50,0-50,10 5,12-95,12 "
    "28,24-72,24-72,42-28,42-28,24 10,98-10,54-90,54-90,98 30,66-70,66-70,86-30,86-30,66",
    "周": "5,98-15,60-15,6-90,6-90,94 30,24-76,24 52,14-52,42 28,42-78,42 34,58-70,58-70,84-34,84-34,58",
    "न": "5,10-95,10 72,10-72,95 72,52-34,52 34,52-22,50-18,60-26,68-35,62-34,52",
    "म": "5,10-95,10 75,10-75,95 30,10-30,60-20,70-15,60-22,55-75,58",
    "ग": "5,10-95,10 76,10-76,95 38,10-38,60-30,72-20,68-22,58-30,58",
    "प": "5,10-95,10 74,10-74,95 28,10-28,42-36,56-52,60-74,52",
    "व": "5,10-95,10 74,10-74,95 74,32-50,28-30,38-26,55-38,68-58,64-74,46",
    "र": "15,10-85,10 50,10-60,24-54,40-36,48-50,60-66,92",
}  # fmt: skip


def read_strokes(written: str) -> tuple[tuple[Point, ...], ...]:
    """Read a letter's strokes, on a square from 0 to 1."""
    pairs = [[point.split(",") for point in stroke.split("-")] for stroke in written.split()]
    return tuple(tuple((int(x) / 100, int(y) / 100) for x, y in points) for points in pairs)


STROKES = {letter: read_strokes(written) for letter, written in STROKES_WRITTEN.items()}


# --- Canvas ---------------------------------------------------------------------------------------------------------


class Canvas:
    """A square from 0 to 1, drawn larger than wanted and shrunk, so that edges are smooth."""

    def __init__(self, side: int, ground: Colour | tuple[int, int, int, int] | Image.Image):
        self.side = side
        self.over = 4 if side <= 96 else 2
        self.px = side * self.over
        if isinstance(ground, Image.Image):
            self.image = ground.resize((self.px, self.px), Image.Resampling.BICUBIC)
        else:
            self.image = Image.new("RGBA" if len(ground) == 4 else "RGB", (self.px, self.px), ground)
        self.pen = ImageDraw.Draw(self.image)

    def _at(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.px, y * self.px) for x, y in points]

    def _width(self, width: float) -> int:
        return max(1, round(width * self.px))

    def disc(self, x: float, y: float, rx: float, ry: float | None, fill: Colour) -> None:
        ry = rx if ry is None else ry
        self.pen.ellipse(self._at([(x - rx, y - ry), (x + rx, y + ry)]), fill=fill)

    def ring(self, x: float, y: float, rx: float, ry: float | None, width: float, fill: Colour) -> None:
        ry = rx if ry is None else ry
        self.pen.ellipse(self._at([(x - rx, y - ry), (x + rx, y + ry)]), outline=fill, width=self._width(width))

    def box(self, box: Box, fill: Colour, radius: float = 0) -> None:
        corners = self._at([(box[0], box[1]), (box[2], box[3])])
        self.pen.rounded_rectangle(corners, radius=radius * self.px, fill=fill)

    def frame(self, box: Box, width: float, fill: Colour, radius: float = 0) -> None:
        corners = self._at([(box[0], box[1]), (box[2], box[3])])
        self.pen.rounded_rectangle(corners, radius=radius * self.px, outline=fill, width=self._width(width))

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        self.pen.polygon(self._at(points), fill=fill)

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        self.pen.line(self._at(points), fill=fill, width=self._width(width), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, None, fill)

    def arc(self, box: Box, start: float, end: float, width: float, fill: Colour) -> None:
        corners = self._at([(box[0], box[1]), (box[2], box[3])])
        self.pen.arc(corners, start, end, fill=fill, width=self._width(width))

    def slice(self, box: Box, start: float, end: float, fill: Colour) -> None:
        self.pen.pieslice(self._at([(box[0], box[1]), (box[2], box[3])]), start, end, fill=fill)

    def paint(self, mask: Image.Image, fill: Colour) -> None:
        self.image.paste(fill, (0, 0), mask)

    def done(self) -> Image.Image:
        return self.image.reduce(self.over)


@dataclass(frozen=True)
class Text:
    """How letters are set."""

    size: float = 0.42
    """Of the font, as a share of the picture's side."""
    style: str = "regular"
    heavier: float = 0
    """Drawn with a pen so wide, as a share of the font's size."""
    across: float = 0
    down: float = 0
    widest: float = 0.8


def text_mask(canvas: Canvas, letters: str, text: Text, rng: Random) -> Image.Image:
    """Set letters in the middle, by their ink or by the font's own lines, whatever font has them."""
    by_ink = rng.random() < 0.5
    mask = Image.new("L", (canvas.px, canvas.px))
    pen = ImageDraw.Draw(mask)
    fonts = fonts_for(letters, text.style) or fonts_for(letters, "regular") or fonts_for(letters, "serif")
    choice = rng.random()
    thickness = 0.05 + 0.07 * rng.random()
    middle = ((0.5 + text.across) * canvas.px, (0.5 + text.down) * canvas.px)
    if not fonts:
        size = text.size * 0.85 / max(1, len(letters) * text.size / text.widest)
        left = middle[0] / canvas.px - size * (len(letters) * 1.06 - 0.06) / 2
        top = middle[1] / canvas.px - size / 2
        if text.style == "thin":
            thickness = 0.04
        elif text.style == "bold":
            thickness = 0.13
        sketch = Canvas.__new__(Canvas)
        sketch.side, sketch.over, sketch.px, sketch.image, sketch.pen = canvas.side, 1, canvas.px, mask, pen
        for place, letter in enumerate(letters):
            for points in STROKES[letter]:
                moved = [(left + size * (x + 1.06 * place), top + size * y) for x, y in points]
                sketch.stroke(moved, thickness * size, 255)  # type: ignore[arg-type]
        return mask
    path = fonts[int(choice * len(fonts))]
    size = text.size
    while True:
        font = load_font(path, max(4, round(size * canvas.px)))
        pen_width = round(text.heavier * size * canvas.px)
        box = pen.textbbox((0, 0), letters, font=font, anchor="ls", stroke_width=pen_width)
        if box[2] - box[0] <= text.widest * canvas.px:
            break
        size *= 0.95
    if by_ink:
        where = (middle[0] - (box[0] + box[2]) / 2, middle[1] - (box[1] + box[3]) / 2)
        pen.text(where, letters, fill=255, font=font, anchor="ls", stroke_width=pen_width)
    else:
        pen.text(middle, letters, fill=255, font=font, anchor="mm", stroke_width=pen_width)
    return mask


def drawable(alphabet: str) -> list[str]:
    """List the letters that some font has or that can be built from strokes."""
    return [x for x in alphabet if fonts_for(x, "regular") or fonts_for(x, "serif") or x in STROKES]


def initials(rng: Random, alphabet: str = LATIN, two: float = 0.75) -> str:
    """Pick one or two letters of those that can be drawn."""
    return "".join(rng.choices(drawable(alphabet), k=2 if rng.random() < two else 1))


def gradient(one: Colour, other: Colour, angle: float, side: int = 256) -> Image.Image:
    """Go from one colour to another along a direction."""
    rows, columns = np.mgrid[0:side, 0:side] / (side - 1) - 0.5
    along = columns * math.cos(angle) + rows * math.sin(angle)
    share = ((along - along.min()) / (along.max() - along.min()))[..., None]
    values = np.array(one) + (np.array(other) - np.array(one)) * share
    return Image.fromarray(values.round().astype(np.uint8))


def radial(one: Colour, other: Colour, x: float = 0.5, y: float = 0.5, reach: float = 0.75) -> Image.Image:
    """Go from one colour to another outwards."""
    rows, columns = np.mgrid[0:256, 0:256] / 255
    share = np.clip(np.hypot(columns - x, rows - y) / reach, 0, 1)[..., None]
    values = np.array(one) + (np.array(other) - np.array(one)) * share
    return Image.fromarray(values.round().astype(np.uint8))


def noise_of(rng: Random) -> np.random.Generator:
    """Make a source of numbers that follows the other."""
    return np.random.default_rng(rng.getrandbits(32))


def grain(image: Image.Image, rng: Random, strength: float) -> Image.Image:
    """Add a sensor's noise."""
    values = np.asarray(image.convert("RGB"), dtype=np.float32)
    noise = noise_of(rng).normal(0, strength, values.shape[:2])[..., None]
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def clouds(rng: Random, side: int, finest: int = 64, roughness: float = 0.6) -> NDArray[np.float32]:
    """Make a natural texture from 0 to 1."""
    source, total = noise_of(rng), np.zeros((side, side), dtype=np.float32)
    cells, weight = 3, 1.0
    while cells <= finest:
        small = Image.fromarray(source.random((cells, cells), dtype=np.float32))
        total += weight * np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
        cells, weight = cells * 2, weight * roughness
    low, high = float(total.min()), float(total.max())
    return ((total - low) / (high - low + 1e-6)).astype(np.float32)


def textured(low: Colour, high: Colour, amount: NDArray[np.float32]) -> Image.Image:
    """Colour a texture."""
    values = np.array(low) + (np.array(high) - np.array(low)) * amount[..., None]
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


# --- Initials -------------------------------------------------------------------------------------------------------


def tile_of(rng: Random) -> tuple[Colour, Colour]:
    """Pick a ground and the colour of letters on it, as the known services pair them."""
    kind = rng.random()
    if kind < 0.35:
        ground, ink = rng.choice(PASTEL_PAIRS)
        return rgb(ground), rgb(ink)
    if kind < 0.9:
        return rgb(rng.choice(SATURATED + MATERIAL)), WHITE
    return rgb(rng.choice(GREYS[:4])), rgb(rng.choice(GREYS[-2:]))


def tile(rng: Random, side: int, text: Text, alphabet: str = LATIN, two: float = 0.75, shape: str = "") -> Image.Image:
    """Draw letters on a square, a rounded square or a disc."""
    ground, ink = tile_of(rng)
    shape = shape or rng.choice(("square", "square", "disc", "rounded"))
    letters = initials(rng, alphabet, two)
    if shape == "square":
        canvas = Canvas(side, ground)
    else:
        canvas = Canvas(side, rng.choice((WHITE, WHITE, WHITE, (243, 242, 241))))
        if shape == "disc":
            canvas.disc(0.5, 0.5, 0.5, None, ground)
        else:
            canvas.box((0, 0, 1, 1), ground, rng.uniform(0.08, 0.25))
    canvas.paint(text_mask(canvas, letters, text, rng), ink)
    return canvas.done()


def initials_m365_pastel(rng: Random, side: int) -> Image.Image:
    ground, ink = (rgb(x) for x in rng.choice(PASTEL_PAIRS))
    disc = rng.random() < 0.5
    canvas = Canvas(side, WHITE if disc else ground)
    if disc:
        canvas.disc(0.5, 0.5, 0.5, None, ground)
    text = Text(rng.uniform(0.36, 0.44), rng.choice(("regular", "bold")))
    canvas.paint(text_mask(canvas, initials(rng, two=0.9), text, rng), ink)
    return canvas.done()


def initials_m365_saturated(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, rgb(rng.choice(SATURATED)))
    text = Text(rng.uniform(0.36, 0.46), rng.choice(("regular", "bold", "thin")))
    canvas.paint(text_mask(canvas, initials(rng, two=0.9), text, rng), WHITE)
    return canvas.done()


def initials_google(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, rgb(rng.choice(MATERIAL)))
    canvas.paint(text_mask(canvas, initials(rng, two=0), Text(rng.uniform(0.5, 0.64)), rng), WHITE)
    return canvas.done()


def initials_gravatar(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, any_colour(rng, (20, 70), (30, 60)))
    text = Text(rng.uniform(0.3, 0.5), rng.choice(("regular", "bold")))
    canvas.paint(text_mask(canvas, initials(rng, two=0.9), text, rng), WHITE)
    return canvas.done()


def initials_slack(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, WHITE)
    canvas.box((0, 0, 1, 1), rgb(rng.choice(SLACK)), rng.uniform(0.1, 0.22))
    text = Text(rng.uniform(0.45, 0.6), "bold", down=rng.uniform(0, 0.03))
    canvas.paint(text_mask(canvas, initials(rng, two=0.2), text, rng), WHITE)
    return canvas.done()


def initials_thin(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.36, 0.55), "thin"))


def initials_heavy(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.4, 0.55), "bold", heavier=rng.uniform(0.01, 0.04)))


def initials_small(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.22, 0.32), rng.choice(("regular", "bold"))))


def initials_large(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.6, 0.85), rng.choice(("regular", "bold")), widest=0.84), two=0.4)


def initials_off_centre(rng: Random, side: int) -> Image.Image:
    text = Text(0.42, rng.choice(("regular", "bold")), 0, rng.uniform(-0.05, 0.05), rng.uniform(-0.08, 0.08))
    return tile(rng, side, text)


def initials_dark_on_light(rng: Random, side: int) -> Image.Image:
    ground = mix(any_colour(rng), WHITE, rng.uniform(0.75, 1))
    canvas = Canvas(side, ground)
    if rng.random() < 0.3:
        canvas = Canvas(side, WHITE)
        canvas.disc(0.5, 0.5, 0.5, None, ground)
    text = Text(rng.uniform(0.36, 0.5), rng.choice(("regular", "bold", "thin")))
    ink = mix(any_colour(rng, lightness=(10, 40)), BLACK, rng.random())
    canvas.paint(text_mask(canvas, initials(rng), text, rng), ink)
    return canvas.done()


def initials_low_contrast(rng: Random, side: int) -> Image.Image:
    ground = any_colour(rng, lightness=(40, 75))
    canvas = Canvas(side, ground)
    ink = mix(ground, rng.choice((WHITE, BLACK)), rng.uniform(0.25, 0.5))
    canvas.paint(text_mask(canvas, initials(rng), Text(rng.uniform(0.36, 0.5), "bold"), rng), ink)
    return canvas.done()


def initials_gradient(rng: Random, side: int) -> Image.Image:
    one = any_colour(rng, lightness=(25, 60))
    other = rng.choice((mix(one, BLACK, 0.35), mix(one, WHITE, 0.3), any_colour(rng, lightness=(25, 60))))
    if rng.random() < 0.7:
        ground = gradient(one, other, rng.choice((math.pi / 2, math.pi / 4, 0, 2.3)))
    else:
        ground = radial(one, other)
    canvas = Canvas(side, ground)
    canvas.paint(text_mask(canvas, initials(rng), Text(rng.uniform(0.36, 0.52)), rng), WHITE)
    return canvas.done()


def initials_inset_disc(rng: Random, side: int) -> Image.Image:
    ground, ink = tile_of(rng)
    canvas = Canvas(side, rng.choice((WHITE, WHITE, rgb(rng.choice(GREYS[:3])), rgb("292827"))))
    radius = rng.uniform(0.36, 0.48)
    canvas.disc(0.5, 0.5, radius, None, ground)
    text = Text(radius * rng.uniform(0.75, 0.95), rng.choice(("regular", "bold")), widest=1.5 * radius)
    canvas.paint(text_mask(canvas, initials(rng), text, rng), ink)
    return canvas.done()


def initials_ring(rng: Random, side: int) -> Image.Image:
    ground, ink = tile_of(rng)
    canvas = Canvas(side, WHITE)
    if rng.random() < 0.5:
        canvas.disc(0.5, 0.5, 0.49, None, ground)
        canvas.ring(0.5, 0.5, 0.49, None, rng.uniform(0.02, 0.06), mix(ground, BLACK, 0.4))
    else:
        ink = mix(any_colour(rng), BLACK, 0.3)
        canvas.ring(0.5, 0.5, 0.49, None, rng.uniform(0.02, 0.06), ink)
    text = Text(rng.uniform(0.34, 0.44), rng.choice(("regular", "bold")), widest=0.7)
    canvas.paint(text_mask(canvas, initials(rng), text, rng), ink)
    return canvas.done()


def initials_shadow(rng: Random, side: int) -> Image.Image:
    ground = rgb(rng.choice(SATURATED + MATERIAL))
    canvas = Canvas(side, ground)
    mask = text_mask(canvas, initials(rng), Text(rng.uniform(0.38, 0.55), rng.choice(("regular", "bold"))), rng)
    dark, kind = mix(ground, BLACK, rng.uniform(0.25, 0.5)), rng.randrange(3)
    step = round(rng.uniform(0.01, 0.025) * canvas.px)
    if kind == 0:
        canvas.paint(ImageChops.offset(mask, step, step), dark)
    elif kind == 1:
        soft = mask.filter(ImageFilter.GaussianBlur(0.02 * canvas.px))
        canvas.paint(ImageChops.offset(soft, 0, step), dark)
    else:  # the long shadow of flat design
        cast = mask
        for power in range(12):
            reach = 2**power
            if reach >= canvas.px:
                break
            moved = Image.new("L", mask.size)
            moved.paste(cast, (reach, reach))
            cast = ImageChops.lighter(cast, moved)
        canvas.paint(cast, mix(ground, BLACK, 0.2))
    canvas.paint(mask, WHITE)
    return canvas.done()


def script(alphabet: str) -> Draw:
    def draw(rng: Random, side: int) -> Image.Image:
        return tile(rng, side, Text(rng.uniform(0.36, 0.52), rng.choice(("regular", "bold", "thin"))), alphabet)

    return draw


def initials_faces(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.36, 0.52), rng.choice(("serif", "italic", "mono"))))


def initials_lower_case(rng: Random, side: int) -> Image.Image:
    return tile(rng, side, Text(rng.uniform(0.4, 0.6)), "abcdefghijklmnopqrstuvwxyz")


def initials_narrow(rng: Random, side: int) -> Image.Image:
    style = rng.choice(("regular", "bold", "thin"))
    return tile(rng, side, Text(rng.uniform(0.4, 0.6), style), "IJLTliItf1", 0.4)


def initials_enlarged(rng: Random, side: int) -> Image.Image:
    small = tile(rng, rng.choice((48, 64, 96)), Text(rng.uniform(0.38, 0.5), rng.choice(("regular", "bold"))))
    if rng.random() < 0.5:
        small = decode(encode(small, "JPEG", 85))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def cut_out(image: Image.Image, radius: float = 0.5) -> Image.Image:
    """Leave a disc of a picture and make the rest transparent."""
    mask = Image.new("L", (image.width * 4, image.height * 4))
    middle, reach = image.width * 2, radius * image.width * 4
    ImageDraw.Draw(mask).ellipse((middle - reach, middle - reach, middle + reach - 1, middle + reach - 1), fill=255)
    out = image.convert("RGBA")
    out.putalpha(mask.resize(image.size, Image.Resampling.BOX))
    return out


def initials_transparent(rng: Random, side: int) -> Image.Image:
    return cut_out(tile(rng, side, Text(rng.uniform(0.36, 0.48)), shape="square"))


# --- Silhouettes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """The proportions of a person, all as shares of the picture's side."""

    head: Point
    head_at: float
    shoulders: float
    shoulder_at: float
    foot: float
    neck: float
    form: str


def body_of(rng: Random, forms: Sequence[str] = ("dome", "block", "pill", "slope")) -> Body:
    """Pick a person's proportions."""
    wide = rng.uniform(0.13, 0.21)
    tall = wide * rng.choice((1.0, 1.0, rng.uniform(1.1, 1.35)))
    head_at = rng.uniform(0.3, 0.4)
    overlap = rng.choice((rng.uniform(0.02, 0.07), rng.uniform(-0.04, 0.0), rng.uniform(-0.08, -0.04)))
    neck = wide * rng.uniform(0.45, 0.7) if overlap < 0.03 and rng.random() < 0.4 else 0.0
    foot = rng.choice((1.1, 1.1, rng.uniform(0.82, 0.92)))
    return Body(
        (wide, tall), head_at, rng.uniform(1.7, 2.3) * wide, head_at + tall - overlap, foot, neck, rng.choice(forms)
    )


def trunk_points(body: Body) -> list[Point]:
    """Go round the trunk, from left to right."""
    wide, top, foot = body.shoulders, body.shoulder_at, body.foot
    if body.form == "dome":
        deep = min(foot, 1.0) - top
        around = [math.pi + math.pi * step / 60 for step in range(61)]
        points = [(0.5 + wide * math.cos(angle), top + deep + deep * math.sin(angle)) for angle in around]
    elif body.form == "block":
        corner = 0.5 * wide
        points = [(0.5 - wide + corner * (1 - math.cos(a)), top + corner * (1 - math.sin(a))) for a in arc_steps()]
        points += [(1 - x, y) for x, y in reversed(points)]
    elif body.form == "slope":
        points = [(0.5 - wide, top + 0.26), (0.5 - wide * 0.93, top + 0.14), (0.5 - wide * 0.75, top + 0.09)]
        points += [(0.5 - wide * 0.3, top + 0.03), (0.5 - wide * 0.2, top)]
        points += [(1 - x, y) for x, y in reversed(points)]
    else:
        deep = min(0.5 * wide, (min(foot, 1.0) - top) / 2)
        points = [(0.5 - wide + deep * (1 - math.cos(a)), top + deep * (1 - math.sin(a))) for a in arc_steps()]
        points += [(1 - x, y) for x, y in reversed(points)]
        if foot < 1:
            below = [(x, foot - (y - top)) for x, y in reversed(points)]
            return points + below
    return [(points[0][0], foot), *points, (points[-1][0], foot)]


def arc_steps() -> list[float]:
    """Make the angles of a quarter of a circle."""
    return [math.pi / 2 * step / 20 for step in range(21)]


def person(canvas: Canvas, body: Body, fill: Colour, trunk: Colour | None = None) -> None:
    """Draw a head, a neck if there is one, and a trunk."""
    if body.neck:
        bottom = body.shoulder_at + 0.08
        canvas.box((0.5 - body.neck, body.head_at, 0.5 + body.neck, bottom), fill, body.neck * 0.2)
    canvas.shape(trunk_points(body), trunk or fill)
    canvas.disc(0.5, body.head_at, *body.head, fill)


def silhouette_colours(rng: Random) -> tuple[Colour, Colour]:
    """Pick a ground and a figure: greys as a rule, light or dark, or a service's colour."""
    kind = rng.random()
    if kind < 0.4:
        if rng.random() < 0.5:
            return rgb(rng.choice(GREYS[1:5])), WHITE
        return rgb(rng.choice(GREYS[:4])), rgb(rng.choice(GREYS[5:]))
    if kind < 0.6:
        return WHITE, rgb(rng.choice(GREYS[2:]))
    if kind < 0.75:
        return rgb(rng.choice(GREYS[3:])), WHITE
    if kind < 0.9:
        return rgb(rng.choice(SATURATED + MATERIAL)), WHITE
    ground, ink = rng.choice(PASTEL_PAIRS)
    return rgb(ground), rgb(ink)


def silhouette_plain(rng: Random, side: int) -> Image.Image:
    ground, fill = silhouette_colours(rng)
    canvas = Canvas(side, ground)
    person(canvas, body_of(rng), fill)
    return canvas.done()


def in_disc(canvas: Canvas, inner: Canvas, radius: float) -> None:
    """Show a drawing through a round window."""
    mask = Image.new("L", (canvas.px, canvas.px))
    low, high = (0.5 - radius) * canvas.px, (0.5 + radius) * canvas.px
    ImageDraw.Draw(mask).ellipse((low, low, high, high), fill=255)
    canvas.image.paste(inner.image, (0, 0), mask)


def silhouette_in_disc(rng: Random, side: int) -> Image.Image:
    ground, fill = silhouette_colours(rng)
    around = WHITE if luminance(ground) < 250 else rgb(rng.choice(GREYS[1:4]))
    canvas, inner = Canvas(side, around), Canvas(side, ground)
    person(inner, body_of(rng), fill)
    in_disc(canvas, inner, rng.uniform(0.4, 0.5))
    return canvas.done()


def silhouette_icon(rng: Random, side: int) -> Image.Image:
    """A small solid person floating in the middle of a tile, as icon sets have it."""
    ground, fill = silhouette_colours(rng)
    disc = rng.random() < 0.5
    canvas = Canvas(side, WHITE if disc and luminance(ground) < 250 else ground)
    if disc:
        canvas.disc(0.5, 0.5, 0.5, None, ground)
    head, form = rng.uniform(0.09, 0.13), rng.choice(("dome", "pill", "block"))
    body = Body((head, head), 0.36, head * rng.uniform(1.6, 2.2), 0.36 + head + rng.uniform(0.03, 0.06), 0.76, 0, form)
    person(canvas, body, fill)
    return canvas.done()


def silhouette_outline(rng: Random, side: int) -> Image.Image:
    ground, ink = silhouette_colours(rng)
    canvas = Canvas(side, ground)
    width = rng.uniform(0.02, 0.05)
    if rng.random() < 0.4:
        canvas.ring(0.5, 0.5, rng.uniform(0.42, 0.48), None, width, ink)
        body = Body((0.13, 0.13), 0.38, 0.25, 0.57, 0.79, 0, "dome")
    else:
        body = body_of(rng, ("dome", "pill"))
        body = Body(body.head, body.head_at, body.shoulders, body.head_at + body.head[1] + width, 0.9, 0, body.form)
    points = trunk_points(body)
    canvas.stroke([*points, points[0]] if rng.random() < 0.7 else points[1:-1], width, ink)
    canvas.ring(0.5, body.head_at, body.head[0], body.head[1], width, ink)
    return canvas.done()


def silhouette_two_tone(rng: Random, side: int) -> Image.Image:
    ground, fill = silhouette_colours(rng)
    trunk = mix(fill, rng.choice((ground, BLACK)), rng.uniform(0.25, 0.5))
    canvas = Canvas(side, ground)
    person(canvas, body_of(rng), fill, trunk)
    return canvas.done()


def silhouette_framed(rng: Random, side: int) -> Image.Image:
    ground, fill = silhouette_colours(rng)
    canvas = Canvas(side, ground)
    person(canvas, body_of(rng), fill)
    width = rng.uniform(0.01, 0.06)
    canvas.frame((0, 0, 1, 1), width, rng.choice((WHITE, BLACK, mix(ground, BLACK, 0.3))))
    return canvas.done()


def silhouette_gradient(rng: Random, side: int) -> Image.Image:
    ground, fill = silhouette_colours(rng)
    other = mix(ground, rng.choice((BLACK, WHITE)) if luminance(ground) < 220 else BLACK, rng.uniform(0.1, 0.35))
    canvas = Canvas(side, gradient(ground, other, math.pi / 2) if rng.random() < 0.6 else radial(ground, other))
    if abs(luminance(fill) - (luminance(ground) + luminance(other)) / 2) < 40:
        fill = mix(ground, BLACK, 0.6)
    person(canvas, body_of(rng), fill)
    return canvas.done()


def silhouette_hair(rng: Random, side: int) -> Image.Image:
    """A bust with hair or with a collar, such as old forums and intranets had."""
    ground, fill = silhouette_colours(rng)
    canvas = Canvas(side, ground)
    body = body_of(rng, ("dome", "slope"))
    wide, tall = body.head
    kind = rng.randrange(3)
    if kind == 0:  # a bob, down to the shoulders
        reach = wide * rng.uniform(1.15, 1.4)
        top = body.head_at - tall * 1.1
        canvas.box((0.5 - reach, top, 0.5 + reach, body.head_at + tall * rng.uniform(0.7, 1.1)), fill, reach * 0.8)
    elif kind == 1:  # a bun
        canvas.disc(0.5, body.head_at - tall * 1.05, wide * 0.45, None, fill)
    person(canvas, body, fill)
    if kind == 2:  # an open collar, in the ground's colour
        top = body.shoulder_at + 0.03
        canvas.shape([(0.5 - wide * 0.4, top), (0.5 + wide * 0.4, top), (0.5, top + 0.16)], ground)
    return canvas.done()


def silhouette_faint(rng: Random, side: int) -> Image.Image:
    ground = mix(rgb(rng.choice(GREYS[:5])), any_colour(rng), rng.uniform(0, 0.2))
    canvas = Canvas(side, ground)
    person(canvas, body_of(rng), mix(ground, WHITE if luminance(ground) < 225 else BLACK, rng.uniform(0.12, 0.35)))
    return canvas.done()


def silhouette_enlarged(rng: Random, side: int) -> Image.Image:
    small = silhouette_plain(rng, rng.choice((48, 64, 96)))
    return decode(encode(small, "JPEG", 85)).resize((side, side), Image.Resampling.BICUBIC)


def silhouette_transparent(rng: Random, side: int) -> Image.Image:
    fill = rgb(rng.choice(GREYS[4:] + SATURATED))
    canvas = Canvas(side, (*fill, 0))
    person(canvas, body_of(rng), fill)
    return canvas.done()


def silhouette_transparent_disc(rng: Random, side: int) -> Image.Image:
    return cut_out(silhouette_plain(rng, side))


# --- Blanks ---------------------------------------------------------------------------------------------------------


def blank_ground(rng: Random) -> Colour:
    """Pick white, black, a grey or any colour."""
    return rng.choice((WHITE, BLACK, rgb(rng.choice(GREYS)), any_colour(rng), any_colour(rng, (10, 100), (5, 95))))


def blank_uniform(rng: Random, side: int) -> Image.Image:
    return Image.new("RGB", (side, side), blank_ground(rng))


def blank_noisy(rng: Random, side: int) -> Image.Image:
    noisy = grain(Image.new("RGB", (side, side), blank_ground(rng)), rng, rng.uniform(0.5, 2.5))
    return decode(encode(noisy, "JPEG", rng.choice((50, 75, 90))))


def blank_gradient(rng: Random, side: int) -> Image.Image:
    ground = blank_ground(rng)
    other = mix(ground, WHITE if luminance(ground) < 128 else BLACK, rng.uniform(0.02, 0.08))
    made = gradient(ground, other, rng.uniform(0, 6)) if rng.random() < 0.7 else radial(ground, other)
    return made.resize((side, side), Image.Resampling.BICUBIC)


def blank_transparent(rng: Random, side: int) -> Image.Image:
    return Image.new("RGBA", (side, side), (*rng.choice((WHITE, BLACK, any_colour(rng))), 0))


def blank_border(rng: Random, side: int) -> Image.Image:
    ground = blank_ground(rng)
    image = Image.new("RGB", (side, side), ground)
    ImageDraw.Draw(image).rectangle((0, 0, side - 1, side - 1), outline=far_colour(rng, ground, 40), width=1)
    return image


def blank_disc(rng: Random, side: int) -> Image.Image:
    return cut_out(Image.new("RGB", (side, side), any_colour(rng)))


# --- Portraits ------------------------------------------------------------------------------------------------------


class Portraits:
    """The second half of a folder's portraits, in a fixed but mixed order: the first half was learned from."""

    def __init__(self, folder: Path):
        kinds = {".jpg", ".jpeg", ".png", ".webp"}
        files = sorted(x for x in folder.glob("*") if x.suffix.lower() in kinds) if folder.is_dir() else []
        self.files = files[len(files) // 2 :]
        Random(SEED).shuffle(self.files)
        self.open = lru_cache(maxsize=2)(self._open)

    def _open(self, path: Path) -> Image.Image:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        side = min(upright.size)
        return ImageOps.fit(upright, (side, side), Image.Resampling.LANCZOS, centering=(0.5, 0.3))

    def get(self, rng: Random, side: int) -> Image.Image:
        return self.open(rng.choice(self.files)).resize((side, side), Image.Resampling.LANCZOS)

    def draws(self) -> dict[str, Draw]:
        """Name the ways in which portraits are shown."""

        def altered(change: Callable[[Image.Image, Random], Image.Image]) -> Draw:
            def draw(rng: Random, side: int) -> Image.Image:
                return change(self.get(rng, side), rng)

            return draw

        def framed(rng: Random, side: int) -> Image.Image:
            return within(rng, side, lambda inner: self.get(rng, inner), rng.uniform(0.5, 0.8))

        return {
            "portrait.colour": altered(lambda image, _: image),
            "portrait.grey": altered(lambda image, _: image.convert("L")),
            "portrait.high_key": altered(high_key),
            "portrait.white_out": altered(white_out),
            "portrait.in_disc": altered(portrait_in_disc),
            "portrait.transparent_disc": altered(lambda image, _: cut_out(image)),
            "portrait.soft_oval": altered(soft_oval),
            "portrait.in_margin": framed,
            "portrait.dark": altered(dark),
            "portrait.blurred": altered(
                lambda i, rng: i.filter(ImageFilter.GaussianBlur(i.width * rng.uniform(0.015, 0.05)))
            ),
            "portrait.low_contrast": altered(low_contrast),
            "portrait.duotone": altered(duotone),
            "portrait.poster": altered(poster),
            "portrait.stencil": altered(stencil),
        }


def high_key(image: Image.Image, rng: Random) -> Image.Image:
    """Overexpose."""
    gain, lift = rng.uniform(1.3, 1.9), rng.uniform(10, 50)
    return image.point(lambda value: min(255, value * gain + lift))


def white_out(image: Image.Image, rng: Random) -> Image.Image:
    """Keep a face and lose what is around it in white."""
    oval = Image.new("L", image.size)
    side, reach = image.width, rng.uniform(0.3, 0.4)
    low, high, top, foot = 0.5 - reach, 0.5 + reach, 0.45 - reach * 1.15, 0.45 + reach * 1.2
    ImageDraw.Draw(oval).ellipse((low * side, top * side, high * side, foot * side), fill=255)
    oval = oval.filter(ImageFilter.GaussianBlur(side * 0.05))
    return Image.composite(high_key(image, rng), Image.new("RGB", image.size, WHITE), oval)


def portrait_in_disc(image: Image.Image, rng: Random) -> Image.Image:
    ground = Image.new("RGBA", image.size, rng.choice((WHITE, BLACK, any_colour(rng))))
    ground.alpha_composite(cut_out(image, rng.uniform(0.25, 0.5)))
    return ground.convert("RGB")


def soft_oval(image: Image.Image, rng: Random) -> Image.Image:
    """Set a head into a flat ground, as tools that remove the background do."""
    mask = Canvas(image.width, BLACK)
    reach = rng.uniform(0.2, 0.28)
    mask.disc(0.5, 0.42, reach, reach * 1.3, WHITE)
    mask.disc(0.5, 1.0, reach * 1.8, 0.36, WHITE)
    soft = mask.done().convert("L").filter(ImageFilter.GaussianBlur(image.width * 0.008))
    return Image.composite(image, Image.new("RGB", image.size, rng.choice((WHITE, any_colour(rng)))), soft)


def within(rng: Random, side: int, make: Callable[[int], Image.Image], share: float) -> Image.Image:
    """Put a picture in the middle of a flat ground."""
    ground = Image.new("RGB", (side, side), rng.choice((WHITE, WHITE, BLACK, any_colour(rng))))
    inner = round(side * share)
    ground.paste(make(inner), ((side - inner) // 2, (side - inner) // 2))
    return ground


def dark(image: Image.Image, rng: Random) -> Image.Image:
    share = rng.uniform(0.08, 0.25)
    return image.point(lambda value: value * share)


def low_contrast(image: Image.Image, rng: Random) -> Image.Image:
    ground = rng.choice((WHITE, (128, 128, 128), BLACK))
    return Image.blend(Image.new("RGB", image.size, ground), image, rng.uniform(0.08, 0.2))


def duotone(image: Image.Image, rng: Random) -> Image.Image:
    low = any_colour(rng, lightness=(10, 30))
    return ImageOps.colorize(ImageOps.autocontrast(image.convert("L")), low, mix(any_colour(rng), WHITE, 0.7))


def poster(image: Image.Image, rng: Random) -> Image.Image:
    """Reduce a portrait to a few flat tones."""
    smooth = image.filter(ImageFilter.GaussianBlur(image.width / 100))
    return ImageOps.posterize(ImageEnhance.Color(smooth).enhance(rng.uniform(0.5, 2)), 2)


def stencil(image: Image.Image, rng: Random) -> Image.Image:
    """Cut a portrait in two tones."""
    grey = ImageOps.autocontrast(image.convert("L").filter(ImageFilter.GaussianBlur(image.width / 80)))
    level = float(np.percentile(np.asarray(grey), rng.uniform(35, 65)))
    level = min(max(level, 25), 230)  # so that what is burnt out or black does not swallow everything
    two = grey.point(lambda value: max(0.0, min(255.0, (value - level) * 12 + 128)))
    return ImageOps.colorize(two, any_colour(rng, lightness=(5, 30)), mix(any_colour(rng), WHITE, 0.8))


# --- Logos, signs, flags --------------------------------------------------------------------------------------------


def logo_colours(rng: Random) -> tuple[Colour, Colour]:
    """Pick a ground and a mark's colour."""
    ground = rng.choice((WHITE, WHITE, BLACK, any_colour(rng)))
    return ground, far_colour(rng, ground)


def regular(count: int, radius: float, turn: float = -math.pi / 2, inner: float = 1, y: float = 0.5) -> list[Point]:
    """Go round a regular polygon, or a star."""
    steps = range(count * 2)
    return [
        (
            0.5 + radius * (inner if step % 2 else 1) * math.cos(turn + math.pi * step / count),
            y + radius * (inner if step % 2 else 1) * math.sin(turn + math.pi * step / count),
        )
        for step in steps
        if inner != 1 or step % 2 == 0
    ]


def logo_geometric(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    second = any_colour(rng)
    canvas = Canvas(side, ground)
    kind = rng.randrange(8)
    if kind == 0:
        canvas.shape(regular(3, 0.38), fill)
        canvas.shape(regular(3, 0.18, math.pi / 2, y=0.52), ground)
    elif kind == 1:
        for place in range(3):
            x = 0.2 + 0.18 * place
            canvas.shape([(x, 0.2), (x + 0.12, 0.2), (x + 0.28, 0.5), (x + 0.12, 0.8), (x, 0.8), (x + 0.16, 0.5)], fill)
    elif kind == 2:
        canvas.disc(0.4, 0.5, 0.24, None, fill)
        canvas.ring(0.62, 0.5, 0.24, None, 0.05, second)
    elif kind == 3:
        for row in range(2):
            for column in range(2):
                x, y = 0.2 + 0.31 * column, 0.2 + 0.31 * row
                canvas.box((x, y, x + 0.28, y + 0.28), (fill, second)[(row + column) % 2], rng.choice((0, 0.05)))
    elif kind == 4:
        canvas.shape(regular(6, 0.38), fill)
        for corner in regular(6, 0.38)[::2]:
            canvas.stroke([(0.5, 0.5), (1 - corner[0], 1 - corner[1])], 0.03, ground)
    elif kind == 5:
        canvas.arc((0.18, 0.18, 0.82, 0.82), 40, 320, 0.12, fill)
        canvas.disc(0.5, 0.5, 0.12, None, second)
    elif kind == 6:
        for step in range(4):
            height = 0.15 + 0.15 * step
            canvas.box((0.2 + 0.16 * step, 0.8 - height, 0.32 + 0.16 * step, 0.8), fill if step < 3 else second)
    else:
        canvas.stroke([(0.22, 0.52), (0.42, 0.72), (0.78, 0.3)], 0.12, fill)
    return canvas.done()


def logo_wordmark(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    vowels, rest = "aeiou", "bcdfghklmnprstvz"
    word = "".join(rng.choice(rest if place % 2 == 0 else vowels) for place in range(rng.randint(4, 8)))
    word = rng.choice((word, word.title(), word.upper()))
    text = Text(
        rng.uniform(0.18, 0.4), rng.choice(("regular", "bold", "serif", "italic")), widest=rng.uniform(0.7, 0.95)
    )
    canvas.paint(text_mask(canvas, word, text, rng), fill)
    if rng.random() < 0.5:
        canvas.stroke([(0.15, 0.68), (0.85, 0.68)], 0.02, any_colour(rng))
    return canvas.done()


def logo_abbreviation(rng: Random, side: int) -> Image.Image:
    """Three or four capitals: a firm's or a club's, larger than initials and as wide as the picture."""
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    letters = "".join(rng.choices(LATIN, k=rng.randint(3, 4)))
    canvas.paint(text_mask(canvas, letters, Text(0.5, "bold", widest=rng.uniform(0.75, 0.95)), rng), fill)
    return canvas.done()


def logo_star(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    points = rng.choice((4, 5, 5, 6, 8, 12))
    canvas.shape(regular(points, rng.uniform(0.25, 0.45), inner=rng.uniform(0.35, 0.6)), fill)
    if rng.random() < 0.3:
        canvas.ring(0.5, 0.5, 0.48, None, 0.03, fill)
    return canvas.done()


def shield(low: float, high: float, top: float, foot: float) -> list[Point]:
    """Go round a shield."""
    sides = [
        (high - (high - 0.5) * (step / 20) ** 2, top + (foot - top) * (0.45 + 0.55 * step / 20)) for step in range(21)
    ]
    return [(low, top), (high, top), *sides, *[(low + high - x, y) for x, y in reversed(sides)]]


def logo_shield(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    canvas.shape(shield(0.18, 0.82, 0.12, 0.9), fill)
    inside, kind = far_colour(rng, fill), rng.randrange(4)
    if kind == 0:
        canvas.shape(regular(5, 0.18, inner=0.45, y=0.45), inside)
    elif kind == 1:
        canvas.shape([(0.18, 0.5), (0.5, 0.28), (0.82, 0.5), (0.82, 0.62), (0.5, 0.4), (0.18, 0.62)], inside)
    elif kind == 2:
        canvas.box((0.45, 0.12, 0.55, 0.86), inside)
        canvas.box((0.18, 0.36, 0.82, 0.46), inside)
    else:
        canvas.shape(shield(0.24, 0.76, 0.18, 0.82), inside)
        canvas.stroke([(0.36, 0.46), (0.47, 0.58), (0.64, 0.34)], 0.06, fill)
    return canvas.done()


def logo_gradient(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, rng.choice((WHITE, BLACK)))
    mask = Canvas(side, BLACK)
    kind = rng.randrange(4)
    if kind == 0:
        mask.box((0.15, 0.15, 0.85, 0.85), WHITE, 0.2)
        mask.ring(0.5, 0.5, 0.2, None, 0.06, BLACK)
        mask.disc(0.68, 0.32, 0.04, None, BLACK)
    elif kind == 1:
        mask.shape(regular(6, 0.4), WHITE)
        mask.shape(regular(6, 0.2), BLACK)
    elif kind == 2:
        mask.disc(0.5, 0.5, 0.4, None, WHITE)
        mask.shape([(0.42, 0.34), (0.7, 0.5), (0.42, 0.66)], BLACK)
    else:
        mask.disc(0.5, 0.5, 0.4, None, WHITE)
        mask.disc(0.62, 0.42, 0.34, None, BLACK)
    ground = gradient(any_colour(rng), any_colour(rng), rng.uniform(0, 6)).resize((canvas.px, canvas.px))
    canvas.image.paste(ground, (0, 0), mask.image.convert("L"))
    return canvas.done()


def logo_picture(rng: Random, side: int) -> Image.Image:
    """A solid figure in one colour: leaf, drop, heart, house, cup, tree, crown, bolt."""
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    kind = rng.randrange(8)
    if kind == 0:
        canvas.slice((0.1, 0.1, 1.3, 1.3), 180, 270, fill)
        canvas.slice((-0.3, -0.3, 0.9, 0.9), 0, 90, fill)
        canvas.stroke([(0.2, 0.85), (0.7, 0.3)], 0.02, ground)
    elif kind == 1:
        canvas.disc(0.5, 0.62, 0.24, None, fill)
        canvas.shape([(0.5, 0.12), (0.29, 0.5), (0.71, 0.5)], fill)
    elif kind == 2:
        canvas.disc(0.36, 0.38, 0.18, None, fill)
        canvas.disc(0.64, 0.38, 0.18, None, fill)
        canvas.shape([(0.205, 0.47), (0.5, 0.85), (0.795, 0.47), (0.5, 0.36)], fill)
    elif kind == 3:
        canvas.shape([(0.12, 0.5), (0.5, 0.16), (0.88, 0.5)], fill)
        canvas.box((0.24, 0.48, 0.76, 0.84), fill)
        canvas.box((0.44, 0.6, 0.56, 0.84), ground)
    elif kind == 4:
        canvas.box((0.24, 0.36, 0.64, 0.78), fill, 0.06)
        canvas.ring(0.66, 0.54, 0.13, None, 0.05, fill)
        for x in (0.34, 0.44, 0.54):
            canvas.stroke([(x, 0.2), (x + 0.03, 0.25), (x, 0.3)], 0.02, fill)
    elif kind == 5:
        for top in (0.12, 0.28, 0.44):
            canvas.shape([(0.5, top), (0.5 - top * 0.5 - 0.12, top + 0.3), (0.5 + top * 0.5 + 0.12, top + 0.3)], fill)
        canvas.box((0.45, 0.72, 0.55, 0.88), fill)
    elif kind == 6:
        canvas.shape(
            [(0.18, 0.75), (0.14, 0.3), (0.34, 0.52), (0.5, 0.22), (0.66, 0.52), (0.86, 0.3), (0.82, 0.75)], fill
        )
    else:
        canvas.shape([(0.56, 0.1), (0.28, 0.54), (0.47, 0.54), (0.4, 0.9), (0.72, 0.42), (0.52, 0.42)], fill)
    return canvas.done()


def logo_person_like(rng: Random, side: int) -> Image.Image:
    """A mark that has something of a bust: bulb, pin, keyhole, pawn, bell, balloon, mushroom, medal."""
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    kind = rng.randrange(8)
    if kind == 0:
        canvas.disc(0.5, 0.38, 0.24, None, fill)
        canvas.shape([(0.34, 0.5), (0.66, 0.5), (0.59, 0.72), (0.41, 0.72)], fill)
        for y in (0.75, 0.81):
            canvas.box((0.41, y, 0.59, y + 0.04), fill, 0.02)
    elif kind == 1:
        canvas.disc(0.5, 0.38, 0.25, None, fill)
        canvas.shape([(0.27, 0.46), (0.73, 0.46), (0.5, 0.9)], fill)
        canvas.disc(0.5, 0.38, 0.1, None, ground)
    elif kind == 2:
        canvas.disc(0.5, 0.36, 0.15, None, fill)
        canvas.shape([(0.44, 0.4), (0.56, 0.4), (0.64, 0.8), (0.36, 0.8)], fill)
    elif kind == 3:
        canvas.disc(0.5, 0.26, 0.12, None, fill)
        canvas.box((0.36, 0.37, 0.64, 0.42), fill, 0.02)
        canvas.shape([(0.44, 0.4), (0.56, 0.4), (0.63, 0.76), (0.37, 0.76)], fill)
        canvas.box((0.28, 0.76, 0.72, 0.88), fill, 0.03)
    elif kind == 4:
        canvas.disc(0.5, 0.4, 0.22, None, fill)
        canvas.shape([(0.28, 0.4), (0.72, 0.4), (0.8, 0.74), (0.2, 0.74)], fill)
        canvas.disc(0.5, 0.8, 0.07, None, fill)
    elif kind == 5:
        canvas.disc(0.5, 0.36, 0.22, 0.27, fill)
        canvas.shape([(0.5, 0.6), (0.45, 0.68), (0.55, 0.68)], fill)
        canvas.stroke([(0.5, 0.68), (0.47, 0.78), (0.52, 0.88), (0.5, 0.95)], 0.015, fill)
    elif kind == 6:
        canvas.slice((0.16, 0.16, 0.84, 0.84), 180, 360, fill)
        canvas.box((0.4, 0.5, 0.6, 0.84), fill, 0.04)
    else:
        canvas.shape([(0.36, 0.5), (0.64, 0.5), (0.7, 0.9), (0.5, 0.8), (0.3, 0.9)], fill)
        canvas.disc(0.5, 0.36, 0.24, None, fill)
        canvas.shape(regular(5, 0.14, inner=0.45, y=0.36), ground)
    return canvas.done()


def logo_badge(rng: Random, side: int) -> Image.Image:
    """A round seal with letters or teeth round its rim and a mark within."""
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    canvas.shape(regular(24, 0.48, inner=0.93), fill)
    inside = far_colour(rng, fill)
    canvas.ring(0.5, 0.5, 0.4, None, 0.015, inside)
    canvas.ring(0.5, 0.5, 0.27, None, 0.015, inside)
    for step in range(0, 360, 15):
        x, y = 0.5 + 0.335 * math.cos(math.radians(step)), 0.5 + 0.335 * math.sin(math.radians(step))
        canvas.box((x - 0.02, y - 0.03, x + 0.02, y + 0.03), inside)
    canvas.shape(regular(rng.choice((3, 5, 6)), 0.17, inner=rng.choice((0.45, 0.6))), inside)
    return canvas.done()


def flag(rng: Random, side: int) -> Image.Image:
    one, two, three = any_colour(rng), rng.choice((WHITE, any_colour(rng))), any_colour(rng)
    canvas = Canvas(side, one)
    kind = rng.randrange(8)
    if kind < 2:
        for place, colour in enumerate((one, two, three)):
            low, high = place / 3, (place + 1) / 3
            canvas.box((low, 0, high, 1) if kind else (0, low, 1, high), colour)
    elif kind == 2:
        canvas.box((0, 0.4, 1, 0.6), WHITE)
        canvas.box((0.28, 0, 0.46, 1), WHITE)
    elif kind == 3:
        canvas = Canvas(side, WHITE)
        canvas.disc(0.5, 0.5, 0.3, None, one)
    elif kind == 4:
        canvas.box((0.41, 0.2, 0.59, 0.8), WHITE)
        canvas.box((0.2, 0.41, 0.8, 0.59), WHITE)
    elif kind == 5:
        canvas.disc(0.45, 0.5, 0.27, None, WHITE)
        canvas.disc(0.52, 0.5, 0.22, None, one)
        canvas.shape([(x + 0.17, y) for x, y in regular(5, 0.1, inner=0.4)], WHITE)
    elif kind == 6:
        canvas.box((0, 0.5, 1, 1), two)
        canvas.shape([(0, 0), (0.5, 0.5), (0, 1)], three)
    else:
        for place in range(7):
            canvas.box((0, place / 7, 1, (place + 1) / 7), one if place % 2 == 0 else WHITE)
        canvas.box((0, 0, 0.45, 4 / 7), three)
    return canvas.done()


def pattern(rng: Random, side: int) -> Image.Image:
    """A pattern as of a machine-read code, with or without its three corners."""
    ground, ink = rng.choice(((WHITE, BLACK), (WHITE, any_colour(rng, lightness=(10, 40)))))
    canvas = Canvas(side, ground)
    count = rng.choice((5, 7, 21, 25, 33))
    margin = rng.choice((0.05, 0.1, 0.15))
    cell = (1 - 2 * margin) / count
    mirrored = count < 10
    bits = [[rng.random() < 0.5 for _ in range(count)] for _ in range(count)]
    for row in range(count):
        for column in range(count):
            if bits[row][min(column, count - 1 - column) if mirrored else column]:
                x, y = margin + column * cell, margin + row * cell
                canvas.box((x, y, x + cell, y + cell), ink)
    if not mirrored:
        for column, row in ((0, 0), (count - 7, 0), (0, count - 7)):
            x, y = margin + column * cell, margin + row * cell
            canvas.box((x - cell, y - cell, x + 8 * cell, y + 8 * cell), ground)
            canvas.box((x, y, x + 7 * cell, y + 7 * cell), ink)
            canvas.box((x + cell, y + cell, x + 6 * cell, y + 6 * cell), ground)
            canvas.box((x + 2 * cell, y + 2 * cell, x + 5 * cell, y + 5 * cell), ink)
    return canvas.done()


# --- Drawn heads and things -----------------------------------------------------------------------------------------


def face(canvas: Canvas, rng: Random, x: float, y: float, reach: float, ink: Colour) -> None:
    """Draw eyes and a mouth."""
    apart, size = reach * rng.uniform(0.35, 0.5), reach * rng.uniform(0.08, 0.18)
    white = rng.random() < 0.4
    for sign in (-1, 1):
        if white:
            canvas.disc(x + sign * apart, y - reach * 0.12, size * 1.8, None, WHITE)
        canvas.disc(x + sign * apart, y - reach * 0.12, size, size * rng.choice((1, 1.4)), ink)
    wide = reach * rng.uniform(0.3, 0.5)
    box = (x - wide, y + reach * 0.05, x + wide, y + reach * 0.05 + wide * 1.3)
    if rng.random() < 0.6:
        canvas.arc(box, 20, 160, reach * 0.09, ink)
    else:
        canvas.stroke([(x - wide, y + reach * 0.5), (x + wide, y + reach * 0.5)], reach * 0.09, ink)


def cartoon_person(rng: Random, side: int) -> Image.Image:
    canvas = Canvas(side, mix(any_colour(rng), WHITE, rng.uniform(0, 0.7)))
    skin = rgb(rng.choice(("ffdbac", "f1c27d", "e0ac69", "c68642", "8d5524", "5c3a1e")))
    hair = rgb(rng.choice(("1c1c1c", "4a2f1b", "8b5a2b", "d9b36c", "b55239", "9a9a9a")))
    body = body_of(rng, ("dome", "slope", "block"))
    wide, tall = body.head
    if rng.random() < 0.4:
        canvas.box(
            (0.5 - wide * 1.25, body.head_at - tall * 1.15, 0.5 + wide * 1.25, body.head_at + tall * 1.1), hair, wide
        )
    person(canvas, body, skin, any_colour(rng))
    top = body.head_at - tall * 1.12
    canvas.slice((0.5 - wide * 1.1, top, 0.5 + wide * 1.1, body.head_at + tall * 0.9), 190, 350, hair)
    face(canvas, rng, 0.5, body.head_at + tall * 0.2, wide, BLACK)
    return canvas.done()


def cartoon_one_colour(rng: Random, side: int) -> Image.Image:
    """A bust of one colour like a silhouette, but with eyes and a mouth: somebody's drawing."""
    ground, fill = silhouette_colours(rng)
    canvas = Canvas(side, ground)
    body = body_of(rng)
    person(canvas, body, fill)
    face(canvas, rng, 0.5, body.head_at, body.head[0], ground)
    return canvas.done()


def cartoon_smiley(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    reach = rng.uniform(0.3, 0.46)
    canvas.disc(0.5, 0.5, reach, None, fill)
    face(canvas, rng, 0.5, 0.47, reach, ground)
    return canvas.done()


def cartoon_robot(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    canvas.box((0.24, 0.28, 0.76, 0.72), fill, rng.uniform(0.02, 0.15))
    canvas.stroke([(0.5, 0.28), (0.5, 0.16)], 0.03, fill)
    canvas.disc(0.5, 0.14, 0.04, None, any_colour(rng))
    face(canvas, rng, 0.5, 0.48, 0.28, ground)
    canvas.box((0.3, 0.78, 0.7, 1.0), fill, 0.05)
    return canvas.done()


def cartoon_animal(rng: Random, side: int) -> Image.Image:
    ground, fill = logo_colours(rng)
    canvas = Canvas(side, ground)
    for sign in (-1, 1):
        if rng.random() < 0.6:
            canvas.shape([(0.5 + sign * 0.3, 0.1), (0.5 + sign * 0.06, 0.34), (0.5 + sign * 0.33, 0.46)], fill)
        else:
            canvas.disc(0.5 + sign * 0.24, 0.26, 0.13, None, fill)
    canvas.disc(0.5, 0.54, 0.33, 0.29, fill)
    face(canvas, rng, 0.5, 0.54, 0.3, ground)
    return canvas.done()


def pet(rng: Random, side: int) -> Image.Image:
    """A furry head before a blurred room or meadow."""
    big = 320
    low, high = any_colour(rng, (5, 40), (10, 50)), any_colour(rng, (5, 40), (40, 85))
    scene = textured(any_colour(rng, (10, 60)), any_colour(rng, (10, 60)), clouds(rng, big, 12))
    fur = textured(low, high, clouds(rng, big, 160, 0.85))
    shape = Canvas(big, BLACK)
    for sign in (-1, 1):
        shape.shape([(0.5 + sign * 0.3, 0.08), (0.5 + sign * 0.05, 0.3), (0.5 + sign * 0.32, 0.45)], WHITE)
    shape.disc(0.5, 0.5, 0.33, 0.3, WHITE)
    shape.disc(0.5, 1.0, 0.4, 0.35, WHITE)
    mask = shape.done().convert("L").filter(ImageFilter.GaussianBlur(3))
    scene.paste(fur, (0, 0), mask)
    canvas = Canvas(big, scene)
    for sign in (-1, 1):
        canvas.disc(0.5 + sign * 0.13, 0.46, 0.055, 0.06, any_colour(rng, lightness=(40, 60)))
        canvas.disc(0.5 + sign * 0.13, 0.46, 0.025, 0.05, BLACK)
        canvas.disc(0.5 + sign * 0.13 + 0.015, 0.44, 0.01, None, WHITE)
    canvas.shape([(0.45, 0.57), (0.55, 0.57), (0.5, 0.62)], rgb("b06a6a"))
    return grain(canvas.done(), rng, 4).resize((side, side), Image.Resampling.LANCZOS)


def landscape(rng: Random, side: int) -> Image.Image:
    big = 320
    sky = gradient(any_colour(rng, (40, 80), (30, 60)), mix(any_colour(rng), WHITE, 0.6), math.pi / 2, big)
    if rng.random() < 0.5:
        puffs = Image.fromarray((np.clip(clouds(rng, big) * 2 - 1, 0, 1) * 255).astype(np.uint8))
        sky.paste(WHITE, (0, 0), puffs)
    canvas = Canvas(big, sky)
    if rng.random() < 0.5:
        canvas.disc(rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.45), rng.uniform(0.04, 0.1), None, rgb("fff2c4"))
    image = canvas.done()
    for layer in range(rng.randint(1, 3)):
        line, base = clouds(rng, big, 48)[0], 0.5 + 0.14 * layer
        heights = (base + 0.25 * (line - 0.5)) * big
        rows = np.arange(big)[:, None]
        mask = Image.fromarray(((rows > heights[None, :]) * 255).astype(np.uint8))
        tone = any_colour(rng, (15, 50), (15, 45))
        ground = textured(tone, mix(tone, WHITE, 0.35), clouds(rng, big, 160, 0.8))
        image.paste(ground, (0, 0), mask)
    return grain(image, rng, 3).resize((side, side), Image.Resampling.LANCZOS)


def landscape_bare(rng: Random, side: int) -> Image.Image:
    """Little to see: a calm sea, fog, a sunset, a moon at night."""
    big, kind = 320, rng.randrange(4)
    if kind == 0:
        image = gradient(rgb("7fb2e5"), rgb("dfeefa"), math.pi / 2, big)
        waves = textured(rgb("27567f"), rgb("4d83ad"), clouds(rng, big, 160, 0.9))
        image.paste(waves.resize((big, big // 2)), (0, big - big // 3))
    elif kind == 1:
        image = textured(rgb("b9c0c4"), rgb("e3e6e8"), clouds(rng, big, 12))
    elif kind == 2:
        image = gradient(rgb("2b1b4d"), rgb("ff9a4d"), math.pi / 2, big)
        canvas = Canvas(big, image)
        canvas.disc(0.5, 0.7, 0.09, None, rgb("fff0b8"))
        canvas.box((0, 0.72, 1, 1), rgb("1a1220"))
        image = canvas.done()
    else:
        canvas = Canvas(big, rgb("070a14"))
        x, y, reach = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.6), rng.uniform(0.08, 0.2)
        canvas.disc(x, y, reach, None, WHITE)
        disc = canvas.done()
        seas = textured(rgb("b5b3a6"), rgb("f4f1e0"), clouds(rng, big, 48))
        image = Image.new("RGB", (big, big), rgb("070a14"))
        image.paste(seas, (0, 0), disc.convert("L"))
    return grain(image, rng, rng.uniform(1.5, 4)).resize((side, side), Image.Resampling.LANCZOS)


def photographed_object(rng: Random, side: int) -> Image.Image:
    """A shaded thing on a lit ground with its shadow: ball, mug, bottle, fruit, box."""
    big = 320
    wall = any_colour(rng, (3, 40), (45, 92))
    scene = radial(mix(wall, WHITE, 0.25), mix(wall, BLACK, 0.25), rng.uniform(0.3, 0.7), 0.3, 0.9)
    canvas = Canvas(big, scene)
    tone = any_colour(rng)
    shadow = Canvas(big, BLACK)
    shadow.disc(0.55, 0.82, 0.32, 0.07, WHITE)
    soft = shadow.done().convert("L").filter(ImageFilter.GaussianBlur(8)).point(lambda value: value * 0.5)
    scene = canvas.done()
    scene.paste(BLACK, (0, 0), soft)
    shape = Canvas(big, BLACK)
    kind = rng.randrange(5)
    if kind == 0:
        shape.disc(0.5, 0.54, 0.29, None, WHITE)
    elif kind == 1:
        shape.ring(0.72, 0.54, 0.14, None, 0.05, WHITE)
        shape.box((0.28, 0.28, 0.7, 0.82), WHITE, 0.04)
    elif kind == 2:
        shape.box((0.36, 0.4, 0.64, 0.84), WHITE, 0.05)
        shape.shape([(0.36, 0.45), (0.64, 0.45), (0.55, 0.28), (0.45, 0.28)], WHITE)
        shape.box((0.45, 0.12, 0.55, 0.3), WHITE, 0.01)
    elif kind == 3:
        shape.disc(0.42, 0.56, 0.2, 0.25, WHITE)
        shape.disc(0.58, 0.56, 0.2, 0.25, WHITE)
        shape.stroke([(0.5, 0.36), (0.53, 0.22)], 0.03, WHITE)
    else:
        shape.shape([(0.25, 0.4), (0.5, 0.3), (0.78, 0.4), (0.78, 0.76), (0.5, 0.86), (0.25, 0.76)], WHITE)
    light = radial(mix(tone, WHITE, 0.7), mix(tone, BLACK, 0.65), 0.38, 0.36, 0.5).resize((big, big))
    scene.paste(light, (0, 0), shape.done().convert("L").filter(ImageFilter.GaussianBlur(1)))
    return grain(scene, rng, rng.uniform(2, 5)).resize((side, side), Image.Resampling.LANCZOS)


# --- Running --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Generator:
    """Draws pictures of one sort."""

    name: str
    placeholder: bool
    draw: Draw


DRAWN: dict[str, Draw] = {
    "initials.m365_pastel": initials_m365_pastel,
    "initials.m365_saturated": initials_m365_saturated,
    "initials.google": initials_google,
    "initials.gravatar": initials_gravatar,
    "initials.slack": initials_slack,
    "initials.thin": initials_thin,
    "initials.heavy": initials_heavy,
    "initials.small": initials_small,
    "initials.large": initials_large,
    "initials.off_centre": initials_off_centre,
    "initials.dark_on_light": initials_dark_on_light,
    "initials.low_contrast": initials_low_contrast,
    "initials.gradient": initials_gradient,
    "initials.inset_disc": initials_inset_disc,
    "initials.ring": initials_ring,
    "initials.shadow": initials_shadow,
    "initials.faces": initials_faces,
    "initials.lower_case": initials_lower_case,
    "initials.narrow": initials_narrow,
    "initials.enlarged": initials_enlarged,
    "initials.transparent": initials_transparent,
    "silhouette.plain": silhouette_plain,
    "silhouette.in_disc": silhouette_in_disc,
    "silhouette.icon": silhouette_icon,
    "silhouette.outline": silhouette_outline,
    "silhouette.two_tone": silhouette_two_tone,
    "silhouette.framed": silhouette_framed,
    "silhouette.gradient": silhouette_gradient,
    "silhouette.hair": silhouette_hair,
    "silhouette.faint": silhouette_faint,
    "silhouette.enlarged": silhouette_enlarged,
    "silhouette.transparent": silhouette_transparent,
    "silhouette.transparent_disc": silhouette_transparent_disc,
    "blank.uniform": blank_uniform,
    "blank.noisy": blank_noisy,
    "blank.gradient": blank_gradient,
    "blank.transparent": blank_transparent,
    "blank.border": blank_border,
    "blank.disc": blank_disc,
    "logo.geometric": logo_geometric,
    "logo.wordmark": logo_wordmark,
    "logo.abbreviation": logo_abbreviation,
    "logo.star": logo_star,
    "logo.shield": logo_shield,
    "logo.gradient": logo_gradient,
    "logo.picture": logo_picture,
    "logo.person_like": logo_person_like,
    "logo.badge": logo_badge,
    "flag": flag,
    "pattern": pattern,
    "cartoon.person": cartoon_person,
    "cartoon.one_colour": cartoon_one_colour,
    "cartoon.smiley": cartoon_smiley,
    "cartoon.robot": cartoon_robot,
    "cartoon.animal": cartoon_animal,
    "pet": pet,
    "landscape": landscape,
    "landscape.bare": landscape_bare,
    "object": photographed_object,
}
SCRIPTS = {
    "cyrillic": CYRILLIC,
    "greek": GREEK,
    "hebrew": HEBREW,
    "arabic": ARABIC,
    "chinese": CHINESE,
    "devanagari": DEVANAGARI,
}
STAND_INS = ("initials.", "silhouette.", "blank.")


def generators(portraits: Portraits) -> list[Generator]:
    """List all generators, without scripts that no font has and without portraits if there are none."""
    scripts = {f"initials.{name}": script(letters) for name, letters in SCRIPTS.items() if drawable(letters)}
    draws = scripts | DRAWN | (portraits.draws() if portraits.files else {})
    return [Generator(name, name.startswith(STAND_INS), draw) for name, draw in draws.items()]


def encode(image: Image.Image, form: str, quality: int) -> bytes:
    """Write a picture; JPEG has no transparency, so it comes onto white."""
    out = io.BytesIO()
    if form == "PNG":
        image.save(out, "PNG", compress_level=1)
        return out.getvalue()
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (*WHITE, 255))
        ground.alpha_composite(image)
        image = ground.convert("RGB")
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    """Read a picture."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@dataclass(frozen=True)
class Sample:
    """One encoded picture."""

    index: int
    side: int
    form: str
    quality: int
    data: bytes


def samples(generator: Generator, count: int, quick: bool) -> Iterator[Sample]:
    """Draw a generator's pictures in all sizes and encodings; the same number is the same picture."""
    for index in range(count):
        quality_of = Random(f"{SEED}:{generator.name}:{index}:quality")
        for side in SIZES:
            image = generator.draw(Random(f"{SEED}:{generator.name}:{index}"), side)
            yield Sample(index, side, "PNG", 0, encode(image, "PNG", 0))
            for quality in [quality_of.choice(QUALITIES)] if quick else QUALITIES:
                yield Sample(index, side, "JPEG", quality, encode(image, "JPEG", quality))


@dataclass
class Tally:
    """What was found for one generator."""

    made: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    undecided: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, sample: Sample, once: Classification, often: Classification) -> None:
        for key in ("all", str(sample.side), sample.form):
            self.made[key] += 1
            self.called[key] += once.placeholder
        self.repeated += often.placeholder
        self.undecided += once.undecided
        self.kinds[str(once.kind)] += once.placeholder

    def merge(self, other: Tally) -> None:
        for mine, theirs in ((self.made, other.made), (self.called, other.called), (self.kinds, other.kinds)):
            mine.update(theirs)
        self.repeated += other.repeated
        self.undecided += other.undecided

    def row(self, name: str) -> str:
        total = self.made["all"]
        keys = ("all", *map(str, SIZES), "PNG", "JPEG")
        cells = [f"{100 * self.called[key] / self.made[key]:6.1f}" if self.made[key] else "     -" for key in keys]
        cells += [f"{100 * self.repeated / total:6.1f}", f"{100 * self.undecided / total:6.1f}"]
        kinds = " ".join(f"{kind}:{number}" for kind, number in self.kinds.most_common() if number)
        return f"{name:28}{total:6} {''.join(cells)}  {kinds}"


HEADER = f"{'generator':28}{'n':>6} " + "".join(f"{x:>6}" for x in ("all", *SIZES, "PNG", "JPEG", f"x{MANY}", "doubt"))


@dataclass
class Examples:
    """Saves a few mistakes of each generator, for looking at."""

    folder: Path | None
    most: int
    saved: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)

    def add(self, generator: Generator, sample: Sample, once: Classification, many: bool) -> None:
        key = f"{generator.name}:{sample.index}:{many}"
        group = f"{generator.name}:{many}"
        if self.folder is None or self.saved[group] >= self.most or key in self.seen:
            return
        if sample.side < 240 and sample.index % 3:  # some small ones, but more that can be looked at
            return
        self.seen.add(key)
        self.saved[group] += 1
        expected = "placeholder_called_photo" if generator.placeholder else "photo_called_placeholder"
        where = self.folder / (expected + ("_when_repeated" if many else ""))
        where.mkdir(parents=True, exist_ok=True)
        coded = f"{sample.form.lower()}{sample.quality or ''}"
        name = f"{generator.name}_{sample.index:03}_{sample.side}_{coded}"
        decode(sample.data).save(where / f"{name}.png")
        with (where / "signals.txt").open("a", encoding="utf-8") as signals:
            signals.write(f"{name}\t{once.kind or once.look}\tundecided={once.undecided}\t{once.signal}\n")


def measure(generator: Generator, count: int, quick: bool, examples: Examples) -> Tally:
    """Draw, classify, count."""
    tally = Tally()
    for sample in samples(generator, count, quick):
        print_of = fingerprint(sample.data)
        once, often = classify(print_of), classify(print_of, repeated=MANY)
        tally.add(sample, once, often)
        if once.placeholder != generator.placeholder:
            examples.add(generator, sample, once, False)
        elif often.placeholder != generator.placeholder:
            examples.add(generator, sample, often, True)
    return tally


def sheet(generator: Generator, folder: Path) -> None:
    """Save what a generator draws, side by side: 24 pictures at 96 pixels, transparent places chequered."""
    across, side = 8, 96
    page = Image.new("RGB", (across * (side + 4), 3 * (side + 4)), (255, 0, 255))
    squares = np.kron([[200, 255], [255, 200]], np.ones((8, 8)))
    chequer = Image.fromarray(np.tile(squares, (side // 16, side // 16)).astype(np.uint8)).convert("RGBA")
    for index in range(24):
        image = generator.draw(Random(f"{SEED}:{generator.name}:{index}"), side).convert("RGBA")
        ground = chequer.copy()
        ground.alpha_composite(image)
        page.paste(ground.convert("RGB"), (index % across * (side + 4) + 2, index // across * (side + 4) + 2))
    folder.mkdir(parents=True, exist_ok=True)
    page.save(folder / f"{generator.name}.png")


def outside(text: str) -> Path:
    """Read a folder that must not be in the checkout: mistakes may show portraits."""
    path = Path(text).resolve()
    if path.is_relative_to(ROOT):
        raise argparse.ArgumentTypeError("must be outside the checkout")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    default = Path(os.environ.get("PHOTO_AUDITOR_PORTRAITS") or ROOT.parent / "shared" / "photos")
    parser.add_argument("--portraits", type=Path, default=default, help="folder of portraits")
    parser.add_argument("--count", type=int, help="pictures drawn per generator (40; portraits three times as many)")
    parser.add_argument("--quick", action="store_true", help="few pictures, one JPEG quality each: under a minute")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only generators whose names start so")
    parser.add_argument("--examples", type=outside, metavar="FOLDER", help="save mistaken pictures there")
    parser.add_argument("--most", type=int, default=6, help="examples per generator (6)")
    parser.add_argument("--sheets", type=outside, metavar="FOLDER", help="save what generators draw, and do no more")
    options = parser.parse_args()

    portraits = Portraits(options.portraits)
    chosen = [one for one in generators(portraits) if one.name.startswith(options.only)]
    if not chosen:
        parser.error("no generator is called so")
    if options.sheets:
        for generator in chosen:
            sheet(generator, options.sheets)
        return
    count = options.count or (4 if options.quick else 40)
    examples = Examples(options.examples, options.most)
    started = time.monotonic()
    totals = {True: Tally(), False: Tally()}
    print(f"{len(portraits.files)} portraits, {len(font_files())} fonts beside Pillow's own")
    for expected, title in ((True, "Placeholders: 100 is right"), (False, "Photos: 0 is right")):
        if not any(one.placeholder is expected for one in chosen):
            continue
        print(f"\n{title}\n{HEADER}")
        for generator in chosen:
            if generator.placeholder is expected:
                number = count * 3 if generator.name.startswith("portrait.") and not options.quick else count
                tally = measure(generator, number, options.quick, examples)
                totals[expected].merge(tally)
                print(tally.row(generator.name), flush=True)
        print(totals[expected].row("ALL"))
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
