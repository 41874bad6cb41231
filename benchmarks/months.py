"""A tenant over months, and after a move: does `diff` tell exactly what changed?

    python benchmarks/months.py --seeds 3 --users 1000 --months 6
    python benchmarks/months.py --seeds 3 --users 1000 --months 0 --migrated

For every seed the simulated tenant of month 0, 1, 2, … is audited, each with the last run as its baseline, and `diff`
of each two neighbours is held against the tenant's own changes.csv, row by row: the changes, the causes that only
earlier runs show, and whether the reference once held what the copy shows. The verdicts are held against truth.csv.
With --migrated the tenant is audited before and after a move to another one, with losses, swaps, shrunk and edited
photos and other names, and `diff --mapping` is held against migration.csv. A row a comparison; ends with 1 where one
differs.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tenants import PROGRAM, simulated

CHANGE = ("user_id", "workload", "change")
CAUSE = (*CHANGE, "cause")
FATE = ("old_user_id", "new_user_id", "workload", "outcome", "owner")
ALWAYS = {"older_photo_returned", "rewritten_by_feed", "sync_pending"}
"""Causes that no single run shows."""
Keys = Counter[tuple[str, ...]]


def audited(config: Path, run: Path, baseline: Path | None) -> float:
    """Audit it; the seconds that took."""
    started = time.monotonic()
    words = [*PROGRAM, "audit", "--config", str(config), "--run", str(run), "--quiet"]
    words += ["--baseline", str(baseline)] if baseline else []
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return time.monotonic() - started


def compared(old: Path, new: Path, *words: str) -> list[dict[str, str]]:
    """The rows of `diff` in CSV."""
    command = [*PROGRAM, "diff", str(old), str(new), "--format", "csv", *words]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode not in {0, 1}:
        sys.exit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return rows(done.stdout)


def rows(text: str) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def read(file: Path) -> list[dict[str, str]]:
    return rows(file.read_bytes().decode("utf-8-sig"))


def keys(table: list[dict[str, str]], columns: tuple[str, ...]) -> Keys:
    return Counter(tuple(row[column] for column in columns) for row in table)


def over_time(told: list[dict[str, str]], true: list[dict[str, str]]) -> tuple[Keys, Keys]:
    """Told and true rows whose cause takes an earlier run to see; and told ones that claim to."""
    needed = {(row["user_id"], row["workload"]) for row in true if row["needs_month"]}
    claimed = [
        row
        for row in told
        if (row["user_id"], row["workload"]) in needed
        or row["cause"] in ALWAYS
        or (row["cause"] == "removed_at_reference" and json.loads(row["causes"])[0]["confidence"] == "certain")
    ]
    return keys(claimed, CAUSE), keys([row for row in true if row["needs_month"]], CAUSE)


def dated(table: list[dict[str, str]]) -> Keys:
    """Rows that say until when the reference held what the copy shows."""
    return keys([row for row in table if row["reference_until"]], CHANGE)


def wrong_verdicts(run: Path, tenant: Path) -> tuple[int, int]:
    """Verdicts that are not the true ones, of how many."""
    truth = {(row["user_id"], row["workload"]): row["verdict"] for row in read(tenant / "truth.csv")}
    told = {(row["user_id"], row["workload"]): row["verdict"] for row in read(run / "report" / "observations.csv")}
    return sum(told[key] != truth.get(key) for key in told), len(told)


def held(title: str, told: Keys, true: Keys, kinds: int, more: str = "") -> bool:
    """Print one comparison; whether it is exact."""
    invented, overlooked = told - true, true - told
    by_kind = Counter(key[kinds] for key in true.elements())
    told_apart = ", ".join(f"{kind} {by_kind[kind]}" for kind in sorted(by_kind))
    figures = f"{invented.total()} invented, {overlooked.total()} overlooked"
    rows_found = f"{(told & true).total():,} of {true.total():,} rows"
    print(f"{title}: {rows_found}, {'; '.join(filter(None, (figures, more, told_apart)))}", flush=True)
    for key in [*list(invented)[:5], *list(overlooked)[:5]]:
        print("   ", *key)
    return not invented and not overlooked


def over_months(folder: Path, seed: int, users: int, months: int) -> bool:
    exact, before = True, None
    for month in range(months + 1):
        words = ("--users", str(users), "--seed", str(seed), "--month", str(month))
        run = folder / f"run-{month}"
        with simulated(folder / f"tenant-{month}", *words) as config:
            seconds, tenant = audited(config, run, before), config.parent
            wrong, verdicts = wrong_verdicts(run, tenant)
            more = f"{wrong} of {verdicts:,} verdicts wrong, {seconds:.0f} s"
            exact &= wrong == 0
            if before:
                told, true = compared(before, run, "--runs", str(folder)), read(tenant / "changes.csv")
                exact &= held(f"seed {seed}, month {month}", keys(told, CHANGE), keys(true, CHANGE), 2, more)
                exact &= held("    causes over time", *over_time(told, true), 3)
                exact &= held("    reference until", dated(told), dated(true), 2)
            else:
                print(f"seed {seed}, month 0: {more}", flush=True)
        before = run
    return exact


def over_a_move(folder: Path, seed: int, users: int) -> bool:
    words = ("--users", str(users), "--seed", str(seed))
    with simulated(folder / "old", *words) as config:
        audited(config, folder / "before", None)
    with simulated(folder / "new", *words, "--migrated") as config:
        seconds, tenant = audited(config, folder / "after", None), config.parent
        domains = json.loads((tenant / "tenant.json").read_text(encoding="utf-8"))["domain_rules"].split(",")
        rules = [word for rule in domains for word in ("--rename", rule)]
        told = compared(folder / "before", folder / "after", "--mapping", str(tenant / "mapping.csv"), *rules)
        true = read(tenant / "migration.csv")
    return held(f"seed {seed}, moved", keys(told, FATE), keys(true, FATE), 3, f"{seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--months", type=int, default=6, help="0 for none (6)")
    parser.add_argument("--migrated", action="store_true", help="a move to another tenant, too")
    options = parser.parse_args()
    exact = True
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="months-") as name:
            if options.months:
                exact &= over_months(Path(name), seed, options.users, options.months)
            if options.migrated:
                exact &= over_a_move(Path(name), seed, options.users)
    sys.exit(0 if exact else 1)


if __name__ == "__main__":
    main()
