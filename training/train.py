"""Learn to tell stand-ins from photos: draws the pictures, trains the network, writes its weights.

Run from the checkout, in an environment with `pip install -e '.[train]'`:

    python training/train.py --portraits ../shared/photos --fonts /usr/share/fonts --draw 260000

What the package has was learned on twice from earlier weights, with `--epochs 6 --go-on`: `--draw 150000 --share 0.7`,
and once people wore bold patterns `--draw 200000 --share 0.5`. The mean of what was known and what was learned tells
more than either.

Portraits: a folder; only its first half in order of names is learned from, the second is left to the benchmarks.
Fonts: the more scripts, the better. What is drawn is kept in --cache; where that holds fewer than --draw
pictures, the rest is drawn and added.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from drawings import MAKERS, Fonts, chosen_portrait, find_fonts
from PIL import Image
from torch import nn

from auditor.photos import fingerprint
from auditor.photos.descriptor import FIELDS, SIDE, parse
from auditor.photos.network import CHANNELS, CLASSES, STRIDES

SIDES = (48, 48, 48, 64, 64, 72, 96, 96, 120, 200, 240, 300, 432, 648)
SHARES = {"initials": 0.24, "silhouette": 0.2, "blank": 0.1, "photo": 0.28, "portrait": 0.18}
WIDTHS = (16, 24, 32, 48, 64, 64)
WEIGHTS = Path(__file__).resolve().parents[1] / "auditor" / "photos" / "placeholders.npz"


def drawn(portraits: list[Path], fonts: Fonts, number: int) -> tuple[int, bytes]:
    """Picture `number`: its class and its descriptor."""
    rng = Random(f"stand-ins {number}")
    name = rng.choices(list(SHARES), list(SHARES.values()))[0]
    if name == "portrait" and not portraits:
        name = "photo"
    side = rng.choice(SIDES)
    if name == "portrait":
        with Image.open(rng.choice(portraits)) as opened:
            opened.draft("RGB", (max(side, 300),) * 2)
            image = chosen_portrait(rng, opened.convert("RGB"), side)
    else:
        makers = MAKERS[name]
        maker = rng.choices([maker for maker, _ in makers], [share for _, share in makers])[0]
        if rng.random() < 0.08:  # enlarged from a small copy
            small = maker(rng, fonts, rng.choice((48, 64, 96)))
            image = small.resize((side, side), rng.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)))
        else:
            image = maker(rng, fonts, side)
    label = CLASSES.index("photo" if name == "portrait" else name)
    return label, fingerprint(encoded(image, rng)).descriptor


def encoded(image: Image.Image, rng: Random) -> bytes:
    """As PNG, or as JPEG once or twice."""
    out = io.BytesIO()
    if rng.random() < 0.25:
        image.save(out, "PNG", compress_level=1)
        return out.getvalue()
    for _ in range(rng.choice((1, 1, 1, 2))):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=rng.choice((55, 65, 75, 80, 85, 90, 95)), subsampling=rng.choice((0, 2, 2)))
        image = Image.open(io.BytesIO(out.getvalue()))
    return out.getvalue()


def draw(first: int, count: int, portraits: list[Path], fonts: Fonts) -> tuple[np.ndarray, np.ndarray]:
    """Classes (count,), and descriptors (count, bytes), of the pictures from that number on."""
    with multiprocessing.Pool() as pool:
        made = pool.map(partial(drawn, portraits, fonts), range(first, first + count), chunksize=100)
    labels = np.array([label for label, _ in made], np.int64)
    return labels, np.stack([np.frombuffer(descriptor, np.uint8) for _, descriptor in made])


def scales(descriptors: np.ndarray) -> np.ndarray:
    """Of each descriptor, (count, 4): its strength, grey levels a step of its gradients, their two medians."""
    rows = []
    for row in descriptors:
        levels = row[-2 * SIDE * SIDE :].view(np.int8).reshape(2, -1)
        size = np.sqrt(np.mean(np.square(levels, dtype=np.float32)))
        strength = parse.__wrapped__(row.tobytes()).strength
        rows.append((strength, strength / max(float(size), 1e-9), *np.median(levels, axis=1)))
    return np.array(rows, np.float32)


class Network(nn.Module):
    """What `auditor.photos.network` computes, where it can be learned."""

    def __init__(self) -> None:
        super().__init__()
        channels = (CHANNELS, *WIDTHS)
        self.kernels = nn.ModuleList(
            nn.Conv2d(channels[at], channels[at + 1], 5 if at == 0 else 3, stride, 2 if at == 0 else 1)
            for at, stride in enumerate(STRIDES)
        )
        self.hidden = nn.Linear(2 * WIDTHS[-1] + 1, 64)
        self.scores = nn.Linear(64, len(CLASSES))
        self.dropout = nn.Dropout(0.2)

    def forward(self, seen: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """Scores of the classes."""
        layer = seen
        for kernel in self.kernels:
            layer = torch.relu(kernel(layer))
        pooled = torch.cat([layer.mean((2, 3)), layer.amax((2, 3)), (torch.log1p(strength) / 4)[:, None]], 1)
        return self.scores(self.dropout(torch.relu(self.hidden(pooled))))


def seen(descriptors: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """As `auditor.photos.network.seen`, for many at once."""
    gradients = descriptors[:, -2 * SIDE * SIDE :].view(torch.int8).float().view(-1, 2, SIDE, SIDE)
    gradients = (gradients - scale[:, 2:, None, None]) * scale[:, 1, None, None, None]
    levels = gradients.abs()
    largest = levels.amax((1, 2, 3), keepdim=True).clamp(min=1e-9)
    colours = descriptors[:, -2 * SIDE * SIDE - 3 * FIELDS * FIELDS : -2 * SIDE * SIDE].float()
    colours = colours.view(-1, FIELDS, FIELDS, 3).permute(0, 3, 1, 2) / 255 - 0.5
    wide = colours.repeat_interleave(SIDE // FIELDS, 2).repeat_interleave(SIDE // FIELDS, 3)
    return torch.cat([gradients / largest, torch.log1p(4 * levels) / 5, wide], 1)


def train(labels: np.ndarray, descriptors: np.ndarray, epochs: int, go_on: bool, batch: int = 256) -> Network:
    """Learn from all but the last twentieth, and print how that is told. `go_on`: from the weights that are there."""
    torch.manual_seed(1)
    torch.set_num_threads(1)  # on batches this small threads wait for each other, most of all on a busy machine
    network = Network().to(memory_format=torch.channels_last)
    if go_on:
        known = np.load(WEIGHTS, allow_pickle=False)
        named = {name: torch.from_numpy(known[stored].astype(np.float32)) for name, stored in _stored(network).items()}
        network.load_state_dict(named)
    many = len(labels) - len(labels) // 20
    all_scales = torch.from_numpy(scales(descriptors))
    all_labels, all_descriptors = torch.from_numpy(labels), torch.from_numpy(descriptors)
    steps = epochs * (many // batch)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3 if go_on else 4e-3, steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.01)
    for epoch in range(epochs):
        network.train()
        total, order = 0.0, torch.randperm(many)
        for at in range(0, many - batch + 1, batch):
            rows = order[at : at + batch]
            scale = all_scales[rows]
            error = loss(network(seen(all_descriptors[rows], scale), scale[:, 0]), all_labels[rows])
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.step()
            total += error.item()
        print(f"epoch {epoch + 1}: loss {total / (many // batch):.4f}", flush=True)
    network.eval()
    with torch.no_grad():
        rows = slice(many, None)
        told = network(seen(all_descriptors[rows], all_scales[rows]), all_scales[rows, 0]).argmax(1)
        table = torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.int64)
        for true, said in zip(all_labels[rows], told, strict=True):
            table[true, said] += 1
    print("drawn \\ told", *CLASSES)
    for name, row in zip(CLASSES, table.tolist(), strict=True):
        print(name, *row)
    return network


def _stored(network: Network) -> dict[str, str]:
    """The network's parameters, each with its name in the file."""
    names = {f"kernels.{at}.weight": f"kernel{at}" for at in range(len(network.kernels))}
    names |= {f"kernels.{at}.bias": f"bias{at}" for at in range(len(network.kernels))}
    names |= {"hidden.weight": "hidden", "hidden.bias": "hidden_bias"}
    return names | {"scores.weight": "scores", "scores.bias": "scores_bias"}


def write(network: Network, share: float) -> None:
    """Weights to the file that the package reads, in half precision: that share of these, the rest of those there."""
    state = network.state_dict()
    arrays = {stored: state[name].contiguous().numpy() for name, stored in _stored(network).items()}
    if share < 1:
        with np.load(WEIGHTS, allow_pickle=False) as known:
            arrays = {name: share * own + (1 - share) * known[name] for name, own in arrays.items()}
    arrays = {name: own.astype(np.float16) for name, own in arrays.items()}
    np.savez_compressed(WEIGHTS, **arrays)


def main() -> None:
    """Draw, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--draw", type=int, default=260_000)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--cache", type=Path, default=Path("stand-ins.npz"))
    parser.add_argument("--go-on", action="store_true", help="begin from the weights that are there")
    parser.add_argument(
        "--share", type=float, default=1.0, help="with --go-on: of the weights learned, the rest of those there"
    )
    wanted = parser.parse_args()
    labels, descriptors = np.zeros(0, np.int64), None
    if wanted.cache.exists():
        with np.load(wanted.cache, allow_pickle=False) as kept:
            labels, descriptors = kept["labels"], kept["descriptors"]
    if len(labels) < wanted.draw:
        files = sorted(path for path in wanted.portraits.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
        more, drawn_now = draw(
            len(labels), wanted.draw - len(labels), files[: len(files) // 2], find_fonts(wanted.fonts)
        )
        labels = np.concatenate([labels, more])
        descriptors = drawn_now if descriptors is None else np.concatenate([descriptors, drawn_now])
        np.savez(wanted.cache, labels=labels, descriptors=descriptors)
    order = np.random.default_rng(1).permutation(len(labels))
    labels, descriptors = labels[order], descriptors[order]
    write(train(labels, descriptors, wanted.epochs, wanted.go_on), wanted.share)


if __name__ == "__main__":
    main()
