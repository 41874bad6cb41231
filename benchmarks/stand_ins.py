"""Placeholders as services draw them, and pictures that only resemble them: several independent generators.

Every generator takes a seeded `random.Random` and gives a square Pillow picture in RGB, 648 px.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 648
Colour = tuple[int, int, int]
Draw = Callable[[random.Random], Image.Image]

_FACES = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-ExtraLight.ttf",
    "DejaVuSerif.ttf",
    "LiberationSans-Regular.ttf",
    "LiberationSans-Bold.ttf",
    "LiberationSerif-Bold.ttf",
)
_ALPHABETS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ÄÖÜÅØÉÇŁŠŽÑ",
    "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "אבגדהזחטיכלמנסעפצקרשת",
    "ءبتجحدرسصعفقكلمنهوي",
)


def _font(chance: random.Random, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    faces = list(_FACES)
    chance.shuffle(faces)
    for face in faces:
        try:
            return ImageFont.truetype(face, round(size))
        except OSError:
            continue
    return ImageFont.load_default(size)


def _text(chance: random.Random) -> str:
    alphabet = chance.choice(_ALPHABETS)
    return "".join(chance.choice(alphabet) for _ in range(chance.choice((1, 2, 2, 2))))


def _strong(chance: random.Random) -> Colour:
    return tuple(chance.randint(10, 190) for _ in range(3))  # type: ignore[return-value]


def _pale(chance: random.Random) -> Colour:
    return tuple(chance.randint(205, 255) for _ in range(3))  # type: ignore[return-value]


def _pair(chance: random.Random) -> tuple[Colour, Colour]:
    """Ground and figure, either way round."""
    pair = _strong(chance), chance.choice([(255, 255, 255), _pale(chance)])
    return pair if chance.random() < 0.75 else (pair[1], pair[0])


def _gradient(one: Colour, other: Colour, angle: float) -> Image.Image:
    down, across = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) - 0.5
    part = np.clip((across * math.cos(angle) + down * math.sin(angle)) + 0.5, 0, 1)[..., None]
    return Image.fromarray((np.array(one) * (1 - part) + np.array(other) * part).astype(np.uint8))


def _disk(inside: Image.Image, ground: Colour) -> Image.Image:
    mask = Image.new("L", (SIDE * 2, SIDE * 2), 0)
    ImageDraw.Draw(mask).ellipse((2, 2, SIDE * 2 - 3, SIDE * 2 - 3), fill=255)
    return Image.composite(inside, Image.new("RGB", inside.size, ground), mask.resize((SIDE, SIDE)))


def letters_on_flat(chance: random.Random) -> Image.Image:
    """Type in the middle of a flat tile."""
    ground, ink = _pair(chance)
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    ImageDraw.Draw(picture).text(
        (SIDE / 2, SIDE / 2), _text(chance), fill=ink, font=_font(chance, SIDE * chance.uniform(0.34, 0.5)), anchor="mm"
    )
    return picture


def letters_on_gradient(chance: random.Random) -> Image.Image:
    """White type on a tile that runs from one colour to another."""
    one = _strong(chance)
    other = tuple(min(200, max(0, level + chance.randint(-60, 60))) for level in one)
    picture = _gradient(one, other, chance.uniform(0, 6.28))  # type: ignore[arg-type]
    ImageDraw.Draw(picture).text(
        (SIDE / 2, SIDE / 2), _text(chance), fill="white", font=_font(chance, SIDE * 0.42), anchor="mm"
    )
    return picture


def letters_on_disk(chance: random.Random) -> Image.Image:
    """A round tile on white."""
    return _disk(letters_on_flat(chance), (255, 255, 255))


def strokes(chance: random.Random) -> Image.Image:
    """Signs of no alphabet, of straight strokes and arcs, thin or heavy: what unknown writing looks like."""
    ground, ink = _pair(chance)
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    drawing = ImageDraw.Draw(picture)
    count = chance.choice((1, 2))
    high = SIDE * chance.uniform(0.26, 0.42)
    wide = high * chance.uniform(0.6, 1.0)
    pen = max(10, round(high * chance.choice((0.06, 0.09, 0.13, 0.18))))
    gap = high * 0.16
    left = (SIDE - count * wide - (count - 1) * gap) / 2
    for index in range(count):
        x0, y0 = left + index * (wide + gap), (SIDE - high) / 2
        points = [(x0 + wide * a / 2, y0 + high * b / 2) for a in range(3) for b in range(3)]
        drawing.line([chance.choice((points[0], points[6])), chance.choice((points[2], points[8]))], ink, pen)
        for _ in range(chance.randint(2, 5)):
            if chance.random() < 0.3:
                start = chance.randint(0, 360)
                drawing.arc((x0, y0, x0 + wide, y0 + high), start, start + chance.randint(90, 270), ink, pen)
            else:
                one, other = chance.sample(points, 2)
                drawing.line([one, other], ink, pen, joint="curve")
    return picture


def strokes_on_disk(chance: random.Random) -> Image.Image:
    return _disk(strokes(chance), chance.choice([(255, 255, 255), (240, 240, 240), (0, 0, 0)]))


INITIALS: dict[str, Draw] = {
    "letters on flat": letters_on_flat,
    "letters on gradient": letters_on_gradient,
    "letters on disk": letters_on_disk,
    "strokes": strokes,
    "strokes on disk": strokes_on_disk,
}


def _scaled(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return tuple(part * SIDE for part in box)  # type: ignore[return-value]


def bust(chance: random.Random) -> Image.Image:
    """An ellipse for the head upon one for the shoulders, cut off by the lower edge."""
    ground, ink = _pair(chance)
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    drawing = ImageDraw.Draw(picture)
    radius, top = chance.uniform(0.14, 0.21), chance.uniform(0.14, 0.24)
    shoulders = chance.uniform(0.28, 0.44)
    neck = top + 2 * radius * chance.uniform(0.95, 1.15)
    drawing.ellipse(_scaled((0.5 - radius, top, 0.5 + radius, top + 2.2 * radius)), fill=ink)
    drawing.ellipse(_scaled((0.5 - shoulders, neck, 0.5 + shoulders, neck + 0.9)), fill=ink)
    return picture


def icon(chance: random.Random) -> Image.Image:
    """A disk over a rounded body, with a gap, clear of the edges; on a tile or a disk."""
    ground, ink = _pair(chance)
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    drawing = ImageDraw.Draw(picture)
    radius, top = chance.uniform(0.11, 0.16), chance.uniform(0.17, 0.23)
    half, gap = chance.uniform(0.2, 0.28), chance.uniform(0.02, 0.06)
    shoulder = top + 2 * radius + gap
    drawing.ellipse(_scaled((0.5 - radius, top, 0.5 + radius, top + 2 * radius)), fill=ink)
    drawing.rounded_rectangle(
        _scaled((0.5 - half, shoulder, 0.5 + half, chance.uniform(0.76, 0.84))), radius=SIDE * 0.13, fill=ink
    )
    return picture if chance.random() < 0.5 else _disk(picture, (255, 255, 255))


def person(chance: random.Random) -> Image.Image:
    """A smooth outline with neck and sloping shoulders, in one or two tones, often in a disk."""
    ground, ink = _pair(chance)
    second = tuple(round(0.72 * level + 0.28 * base) for level, base in zip(ink, ground, strict=True))
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    drawing = ImageDraw.Draw(picture)
    head, neck, wide = chance.uniform(0.13, 0.18), chance.uniform(0.06, 0.09), chance.uniform(0.3, 0.42)
    top = chance.uniform(0.12, 0.2)
    chin = top + 2.5 * head
    body: list[tuple[float, float]] = []
    for step in range(41):
        part = step / 40
        reach = neck + (wide - neck) * (1 - math.cos(math.pi * min(1.0, part * 1.25))) / 2
        body.append((0.5 + reach, chin - 0.04 + part * (1.06 - chin)))
    outline = body + [(1 - x, y) for x, y in reversed(body)]
    tone = second if chance.random() < 0.4 else ink
    drawing.polygon([(x * SIDE, y * SIDE) for x, y in outline], fill=tone)
    drawing.ellipse(_scaled((0.5 - head, top, 0.5 + head, chin)), fill=ink)
    return picture if chance.random() < 0.6 else _disk(picture, (255, 255, 255))


SILHOUETTES: dict[str, Draw] = {"bust": bust, "icon": icon, "person": person}


def flat(chance: random.Random) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), tuple(chance.randint(0, 255) for _ in range(3)))


def even(chance: random.Random) -> Image.Image:
    one = _strong(chance)
    return _gradient(one, tuple(level + chance.randint(0, 55) for level in one), chance.uniform(0, 6.28))  # type: ignore[arg-type]


def noisy(chance: random.Random) -> Image.Image:
    """A flat colour with the grain of a camera or of strong JPEG."""
    grain = np.random.default_rng(chance.randint(0, 2**32)).normal(0, 6, (SIDE, SIDE, 1))
    return Image.fromarray((np.array(_strong(chance)) + grain).clip(0, 255).astype(np.uint8))


BLANKS: dict[str, Draw] = {"flat": flat, "even gradient": even, "flat with grain": noisy}


def logo(chance: random.Random) -> Image.Image:
    """Several shapes in several colours on white or a colour."""
    picture = Image.new("RGB", (SIDE, SIDE), chance.choice([(255, 255, 255), _pale(chance), _strong(chance)]))
    drawing = ImageDraw.Draw(picture)
    for _ in range(chance.randint(3, 7)):
        x, y = chance.uniform(0.1, 0.7), chance.uniform(0.1, 0.7)
        box = _scaled((x, y, x + chance.uniform(0.12, 0.35), y + chance.uniform(0.12, 0.35)))
        fill = tuple(chance.randint(0, 255) for _ in range(3))
        match chance.randint(0, 3):
            case 0:
                drawing.ellipse(box, fill=fill)
            case 1:
                drawing.rectangle(box, fill=fill)
            case 2:
                drawing.polygon([(box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) / 2, box[1])], fill=fill)
            case _:
                drawing.pieslice(box, chance.randint(0, 180), chance.randint(200, 360), fill=fill)
    return picture


def emblem(chance: random.Random) -> Image.Image:
    """One colour, several solid shapes: four squares, rings, a shield, hills under a sun."""
    ground, ink = _pair(chance)
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    drawing = ImageDraw.Draw(picture)
    match chance.randint(0, 3):
        case 0:
            for x in (0.2, 0.52):
                for y in (0.2, 0.52):
                    drawing.rectangle(_scaled((x, y, x + 0.28, y + 0.28)), fill=ink)
        case 1:
            drawing.polygon(
                [(x * SIDE, y * SIDE) for x, y in ((0.2, 0.15), (0.8, 0.15), (0.8, 0.55), (0.5, 0.9), (0.2, 0.55))],
                fill=ink,
            )
            drawing.ellipse(_scaled((0.38, 0.28, 0.62, 0.52)), fill=ground)
        case 2:
            drawing.ellipse(_scaled((0.62, 0.12, 0.84, 0.34)), fill=ink)
            drawing.polygon(
                [
                    (x * SIDE, y * SIDE)
                    for x, y in ((0, 0.9), (0.35, 0.35), (0.55, 0.7), (0.7, 0.5), (1, 0.9), (1, 1), (0, 1))
                ],
                fill=ink,
            )
        case _:
            for radius in (0.42, 0.2):
                drawing.ellipse(_scaled((0.5 - radius, 0.5 - radius, 0.5 + radius, 0.5 + radius)), fill=ink)
                ink = ground if ink != ground else ink
            drawing.rectangle(_scaled((0.47, 0.05, 0.53, 0.95)), fill=ground)
    return picture


def cartoon(chance: random.Random) -> Image.Image:
    """A drawn face: skin, hair, eyes, mouth, shirt, all flat."""
    picture = Image.new("RGB", (SIDE, SIDE), chance.choice([(255, 255, 255), _pale(chance), _strong(chance)]))
    drawing = ImageDraw.Draw(picture)
    skin = chance.choice([(255, 219, 172), (224, 172, 105), (141, 85, 36), (90, 56, 37)])
    drawing.ellipse(_scaled((0.15, 0.72, 0.85, 1.4)), fill=_strong(chance))
    drawing.rectangle(_scaled((0.43, 0.6, 0.57, 0.78)), fill=skin)
    drawing.ellipse(_scaled((0.28, 0.18, 0.72, 0.7)), fill=skin)
    if chance.random() < 0.8:
        drawing.pieslice(_scaled((0.26, 0.14, 0.74, 0.64)), 180, 360, fill=_strong(chance))
    for x in (0.4, 0.6):
        drawing.ellipse(_scaled((x - 0.045, 0.42, x + 0.045, 0.49)), fill="white")
        drawing.ellipse(_scaled((x - 0.02, 0.435, x + 0.02, 0.475)), fill="black")
    drawing.arc(_scaled((0.4, 0.48, 0.6, 0.62)), 20, 160, fill=(150, 30, 30), width=10)
    return picture


def high_key(chance: random.Random) -> Image.Image:
    """A pale, softly shaded head and shoulders on white: what is left of an overexposed portrait."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    light = np.full((SIDE, SIDE), 255.0)
    head = ((across - 0.5) / 0.17) ** 2 + ((down - 0.38) / 0.23) ** 2
    light -= 70 * np.clip(1.2 - head, 0, 1) * (0.6 + 0.8 * across)
    body = ((across - 0.5) / 0.42) ** 2 + ((down - 1.05) / 0.38) ** 2
    light -= 110 * np.clip(1.3 - body, 0, 1) * (1.1 - 0.6 * across)
    for x in (0.43, 0.57):
        light -= 90 * np.exp(-(((across - x) / 0.03) ** 2 + ((down - 0.36) / 0.015) ** 2))
    light -= 60 * np.exp(-(((across - 0.5) / 0.06) ** 2 + ((down - 0.5) / 0.015) ** 2))
    hair = (head < 1.5) & (down < 0.3)
    light[hair] -= chance.uniform(40, 120)
    tint = np.array([1.0, chance.uniform(0.9, 1.0), chance.uniform(0.8, 1.0)])
    samples = np.clip(light[..., None] * tint ** ((255 - light[..., None]) / 60), 0, 255)
    return Image.fromarray(samples.astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))


CHOSEN: dict[str, Draw] = {"logo": logo, "emblem": emblem, "cartoon": cartoon, "high key": high_key}
"""Pictures that somebody chose: no placeholders."""
