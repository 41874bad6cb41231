"""Uploads, what was done to them, and the files each store makes of them.

An upload has an identity; a store holds it as it was, or edited, or in an odd form. Files are made when
first asked for and kept in a bounded cache. Every store encodes in its own way, so two stores never
hand out the same bytes of one photo, as the real ones do not.
"""

from __future__ import annotations

import hashlib
import io
import random
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageOps

from auditor.simulator import drawing
from auditor.simulator.tenant import Rendition, Store

GRAPH_SIDES = (48, 64, 96, 120, 240, 360, 432, 504, 648)
SHAREPOINT_SIDES = (48, 72, 300)
LARGEST_UPLOAD = 4 * 1024 * 1024
"""Graph takes uploads up to this many bytes."""
THUMBNAIL_LIMIT = 10 * 1024
"""Exchange Online takes no larger thumbnail from the directory."""

Kind = Literal["photo", "placeholder", "broken"]
Junk = Literal["truncated", "flipped", "random", "html", "pdf"]
Edit = Literal["crop", "mirror", "rotate", "grey", "reencode", "letterbox", "brighten", "badge"]
VARIANT_EDITS: frozenset[Edit] = frozenset({"crop", "mirror", "rotate", "grey", "letterbox", "brighten", "badge"})
"""Edits after which the picture is another version of the photo, no longer the photo itself."""

Form = Literal[
    "renditions",  # the square sizes the store keeps
    "original",  # the same, and the upload as it came as the largest
    "only",  # the upload as it came and no other size
    "thumbnail",  # the directory's small picture: one size, perhaps not square
    "animated",  # a GIF whose first frame is the photo
    "transparent",  # a PNG with an alpha channel
    "exif",  # a JPEG lying on its side, with the orientation that sets it upright
]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A portrait drawn by program."""

    seed: int

    @property
    def side(self) -> int:
        """Side in pixels of the square portrait."""
        return drawing.portrait_side(self.seed)


@dataclass(frozen=True, slots=True)
class Filed:
    """A portrait from a folder; its centre square is used, at most 648 pixels wide."""

    path: Path
    side: int


@dataclass(frozen=True, slots=True)
class Initials:
    """One or two letters on a tile."""

    letters: str
    look: int
    side: int = 360


@dataclass(frozen=True, slots=True)
class Silhouette:
    """The outline of nobody."""

    look: int
    side: int = 360


@dataclass(frozen=True, slots=True)
class Blank:
    """Nearly uniform pixels."""

    look: int
    side: int = 300


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes in which there is no picture, or no whole one."""

    junk: Junk
    seed: int
    side: int = 0


@dataclass(frozen=True, slots=True)
class Logo:
    """An emblem with the company's name under it."""

    side: int = 360


Source = Drawn | Filed | Logo | Initials | Silhouette | Blank | Waste


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture somebody once uploaded. Two uploads of one name are one."""

    name: str
    source: Source
    shape: tuple[int, int] = (1, 1)
    """Width to height; what is not square is a portrait cut at two sides."""
    oversized: bool = False
    """The file as it came measures 4000 by 3000 pixels and nearly four megabytes."""

    @property
    def kind(self) -> Kind:
        """What a person would say it is."""
        if isinstance(self.source, Waste):
            return "broken"
        return "photo" if isinstance(self.source, Drawn | Filed | Logo) else "placeholder"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels before any edit; of an oversized one, of its reduced copy."""
        return _cut(self.source.side, self.shape)


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """An upload as one store holds it: `auditor.simulator.tenant.Picture`."""

    upload: Upload
    edits: tuple[Edit, ...] = ()
    form: Form = "renditions"
    kept_by: Store | None = None
    """The store whose files are handed out instead of one's own, where two services share one store."""
    reduced: int = 0
    """Side in pixels that it was reduced to before it was stored; 0 for not at all."""

    @property
    def key(self) -> str:
        """Identity of what is held: equal keys, equal picture."""
        form = () if self.form == "renditions" else (self.form,)
        reduced = (f"{self.reduced}px",) if self.reduced else ()
        return ":".join((self.upload.name, *self.edits, *form, *reduced))

    @property
    def kind(self) -> Kind:
        """Photo, placeholder, or no picture at all."""
        return self.upload.kind

    @property
    def variant(self) -> frozenset[Edit]:
        """The edits that make another version of the photo of it."""
        return VARIANT_EDITS.intersection(self.edits)

    @property
    def native(self) -> int:
        """Side of the largest square that can be made without enlarging."""
        side = min(self.upload.size)
        side = round(side * _CROP) if "crop" in self.edits else side
        return min(side, self.reduced) if self.reduced else side

    def sides(self, store: Store) -> tuple[int, ...]:
        """Sides of the square sizes this store keeps, ascending; empty for an odd single size."""
        store = self.kept_by or store
        if self.kind == "broken" or self.form not in {"renditions", "original"}:
            return ()
        if store == "sharepoint":
            return (*(side for side in SHAREPOINT_SIDES[:-1]), min(SHAREPOINT_SIDES[-1], self.native))
        if store == "yammer":
            return (48, min(648, self.native))
        return tuple(side for side in GRAPH_SIDES if side <= self.native)

    def largest(self, store: Store) -> Rendition:
        """The largest file that this store serves."""
        if self.kept_by and self.sides(store):
            # Exchange asks the shared store for 648 pixels, never for the upload as it came.
            return _rendition(self, self.kept_by, self.sides(store)[-1])
        store = self.kept_by or store
        if self.form == "renditions" and self.kind != "broken":
            return _rendition(self, store, self.sides(store)[-1])
        return _rendition(self, store, None)

    def at(self, store: Store, side: int) -> Rendition | None:
        """The file of just this side, or None where the store has no such size. Never enlarged."""
        sides = self.sides(store)
        store = self.kept_by or store
        if side in sides or (store == "yammer" and sides and 16 <= side <= sides[-1]):
            return _rendition(self, store, side)
        return None

    def extent(self, store: Store) -> tuple[int, int]:
        """Width and height in pixels, upright, of the largest file that this store serves; nothing is drawn."""
        sides = self.sides(store)
        if sides and (self.kept_by or self.form == "renditions"):
            return sides[-1], sides[-1]
        if self.upload.oversized and self.form in {"original", "only"}:
            return _OVERSIZED
        width, height = self.upload.size
        match self.form:
            case "animated":
                return _ANIMATED, _ANIMATED
            case "transparent":
                return (min(width, height, _TRANSPARENT),) * 2
            case "thumbnail":
                share = min(1.0, _THUMBNAIL / max(width, height))
                return round(width * share), round(height * share)
            case _:
                return width, height

    def plain(self) -> StoredPicture:
        """The whole upload, in no odd form."""
        return StoredPicture(self.upload)

    def shrunk(self, side: int) -> StoredPicture:
        """The same picture, reduced before it was stored."""
        return replace(self, form="renditions", reduced=side)

    def edited(self, *edits: Edit) -> StoredPicture:
        """The same upload after these edits."""
        return replace(self, edits=(*self.edits, *edits))

    def formed(self, form: Form) -> StoredPicture:
        """The same upload in another form."""
        return replace(self, form=form)

    def shared_with(self, store: Store) -> StoredPicture:
        """As handed out by a service that has no store of its own."""
        return replace(self, kept_by=store)


# Pixels ---------------------------------------------------------------------------------------------

_CROP = 0.72
_THUMBNAIL = 96
_ANIMATED = 240
_TRANSPARENT = 240
_OVERSIZED = (4000, 3000)


def _cut(side: int, shape: tuple[int, int]) -> tuple[int, int]:
    width, height = shape
    longer = max(shape)
    return side * width // longer, side * height // longer


def centre_square(image: Image.Image) -> Image.Image:
    """What a service makes of a picture that is not square."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image if image.width == image.height else image.crop((left, top, left + side, top + side))


@lru_cache(maxsize=48)
def _upright(source: Source) -> Image.Image:
    """The source as a square picture, before it is cut to shape."""
    match source:
        case Drawn():
            return drawing.portrait(source.seed)
        case Filed():
            with Image.open(source.path) as image:
                image.draft("RGB", (source.side, source.side))
                square = centre_square(ImageOps.exif_transpose(image).convert("RGB"))
            return square.resize((source.side, source.side), Image.Resampling.LANCZOS)
        case Logo():
            return drawing.logo(source.side)
        case Initials():
            return drawing.initials(source.letters, source.look, source.side)
        case Silhouette():
            return drawing.silhouette(source.look, source.side)
        case Blank():
            return drawing.blank(source.look, source.side)
        case Waste():
            return drawing.portrait(source.seed)


@lru_cache(maxsize=48)
def _pixels(upload: Upload, edits: tuple[Edit, ...]) -> Image.Image:
    image = _upright(upload.source)
    width, height = _cut(image.width, upload.shape)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    if (width, height) != image.size:
        image = image.crop((left, top, left + width, top + height))
    for edit in edits:
        image = _edit(image, edit, upload.name)
    return image


def _edit(image: Image.Image, edit: Edit, name: str) -> Image.Image:
    match edit:
        case "crop":
            rng = random.Random(f"crop:{name}")
            square = centre_square(image)
            side = round(square.width * _CROP)
            left, top = rng.randint(0, square.width - side), rng.randint(0, (square.height - side) // 2)
            return square.crop((left, top, left + side, top + side))
        case "mirror":
            return ImageOps.mirror(image)
        case "rotate":
            return image.transpose(Image.Transpose.ROTATE_90)
        case "grey":
            return image.convert("L").convert("RGB")
        case "reencode":
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=14, subsampling=2)
            return Image.open(buffer).convert("RGB")
        case "letterbox":
            framed = Image.new("RGB", image.size, (0, 0, 0))
            height = round(image.height * 0.74)
            framed.paste(centre_square(image).resize((height, height)), ((image.width - height) // 2,) * 2)
            return framed
        case "brighten":
            return image.point(lambda level: min(255, round(level * 1.25)))
        case "badge":
            badged = image.copy()
            across = round(min(image.size) * 0.3)
            corner = (image.width - across, image.height - across)
            mask = Image.new("L", (across * 4, across * 4), 0)
            ImageDraw.Draw(mask).ellipse((0, 0, across * 4 - 1, across * 4 - 1), fill=255)
            badged.paste((230, 30, 120), corner, mask.resize((across, across), Image.Resampling.BOX))
            return badged


# Files ----------------------------------------------------------------------------------------------


class _BoundedCache:
    """Files by what they show, the least recently asked for forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._files: OrderedDict[tuple[StoredPicture, Store, int | None], Rendition] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[StoredPicture, Store, int | None]) -> Rendition | None:
        with self._lock:
            found = self._files.get(key)
            if found is not None:
                self._files.move_to_end(key)
            return found

    def put(self, key: tuple[StoredPicture, Store, int | None], file: Rendition) -> None:
        with self._lock:
            if key in self._files:
                return
            self._files[key] = file
            self._held += len(file.data)
            while self._held > self._limit and len(self._files) > 1:
                _, forgotten = self._files.popitem(last=False)
                self._held -= len(forgotten.data)


_cache = _BoundedCache(96 * 1024 * 1024)


def _rendition(picture: StoredPicture, store: Store, side: int | None) -> Rendition:
    key = (replace(picture, kept_by=None), store, side)
    file = _cache.get(key)
    if file is None:
        file = _square(picture, store, side) if side else _as_it_came(picture, store)
        _cache.put(key, file)
    return file


def _square(picture: StoredPicture, store: Store, side: int) -> Rendition:
    square = centre_square(_pixels(picture.upload, picture.edits))
    if square.width != side:
        square = square.resize((side, side), _RESAMPLING[store], reducing_gap=2.0)
    if store == "yammer" and _as_png(picture):
        return _file(square, "PNG", compress_level=4)
    return _encoded(square, store)


_RESAMPLING: dict[Store, Image.Resampling] = {
    "graph": Image.Resampling.LANCZOS,
    "exchange": Image.Resampling.BICUBIC,
    "sharepoint": Image.Resampling.HAMMING,
    "yammer": Image.Resampling.BILINEAR,
}


def _encoded(image: Image.Image, store: Store) -> Rendition:
    match store:
        case "graph":
            return _file(image, "JPEG", quality=90, subsampling=0)
        case "exchange":
            return _file(image, "JPEG", quality=82, subsampling=2)
        case "sharepoint":
            return _file(image, "JPEG", quality=86, subsampling=1)
        case "yammer":
            return _file(image, "JPEG", quality=76, subsampling=2)


def _as_png(picture: StoredPicture) -> bool:
    """Engage keeps some pictures as PNG: drawn tiles always, and now and then a small photo."""
    if picture.kind == "placeholder":
        return True
    draw = hashlib.sha256(picture.key.encode()).digest()[0]
    return draw < 20 and picture.native <= 360


def _as_it_came(picture: StoredPicture, store: Store) -> Rendition:
    upload = picture.upload
    if isinstance(upload.source, Waste):
        # The store never looked inside: it says of the file what it says of any other.
        return Rendition(_waste(upload.source), "image/jpeg", 240, 240)
    image = _pixels(upload, picture.edits)
    match picture.form:
        case "thumbnail":
            return _thumbnail(image)
        case "animated":
            return _animated(image)
        case "transparent":
            return _transparent(centre_square(image))
        case "exif":
            return _lying(image)
        case "original" | "only" | "renditions":
            return _oversized(image) if upload.oversized else _encoded(image, store)


def _file(image: Image.Image, file_format: Literal["JPEG", "PNG"], **how: int) -> Rendition:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **how)
    return Rendition(buffer.getvalue(), f"image/{file_format.lower()}", *image.size)


def _thumbnail(image: Image.Image) -> Rendition:
    """At most 96 pixels and ten kilobytes, and in the shape of the upload: the directory squares nothing."""
    small = image.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BICUBIC)
    file = _file(small, "JPEG", quality=80)
    return file if len(file.data) <= THUMBNAIL_LIMIT else _file(small, "JPEG", quality=50)


def _animated(image: Image.Image) -> Rendition:
    first = centre_square(image).resize((_ANIMATED, _ANIMATED), Image.Resampling.BICUBIC)
    frames = [ImageOps.mirror(first), ImageOps.invert(first)]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=frames, duration=400, loop=0)
    return Rendition(buffer.getvalue(), "image/gif", *first.size)


def _transparent(square: Image.Image) -> Rendition:
    side = min(square.width, _TRANSPARENT)
    small = square.resize((side, side), Image.Resampling.BICUBIC).convert("RGBA")
    # Hardly to be seen: the photo stays the photo, whatever it is laid on.
    corner = Image.new("L", small.size, 255)
    corner.paste(250, (0, 0, side // 24, side // 24))
    small.putalpha(corner)
    return _file(small, "PNG")


def _lying(image: Image.Image) -> Rendition:
    lying = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter to the right"
    buffer = io.BytesIO()
    lying.save(buffer, "JPEG", quality=91, subsampling=0, exif=exif.tobytes())
    return Rendition(buffer.getvalue(), "image/jpeg", *lying.size)


def _oversized(image: Image.Image) -> Rendition:
    """4000 by 3000 pixels just below four megabytes, as cameras deliver them: much of it is metadata."""
    large = image.resize(_OVERSIZED, Image.Resampling.BILINEAR)
    file = _file(large, "JPEG", quality=80)
    head, body = file.data[:2], file.data[2:]
    room = LARGEST_UPLOAD - 4096 - len(file.data)
    segments = []
    while room > 4:
        length = min(room - 2, 65_535)
        # APP11: a segment that viewers skip; its length counts itself.
        segments.append(b"\xff\xeb" + length.to_bytes(2, "big") + bytes(length - 2))
        room -= length + 2
    return replace(file, data=head + b"".join(segments) + body)


def _waste(source: Waste) -> bytes:
    rng = random.Random(f"waste:{source.seed}")
    match source.junk:
        case "html":
            return (
                "<!DOCTYPE html><html><head><title>Sign in to your account</title></head>"
                f"<body><p>Session {rng.getrandbits(64):016x} has expired.</p></body></html>"
            ).encode()
        case "pdf":
            mark = f"{rng.getrandbits(64):016x}"
            return f"%PDF-1.4\n1 0 obj<</Type/Catalog/ID({mark})>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".encode()
        case "random":
            # Never by chance the first bytes of a picture format.
            return b"\x00" + rng.randbytes(6000)
        case "truncated" | "flipped":
            whole = _file(_upright(source).resize((240, 240)), "JPEG", quality=85).data
            if source.junk == "truncated":
                return whole[: len(whole) * 2 // 5]
            return bytes(byte ^ 0x20 for byte in whole[:20]) + whole[20:]


def waste(junk: Junk, seed: int) -> StoredPicture:
    """A stored file that is no picture."""
    return StoredPicture(Upload(f"{junk}-{seed}", Waste(junk, seed)))
