"""How many single-byte changes in a run does `verify` notice?

    python benchmarks/flips.py --users 1000 --flips 10000

Makes a run over a simulated tenant (or takes a copy of the one that --run names), changes one byte at a time, asks
`verify` and puts the byte back. A third of the changes each falls on the manifest with the list of pictures, the
parts, and the pictures; within a third every byte is as likely as any other. `verify` is told which file may have
changed, so that it need not read the others; every --whole-th change it is not told, and reads the run whole. Prints
how many were noticed of how many, by kind of file; ends with 1 where one was not.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections import Counter
from itertools import accumulate
from pathlib import Path

from tenants import PROGRAM, simulated

from auditor.runs.folder import PARTS, PICTURES
from auditor.runs.manifest import MANIFEST
from auditor.runs.verify import verify


def kinds(run: Path) -> dict[str, list[Path]]:
    """The files of a run that `verify` answers for."""
    return {
        "manifest": [run / MANIFEST, run / PICTURES],
        "parts": sorted(file for folder in PARTS for file in (run / folder).rglob("*.parquet")),
        "pictures": sorted((run / "photos").glob("*/*")),
    }


def flipped(file: Path, place: int, by: int) -> None:
    """Change one byte of a file in its place; done twice, the file is as it was."""
    with file.open("r+b") as stream:
        stream.seek(place)
        old = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([old ^ by]))


def measure(run: Path, flips: int, seed: int, whole: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """Changes made and noticed by kind of file, and a line for each that was not."""
    rng = random.Random(seed)
    found = {kind: files for kind, files in kinds(run).items() if files}
    ends = {kind: list(accumulate(file.stat().st_size for file in files)) for kind, files in found.items()}
    made: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    missed = []
    for number in range(flips):
        kind = list(found)[number % len(found)]
        at = rng.randrange(ends[kind][-1])
        index = bisect(ends[kind], at)
        file, place, by = found[kind][index], at - (ends[kind][index - 1] if index else 0), rng.randrange(1, 256)
        flipped(file, place, by)
        try:
            problems = verify(run, only=None if whole and number % whole == 0 else {file}).problems
        finally:
            flipped(file, place, by)
        made[kind] += 1
        noticed[kind] += bool(problems)
        if not problems:
            missed.append(f"missed: {file.relative_to(run)}, byte {place} changed by {by:#04x}")
    return made, noticed, missed


def made_run(folder: Path, users: int, seed: int) -> Path:
    """An audit of a simulated tenant."""
    run = folder / "run"
    with simulated(folder / "tenant", "--users", str(users), "--seed", str(seed)) as config:
        words = [*PROGRAM, "audit", "--config", str(config), "--run", str(run), "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if not (run / "report").is_dir():
        sys.exit(done.stderr)
    return run


def main() -> None:
    """Parse, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", type=int, default=1_000, metavar="N", help="read the run whole at every N-th change")
    parser.add_argument("--run", type=Path, help="a finished run to copy instead of making one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.run is None:
            run = made_run(folder, asked.users, asked.seed)
        else:
            run = Path(shutil.copytree(asked.run, folder / "run"))
        before = verify(run)
        if before.problems:
            sys.exit(f"The run is not intact to begin with: {before.problems[0]}")
        begun = time.monotonic()
        made, noticed, missed = measure(run, asked.flips, asked.seed, asked.whole)
        seconds = time.monotonic() - begun
        after = verify(run)
    for kind, number in made.items():
        print(f"{kind:>10} {noticed[kind]:>7,} of {number:>7,}")
    print(f"{'noticed':>10} {noticed.total():>7,} of {made.total():>7,} in {seconds:.0f} s", flush=True)
    print(*missed, sep="\n", end="\n" if missed else "")
    if after != before:
        print("the run is not as it was")
    sys.exit(1 if missed or after != before else 0)


if __name__ == "__main__":
    main()
