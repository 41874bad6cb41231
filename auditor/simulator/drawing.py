"""Pictures drawn by program: portraits, initials, silhouettes, blanks and the services' own default pictures.

Everything is a function of its arguments alone, on every platform: no font file beyond the one Pillow
ships, no clock, no global randomness. Portraits differ in structure, not only in colour: what stands
behind the head, where the head is, how large and how lit all change with the seed.
"""

from __future__ import annotations

import io
import math
import random
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

_PORTRAIT_SIDES = (320, 320, 360, 360, 400, 400, 400, 432, 480, 504, 648)
_SKIN: tuple[Colour, ...] = (
    (255, 224, 196),
    (241, 194, 155),
    (224, 172, 130),
    (198, 134, 88),
    (150, 98, 62),
    (104, 66, 44),
    (72, 46, 32),
)
_HAIR: tuple[Colour, ...] = (
    (28, 22, 20),
    (58, 40, 28),
    (104, 68, 40),
    (164, 116, 62),
    (214, 178, 112),
    (150, 62, 32),
    (190, 190, 192),
    (236, 236, 236),
)
_TILES: tuple[Colour, ...] = (
    (117, 11, 28),
    (164, 38, 44),
    (202, 80, 16),
    (152, 111, 11),
    (73, 130, 5),
    (11, 106, 11),
    (3, 131, 135),
    (0, 91, 112),
    (0, 78, 140),
    (79, 107, 237),
    (92, 46, 145),
    (136, 23, 152),
    (194, 57, 179),
    (105, 121, 126),
)


def portrait_side(seed: int) -> int:
    """The side in pixels that a portrait of this seed has, without drawing it."""
    return random.Random(f"side:{seed}").choice(_PORTRAIT_SIDES)


def portrait(seed: int) -> Image.Image:
    """A person in front of something, square; another person and another place for every seed."""
    rng = random.Random(f"portrait:{seed}")
    side = portrait_side(seed)
    image = _background(rng, side)
    _person(rng, image)
    return _lit(rng, image)


# What stands behind the head ------------------------------------------------------------------------


def _colour(rng: random.Random, low: int = 20, high: int = 235) -> Colour:
    """A muted colour: rooms and clothes are seldom as bright as a paint box."""
    parts = [rng.randint(low, high) for _ in range(3)]
    mean = sum(parts) / 3
    red, green, blue = (round(mean + 0.6 * (part - mean)) for part in parts)
    return red, green, blue


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (max(0, min(255, round(part * factor))) for part in colour)
    return red, green, blue


def _clouds(rng: random.Random, side: int, cells: int, low: Colour, high: Colour) -> Image.Image:
    """Soft blotches between two colours."""
    small = Image.new("RGB", (cells, cells))
    for place in range(cells * cells):
        weight = rng.random()
        red, green, blue = (round(dim + (bright - dim) * weight) for dim, bright in zip(low, high, strict=True))
        small.putpixel((place % cells, place // cells), (red, green, blue))
    return small.resize((side, side), Image.Resampling.BICUBIC)


def _background(rng: random.Random, side: int) -> Image.Image:
    dark, light = _colour(rng, 10, 120), _colour(rng, 130, 250)
    image = _clouds(rng, side, rng.choice((3, 4, 5, 7)), dark, light)
    scene: Callable[[random.Random, ImageDraw.ImageDraw, int], None] = rng.choice(
        (_shelves, _blinds, _panes, _skyline, _foliage, _frames, _bricks)
    )
    scene(rng, ImageDraw.Draw(image), side)
    if rng.random() < 0.5:
        _frames(rng, ImageDraw.Draw(image), side)
    return image.filter(ImageFilter.BoxBlur(rng.uniform(0.4, 0.014 * side)))


def _shelves(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    top = -rng.uniform(0, 0.2) * side
    while top < side:
        height = rng.uniform(0.16, 0.34) * side
        left = -rng.uniform(0, 0.1) * side
        while left < side:
            width = rng.uniform(0.03, 0.13) * side
            rise = rng.uniform(0, 0.3) * height
            draw.rectangle((left, top + rise, left + width, top + height), fill=_colour(rng))
            left += width + (rng.uniform(0, 0.12) * side if rng.random() < 0.2 else 1)
        draw.rectangle((0, top + height, side, top + height + 0.025 * side), fill=_colour(rng, 10, 90))
        top += height + 0.025 * side


def _blinds(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    angle, reach = rng.uniform(-1.4, 1.4), 1.6 * side
    along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    at = -reach
    while at < reach:
        width = rng.uniform(0.05, 0.2) * side
        corners = [
            (0.5 * side + a * along[0] + b * across[0], 0.5 * side + a * along[1] + b * across[1])
            for a, b in ((-reach, at), (reach, at), (reach, at + width), (-reach, at + width))
        ]
        draw.polygon(corners, fill=_colour(rng))
        at += width + rng.uniform(0.04, 0.2) * side


def _panes(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    left, top = rng.uniform(-0.3, 0.6) * side, rng.uniform(-0.3, 0.5) * side
    width, height = rng.uniform(0.5, 1.1) * side, rng.uniform(0.4, 1.0) * side
    columns, rows = rng.randint(1, 4), rng.randint(1, 4)
    draw.rectangle((left, top, left + width, top + height), fill=_colour(rng, 180, 255))
    bar, line = rng.uniform(0.012, 0.04) * side, _colour(rng, 0, 110)
    for column in range(columns + 1):
        x = left + column * width / columns
        draw.rectangle((x - bar, top, x + bar, top + height), fill=line)
    for row in range(rows + 1):
        y = top + row * height / rows
        draw.rectangle((left, y - bar, left + width, y + bar), fill=line)


def _skyline(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    horizon = rng.uniform(0.45, 0.95) * side
    left = -rng.uniform(0, 0.15) * side
    while left < side:
        width = rng.uniform(0.06, 0.26) * side
        top = horizon - rng.uniform(0.05, 0.75) * side
        draw.rectangle((left, top, left + width, horizon), fill=_colour(rng, 10, 200))
        left += width + rng.choice((0.0, 0.0, 0.08)) * side
    draw.rectangle((0, horizon, side, side), fill=_colour(rng, 20, 220))


def _foliage(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    for _ in range(rng.randint(25, 60)):
        x, y, reach = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(0.03, 0.16) * side
        leaf = (rng.randint(10, 170), rng.randint(50, 240), rng.randint(5, 140))
        draw.ellipse((x - reach, y - reach * rng.uniform(0.4, 1), x + reach, y + reach), fill=leaf)


def _frames(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    for _ in range(rng.randint(2, 5)):
        x, y = rng.uniform(-0.2, 0.9) * side, rng.uniform(-0.2, 0.8) * side
        width, height = rng.uniform(0.12, 0.5) * side, rng.uniform(0.12, 0.6) * side
        edge = max(2, round(rng.uniform(0.01, 0.04) * side))
        draw.rectangle((x, y, x + width, y + height), fill=_colour(rng), outline=_colour(rng, 0, 255), width=edge)


def _bricks(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    height, width = rng.uniform(0.07, 0.16) * side, rng.uniform(0.14, 0.34) * side
    tone = _colour(rng, 60, 200)
    top, row = -rng.uniform(0, height), 0
    while top < side:
        left = -rng.uniform(0.2, 1.0) * width
        while left < side:
            draw.rectangle(
                (left, top, left + width, top + height),
                fill=_shade(tone, rng.uniform(0.35, 1.5)),
                outline=_shade(tone, 0.3),
                width=max(1, side // 90),
            )
            left += width
        top += height
        row += 1


# The person -----------------------------------------------------------------------------------------


def _oval(draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)


def _person(rng: random.Random, image: Image.Image) -> None:
    """Draws on a layer of its own, tilted, so that heads lean as they do."""
    side = image.width
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    reach = rng.uniform(0.13, 0.27) * side
    x, y = rng.uniform(0.3, 0.7) * side, rng.uniform(0.3, 0.56) * side
    rx, ry = reach * rng.uniform(0.82, 1.0), reach * rng.uniform(1.1, 1.35)
    skin, hair = rng.choice(_SKIN), rng.choice(_HAIR)
    _body(rng, draw, side, (x, y), (rx, ry), skin)
    style = rng.choice(("short", "long", "curls", "bald", "bun", "hat", "scarf", "side"))
    if style == "long":
        fall = rng.uniform(1.1, 2.0) * ry
        draw.rounded_rectangle((x - 1.3 * rx, y - ry, x + 1.3 * rx, y + fall), 0.9 * rx, fill=hair)
    if style == "curls":
        for _ in range(26):
            angle = rng.uniform(math.pi, 2 * math.pi)
            _oval(
                draw,
                x + 1.1 * rx * math.cos(angle),
                y - 0.1 * ry + 1.1 * ry * math.sin(angle),
                0.4 * rx,
                0.4 * rx,
                _shade(hair, rng.uniform(0.8, 1.3)),
            )
    if style == "bun":
        _oval(draw, x + rng.uniform(-0.3, 0.3) * rx, y - 1.25 * ry, 0.5 * rx, 0.5 * rx, hair)
    for ear in (-1, 1):
        _oval(draw, x + ear * rx, y, 0.17 * rx, 0.26 * ry, _shade(skin, 0.86))
    _oval(draw, x, y, rx, ry, skin)
    _hair(rng, draw, style, (x, y), (rx, ry), hair)
    _face(rng, draw, (x, y), (rx, ry), skin, hair)
    layer = layer.rotate(rng.uniform(-14, 14), center=(x, y + ry))
    # The leaning body leaves the lower corners bare; what is behind shows there, as it does in life.
    image.paste(layer, (0, 0), layer)


def _body(rng: random.Random, draw: ImageDraw.ImageDraw, side: int, centre: Point, radii: Point, skin: Colour) -> None:
    (x, y), (rx, ry) = centre, radii
    cloth = _colour(rng)
    broad, drop = rng.uniform(1.8, 3.0) * rx, y + ry * rng.uniform(1.15, 1.45)
    lean = rng.uniform(-0.12, 0.12) * side
    shoulders = (x + lean - broad, drop, x + lean + broad, drop + 2.2 * side)
    draw.rounded_rectangle(shoulders, rng.uniform(0.5, 1.1) * rx, fill=cloth)
    pattern = rng.choice(("plain", "stripes", "halves", "jacket", "dots"))
    if pattern == "stripes":
        step = rng.uniform(0.05, 0.12) * side
        for row in range(12):
            top = drop + (row + 0.6) * step
            draw.rectangle((x + lean - broad, top, x + lean + broad, top + 0.45 * step), fill=_shade(cloth, 0.45))
    elif pattern == "halves":
        draw.rectangle((x + lean, drop, x + lean + broad, 2 * side), fill=_colour(rng))
    elif pattern == "jacket":
        inner = _colour(rng, 170, 255)
        draw.polygon(((x - 0.7 * rx, drop), (x + 0.7 * rx, drop), (x + lean, drop + 0.5 * side)), fill=inner)
        tie = _colour(rng, 0, 160)
        draw.polygon(((x - 0.12 * rx, drop), (x + 0.12 * rx, drop), (x + lean, drop + 0.45 * side)), fill=tie)
    elif pattern == "dots":
        for _ in range(40):
            dot = rng.uniform(0.01, 0.03) * side
            _oval(
                draw,
                x + lean + rng.uniform(-0.85, 0.85) * broad,
                drop + rng.uniform(0.05, 0.8) * side,
                dot,
                dot,
                _shade(cloth, 1.8),
            )
    neck = rng.uniform(0.36, 0.55) * rx
    draw.rounded_rectangle((x - neck, y + 0.5 * ry, x + neck, drop + 0.35 * ry), neck, fill=_shade(skin, 0.8))


def _hair(rng: random.Random, draw: ImageDraw.ImageDraw, style: str, centre: Point, radii: Point, hair: Colour) -> None:
    (x, y), (rx, ry) = centre, radii
    box = (x - 1.06 * rx, y - 1.08 * ry, x + 1.06 * rx, y + 0.9 * ry)
    if style in {"short", "long", "bun", "curls"}:
        low = rng.uniform(0, 28)
        draw.chord(box, 180 + low, 360 - rng.uniform(0, 28), fill=hair)
    elif style == "side":
        draw.chord(box, rng.uniform(150, 190), rng.uniform(300, 335), fill=hair)
    elif style == "hat":
        felt = _colour(rng)
        brim = y - 0.55 * ry
        draw.rounded_rectangle((x - rx, y - 1.5 * ry, x + rx, brim), 0.4 * rx, fill=felt)
        draw.rectangle((x - 1.6 * rx, brim - 0.1 * ry, x + 1.6 * rx, brim + 0.08 * ry), fill=_shade(felt, 0.7))
    elif style == "scarf":
        silk = _colour(rng)
        draw.arc((x - 1.2 * rx, y - 1.2 * ry, x + 1.2 * rx, y + 1.25 * ry), 0, 360, silk, round(0.42 * rx))


def _face(
    rng: random.Random,
    draw: ImageDraw.ImageDraw,
    centre: Point,
    radii: Point,
    skin: Colour,
    hair: Colour,
) -> None:
    (x, y), (rx, ry) = centre, radii
    turn = rng.uniform(-0.18, 0.18) * rx
    if rng.random() < 0.3:
        draw.chord((x - 0.9 * rx, y - 0.5 * ry, x + 0.9 * rx, y + 1.04 * ry), 15, 165, fill=hair)
    if rng.random() < 0.2:
        draw.rectangle((x + turn - 0.35 * rx, y + 0.34 * ry, x + turn + 0.35 * rx, y + 0.43 * ry), fill=hair)
    gap, height = rng.uniform(0.34, 0.46) * rx, y - rng.uniform(0.02, 0.2) * ry
    eye = rng.uniform(0.08, 0.13) * rx
    glasses = rng.random() < 0.35
    for pupil in (x + turn - gap, x + turn + gap):
        _oval(draw, pupil, height, 1.9 * eye, 1.1 * eye, (245, 245, 245))
        _oval(draw, pupil, height, eye, eye, (30, 26, 30))
        brow = height - rng.uniform(2.0, 2.9) * eye
        draw.line(((pupil - 2.2 * eye, brow), (pupil + 2.2 * eye, brow)), hair, max(2, round(0.7 * eye)))
        if glasses:
            lens = 3.0 * eye
            rim = (pupil - lens, height - lens, pupil + lens, height + lens)
            draw.ellipse(rim, outline=(20, 20, 24), width=max(2, round(0.06 * rx)))
    nose = y + 0.25 * ry
    draw.line(((x + turn, height + eye), (x + 1.6 * turn, nose)), _shade(skin, 0.62), max(2, round(0.1 * rx)))
    smile = rng.uniform(0.22, 0.45) * rx
    lips = (x + turn - smile, y + 0.36 * ry, x + turn + smile, y + rng.uniform(0.5, 0.72) * ry)
    draw.chord(lips, 0, 180, fill=(150, rng.randint(40, 90), 70))


def _lit(rng: random.Random, image: Image.Image) -> Image.Image:
    """Light from one side, a vignette, and the grain of a sensor."""
    side = image.width
    angle, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0.15, 0.6)
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    light = 1 + strength * (math.cos(angle) * ramp[None, :] + math.sin(angle) * ramp[:, None])
    light *= 1 - rng.uniform(0, 0.9) * (ramp[None, :] ** 2 + ramp[:, None] ** 2)
    # Grain of a quarter of the pixels, repeated: a whole field costs more than the rest of the drawing.
    grain = np.random.default_rng(rng.getrandbits(63)).integers(-7, 8, (side // 2, side // 2), dtype=np.int16)
    tiled = np.tile(grain, (2, 2)).astype(np.float32)
    pixels = np.asarray(image, dtype=np.float32) * light.astype(np.float32)[..., None]
    pixels[: tiled.shape[0], : tiled.shape[1]] += tiled[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


# Initials -------------------------------------------------------------------------------------------

_STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    # Letters the built-in font lacks, as pen strokes in a unit square.
    "Д": (((0.1, 1), (0.1, 0.8), (0.9, 0.8), (0.9, 1)), ((0.2, 0.8), (0.4, 0), (0.75, 0), (0.75, 0.8))),
    "Ж": (((0.5, 0), (0.5, 1)), ((0, 0), (0.5, 0.5), (0, 1)), ((1, 0), (0.5, 0.5), (1, 1))),
    "Ш": (((0, 0), (0, 1), (1, 1), (1, 0)), ((0.5, 0), (0.5, 1))),
    "Ю": (
        ((0, 0), (0, 1)),
        ((0, 0.5), (0.4, 0.5)),
        ((0.7, 0), (0.42, 0.3), (0.42, 0.7), (0.7, 1), (1, 0.7), (1, 0.3), (0.7, 0)),
    ),
    "Я": (((1, 0), (1, 1)), ((1, 0), (0.3, 0), (0.15, 0.25), (0.3, 0.5), (1, 0.5)), ((0.5, 0.5), (0, 1))),
    "Ω": (((0, 1), (0.3, 1), (0.08, 0.5), (0.3, 0), (0.7, 0), (0.92, 0.5), (0.7, 1), (1, 1)),),
    "Δ": (((0, 1), (0.5, 0), (1, 1), (0, 1)),),
    "Ψ": (((0, 0), (0.1, 0.5), (0.5, 0.65), (0.9, 0.5), (1, 0)), ((0.5, 0), (0.5, 1))),
    "א": (((0.05, 0), (0.95, 1)), ((0.85, 0), (0.85, 0.35), (0.6, 0.6)), ((0.2, 0.2), (0.2, 1))),
    "ש": (((0, 0), (0.1, 1), (0.9, 1), (1, 0)), ((0.5, 0), (0.3, 1))),
    "ע": (((0.1, 0), (0.7, 0.75)), ((0.9, 0), (0.75, 0.7), (0.1, 1))),
    "ع": (((0.8, 0.1), (0.4, 0), (0.25, 0.25), (0.7, 0.4), (0.2, 0.55), (0.1, 0.85), (0.5, 1), (0.95, 0.9)),),
    "م": (((0.9, 0.3), (0.6, 0.1), (0.45, 0.4), (0.75, 0.5), (0.9, 0.3)), ((0.45, 0.4), (0.1, 0.45), (0.1, 1))),
    "س": (((1, 0.2), (0.95, 0.5), (0.75, 0.2), (0.6, 0.5), (0.45, 0.2), (0.4, 0.8), (0.1, 0.9), (0, 0.5)),),
    "अ": (
        ((0, 0), (1, 0)),
        ((0.85, 0), (0.85, 1)),
        ((0.1, 0.2), (0.4, 0.2), (0.35, 0.5), (0.1, 0.5)),
        ((0.35, 0.5), (0.45, 0.8), (0.1, 0.95)),
        ((0.4, 0.5), (0.85, 0.5)),
    ),
    "र": (((0, 0), (1, 0)), ((0.5, 0), (0.7, 0.25), (0.4, 0.5), (0.75, 1))),
    "王": (((0.1, 0), (0.9, 0)), ((0.15, 0.5), (0.85, 0.5)), ((0, 1), (1, 1)), ((0.5, 0), (0.5, 1))),
    "李": (
        ((0, 0.2), (1, 0.2)),
        ((0.5, 0), (0.5, 0.5)),
        ((0.5, 0.2), (0, 0.5)),
        ((0.5, 0.2), (1, 0.5)),
        ((0.25, 0.55), (0.75, 0.55), (0.5, 0.7), (0.5, 1)),
        ((0, 0.78), (1, 0.78)),
    ),
    "田": (((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)), ((0.5, 0), (0.5, 1)), ((0, 0.5), (1, 0.5))),
    "김": (
        ((0.05, 0), (0.5, 0), (0.4, 0.45)),
        ((0.85, 0), (0.85, 0.5)),
        ((0.15, 0.6), (0.85, 0.6), (0.85, 1), (0.15, 1), (0.15, 0.6)),
    ),
    "이": (((0.3, 0.1), (0.05, 0.5), (0.3, 0.9), (0.55, 0.5), (0.3, 0.1)), ((0.85, 0), (0.85, 1))),
    "ア": (((0, 0.1), (0.95, 0.1), (0.6, 0.5)), ((0.5, 0.3), (0.45, 0.7), (0.15, 1))),
    "ย": (((0.05, 0.1), (0.2, 0.3), (0.05, 0.5), (0.05, 1), (0.9, 1), (0.9, 0)),),
    "გ": (((0.1, 0.1), (0.5, 0), (0.9, 0.25), (0.6, 0.5), (0.95, 0.75), (0.5, 1), (0.05, 0.85)),),
    "Ա": (((0.1, 0), (0.1, 0.7), (0.4, 1), (0.75, 0.7), (0.75, 0)), ((0.75, 0.5), (1, 0.5), (1, 1))),
}
_BLOCKS: tuple[tuple[int, int, str], ...] = (
    # What stands in for the letters of a script that no stroke is kept for.
    (0x0370, 0x03FF, "ΩΔΨ"),
    (0x0400, 0x052F, "ДЖШЮЯ"),
    (0x0530, 0x058F, "Ա"),
    (0x0590, 0x05FF, "אשע"),
    (0x0600, 0x06FF, "عمس"),
    (0x0900, 0x097F, "अर"),
    (0x0E00, 0x0E7F, "ย"),
    (0x10A0, 0x10FF, "გ"),
    (0x3040, 0x30FF, "ア"),
    (0x4E00, 0x9FFF, "王李田"),
    (0xAC00, 0xD7AF, "김이"),
)


@cache
def _in_font(letter: str) -> bool:
    font = ImageFont.load_default(32)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\ue000"))


def _strokes_for(letter: str) -> tuple[tuple[Point, ...], ...]:
    if letter in _STROKES:
        return _STROKES[letter]
    for first, last, letters in _BLOCKS:
        if first <= ord(letter) <= last:
            return _STROKES[letters[ord(letter) % len(letters)]]
    return _STROKES["Δ"]


def initials(letters: str, look: int, side: int = 360) -> Image.Image:
    """One or two letters on a coloured tile; `look` chooses colour, a round or square tile, and size."""
    rng = random.Random(f"initials:{look}")
    tile = rng.choice(_TILES)
    round_tile, scale = rng.random() < 0.4, rng.uniform(0.34, 0.5)
    # A pale tile with dark letters is as common as a dark one with white letters.
    if rng.random() < 0.3:
        tile, ink = _shade_to_white(tile), tile
    else:
        ink = (255, 255, 255)
    letters = "".join(unicodedata.normalize("NFD", letter)[0] for letter in letters)
    double = side * 2
    image = Image.new("RGB", (double, double), (255, 255, 255) if round_tile else tile)
    draw = ImageDraw.Draw(image)
    if round_tile:
        draw.ellipse((0, 0, double - 1, double - 1), fill=tile)
    if all(_in_font(letter) for letter in letters):
        font = ImageFont.load_default(scale * double)
        draw.text((double / 2, double / 2), letters, font=font, fill=ink, anchor="mm")
    else:
        _pen(draw, letters, double, scale, ink)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _shade_to_white(colour: Colour) -> Colour:
    red, green, blue = (round(255 - (255 - part) * 0.25) for part in colour)
    return red, green, blue


def _pen(draw: ImageDraw.ImageDraw, letters: str, side: int, scale: float, ink: Colour) -> None:
    height = scale * side * 0.85
    width = height * 0.72
    gap = 0.22 * width
    left = (side - len(letters) * width - (len(letters) - 1) * gap) / 2
    top = (side - height) / 2
    thickness = max(3, round(height * 0.11))
    for position, letter in enumerate(letters):
        x = left + position * (width + gap)
        for stroke in _strokes_for(letter):
            points = [(x + px * width, top + py * height) for px, py in stroke]
            draw.line(points, ink, thickness, joint="curve")
            for px, py in points:
                _oval(draw, px, py, thickness / 2, thickness / 2, ink)


# Nobody in particular -------------------------------------------------------------------------------

_SILHOUETTES: tuple[tuple[Colour, Colour, float], ...] = (
    # ground, figure, breadth of the shoulders
    ((225, 223, 221), (161, 159, 157), 0.34),
    ((200, 198, 196), (255, 255, 255), 0.38),
    ((0, 120, 212), (222, 236, 249), 0.32),
    ((242, 242, 242), (90, 90, 90), 0.4),
    ((96, 94, 92), (210, 208, 206), 0.36),
)


def silhouette(look: int, side: int = 360) -> Image.Image:
    """The outline of nobody: head and shoulders in one flat colour."""
    ground, figure, breadth = _SILHOUETTES[look % len(_SILHOUETTES)]
    return _figure(side, ground, figure, breadth)


def _figure(side: int, ground: Colour, figure: Colour, breadth: float) -> Image.Image:
    double = side * 2
    image = Image.new("RGB", (double, double), ground)
    draw = ImageDraw.Draw(image)
    _oval(draw, 0.5 * double, 0.37 * double, 0.17 * double, 0.19 * double, figure)
    _oval(draw, 0.5 * double, 1.0 * double, breadth * double, 0.38 * double, figure)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def blank(look: int, side: int = 300) -> Image.Image:
    """Nearly uniform pixels, as a failed synchronisation leaves them behind."""
    rng = random.Random(f"blank:{look}")
    level = rng.choice((255, 255, 240, 128, 0))
    pixels = np.full((side, side, 3), level, dtype=np.int16)
    pixels += np.random.default_rng(look).integers(-1, 2, pixels.shape, dtype=np.int16)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def logo(side: int = 360) -> Image.Image:
    """The logo of a company: an emblem of several colours, and a name."""
    double = side * 2
    image = Image.new("RGB", (double, double), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    draw.polygon(_scaled(double, (0.1, 0.62), (0.34, 0.14), (0.58, 0.62)), fill=(0, 84, 147))
    draw.polygon(_scaled(double, (0.42, 0.62), (0.64, 0.22), (0.9, 0.62)), fill=(222, 92, 38))
    draw.polygon(_scaled(double, (0.42, 0.62), (0.5, 0.475), (0.58, 0.62)), fill=(118, 28, 72))
    _oval(draw, 0.76 * double, 0.17 * double, 0.085 * double, 0.085 * double, (244, 184, 30))
    for step in range(3):
        top = 0.645 + 0.035 * step
        draw.rectangle((0.1 * double, top * double, (0.9 - 0.1 * step) * double, (top + 0.018) * double), (0, 128, 118))
    font = ImageFont.load_default(0.125 * double)
    draw.text((double / 2, 0.85 * double), "CONTOSO", font=font, fill=(30, 38, 52), anchor="mm")
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _scaled(side: int, *points: Point) -> list[Point]:
    return [(x * side, y * side) for x, y in points]


# The services' own ----------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def default_person(side: int, file_format: str = "PNG") -> bytes:
    """SharePoint's default person at 48, 72 or 300 pixels, as a PNG or JPEG file."""
    image = _figure(side, (238, 238, 238), (187, 187, 187), 0.36)
    return _file(image, file_format)


@lru_cache(maxsize=16)
def no_photo(side: int) -> bytes:
    """Yammer's no_photo.png."""
    return _file(_figure(side, (227, 232, 236), (150, 164, 176), 0.33), "PNG")


def _file(image: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    if file_format == "JPEG":
        image.save(buffer, "JPEG", quality=90)
    else:
        image.save(buffer, file_format)
    return buffer.getvalue()


def montage(images: Sequence[Image.Image], columns: int = 10, side: int = 96) -> Image.Image:
    """Many pictures on one sheet, to look at."""
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side), (255, 255, 255))
    for position, image in enumerate(images):
        sheet.paste(image.resize((side, side)), (position % columns * side, position // columns * side))
    return sheet
