"""How often the cause that is named is the true one, as a confusion table.

    python benchmarks/causes.py --seeds 3 --users 1000 --faults light
    python benchmarks/causes.py --held RUN/report/observations.csv TENANT/truth.csv

Simulated tenants are audited and every copy is held against the tenant's truth, which comes from what its stores
hold and never from our rules. Printed:

- copies that drifted for a known cause: how often it is named first, and how often among the first two;
- copies that drifted for no readable cause: how often something else than `unexplained` is named;
- users in step: causes named of them, which are all false;
- copies that did not drift and are absent or unreadable for a known cause (no mailbox, no profile, …), likewise;
- a table of true causes against those named first, of the drifting copies.

Copies whose verdict is not the true one are left out of the shares and counted apart: faults leave some unchecked,
and the judgement of pictures has a benchmark of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from faults import Rows, read
from tenants import simulated

DRIFT = {"variant", "mismatch", "missing", "placeholder", "broken", "unexpected"}
IN_STEP = {"match", "reference"}
UNEXPLAINED = "unexplained"


@dataclass
class Confusion:
    """What was named for the copies of one audit, or of several."""

    first: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(true cause, cause named first) of copies that drift."""
    second: Counter[str] = field(default_factory=Counter)
    """By true cause: named second."""
    beside: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same as `first` of copies that do not drift."""
    in_step: int = 0
    """Copies of users of whom no copy drifts."""
    false_fires: list[str] = field(default_factory=list)
    """Causes of drift named of users in step, and any cause named of a copy that matches."""
    truly: int = 0
    """Copies that truly drift for a known cause, whatever the audit said of them."""
    other_verdict: int = 0
    copies: int = 0

    def add(self, seen: Rows, truth: Rows, notes: Rows) -> None:
        """Hold one audit against its tenant."""
        drifting = {user_id for (user_id, _), row in truth.items() if row["verdict"] in DRIFT}
        for key, row in seen.items():
            true, named = truth[key], named_in(row)
            self.copies += 1
            self.truly += true["verdict"] in DRIFT and true["cause"] != UNEXPLAINED
            if key[0] not in drifting:
                self.in_step += 1
                if row["cause"]:
                    self.false_fires.append(f"{row['cause']} of {row['upn']}, {row['workload']}: {row['verdict']}")
            if row["verdict"] in IN_STEP and named:
                self.false_fires.append(f"{named[0]} of {row['upn']}, {row['workload']}: {row['verdict']}")
            if row["verdict"] != true["verdict"]:
                self.other_verdict += 1
            elif row["verdict"] in DRIFT:
                self.first[true["cause"], row["cause"]] += 1
                self.second[true["cause"]] += true["cause"] in named[1:2]
            elif row["status"] == true["status"] and (notes[key]["cause_without_drift"] or named):
                self.beside[notes[key]["cause_without_drift"] or "-", named[0] if named else "-"] += 1

    def summary(self) -> str:
        """The figures and the table."""
        explained = sum(count for (true, _), count in self.first.items() if true != UNEXPLAINED)
        right = sum(count for (true, named), count in self.first.items() if true == named != UNEXPLAINED)
        seconds = sum(count for true, count in self.second.items() if true != UNEXPLAINED)
        others = sum(count for (true, _), count in self.first.items() if true == UNEXPLAINED)
        guessed = sum(count for (true, named), count in self.first.items() if true == UNEXPLAINED != named)
        beside, beside_right = self.beside.total(), sum(n for (true, named), n in self.beside.items() if true == named)
        lines = [
            f"drift with a known cause: {explained} copies; named first {share(right, explained)},"
            f" among the first two {share(right + seconds, explained)}",
            f"  of all {self.truly} that truly drift so, the unchecked included: {share(right, self.truly)} first",
            f"drift without one: {others} copies; another cause named of {guessed}",
            f"users in step: {self.in_step} copies; causes named of them {len(self.false_fires)}",
            f"absent or unreadable for a known cause: {beside} copies; named first {share(beside_right, beside)}",
            f"left out: {self.other_verdict} of {self.copies} copies, whose verdict is not the true one",
            *self.false_fires[:10],
        ]
        return "\n".join([*lines, "", *table(self.first), "", *table(self.beside)])


def named_in(row: dict[str, str]) -> list[str]:
    """The causes of a row, the surest first."""
    return [entry["cause"] for entry in json.loads(row["causes"] or "[]")]


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def table(counts: Counter[tuple[str, str]]) -> list[str]:
    """True causes down, named causes across, by number; what is named rightly stands on the diagonal."""
    causes = sorted({cause for pair in counts for cause in pair})
    width = max(map(len, causes), default=0) + 4
    lines = [f"{'true, down; named, across':{width}}" + "".join(f"{place + 1:>5}" for place in range(len(causes)))]
    for place, true in enumerate(causes):
        cells = "".join(f"{counts[true, named] or '.':>5}" for named in causes)
        lines.append(f"{f'{place + 1:>2}  {true}':{width}}{cells}")
    return lines


def audited(config: Path, run: Path) -> Path:
    """An audit of the scope; its observations.csv."""
    words = [
        sys.executable,
        "-m",
        "auditor",
        "audit",
        "--config",
        str(config),
        "--run",
        str(run),
        "--out",
        str(run / "report"),
        "--quiet",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    made = run / "report" / "observations.csv"
    if not made.exists():
        raise SystemExit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="tenants, from seed 1 on (3)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--faults", default="light", help="light, heavy, hostile, a plan file, or none (light)")
    parser.add_argument(
        "--held", nargs=2, type=Path, metavar=("OBSERVATIONS", "TRUTH"), help="an audit that is there already"
    )
    options = parser.parse_args()
    csv.field_size_limit(1 << 24)
    total = Confusion()
    if options.held:
        observations, truth = options.held
        total.add(read(observations), read(truth), read(truth.with_name("truth-notes.csv")))
        print(total.summary())
        return
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="causes-") as name:
            folder = Path(name)
            words = ["--users", str(options.users), "--seed", str(seed)]
            words += [] if options.faults == "none" else ["--faults", options.faults]
            with simulated(folder / "tenant", *words) as config:
                seen = read(audited(config, folder / "run"))
            truth = folder / "tenant" / "truth.csv"
            total.add(seen, read(truth), read(truth.with_name("truth-notes.csv")))
        print(f"after seed {seed}", flush=True)
        print(total.summary(), flush=True)


if __name__ == "__main__":
    main()
