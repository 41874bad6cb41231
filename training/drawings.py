"""Pictures to learn from: stand-ins as services draw them, and what people choose that only resembles them.

Every maker takes a seeded `random.Random`, fonts and a side in pixels and gives a square RGB picture. The
makers vary everything that a stand-in can vary in (colours, grounds, carriers, strokes, scripts, bodies) and put the
same grounds and carriers under logos, words, cartoons and portraits, so that only the figure tells.

Nothing here is shared with `benchmarks/`, which measures what was learned with drawings of its own.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]
Figure = Callable[["Sheet", Random, "Fonts"], None]
"""Draws on a sheet; coordinates are shares of its side."""

ALPHABETS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "abcdefghijklmnopqrstuvwxyz",
    "ÀÂÄÅÆÇÉÈÊËÎÏÑÔÖØÙÛÜŠŽŁŐĞİ",
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЫЭЮЯЇЄІ",
    "ЮЫЖШЩФМДЦЬЪГ",  # two of these are as wide as three others
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "ءآأؤإئابةتجحخدرزسشصضطعغفقكلمنهويى",
    "अआइईकखगघचछजझटठडढणतथदधनपफबभमयरलवशसह",
    "กขคงจชซดตทนบปพฟมยรลวสหอ",
    "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑ",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢",
    "東京鈴木佐藤高橋渡辺伊藤山本中村加藤吉田松井橋石川前後藤岡長谷近坂遠青福西三原森池阿部斎",
    "김이박최정강조윤장임한오서신권황안송류홍",
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわアイウエオカキクケコサシスセソ",
)


@dataclass(frozen=True)
class Fonts:
    """Fonts by the alphabet they can draw."""

    by_alphabet: tuple[tuple[Path, ...], ...]

    def pick(self, rng: Random) -> tuple[str, Path]:
        """An alphabet and a font that has it."""
        able = [at for at, files in enumerate(self.by_alphabet) if files]
        at = rng.choice(able)
        return ALPHABETS[at], rng.choice(self.by_alphabet[at])


def find_fonts(folder: Path) -> Fonts:
    """All fonts below a folder, by what they draw: a letter that looks like the font's missing one is missing."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".ttf", ".otf", ".ttc"})
    unfit = ("symbol", "emoji", "math", "d050000", "standard", "music", "mono-")
    files = [path for path in files if not any(word in path.name.lower() for word in unfit)]
    return Fonts(tuple(tuple(path for path in files if _draws(path, letters)) for letters in ALPHABETS))


def _draws(path: Path, letters: str) -> bool:
    try:
        font = ImageFont.truetype(str(path), 24)
        missing = bytes(font.getmask(_MISSING))
        return all(bytes(font.getmask(letter)) not in (missing, b"") for letter in letters[:6])
    except (OSError, ValueError):
        return False


class Sheet:
    """A square picture that is drawn larger than it is wanted."""

    def __init__(self, side: int, colour: Colour, scale: int) -> None:
        self.side, self.pixels = side, side * scale
        self.image = Image.new("RGB", (self.pixels, self.pixels), colour)

    def at(self, points: Sequence[Point]) -> list[Point]:
        """Shares to pixels."""
        return [(x * self.pixels, y * self.pixels) for x, y in points]

    def mask(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        """An empty mask, to be pasted through."""
        mask = Image.new("L", self.image.size, 0)
        return mask, ImageDraw.Draw(mask)

    def fill(self, mask: Image.Image, colour: Colour | Image.Image) -> None:
        """Put a colour, or another picture, where the mask is."""
        self.image.paste(colour, (0, 0) if isinstance(colour, Image.Image) else None, mask)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        ImageDraw.Draw(self.image).polygon(self.at(points), fill=colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill an ellipse given by its middle and half axes."""
        ImageDraw.Draw(self.image).ellipse(
            self.at([(x - across, y - down), (x + across, y + down)])[0]
            + self.at([(x - across, y - down), (x + across, y + down)])[1],
            fill=colour,
        )


# --- Colours ----------------------------------------------------------------------------------------------------------


def luma(colour: Colour) -> float:
    """0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def any_colour(rng: Random) -> Colour:
    """Greys, pastels and full colours, dark to light."""
    if rng.random() < 0.2:
        level = rng.randrange(256)
        return (level, level, min(255, level + rng.randrange(12)))
    red, green, blue = colorsys.hls_to_rgb(rng.random(), rng.uniform(0.06, 0.96), rng.uniform(0.1, 1.0))
    return (round(red * 255), round(green * 255), round(blue * 255))


def against(rng: Random, other: Colour, least: float = 45) -> Colour:
    """A colour to be seen on another: often white or black, else any that is far enough in luma."""
    for _ in range(50):
        chance = rng.random()
        colour = (255, 255, 255) if chance < 0.3 else (0, 0, 0) if chance < 0.36 else any_colour(rng)
        if abs(luma(colour) - luma(other)) >= least:
            return colour
    return (0, 0, 0) if luma(other) > 127 else (255, 255, 255)


def between(one: Colour, other: Colour, part: float) -> Colour:
    """Mix two colours."""
    mixed = [round(a + (b - a) * part) for a, b in zip(one, other, strict=True)]
    return (mixed[0], mixed[1], mixed[2])


def near(rng: Random, colour: Colour, reach: float) -> Colour:
    """A colour not far from another."""
    other = (255, 255, 255) if luma(colour) < 128 else (0, 0, 0)
    return between(colour, other if rng.random() < 0.7 else any_colour(rng), rng.uniform(0.02, reach))


# --- Grounds and carriers ---------------------------------------------------------------------------------------------


def shaded(rng: Random, pixels: int, one: Colour, other: Colour) -> Image.Image:
    """A gradient, linear at any angle or radial."""
    steps = (np.arange(pixels, dtype=np.float32) + 0.5) / pixels - 0.5
    x, y = steps[None, :], steps[:, None]
    if rng.random() < 0.65:
        angle = rng.choice((0.0, math.pi / 2, math.pi / 4, rng.uniform(0, 2 * math.pi)))
        part = 0.5 + (x * math.cos(angle) + y * math.sin(angle)) / 1.3
    else:
        part = np.hypot(x - rng.uniform(-0.3, 0.3), y - rng.uniform(-0.3, 0.3)) / rng.uniform(0.5, 1.0)
    part = np.clip(part, 0, 1)[..., None]
    colours = np.asarray(one, np.float32) * (1 - part) + np.asarray(other, np.float32) * part
    return Image.fromarray(np.rint(colours).astype(np.uint8))


def painted(rng: Random, pixels: int, colour: Colour, gradient: float = 0.2) -> Image.Image:
    """One colour or, with that chance, a gradient to a neighbouring one."""
    if rng.random() < gradient:
        return shaded(rng, pixels, colour, near(rng, colour, 0.55))
    return Image.new("RGB", (pixels, pixels), colour)


def carried(rng: Random, side: int, colour: Colour) -> tuple[Sheet, Image.Image]:
    """A sheet with a ground of about that colour, as tile, disc, ring or frame; and the mask of the ground."""
    scale = 4 if side <= 80 else 2 if side <= 320 else 1
    form = rng.choices(("tile", "disc", "squircle", "inset disc", "framed", "ringed"), (38, 25, 12, 11, 10, 4))[0]
    outside = rng.choice(((255, 255, 255), (255, 255, 255), (0, 0, 0), against(rng, colour, 12), any_colour(rng)))
    sheet = Sheet(side, outside, scale)
    mask, pen = sheet.mask()
    size = sheet.pixels
    paint = painted(rng, size, colour)
    if form == "tile":
        pen.rectangle((0, 0, size, size), fill=255)
    elif form == "ringed":  # the same ground inside and outside of a ring
        radius = rng.uniform(0.36, 0.5) * size
        sheet.image = paint
        box = (size / 2 - radius, size / 2 - radius, size / 2 + radius, size / 2 + radius)
        pen.ellipse(box, fill=255)
        ImageDraw.Draw(sheet.image).ellipse(
            box, outline=against(rng, colour), width=max(1, round(rng.uniform(0.01, 0.07) * size))
        )
        return sheet, mask
    elif form in {"disc", "inset disc"}:
        radius = rng.uniform(0.46, 0.502) if form == "disc" else rng.uniform(0.29, 0.46)
        low, high = (0.5 - radius) * size, (0.5 + radius) * size
        if form == "inset disc" and rng.random() < 0.25:  # a shadow under it
            shade, dark = sheet.mask()
            down = rng.uniform(0, 0.03) * size
            dark.ellipse((low, low + down, high, high + down), fill=rng.randint(60, 200))
            shade = shade.filter(ImageFilter.GaussianBlur(rng.uniform(0.005, 0.03) * size))
            sheet.fill(shade, between(outside, (0, 0, 0), 0.6))
        pen.ellipse((low, low, high, high), fill=255)
    elif form == "squircle":
        inset = rng.choice((0.0, 0.0, rng.uniform(0, 0.1))) * size
        corner = rng.uniform(0.04, 0.45) * size
        pen.rounded_rectangle((inset, inset, size - 1 - inset, size - 1 - inset), corner, fill=255)
    else:
        edge = rng.choice((1.01 / side, rng.uniform(0.01, 0.09))) * size
        gap = rng.choice((0.0, 0.0, rng.uniform(0.01, 0.06))) * size
        rim = against(rng, colour, 10)
        pen.rectangle((0, 0, size, size), fill=255)
        sheet.fill(mask, paint)
        box = (gap, gap, size - 1 - gap, size - 1 - gap)
        corner = rng.choice((0.0, 0.0, rng.uniform(0, 0.2) * size))
        ImageDraw.Draw(sheet.image).rounded_rectangle(box, corner, outline=rim, width=max(1, round(edge)))
        return sheet, mask
    sheet.fill(mask, paint)
    if form != "tile" and rng.random() < 0.3:  # a ring
        width, gap = rng.uniform(0.008, 0.06) * size, rng.choice((0.0, rng.uniform(0, 0.05))) * size
        inner, pen = sheet.mask()
        box = mask.getbbox() or (0, 0, size, size)
        ring = (box[0] + gap, box[1] + gap, box[2] - 1 - gap, box[3] - 1 - gap)
        if form == "squircle":
            pen.rounded_rectangle(ring, max(corner - gap, 0), outline=255, width=max(1, round(width)))
        else:
            pen.ellipse(ring, outline=255, width=max(1, round(width)))
        sheet.fill(inner, against(rng, colour, 15))
    return sheet, mask


# --- Letters ----------------------------------------------------------------------------------------------------------


def write(
    sheet: Sheet,
    rng: Random,
    text: str,
    font: Path,
    height: float,
    colour: Colour | Image.Image,
    x: float = 0.5,
    y: float = 0.5,
    spread: float = 0.0,
) -> None:
    """Write a text around a point, its letters as high as that share of the side."""
    mask, pen = sheet.mask()
    size = max(6, round(height * sheet.pixels * 1.35))
    for _ in range(8):
        made = ImageFont.truetype(str(font), size)
        widths = [pen.textlength(letter, font=made) + spread * size for letter in text] if spread else []
        box = pen.textbbox((0, 0), text, font=made)
        wide = sum(widths) if spread else box[2] - box[0]
        if wide <= 0.9 * sheet.pixels:
            break
        size = max(6, round(size * 0.85))
    left = x * sheet.pixels - wide / 2
    top = y * sheet.pixels - (box[1] + box[3]) / 2
    weight = round(rng.choice((0, 0, 0, 0, 0.012, 0.025)) * size)
    if spread:
        for letter, width in zip(text, widths, strict=True):
            pen.text((left, top), letter, font=made, fill=255, stroke_width=weight)
            left += width
    else:
        pen.text((left - box[0], top), text, font=made, fill=255, stroke_width=weight)
    if rng.random() < 0.05:  # a long shadow, as flat design had it
        shade, step, low = mask, max(1, size // 24), rng.uniform(0.3, 1.0)
        length = step
        while length < low * sheet.pixels:
            moved = shade.transform(shade.size, Image.Transform.AFFINE, (1, 0, -length, 0, 1, -length))
            shade = ImageChops.lighter(shade, moved)
            length *= 2
        sheet.fill(shade.point(lambda level: round(level * 0.3)), (0, 0, 0))
    elif rng.random() < 0.07:  # a near or soft one
        shade = ImageChops.offset(mask, *(round(rng.uniform(0.005, 0.03) * sheet.pixels) for _ in range(2)))
        shade = shade.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.02) * sheet.pixels))
        sheet.fill(shade.point(lambda level: level // 2), (0, 0, 0))
    sheet.fill(mask, colour)


_MISSING = "\U0010fffe"
"""In no font: each draws its box for a letter that it has not got."""


def initials(rng: Random, fonts: Fonts, side: int) -> Image.Image:
    """One or two letters on a ground."""
    ground = any_colour(rng)
    ink = against(rng, ground, rng.choice((28, 45, 60, 60, 90)))
    sheet, mask = carried(rng, side, ground)
    room = _room(mask, sheet)
    letters, font = fonts.pick(rng)
    count = rng.choices((1, 2), (30, 70))[0]
    text = "".join(rng.choice(letters) for _ in range(count))
    if letters == ALPHABETS[0] and rng.random() < 0.3:  # a pair that might be three letters: W is two V, K is I and <
        text = "".join(rng.sample([rng.choice("WWMKHNX"), rng.choice(letters)], count))
    if count == 2 and rng.random() < 0.1 and letters[0].lower() != letters[0]:
        text = text[0] + text[1].lower()
    if rng.random() < 0.03:  # what a service draws whose font has not got them
        text = _MISSING * count
    height = rng.uniform(0.2, 0.66) * room * (1.15 if count == 1 else 1)
    x, y = 0.5 + rng.gauss(0, 0.012), 0.5 + rng.gauss(0, 0.02)
    aside = rng.random()
    if aside < 0.06:
        x, y = 0.5 + rng.uniform(-0.07, 0.07), 0.5 + rng.uniform(-0.1, 0.1)
    elif aside < 0.12:  # in a corner, or at an edge
        height *= 0.75
        x, y = (0.5 + rng.choice((-1, 0, 1)) * rng.uniform(0.1, 0.28) * room for _ in range(2))
    write(sheet, rng, text, font, height, ink, x, y, rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 0.15))))
    return done(sheet, rng)


def invented(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """One or two letters of a script that no font here has: strokes of one pen between a few places."""
    return _penned(rng, side, _letter)


def built(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """One or two letters as Chinese and Korean build theirs, by one pen: rows, stems and boxes, and falling strokes.

    Drawn without a font, as a service or a test without one draws them, three rows through a stem are next to
    nothing but bars: what a sign of three bars lacks is the pen of one breadth and what crosses it.
    """
    return _penned(rng, side, _ideograph)


def _penned(rng: Random, side: int, letter: Letter) -> Image.Image:
    ground = any_colour(rng)
    ink = against(rng, ground, rng.choice((28, 45, 60, 60, 90)))
    sheet, mask = carried(rng, side, ground)
    room = _room(mask, sheet)
    high = rng.uniform(0.2, 0.5) * room
    count = rng.choices((1, 2), (35, 65))[0]
    wide = [high * rng.uniform(0.35, 1.05) for _ in range(count)]
    gap = high * rng.uniform(0.06, 0.3)
    pen = max(
        1,
        round(
            high * rng.choice((rng.uniform(0.05, 0.1), rng.uniform(0.08, 0.16), rng.uniform(0.14, 0.24))) * sheet.pixels
        ),
    )
    style = _Hand(
        round_ends=rng.random() < 0.5,
        curved=rng.choice((0.0, 0.2, 0.35, 0.6, 0.85)),
        strokes=rng.choice(((1, 3), (2, 4), (3, 6))),
        rows=rng.choice((2, 3, 3, 4)),
        serif=rng.random() < 0.15,
    )
    left = 0.5 + rng.gauss(0, 0.012) - (sum(wide) + gap * (count - 1)) / 2
    top = 0.5 + rng.gauss(0, 0.02) - high / 2
    figure, drawing = sheet.mask()
    for width in wide:
        letter(
            drawing,
            rng,
            style,
            (left * sheet.pixels, top * sheet.pixels),
            (width * sheet.pixels, high * sheet.pixels),
            pen,
        )
        left += width + gap
    if rng.random() < 0.2:
        figure = figure.transform(
            figure.size,
            Image.Transform.AFFINE,
            (1, slant := rng.uniform(-0.25, 0.25), -slant * sheet.pixels / 2, 0, 1, 0),
            Image.Resampling.BILINEAR,
        )
    sheet.fill(figure, ink)
    return done(sheet, rng)


@dataclass(frozen=True)
class _Hand:
    """How an invented script is written."""

    round_ends: bool
    curved: float
    strokes: tuple[int, int]
    rows: int
    serif: bool


Letter = Callable[[ImageDraw.ImageDraw, Random, _Hand, Point, Point, int], None]
"""Draws a letter in a box given in pixels, by its corner and its size, with a pen of that breadth."""


def _letter(drawing: ImageDraw.ImageDraw, rng: Random, hand: _Hand, corner: Point, size: Point, pen: int) -> None:
    """A letter in a box given in pixels: strokes and bows that mostly go on where another one ends."""
    columns = rng.choice((2, 2, 3))
    places = [
        (corner[0] + size[0] * column / (columns - 1), corner[1] + size[1] * row / (hand.rows - 1))
        for column in range(columns)
        for row in range(hand.rows)
    ]

    def dab(point: Point) -> None:
        if hand.round_ends:
            x, y = point
            drawing.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)

    def line(points: Sequence[Point]) -> None:
        drawing.line(list(points), fill=255, width=pen, joint="curve")
        dab(points[0])
        dab(points[-1])

    if rng.random() < 0.6:  # a stem, as most letters have one
        x = corner[0] + size[0] * rng.choice((0.0, 0.0, 0.5, 1.0))
        line([(x, corner[1]), (x, corner[1] + size[1])])
        used = [(x, corner[1]), (x, corner[1] + size[1])]
    else:
        used = [rng.choice(places)]
    for _ in range(rng.randint(*hand.strokes)):
        one = rng.choice(used) if rng.random() < 0.75 else rng.choice(places)
        other = rng.choice([place for place in places if place != one])
        if rng.random() < hand.curved:
            if rng.random() < 0.35:  # a bowl
                box = (min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
                start = rng.choice((0, 90, 180, 270, rng.randint(0, 359)))
                if box[2] - box[0] > 2 * pen and box[3] - box[1] > 2 * pen:
                    drawing.arc(box, start, start + rng.choice((90, 180, 180, 270, 360)), fill=255, width=pen)
            else:
                away = rng.uniform(-0.5, 0.5)
                middle = (
                    (one[0] + other[0]) / 2 - (other[1] - one[1]) * away,
                    (one[1] + other[1]) / 2 + (other[0] - one[0]) * away,
                )
                steps = [k / 10 for k in range(11)]
                line(
                    [
                        (
                            (1 - t) ** 2 * one[0] + 2 * t * (1 - t) * middle[0] + t**2 * other[0],
                            (1 - t) ** 2 * one[1] + 2 * t * (1 - t) * middle[1] + t**2 * other[1],
                        )
                        for t in steps
                    ]
                )
        else:
            line([one, other])
        used.append(other)
    if hand.serif:
        reach = size[0] * 0.16
        for x, y in used[:3]:
            drawing.line([(x - reach, y), (x + reach, y)], fill=255, width=max(1, pen // 2))
    if rng.random() < 0.12:  # a mark above or below it
        x = corner[0] + size[0] * rng.uniform(0.2, 0.8)
        y = corner[1] + size[1] * rng.choice((-0.22, 1.22))
        r = pen * rng.uniform(0.5, 0.8)
        drawing.ellipse((x - r, y - r, x + r, y + r), fill=255)


def _ideograph(drawing: ImageDraw.ImageDraw, rng: Random, hand: _Hand, corner: Point, size: Point, pen: int) -> None:
    """A letter in a box given in pixels: one part, two beside each other, or one above another, or one around it."""

    def line(*points: Point) -> None:
        placed = [(corner[0] + x * size[0], corner[1] + y * size[1]) for x, y in points]
        drawing.line(placed, fill=255, width=pen, joint="curve")
        if hand.round_ends:
            for x, y in placed:
                drawing.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)

    def part(left: float, top: float, right: float, low: float) -> None:
        kind = rng.choice(("rows", "rows", "rows", "cross", "box", "field", "tree", "fall", "roof", "legs", "ring"))
        middle, centre = (left + right) / 2 + rng.gauss(0, 0.03), (top + low) / 2
        wide, high = right - left, low - top
        if kind == "rows":
            count = rng.choice((2, 3, 3, 3, 4))
            for at in range(count):
                inset = rng.choice((0.0, 0.0, 0.06, 0.12)) * wide
                y = top + high * at / (count - 1)
                line((left + inset, y), (right - inset, y))
            if rng.random() < 0.8:
                over = rng.choice((0.0, 0.0, 0.1, -0.1)) * high
                line((middle, top - over), (middle, low + rng.choice((0.0, over))))
        elif kind == "cross":
            y = top + high * rng.uniform(0.25, 0.6)
            line((left, y), (right, y))
            line((middle, top), (middle, low))
        elif kind in {"box", "field"}:
            line((left, top), (right, top), (right, low), (left, low), (left, top))
            if kind == "field" or rng.random() < 0.3:
                line((middle, top), (middle, low))
            if kind == "field" or rng.random() < 0.4:
                line((left, centre), (right, centre))
        elif kind == "tree":
            y = top + high * rng.uniform(0.15, 0.4)
            line((left, y), (right, y))
            line((middle, top), (middle, low))
            line((middle, y), (left, low - 0.1 * high))
            line((middle, y), (right, low - 0.1 * high))
        elif kind == "fall":
            line((middle, top), (middle - 0.1 * wide, centre), (left, low))
            line((middle, top + rng.uniform(0, 0.4) * high), (right, low))
            if rng.random() < 0.5:
                line((left, centre), (right, centre))
        elif kind == "roof":
            line((left, top + 0.3 * high), (left, top + 0.15 * high), (right, top + 0.15 * high), (right, low))
            line((middle, top), (middle, top + 0.15 * high))
            line((left + 0.1 * wide, centre), (right - 0.1 * wide, centre))
        elif kind == "legs":
            line((left, top), (right, top), (right - 0.15 * wide, centre))
            line((middle, centre), (left, low))
            line((middle, centre), (right, low))
        else:
            box = [corner[0] + left * size[0], corner[1] + top * size[1]]
            box += [corner[0] + right * size[0], corner[1] + low * size[1]]
            if min(box[2] - box[0], box[3] - box[1]) > 3 * pen:
                drawing.ellipse(box, outline=255, width=pen)
            else:
                line((left, centre), (right, centre))

    split = rng.uniform(0.35, 0.62)
    gap = min(1.6 * pen / max(size), 0.14)
    match rng.choice(("one", "one", "one", "beside", "above", "both", "stem")):
        case "one":
            part(0, 0, 1, 1)
        case "beside":
            part(0, rng.choice((0.0, 0.15)), split - gap, 1)
            part(split + gap, 0, 1, 1)
        case "above":
            part(rng.choice((0.0, 0.15)), 0, 1, split - gap)
            part(0, split + gap, 1, 1)
        case "both":
            part(0, 0, split - gap, split - gap)
            part(split + gap, 0, 1, split - gap)
            part(0.1, split + gap, 0.9, 1)
        case _:
            part(0, rng.choice((0.0, 0.2)), 1 - 3 * gap, 1)
            line((1, 0), (1, 1))
            if rng.random() < 0.4:
                line((1 - 2 * gap, 0.45), (1, 0.45))


def _room(mask: Image.Image, sheet: Sheet) -> float:
    box = mask.getbbox() or (0, 0, sheet.pixels, sheet.pixels)
    return (box[2] - box[0]) / sheet.pixels


def words(rng: Random, fonts: Fonts, side: int) -> Image.Image:
    """Three letters and more: an abbreviation or a name, in one or two lines, often with a sign beside it."""
    ground = any_colour(rng)
    sheet, mask = carried(rng, side, ground)
    room, ink = _room(mask, sheet), against(rng, ground)
    letters, font = fonts.pick(rng)
    lines = rng.choices((1, 2, 3), (70, 24, 6))[0]
    sign = rng.random() < 0.3
    middle = 0.5 + (rng.choice((-0.14, 0.14)) if sign else rng.uniform(-0.04, 0.04))
    for line in range(lines):
        count = rng.choice((3, 3, 4, 4, 5, 6, 7, 9, 11)) if lines == 1 or line else rng.choice((2, 3, 4, 6))
        if lines > 1:
            count = max(count, 3) if line == lines - 1 else count
        text = "".join(rng.choice(letters) for _ in range(count))
        if letters[0].lower() != letters[0] and rng.random() < 0.4:
            text = text[0] + text[1:].lower()
        height = min(rng.uniform(0.16, 0.5), 0.62 / lines) * room
        y = middle + (line - (lines - 1) / 2) * height * 1.45
        write(sheet, rng, text, font, height, ink if rng.random() < 0.85 else against(rng, ground), 0.5, y)
    if sign:
        rng.choice(SHAPES)(sheet, rng, 0.5, 1.0 - middle, rng.uniform(0.08, 0.18) * room, against(rng, ground))
    return done(sheet, rng)


# --- People without a face --------------------------------------------------------------------------------------------


def _curve(points: Sequence[Point]) -> list[Point]:
    """Mirror the right half of an outline, given from the top down."""
    return [*points, *((1 - x, y) for x, y in reversed(points))]


def body(rng: Random, head: float, top: float, foot: float, wide: float) -> list[Point]:
    """The outline of a trunk: dome, block with round shoulders or corners, slope, pill or trapeze."""
    form = rng.choice(("dome", "dome", "shoulders", "shoulders", "slope", "trapeze", "pill", "block"))
    if foot < 1 and rng.random() < 0.35:  # clear of the edges it is most often round all over
        form = "block"
    steps = [step / 24 for step in range(25)]
    tall = foot - top
    if form == "dome":
        power = rng.uniform(1.6, 3.2)
        half = [(0.5 + wide * t, top + tall * (1 - (1 - t**power) ** (1 / power))) for t in steps]
    elif form in {"shoulders", "pill"}:
        corner = min(wide, tall) * (rng.uniform(0.35, 0.9) if form == "shoulders" else 1.0)
        half = [
            (0.5, top),
            *(
                (
                    0.5 + wide - corner + corner * math.sin(t * math.pi / 2),
                    top + corner - corner * math.cos(t * math.pi / 2),
                )
                for t in steps
            ),
            (0.5 + wide, foot),
        ]
    elif form == "block":  # round at the foot, too
        corner = min(wide, tall / 2) * rng.uniform(0.3, 1.0)
        quarter = [(math.sin(t * math.pi / 2), math.cos(t * math.pi / 2)) for t in steps]
        half = [
            (0.5, top),
            *((0.5 + wide - corner + corner * x, top + corner - corner * y) for x, y in quarter),
            *((0.5 + wide - corner + corner * y, foot - corner + corner * x) for x, y in quarter),
            (0.5, foot),
        ]
    elif form == "slope":
        neck = head * rng.uniform(0.3, 0.6)
        drop = rng.uniform(0.25, 0.6)
        half = [
            (0.5 + neck, top),
            (0.5 + neck, top + tall * 0.08),
            *((0.5 + neck + (wide - neck) * t**0.7, top + tall * (0.08 + drop * t**2)) for t in steps),
            (0.5 + wide, foot),
        ]
    else:
        half = [
            (0.5 + head * rng.uniform(0.5, 0.9), top),
            (0.5 + wide, top + tall * rng.uniform(0.2, 0.7)),
            (0.5 + wide * rng.uniform(0.9, 1.1), foot),
        ]
    return _curve(half)


def person(sheet: Sheet, rng: Random, where: Image.Image, colour: Colour, room: float) -> tuple[float, float, float]:
    """A head over shoulders within a mask; gives the head's middle height and half axes, as shares."""
    across = rng.uniform(0.11, 0.19) * room
    down = across * rng.uniform(0.95, 1.35)
    middle = 0.5 + rng.uniform(-0.17, -0.06) * room
    gap = rng.choice((rng.uniform(0.005, 0.06), rng.uniform(-0.05, 0.0))) * room
    top = middle + down + gap
    closed = rng.random() < 0.35
    foot = min(top + rng.uniform(0.2, 0.38) * room, 0.5 + 0.44 * room) if closed else 1.02
    wide = across * rng.uniform(1.45, 2.6)
    if closed:
        wide = min(wide, 0.44 * room)
    mask, pen = sheet.mask()
    trunk = sheet.at(body(rng, across, top, foot, wide))
    pen.polygon(trunk, fill=255)
    if gap < 0 or rng.random() < 0.3:
        if rng.random() < 0.4:  # a moat between head and body
            moat = rng.uniform(0.015, 0.04)
            pen.ellipse(_box(sheet, middle, across + moat, down + moat), fill=0)
        elif gap > -0.02:
            neck = across * rng.uniform(0.35, 0.65)
            pen.rectangle(
                (*sheet.at([(0.5 - neck, middle)])[0], *sheet.at([(0.5 + neck, top + 0.06 * room)])[0]), fill=255
            )
    head_box = _box(sheet, middle, across, down)
    if rng.random() < 0.12:
        pen.rounded_rectangle(head_box, across * rng.uniform(0.5, 0.95) * sheet.pixels, fill=255)
    else:
        pen.ellipse(head_box, fill=255)
    if rng.random() < 0.15:  # hair: wider than the head, or hanging beside it
        hair = across * rng.uniform(1.05, 1.3)
        low = middle + max(0.0, down * rng.uniform(-0.2, 1.1))
        pen.pieslice(_box(sheet, middle - 0.02, hair, down * 1.12), 180, 360, fill=255)
        pen.rectangle((*sheet.at([(0.5 - hair, middle - 0.02)])[0], *sheet.at([(0.5 + hair, low)])[0]), fill=255)
    if rng.random() < 0.15:  # an open collar
        deep = rng.uniform(0.04, 0.14) * room
        pen.polygon(sheet.at([(0.5 - across * 0.45, top), (0.5 + across * 0.45, top), (0.5, top + deep)]), fill=0)
    style = rng.random()
    if style < 0.16:  # an outline instead of an area
        width = rng.uniform(0.02, 0.05) * sheet.pixels
        inner = (
            mask.resize((sheet.pixels // 4, sheet.pixels // 4))
            .filter(ImageFilter.MinFilter(2 * max(1, round(width / 4)) + 1))
            .resize(mask.size)
        )
        mask = ImageChops.subtract(mask, inner)
    mask = ImageChops.multiply(mask, where)
    if rng.random() < 0.18 and style >= 0.16:  # the body in another tone
        split, cut = sheet.mask()
        cut.rectangle(
            (*sheet.at([(0, middle + down * rng.uniform(0.9, 1.05))])[0], sheet.pixels, sheet.pixels), fill=255
        )
        sheet.fill(mask, colour)
        sheet.fill(ImageChops.multiply(mask, split), between(colour, against(rng, colour, 30), rng.uniform(0.2, 0.9)))
    elif style > 0.92:
        _shine(sheet, rng, mask, colour, (middle, across, down))
    else:
        sheet.fill(mask, painted(rng, sheet.pixels, colour, 0.12))
    return middle, across, down


def _shine(sheet: Sheet, rng: Random, mask: Image.Image, colour: Colour, head: tuple[float, float, float]) -> None:
    """Fill a figure as if it were a polished thing: shaded, with a light on its head."""
    other = between(colour, rng.choice(((255, 255, 255), (0, 0, 0))), rng.uniform(0.25, 0.65))
    paint = shaded(rng, sheet.pixels, colour, other)
    if rng.random() < 0.5:
        soft = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.005, 0.03) * sheet.pixels))
        sheet.fill(soft.point(lambda level: level // 3), (0, 0, 0))
    sheet.fill(mask, paint)
    light, pen = sheet.mask()
    middle, across, down = head
    pen.ellipse(_box(sheet, middle - down * rng.uniform(0.2, 0.4), across * 0.7, down * 0.5), fill=rng.randint(40, 160))
    light = light.filter(ImageFilter.GaussianBlur(rng.uniform(0.005, 0.05) * sheet.pixels))
    sheet.fill(ImageChops.multiply(light, mask), (255, 255, 255))


def _box(sheet: Sheet, middle: float, across: float, down: float) -> tuple[float, float, float, float]:
    size = sheet.pixels
    return ((0.5 - across) * size, (middle - down) * size, (0.5 + across) * size, (middle + down) * size)


def silhouette(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """A person without a face."""
    ground = any_colour(rng) if rng.random() < 0.6 else _grey(rng)
    least = rng.choice((14, 25, 45, 60))
    sheet, mask = carried(rng, side, ground)
    ink = against(rng, ground, least)
    if rng.random() < 0.3:
        ink = between(ground, ink, rng.uniform(0.25, 0.8))
        if abs(luma(ink) - luma(ground)) < 12:
            ink = against(rng, ground, 30)
    room = min(1.0, _room(mask, sheet))
    kind = rng.random()
    if kind < 0.16:  # nearer than usual, or beside the middle
        whole = Sheet(side, ground, sheet.pixels // side)
        person(whole, rng, Image.new("L", whole.image.size, 255), ink, 1.0)
        part, shift = rng.uniform(0.7, 0.98), rng.uniform(-0.17, 0.17)
        left = min(max(0.5 + shift - part / 2, 0.0), 1.0 - part)
        top = rng.uniform(0.3, 0.9) * (1.0 - part)
        box = tuple(share * whole.pixels for share in (left, top, left + part, top + part))
        near_by = whole.image.resize(whole.image.size, Image.Resampling.BICUBIC, box=(box[0], box[1], box[2], box[3]))
        sheet.fill(mask, near_by)
    elif kind < 0.22:
        _group(sheet, rng, mask, ground, ink, room)
    elif kind < 0.36:
        _dressed(sheet, rng, mask, ground, ink, room)
    else:
        person(sheet, rng, mask, ink, room)
    return done(sheet, rng)


def _dressed(sheet: Sheet, rng: Random, where: Image.Image, ground: Colour, ink: Colour, room: float) -> None:
    """A person with hair, a cap, a bun, a collar or a tie in another tone."""
    before, state = sheet.image.copy(), rng.getstate()
    middle, across, down = person(sheet, rng, where, ink, room)
    tone = rng.choice((between(ground, ink, rng.uniform(0.3, 0.8)), against(rng, ink, 25), ink, ground))
    long, wide, low = rng.random() < 0.4, across * rng.uniform(1.1, 1.6), middle + down * rng.uniform(0.4, 1.7)
    bun, cap, tie = rng.random() < 0.3, rng.random() < 0.5, rng.random() < 0.4
    inside, pen = sheet.mask()
    later = rng.getstate()
    if long:  # behind the head, so the person is drawn once more
        sheet.image = before
        pen.rounded_rectangle(
            (*sheet.at([(0.5 - wide, middle - down * 1.15)])[0], *sheet.at([(0.5 + wide, low)])[0]),
            wide * 0.8 * sheet.pixels,
            fill=255,
        )
        sheet.fill(ImageChops.multiply(inside, where), tone)
        rng.setstate(state)
        person(sheet, rng, where, ink, room)
        rng.setstate(later)
    inside, pen = sheet.mask()
    if bun:
        pen.ellipse(_box(sheet, middle - down * 1.15, across * 0.35, across * 0.35), fill=255)
    if cap:
        over = across * rng.uniform(1.0, 1.12)
        turn = rng.uniform(-25, 25)
        pen.pieslice(_box(sheet, middle - down * 0.08, over, down * 1.05), 180 + turn, 360 + turn, fill=255)
    if tie:
        chin, thin = middle + down * 1.25, across * rng.uniform(0.12, 0.25)
        pen.polygon(
            sheet.at(
                [
                    (0.5 - thin, chin),
                    (0.5 + thin, chin),
                    (0.5 + thin * 0.5, chin + thin),
                    (0.5 + thin, 0.95),
                    (0.5, 1.0),
                    (0.5 - thin, 0.95),
                    (0.5 - thin * 0.5, chin + thin),
                ]
            ),
            fill=255,
        )
    sheet.fill(ImageChops.multiply(inside, where), tone)


def _group(sheet: Sheet, rng: Random, where: Image.Image, ground: Colour, ink: Colour, room: float) -> None:
    """One person before one or two smaller ones."""
    tone = between(ground, ink, rng.uniform(0.3, 0.9))
    sides = rng.choice(((-1,), (1,), (-1, 1), (-1, 1)))
    across = rng.uniform(0.08, 0.12) * room
    away, foot = rng.uniform(0.17, 0.28) * room, 0.5 + rng.uniform(0.2, 0.4) * room
    figures = [(x * away, across * rng.uniform(0.75, 0.95), tone) for x in sides]
    figures.append((0.0 if len(sides) > 1 else -sides[0] * away * 0.4, across * rng.uniform(1.05, 1.3), ink))
    for shift, head, colour in figures:
        inside, pen = sheet.mask()
        down = head * rng.uniform(1.0, 1.3)
        middle = 0.5 - rng.uniform(0.08, 0.14) * room
        top = middle + down + rng.uniform(0.0, 0.03) * room
        pen.polygon(
            sheet.at([(x + shift, y) for x, y in body(rng, head, top, foot, head * rng.uniform(1.5, 2.1))]), fill=255
        )
        box = _box(sheet, middle, head, down)
        pen.ellipse((box[0] + shift * sheet.pixels, box[1], box[2] + shift * sheet.pixels, box[3]), fill=255)
        sheet.fill(ImageChops.multiply(inside, where), colour)


def _grey(rng: Random) -> Colour:
    level = rng.randrange(256)
    return (level, level, level)


def blank(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """Nothing: one colour, a gradient, perhaps a carrier or a frame."""
    ground = any_colour(rng) if rng.random() < 0.6 else rng.choice(((255, 255, 255), (0, 0, 0), _grey(rng)))
    if rng.random() < 0.6:
        sheet = Sheet(side, ground, 1)
        sheet.image = painted(rng, sheet.pixels, ground, 0.5)
        if rng.random() < 0.35:  # grain
            noise = np.random.default_rng(rng.getrandbits(64)).normal(
                0, rng.uniform(0.5, 6), (side, side, rng.choice((1, 3)))
            )
            sheet.image = Image.fromarray(np.clip(np.asarray(sheet.image, np.float32) + noise, 0, 255).astype(np.uint8))
    else:
        sheet, _ = carried(rng, side, ground)
    return done(sheet, rng)


# --- What people choose -----------------------------------------------------------------------------------------------

Shape = Callable[[Sheet, Random, float, float, float, Colour], None]


def _turned(points: Sequence[Point], x: float, y: float, size: float, angle: float) -> list[Point]:
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x + size * (a * cos - b * sin), y + size * (a * sin + b * cos)) for a, b in points]


def _regular(count: int, inner: float = 1.0) -> list[Point]:
    total = count if inner == 1.0 else 2 * count
    radii = [1.0 if inner == 1.0 or step % 2 == 0 else inner for step in range(total)]
    return [
        (r * math.sin(2 * math.pi * k / total), -r * math.cos(2 * math.pi * k / total)) for k, r in enumerate(radii)
    ]


def star(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """Also suns and badges with many points."""
    points = _regular(rng.choice((4, 5, 5, 5, 6, 8, 12, 16)), rng.uniform(0.3, 0.85))
    sheet.polygon(_turned(points, x, y, size, rng.choice((0.0, rng.uniform(0, 1)))), colour)


def polygon(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """Triangle to octagon, and the square on its point."""
    sheet.polygon(_turned(_regular(rng.choice((3, 3, 4, 5, 6, 6, 8))), x, y, size, rng.uniform(0, 2)), colour)


def heart(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A heart."""
    turns = [2 * math.pi * k / 60 for k in range(60)]
    points = [
        (
            16 * math.sin(t) ** 3 / 17,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 17,
        )
        for t in turns
    ]
    sheet.polygon(_turned(points, x, y, size, rng.gauss(0, 0.1)), colour)


def path(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """One of many signs drawn as one outline."""
    sheet.polygon(_turned(rng.choice(OUTLINES), x, y, size, rng.choice((0.0, 0.0, rng.uniform(0, 6.3)))), colour)


OUTLINES: tuple[tuple[Point, ...], ...] = (
    (
        (-1, -0.1),
        (0, -1),
        (1, -0.1),
        (0.7, -0.1),
        (0.7, 0.9),
        (0.2, 0.9),
        (0.2, 0.3),
        (-0.2, 0.3),
        (-0.2, 0.9),
        (-0.7, 0.9),
        (-0.7, -0.1),
    ),
    ((-1, -0.3), (0.2, -0.3), (0.2, -0.8), (1, 0), (0.2, 0.8), (0.2, 0.3), (-1, 0.3)),
    ((0.1, -1), (-0.7, 0.2), (-0.1, 0.2), (-0.3, 1), (0.7, -0.3), (0.1, -0.3), (0.5, -1)),
    (
        (-0.3, -1),
        (0.3, -1),
        (0.3, -0.3),
        (1, -0.3),
        (1, 0.3),
        (0.3, 0.3),
        (0.3, 1),
        (-0.3, 1),
        (-0.3, 0.3),
        (-1, 0.3),
        (-1, -0.3),
        (-0.3, -0.3),
    ),
    ((-0.8, -0.9), (0, -1), (0.8, -0.9), (0.75, 0.1), (0.45, 0.6), (0, 1), (-0.45, 0.6), (-0.75, 0.1)),
    ((-1, 0.7), (-1, -0.5), (-0.5, 0.1), (0, -0.8), (0.5, 0.1), (1, -0.5), (1, 0.7)),
    ((-1, 0), (-0.6, -0.4), (-0.2, 0.2), (0.7, -0.8), (1, -0.4), (-0.2, 0.9)),
    (
        (0, -1),
        (0.5, -0.2),
        (0.3, -0.2),
        (0.7, 0.4),
        (0.15, 0.4),
        (0.15, 1),
        (-0.15, 1),
        (-0.15, 0.4),
        (-0.7, 0.4),
        (-0.3, -0.2),
        (-0.5, -0.2),
    ),
    ((-1, 0.4), (-0.8, 0), (-0.4, -0.1), (-0.2, -0.5), (0.4, -0.5), (0.7, -0.1), (1, 0), (1, 0.4)),
    ((-1, -0.7), (1, -0.7), (1, 0.7), (0.2, 0.7), (-0.2, 1), (-0.3, 0.7), (-1, 0.7)),
    (
        (-1, 1),
        (-0.6, 1),
        (-0.6, 0.2),
        (-0.2, 0.2),
        (-0.2, 1),
        (0.2, 1),
        (0.2, -0.4),
        (0.6, -0.4),
        (0.6, 1),
        (1, 1),
        (1, -1),
        (-1, 0.4),
    ),
    ((0, -1), (0.6, 0), (0.62, 0.4), (0.4, 0.8), (0, 0.95), (-0.4, 0.8), (-0.62, 0.4), (-0.6, 0)),
    ((-1, 0.9), (-0.35, -0.6), (0, 0), (0.3, -0.35), (1, 0.9)),
    ((-0.7, -1), (-0.35, -0.4), (0.35, -0.4), (0.7, -1), (0.85, 0.2), (0.4, 0.9), (-0.4, 0.9), (-0.85, 0.2)),
)


def ring(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A ring, an arc or a crescent."""
    pen = ImageDraw.Draw(sheet.image)
    p = sheet.pixels
    box = ((x - size) * p, (y - size) * p, (x + size) * p, (y + size) * p)
    start = rng.uniform(0, 360)
    if rng.random() < 0.5:
        pen.arc(
            box,
            start,
            start + rng.choice((180, 240, 300, 360)),
            fill=colour,
            width=max(1, round(rng.uniform(0.15, 0.6) * size * p)),
        )
    else:
        pen.chord(box, start, start + rng.uniform(120, 300), fill=colour)


def disc(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A disc or an ellipse."""
    sheet.ellipse(x, y, size, size * rng.choice((1.0, rng.uniform(0.4, 1.0))), colour)


def bars(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A chart, or stripes."""
    count = rng.choice((3, 3, 4, 5))
    step = 2 * size / count
    for at in range(count):
        left, top = x - size + at * step, y + size - 2 * size * rng.uniform(0.2, 1)
        sheet.polygon([(left, y + size), (left, top), (left + 0.7 * step, top), (left + 0.7 * step, y + size)], colour)


def wave(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A swoosh."""
    steps = [k / 20 for k in range(21)]
    bend, thick, turns = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.5), rng.uniform(2, 7)
    upper = [(2 * t - 1, bend * math.sin(turns * t)) for t in steps]
    points = [*upper, *((a, b + thick * math.sin(math.pi * (a + 1) / 2)) for a, b in reversed(upper))]
    sheet.polygon(_turned(points, x, y, size, rng.uniform(-0.6, 0.6)), colour)


def target(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """A ring or a broken ring around something."""
    p = sheet.pixels
    start = rng.uniform(0, 360)
    box = ((x - size) * p, (y - size) * p, (x + size) * p, (y + size) * p)
    width = max(1, round(rng.uniform(0.15, 0.4) * size * p))
    ImageDraw.Draw(sheet.image).arc(box, start, start + rng.choice((270, 320, 360)), fill=colour, width=width)
    rng.choice((star, disc, polygon))(
        sheet, rng, x, y, size * rng.uniform(0.2, 0.5), rng.choice((colour, any_colour(rng)))
    )


def chevrons(sheet: Sheet, rng: Random, x: float, y: float, size: float, colour: Colour) -> None:
    """Arrows or bars in a row, leaning."""
    count, lean = rng.choice((2, 3, 3, 4)), rng.uniform(-0.8, 0.8)
    step = 2 * size / count
    thick = step * rng.uniform(0.45, 0.75)
    for at in range(count):
        left = x - size + at * step
        bend = lean * size
        upper = [(left, y - size), (left + bend, y), (left, y + size)]
        sheet.polygon([*upper, *((a + thick, b) for a, b in reversed(upper))], colour)


SHAPES: tuple[Shape, ...] = (star, polygon, heart, path, path, path, path, ring, disc, bars, wave, target, chevrons)


def mark(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """A logo: one solid sign, or several, in one to four colours, sometimes with a hole or letters in it."""
    ground = any_colour(rng)
    sheet, mask = carried(rng, side, ground)
    room = _room(mask, sheet)
    count = rng.choices((1, 2, 3, 4, 6), (35, 25, 20, 12, 8))[0]
    colours = [against(rng, ground, 25) for _ in range(rng.choice((1, 1, 2, 3)))]
    if count == 1:
        shape = rng.choice([shape for shape in SHAPES if shape not in {disc, ring, wave}])  # those might be letters
        size = rng.uniform(0.18, 0.42) * room
        shape(sheet, rng, 0.5 + rng.gauss(0, 0.01), 0.5 + rng.gauss(0, 0.02), size, colours[0])
        if rng.random() < 0.3:
            rng.choice(SHAPES)(
                sheet, rng, 0.5, 0.5, size * rng.uniform(0.25, 0.5), rng.choice((ground, against(rng, colours[0])))
            )
    else:
        turn, reach = rng.uniform(0, 6.3), rng.uniform(0.1, 0.27) * room
        same = rng.random() < 0.5
        shape, size = rng.choice(SHAPES), rng.uniform(0.07, 0.22) * room
        for at in range(count):
            angle = turn + 2 * math.pi * at / count
            if not same:
                shape, size = rng.choice(SHAPES), rng.uniform(0.06, 0.26) * room
            shape(sheet, rng, 0.5 + reach * math.cos(angle), 0.5 + reach * math.sin(angle), size, rng.choice(colours))
    return done(sheet, rng)


def pattern(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """Flags, stripes, checks and dots."""
    sheet, _ = carried(rng, side, any_colour(rng)) if rng.random() < 0.25 else (Sheet(side, any_colour(rng), 2), None)
    colours = [any_colour(rng) for _ in range(rng.choice((2, 3, 4)))]
    kind = rng.choice(("stripes", "stripes", "cross", "checks", "dots", "triangle"))
    count = rng.choice((2, 3, 3, 4, 5, 7, 9))
    upright = rng.random() < 0.5
    if kind == "stripes":
        for at in range(count):
            a, b = at / count, (at + 1) / count
            box = [(a, 0), (b, 0), (b, 1), (a, 1)] if upright else [(0, a), (1, a), (1, b), (0, b)]
            sheet.polygon(box, colours[at % len(colours)])
    elif kind == "cross":
        x, w = rng.choice((0.36, 0.5)), rng.uniform(0.05, 0.14)
        for colour, width in ((colours[0], w), (colours[1], w * 0.5)):
            sheet.polygon([(x - width, 0), (x + width, 0), (x + width, 1), (x - width, 1)], colour)
            sheet.polygon([(0, 0.5 - width), (1, 0.5 - width), (1, 0.5 + width), (0, 0.5 + width)], colour)
    elif kind == "triangle":
        sheet.polygon([(0, 0.5), (1, 0.5), (1, 1), (0, 1)], colours[0])
        sheet.polygon([(0, 0), (rng.uniform(0.3, 0.6), 0.5), (0, 1)], colours[1])
    else:
        for row in range(count):
            for column in range(count):
                x, y = (column + 0.5) / count, (row + 0.5) / count
                if kind == "dots":
                    sheet.ellipse(x, y, 0.3 / count, 0.3 / count, colours[(row + column) % len(colours)])
                elif (row + column) % 2:
                    h = 0.5 / count
                    sheet.polygon([(x - h, y - h), (x + h, y - h), (x + h, y + h), (x - h, y + h)], colours[0])
    if rng.random() < 0.3:
        rng.choice(SHAPES)(sheet, rng, 0.5, 0.5, rng.uniform(0.08, 0.25), any_colour(rng))
    return done(sheet, rng)


def mesh(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """Colours that run into each other."""
    cells = rng.choice((2, 3, 3, 4, 5))
    small = Image.new("RGB", (cells, cells))
    base = any_colour(rng)
    small.putdata([any_colour(rng) if rng.random() < 0.35 else near(rng, base, 0.6) for _ in range(cells * cells)])
    image = small.resize((side, side), rng.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.06) * side))


def cartoon(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """Somebody, or an animal, with a face: flat areas too, but eyes and a mouth in them."""
    ground = any_colour(rng)
    sheet, mask = carried(rng, side, ground)
    room, skin = _room(mask, sheet), against(rng, ground, 25)
    if rng.random() < 0.55:
        middle, across, down = person(sheet, rng, mask, skin, room)
        if rng.random() < 0.6:  # a coloured face, hair, a coat
            head = against(rng, skin, 20)
            sheet.ellipse(0.5, middle, across, down, head)
            skin = head
    else:
        middle, across = 0.5 + rng.uniform(-0.05, 0.05), rng.uniform(0.2, 0.4) * room
        down = across * rng.uniform(0.8, 1.15)
        if rng.random() < 0.5:  # ears
            for x in (-1, 1):
                tip = (0.5 + x * across * rng.uniform(0.7, 1.1), middle - down * rng.uniform(1.0, 1.6))
                sheet.polygon(
                    [
                        (0.5 + x * across * 0.2, middle - down * 0.8),
                        tip,
                        (0.5 + x * across * 0.98, middle - down * 0.2),
                    ],
                    skin,
                )
        sheet.ellipse(0.5, middle, across, down, skin)
    ink = against(rng, skin, 50)
    apart, eye = across * rng.uniform(0.3, 0.5), across * rng.uniform(0.09, 0.24)
    height = middle - down * rng.uniform(-0.05, 0.25)
    for x in (-apart, apart):
        sheet.ellipse(0.5 + x, height, eye, eye * rng.uniform(0.8, 1.3), ink)
        if rng.random() < 0.3:
            sheet.ellipse(0.5 + x, height, eye * 0.5, eye * 0.5, against(rng, ink))
    pen, p = ImageDraw.Draw(sheet.image), sheet.pixels
    width = max(1, round(across * rng.uniform(0.08, 0.2) * p))
    low = middle + down * rng.uniform(0.2, 0.5)
    reach = across * rng.uniform(0.25, 0.55)
    if rng.random() < 0.8:
        pen.arc(
            ((0.5 - reach) * p, (low - reach * 0.8) * p, (0.5 + reach) * p, (low + reach * 0.5) * p),
            10,
            170,
            fill=ink,
            width=width,
        )
    if rng.random() < 0.25:
        pen.line(sheet.at([(0.5 - apart, height), (0.5 + apart, height)]), fill=ink, width=width)
    if rng.random() < 0.4:  # hair
        box = _box(sheet, middle - down * 0.1, across * 1.06, down * 1.06)
        pen.pieslice(box, 180 + rng.uniform(0, 20), 360 - rng.uniform(0, 20), fill=against(rng, skin, 30))
    return done(sheet, rng)


def busy(rng: Random, sheet: Sheet) -> None:
    """Fill a sheet with what stands behind people: bricks, shelves, windows, hills, a blur of shapes."""
    kind = rng.choice(("bricks", "shelves", "shapes", "rough"))
    one = any_colour(rng)
    sheet.image = shaded(rng, sheet.pixels, one, near(rng, one, 0.6))
    if kind == "bricks":
        rows = rng.choice((5, 7, 9, 12))
        for row in range(rows):
            for column in range(-1, rows // 2 + 1):
                left, top = (2 * column + row % 2) / rows, row / rows
                box = [
                    (left, top),
                    (left + 1.85 / rows, top),
                    (left + 1.85 / rows, top + 0.85 / rows),
                    (left, top + 0.85 / rows),
                ]
                sheet.polygon(box, near(rng, one, 0.4))
    elif kind in {"shelves", "shapes"}:
        for _ in range(rng.randint(3, 14)):
            x, y, w, h = rng.random(), rng.random(), rng.uniform(0.05, 0.4), rng.uniform(0.04, 0.35)
            if kind == "shelves":
                sheet.polygon([(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)], any_colour(rng))
            else:
                sheet.ellipse(x, y, w, h, any_colour(rng))
    elif kind == "rough":
        sheet.image = _rough(rng, sheet.image, rng.uniform(15, 60))
    if rng.random() < 0.5:
        sheet.image = sheet.image.filter(ImageFilter.GaussianBlur(rng.uniform(0.002, 0.03) * sheet.pixels))


def painted_person(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """A person in many colours, drawn with care, before something."""
    sheet = Sheet(side, any_colour(rng), 2 if side <= 320 else 1)
    if rng.random() < 0.8:
        busy(rng, sheet)
    x, middle = 0.5 + rng.gauss(0, 0.04), rng.uniform(0.36, 0.52)
    across = rng.uniform(0.13, 0.26)
    down = across * rng.uniform(1.1, 1.5)
    skin, hair, coat = (any_colour(rng) for _ in range(3))
    if rng.random() < 0.7:
        skin = rng.choice(
            ((241, 194, 150), (224, 172, 105), (198, 134, 66), (141, 85, 36), (70, 40, 24), (255, 219, 190))
        )
    wide = across * rng.uniform(1.5, 2.4)
    low = middle + down * rng.uniform(0.9, 1.15)
    shoulders = [(x - wide, 1.01), (x - wide * 0.8, low + 0.1), (x, low), (x + wide * 0.8, low + 0.1), (x + wide, 1.01)]
    after = rng.random() < 0.3  # long hair, or a scarf: behind the coat, or over it
    for at in range(2):
        if at == after:
            sheet.polygon(shoulders, coat)
            if rng.random() < 0.4:
                woven(sheet, rng, shoulders, coat)
        elif rng.random() < 0.6:
            sheet.ellipse(x, middle + rng.uniform(0, 0.08), across * 1.35, down * rng.uniform(1.1, 1.5), hair)
    sheet.polygon(
        [
            (x - across * 0.4, middle),
            (x + across * 0.4, middle),
            (x + across * 0.4, low + 0.08),
            (x - across * 0.4, low + 0.08),
        ],
        near(rng, skin, 0.2),
    )
    sheet.ellipse(x, middle, across, down, skin)
    if rng.random() < 0.75:  # hair, or a cap
        for _ in range(rng.choice((1, 1, 5, 9))):
            sheet.ellipse(
                x + rng.uniform(-0.8, 0.8) * across,
                middle - down * rng.uniform(0.7, 1.0),
                across * rng.uniform(0.4, 0.9),
                down * rng.uniform(0.25, 0.5),
                hair,
            )
    eye, apart = across * rng.uniform(0.12, 0.22), across * rng.uniform(0.35, 0.5)
    pen, p = ImageDraw.Draw(sheet.image), sheet.pixels
    for at in (x - apart, x + apart):
        height = middle - down * rng.uniform(0.02, 0.12)
        sheet.ellipse(at, height, eye, eye * 0.75, (240, 240, 240))
        sheet.ellipse(at, height, eye * 0.5, eye * 0.5, (20, 20, 20))
        if rng.random() < 0.3:
            r = eye * 1.6
            pen.ellipse(
                ((at - r) * p, (height - r) * p, (at + r) * p, (height + r) * p),
                outline=(10, 10, 10),
                width=max(1, round(0.008 * p)),
            )
    sheet.ellipse(x, middle + down * 0.5, across * rng.uniform(0.2, 0.5), down * 0.06, (170, 60, 60))
    if rng.random() < 0.3:  # a beard
        sheet.ellipse(x, middle + down * 0.75, across * 0.7, down * 0.3, hair)
    if rng.random() < 0.6:
        noise = np.random.default_rng(rng.getrandbits(64)).normal(0, rng.uniform(1, 9), (p, p, 1))
        sheet.image = Image.fromarray(np.clip(np.asarray(sheet.image, np.float32) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.25:  # held askew
        turn, grown = rng.uniform(-25, 25), rng.uniform(1.0, 1.3)
        tilted = sheet.image.rotate(turn, Image.Resampling.BILINEAR, fillcolor=any_colour(rng))
        edge = (1 - 1 / grown) / 2 * p
        sheet.image = tilted.resize(tilted.size, box=(edge, edge, p - edge, p - edge))
    if rng.random() < 0.15:  # in a passe-partout
        width = round(rng.uniform(0.02, 0.2) * p)
        framed = ImageOps.expand(sheet.image, width, rng.choice(((0, 0, 0), (255, 255, 255), any_colour(rng))))
        sheet.image = framed.resize((p, p), Image.Resampling.BILINEAR)
    return done(sheet, rng)


def woven(sheet: Sheet, rng: Random, outline: Sequence[Point], colour: Colour) -> None:
    """Bold cloth inside of an outline: stripes at any angle, checks or dots, in one other colour or two."""
    mask, pen = sheet.mask()
    pen.polygon(sheet.at(outline), fill=255)
    turn, every = (
        rng.choice((0.0, math.pi / 2, rng.uniform(-0.4, 0.4), rng.uniform(0, math.pi))),
        rng.uniform(0.03, 0.14),
    )
    steps = np.arange(sheet.pixels, dtype=np.float32) / sheet.pixels
    down = (steps[:, None] * math.cos(turn) + steps[None, :] * math.sin(turn)) / every % 1
    along = (steps[None, :] * math.cos(turn) - steps[:, None] * math.sin(turn)) / every % 1
    share = rng.uniform(0.25, 0.6)
    kind = rng.choices(("stripes", "checks", "dots"), (70, 20, 10))[0]
    if kind == "dots":
        bold = np.hypot(down - 0.5, along - 0.5) < share / 2
    else:
        bold = down < share if kind == "stripes" else (down < share) | (along < share)
    inside = ImageChops.multiply(mask, Image.fromarray(bold.astype(np.uint8) * 255))
    sheet.fill(inside, against(rng, colour, rng.choice((12, 25, 45))))
    if rng.random() < 0.2:
        seam = ImageChops.multiply(mask, Image.fromarray(((down > 0.9) * 255).astype(np.uint8)))
        sheet.fill(seam, any_colour(rng))


def before_something(rng: Random, fonts: Fonts, side: int) -> Image.Image:
    """Letters or a sign, but before a busy ground: no service draws that."""
    sheet = Sheet(side, any_colour(rng), 2 if side <= 320 else 1)
    busy(rng, sheet)
    if rng.random() < 0.4:
        letters, font = fonts.pick(rng)
        text = "".join(rng.choice(letters) for _ in range(rng.choice((1, 2, 3, 5))))
        write(sheet, rng, text, font, rng.uniform(0.2, 0.5), any_colour(rng))
    else:
        for _ in range(rng.choice((0, 1, 2))):
            rng.choice(SHAPES)(
                sheet, rng, rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.35), any_colour(rng)
            )
    return done(sheet, rng)


def scene(rng: Random, _fonts: Fonts, side: int) -> Image.Image:
    """A landscape, clouds, or a thing with light on it."""
    sheet = Sheet(side, any_colour(rng), 1)
    p = sheet.pixels
    kind = rng.choice(("hills", "clouds", "thing"))
    if kind == "hills":
        sheet.image = shaded(rng, p, any_colour(rng), any_colour(rng))
        if rng.random() < 0.6:
            sheet.ellipse(rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.4), 0.08, 0.08, any_colour(rng))
        for layer in range(rng.choice((1, 2, 3))):
            base, bend, turns = 0.5 + 0.15 * layer, rng.uniform(0.02, 0.15), rng.uniform(2, 12)
            phase = rng.uniform(0, 6)
            ridge = [(k / 40, base + bend * math.sin(turns * k / 40 + phase)) for k in range(41)]
            sheet.polygon([(0, 1), *ridge, (1, 1)], any_colour(rng))
        sheet.image = _rough(rng, sheet.image, rng.uniform(0, 25))
    elif kind == "clouds":
        sheet.image = _rough(rng, sheet.image, rng.uniform(4, 80))
    else:
        sheet.image = shaded(rng, p, any_colour(rng), any_colour(rng)) if rng.random() < 0.4 else sheet.image
        mask, pen = sheet.mask()
        w, h = rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4)
        form = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        form(((0.5 - w) * p, (0.5 - h) * p, (0.5 + w) * p, (0.5 + h) * p), fill=255)
        lit = _rough(rng, shaded(rng, p, any_colour(rng), any_colour(rng)), rng.uniform(3, 40))
        sheet.fill(mask.filter(ImageFilter.GaussianBlur(0.004 * p)), lit)
    return done(sheet, rng)


def _rough(rng: Random, image: Image.Image, strength: float) -> Image.Image:
    noise = np.random.default_rng(rng.getrandbits(64))
    total = np.zeros((*image.size[::-1], 1), np.float32)
    cells, weight = rng.choice((2, 3, 5)), 1.0
    while cells < image.width:
        layer = Image.fromarray(noise.normal(0, 1, (cells, cells)).astype(np.float32))
        total += weight * np.asarray(layer.resize(image.size, Image.Resampling.BICUBIC))[..., None]
        cells, weight = cells * 2, weight * rng.uniform(0.4, 0.75)
    tint = np.array([rng.uniform(0.6, 1.2) for _ in range(3)], np.float32)
    return Image.fromarray(np.clip(np.asarray(image, np.float32) + strength * total * tint, 0, 255).astype(np.uint8))


def chosen_portrait(rng: Random, portrait: Image.Image, side: int) -> Image.Image:
    """A real portrait as people edit theirs: greyed, dark, faint, bleached, posterised, in a carrier."""
    image = ImageOps.fit(portrait, (max(side, 200),) * 2, centering=(0.5, rng.uniform(0.2, 0.5)))
    zoom = rng.choice((1.0, rng.uniform(0.4, 1.0)))
    if zoom < 1:
        low = rng.uniform(0, 1 - zoom)
        box = tuple(v * image.width for v in (low, low * rng.random(), low + zoom, low * 0 + zoom))
        image = image.resize(image.size, box=(box[0], box[1] * 0, box[2], box[1] * 0 + zoom * image.height))
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    pixels = np.asarray(image, np.float32)
    kind = rng.choices(
        ("as is", "grey", "dark", "faint", "bleached", "overexposed", "posterised", "stencil", "duotone", "cut out"),
        (34, 8, 13, 11, 6, 7, 5, 4, 4, 8),
    )[0]
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    if kind == "grey":
        pixels = np.repeat(grey[..., None], 3, 2)
    elif kind == "dark":
        pixels = pixels * rng.uniform(0.05, 0.5)
    elif kind == "faint":
        level = np.asarray(any_colour(rng), np.float32)
        pixels = level + (pixels - pixels.mean()) * rng.uniform(0.06, 0.4)
    elif kind == "bleached":
        pixels = 255 - (255 - pixels) * rng.uniform(0.1, 0.6)
    elif kind == "overexposed":  # only what is dark is left
        level = np.percentile(grey, rng.uniform(20, 80))
        pixels = 255 - (255 - pixels) * np.clip((level - grey) / rng.uniform(10, 90), 0, 1)[..., None]
    elif kind == "posterised":
        step = 256 / rng.choice((2, 3, 4, 6))
        pixels = np.floor(pixels / step) * step + step / 2
    elif kind in {"stencil", "duotone"}:
        dark, light = np.asarray(any_colour(rng), np.float32), np.asarray(any_colour(rng), np.float32)
        part = grey / 255 if kind == "duotone" else (grey > np.percentile(grey, rng.uniform(25, 75))).astype(np.float32)
        pixels = dark + (light - dark) * part[..., None]
    elif kind == "cut out":  # on an even ground, fading at an oval
        steps = (np.arange(image.width) + 0.5) / image.width - 0.5
        away = np.hypot(steps[None, :] / rng.uniform(0.3, 0.42), steps[:, None] / rng.uniform(0.38, 0.5))
        part = np.clip((1.05 - away) / rng.uniform(0.02, 0.3), 0, 1)[..., None]
        pixels = pixels * part + np.asarray(any_colour(rng), np.float32) * (1 - part)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.2:
        sheet, mask = carried(rng, side, any_colour(rng))
        small = image.resize(sheet.image.size)
        if rng.random() < 0.6:
            sheet.fill(mask, small)
        else:  # small on its ground
            part = round(rng.uniform(0.35, 0.8) * sheet.pixels)
            sheet.image.paste(image.resize((part, part)), ((sheet.pixels - part) // 2,) * 2)
        return done(sheet, rng)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def done(sheet: Sheet, rng: Random) -> Image.Image:
    """To its size, with the small faults that pictures pick up."""
    image = sheet.image
    if image.width != sheet.side:
        filters = (Image.Resampling.BOX, Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)
        image = image.resize((sheet.side, sheet.side), rng.choice(filters))
    if rng.random() < 0.06:
        noise = np.random.default_rng(rng.getrandbits(64)).normal(0, rng.uniform(0.5, 4), (*image.size, 1))
        image = Image.fromarray(np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.05:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.003, 0.012) * sheet.side))
    return image


MAKERS: dict[str, tuple[tuple[Callable[[Random, Fonts, int], Image.Image], float], ...]] = {
    "initials": ((initials, 0.66), (invented, 0.2), (built, 0.14)),
    "silhouette": ((silhouette, 1.0),),
    "blank": ((blank, 1.0),),
    "photo": (
        (words, 0.13),
        (mesh, 0.03),
        (mark, 0.2),
        (pattern, 0.08),
        (cartoon, 0.14),
        (painted_person, 0.22),
        (before_something, 0.1),
        (scene, 0.1),
    ),
}
