"""Audits of simulated tenants that fail all the time, held against the truth: what is false, and what is left open.

    python benchmarks/faults.py --seeds 20 --users 500 --faults heavy

A row a seed: how many observations are falsely `absent` or `not_provisioned`, how many verdicts falsely `missing` or
`match`, how many end as they do without faults, how many are open (`unknown`, `unreadable`) and whether each of these
has its reason, the exit code and the seconds. Truth comes from the tenant, and "without faults" from an audit of the
same tenant without faults.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tenants import PROGRAM, simulated

Rows = dict[tuple[str, str], dict[str, str]]
OPEN = {"unknown", "unreadable"}
FALSE_STATUSES = {"absent", "not_provisioned"}
FALSE_VERDICTS = {"missing", "match"}


@dataclass
class Tally:
    """What became of the observations of one audit, or of several."""

    observations: int = 0
    false_statuses: int = 0
    false_verdicts: int = 0
    as_without: int = 0
    open: int = 0
    without_reason: int = 0
    """Neither as without faults nor open with a reason."""

    def add(self, other: Tally) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def row(self, name: str, exit_code: str, seconds: float) -> str:
        share = self.as_without / max(self.observations, 1)
        return (
            f"{name:>6} {self.observations:>13} {self.false_statuses:>14} {self.false_verdicts:>14}"
            f" {share:>12.2%} {self.open:>6} {self.without_reason:>14} {exit_code:>6} {seconds:>8.0f}"
        )


HEADER = (
    f"{'seed':>6} {'observations':>13} {'falsely absent':>14} {'falsely match':>14} {'as without':>12} {'open':>6}"
    f" {'unaccounted':>14} {'exit':>6} {'seconds':>8}"
)


def audited(config: Path, run: Path) -> tuple[Rows, int, float]:
    """The observations of an audit of everybody, its exit code and its seconds."""
    started = time.monotonic()
    everyone = "guests,external-members,shared,rooms,disabled,unlicensed"
    words = [*PROGRAM, "audit", "--config", str(config), "--run", str(run), "--out", str(run / "report")]
    done = subprocess.run([*words, "--include", everyone, "--quiet"], capture_output=True, text=True, check=False)
    table = run / "report" / "observations.csv"
    if not table.exists():
        raise SystemExit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return read(table), done.returncode, time.monotonic() - started


def read(table: Path) -> Rows:
    with table.open(encoding="utf-8-sig", newline="") as file:
        return {(row["user_id"], row["workload"]): row for row in csv.DictReader(file)}


def tallied(seen: Rows, without: Rows, truth: Rows, seed: int) -> Tally:
    """Hold an audit against the truth and against the audit without faults; what is false is printed."""
    tally = Tally()
    for key, row in seen.items():
        plain, true = without.get(key), truth[key]
        tally.observations += 1
        # Copies that are no part of the truth's scope have a status there, and no verdict.
        wrong_status = row["status"] in FALSE_STATUSES and row["status"] != true["status"]
        expected = true["verdict"] or (plain["verdict"] if plain else "")
        wrong_verdict = row["verdict"] in FALSE_VERDICTS and row["verdict"] != expected
        tally.false_statuses += wrong_status
        tally.false_verdicts += wrong_verdict
        if wrong_status or wrong_verdict:
            print(f"       seed {seed}: {key}: {row['status']}/{row['verdict']}, truly {true['status']}/{expected}")
        same = plain is not None and (row["status"], row["verdict"]) == (plain["status"], plain["verdict"])
        open_with_reason = row["status"] in OPEN and (row["reason"] or row["detail"])
        tally.as_without += same
        tally.open += not same and row["status"] in OPEN
        # A copy that was read has no verdict of its own where the reference was not.
        waits = row["verdict"] == "unchecked" and row["reason"]
        if not same and not open_with_reason and not waits:
            tally.without_reason += 1
            before = f"{plain['status']}/{plain['verdict']}" if plain else "nothing"
            print(f"       seed {seed}: {key}: {row['status']}/{row['verdict']}, without faults {before}")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="tenants, from seed 1 on (20)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--faults", default="heavy", help="light, heavy, hostile or a plan file (heavy)")
    options = parser.parse_args()
    print(HEADER, flush=True)
    total, spent = Tally(), 0.0
    reasons: Counter[tuple[str, str]] = Counter()
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            folder = Path(name)
            words = ("--users", str(options.users), "--seed", str(seed))
            with simulated(folder / "plain", *words) as config:
                without, _, _ = audited(config, folder / "plain-run")
            with simulated(folder / "tenant", *words, "--faults", options.faults) as config:
                seen, code, seconds = audited(config, folder / "run")
            tally = tallied(seen, without, read(folder / "tenant" / "truth.csv"), seed)
        reasons.update(
            (row["workload"], row["reason"])
            for key, row in seen.items()
            if row["status"] == "unknown" and without.get(key, {}).get("status") != "unknown"
        )
        print(tally.row(str(seed), str(code), seconds), flush=True)
        total.add(tally)
        spent += seconds
    print(total.row("all", "", spent))
    print("\nwhat was left open, by workload and reason:")
    for (workload, reason), count in reasons.most_common():
        print(f"  {workload:11} {reason:32} {count}")


if __name__ == "__main__":
    main()
