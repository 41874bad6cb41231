"""False alarms: is anything doubted that is true, because it is true of everybody?

    python benchmarks/alarms.py --jobs 2
    python benchmarks/alarms.py --quick --only make-ups
    python benchmarks/alarms.py --only engage-few --only withdrawn --seeds 3
    python benchmarks/alarms.py --only cost --cost-of ../before

Honest tenants are audited, and every verdict and cause is held against the tenant's own truth:

- `seeds`: ordinary tenants of 60 users, seeds 1 to 50, under each photo store;
- `sizes`: of 1, 2, 3, 5, 8, 12, 20 and 30 users, ten seeds each;
- `make-ups`: tenants of 200 users in which something is true of all or nearly all users (`simulate --make-up`), under
  each photo store, without a baseline and with the month before as baseline; `moved` is the tenant that lost
  SharePoint's pictures in a move;
- `cost`: the requests that an audit of an ordinary tenant of 2,000 users takes, by workload; with --cost-of also those
  that the program of another checkout takes for the same tenant.

Each row is a group. Its columns: audits; copies; share of verdicts that are true; share of causes that are true, among
the copies for which the truth or the audit names a cause; with a baseline, changes that only one of `diff` and the
tenant's changes.csv tells; audits that ended with 4; copies that are `unchecked` because they are doubted; tenant
facts; requests. The exit code is 1 where an audit ended with 4, a copy was doubted, or fewer than 99 % of a group's
verdicts are true.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from causes import DRIFT, named_in
from faults import Rows
from months import CHANGE, FATE, compared, keys
from months import read as table
from tenants import PROGRAM, simulated

from auditor.simulator.make_ups import LOST_BY_A_MOVE, MAKE_UPS

STORES = ("split", "mailbox-first", "unified")
SIZES = (1, 2, 3, 5, 8, 12, 20, 30)
PORTS = 10
"""Number of ports that are reserved for one tenant."""
INCOMPLETE = 4
LEAST = 0.99
SHOWN = 8
"""Maximum number of deviations from the truth that are printed for a group."""


@dataclass(frozen=True)
class Case:
    """One audit of one tenant, perhaps with a baseline."""

    group: str
    title: str
    words: tuple[str, ...]
    """Options of `simulate`."""
    before: tuple[str, ...] = ()
    """Options of `simulate` for the baseline's tenant; empty where there is no baseline."""
    moved: bool = False
    """Whether `before` is the tenant before its move; then it gives no baseline."""


@dataclass
class Tally:
    """The results of the audits of one group."""

    audits: int = 0
    rows: int = 0
    verdicts: int = 0
    """Number of verdicts that are the same as the truth's."""
    causes: int = 0
    """Number of copies for which the truth or the audit names a cause."""
    causes_right: int = 0
    changes: int = 0
    changes_wrong: int = 0
    incomplete: int = 0
    doubted: int = 0
    facts: int = 0
    requests: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def fine(self) -> bool:
        return not self.incomplete and not self.doubted and self.verdicts >= LEAST * self.rows

    def row(self, name: str) -> str:
        changes = f"{self.changes_wrong}/{self.changes}" if self.changes else "-"
        return (
            f"{name:26} {self.audits:>6} {self.rows:>7,} {share(self.verdicts, self.rows):>9}"
            f" {share(self.causes_right, self.causes):>9} {changes:>10} {self.incomplete:>6} {self.doubted:>8}"
            f" {self.facts:>6} {self.requests:>9,} {self.seconds:>8.0f}"
        )


HEADER = (
    f"{'group':26} {'audits':>6} {'copies':>7} {'verdicts':>9} {'causes':>9} {'diff wrong':>10} {'exit 4':>6}"
    f" {'doubted':>8} {'facts':>6} {'requests':>9} {'seconds':>8}"
)


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


# The tenants ------------------------------------------------------------------------------------------


def cases(options: argparse.Namespace) -> list[Case]:
    """What to audit, group by group."""
    made = [*_seeds(options), *_sizes(options), *_made_up(options)]
    return [case for case in made if _asked_for(case, options.only)]


def _asked_for(case: Case, only: Sequence[str]) -> bool:
    kind = case.group if case.group in {"seeds", "sizes"} else "make-ups"
    return not only or kind in only or case.group in only


def _seeds(options: argparse.Namespace) -> Iterator[Case]:
    for seed in range(1, (options.seeds or (3 if options.quick else 50)) + 1):
        for store in STORES:
            words = ("--users", "60", "--seed", str(seed), "--photo-store", store)
            yield Case("seeds", f"seed {seed}, {store}", words)


def _sizes(options: argparse.Namespace) -> Iterator[Case]:
    for users in SIZES:
        for seed in range(1, (options.seeds or (1 if options.quick else 10)) + 1):
            yield Case("sizes", f"{users} users, seed {seed}", ("--users", str(users), "--seed", str(seed)))


def _made_up(options: argparse.Namespace) -> Iterator[Case]:
    for make_up in MAKE_UPS.values():
        for seed in range(1, (options.seeds or 1) + 1):
            for store in STORES[:1] if options.quick else STORES:
                tenant = ("--users", str(options.users), "--seed", str(seed), "--photo-store", store)
                words = (*tenant, "--make-up", make_up.name)
                title = f"seed {seed}, {store}"
                yield Case(make_up.name, title, (*words, "--month", str(make_up.month)))
                # Month 0 is the baseline: an event has to happen in month 1, and what was always so holds in both.
                words += ("--make-up-month", "1") if make_up.happens else ()
                months = [(*words, "--month", month) for month in ("0", "1")]
                yield Case(make_up.name, f"{title}, with a baseline", months[1], months[0])
    for seed in range(1, (options.seeds or 1) + 1):
        tenant = ("--users", str(options.users), "--seed", str(seed), "--make-up", LOST_BY_A_MOVE)
        yield Case("moved", f"seed {seed}", (*tenant, "--migrated"), (*tenant, "--month", "0"), moved=True)


_ports = threading.Lock()
_taken: set[int] = set()


@contextmanager
def free_ports() -> Iterator[int]:
    """The first of `PORTS` free ports. All months of a tenant share them, because a profile names its host."""
    with _ports:
        for base in random.sample(range(20_000, 60_000, PORTS), 400):
            if base not in _taken and _free(base):
                _taken.add(base)
                break
        else:
            raise SystemExit("no free ports")
    try:
        yield base
    finally:
        with _ports:
            _taken.discard(base)


def _free(base: int) -> bool:
    try:
        for port in range(base, base + PORTS):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


# The audits -------------------------------------------------------------------------------------------


def audited(config: Path, run: Path, *words: str, checkout: Path | None = None) -> int:
    """Audit the scope, and return the exit code. `checkout`: the folder of another checkout, whose program audits."""
    command = [*PROGRAM, "audit", "--config", str(config), "--run", str(run), "--quiet", *words]
    env = {**os.environ, "PYTHONPATH": str(checkout)} if checkout else None
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=checkout)
    if done.returncode not in {0, 1, INCOMPLETE}:
        raise SystemExit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return done.returncode


def by_copy(file: Path) -> Rows:
    return {(row["user_id"], row["workload"]): row for row in table(file)}


def tried(case: Case) -> Tally:
    """Audit the tenant of a case, and compare the audit with the tenant's truth."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="alarms-") as name, free_ports() as port:
        folder, words = Path(name), ("--base-port", str(port))
        before, run = folder / "before", folder / "run"
        if case.before:
            with simulated(folder / "tenant-before", *case.before, *words) as config:
                audited(config, before)
        with simulated(folder / "tenant", *case.words, *words) as config:
            baseline = ("--baseline", str(before)) if case.before and not case.moved else ()
            code = audited(config, run, *baseline)
        tenant = folder / "tenant"
        true_causes = _over_time(tenant / "changes.csv") if baseline else {}
        tally = held(case, by_copy(run / "report" / "observations.csv"), tenant, true_causes)
        if baseline:
            _changes(tally, compared(before, run, "--runs", str(folder)), table(tenant / "changes.csv"), CHANGE, case)
        elif case.moved:
            domains = json.loads((tenant / "tenant.json").read_text(encoding="utf-8"))["domain_rules"].split(",")
            renamed = [word for rule in domains for word in ("--rename", rule)]
            told = compared(before, run, "--mapping", str(tenant / "mapping.csv"), *renamed)
            _changes(tally, told, table(tenant / "migration.csv"), FATE, case)
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    tally.audits, tally.incomplete = 1, code == INCOMPLETE
    tally.facts = len(manifest["tenant_facts"])
    tally.requests = sum(requests_of(manifest).values())
    tally.wrong += [f"{case.title}: {why}" for why in manifest["incomplete_because"]]
    tally.seconds = time.monotonic() - started
    return tally


def requests_of(manifest: Mapping[str, dict[str, dict[str, int]]]) -> dict[str, int]:
    """The requests of a run, by workload."""
    return {workload: counts["requests"] for workload, counts in manifest["requests"].items()}


def held(case: Case, seen: Rows, tenant: Path, over_time: Mapping[tuple[str, str], str]) -> Tally:
    """Compare an audit with its tenant's truth. `over_time`: causes that cannot be seen without the earlier month."""
    truth = {key: row for key, row in by_copy(tenant / "truth.csv").items() if row["in_scope"] == "true"}
    notes = by_copy(tenant / "truth-notes.csv")
    tally = Tally(rows=len(truth))
    for key, true in truth.items():
        row = seen.get(key)
        if row is None:
            tally.wrong.append(f"{case.title}: {true['upn']}, {key[1]}: not audited")
            continue
        right = row["verdict"] == true["verdict"]
        tally.verdicts += right
        tally.doubted += row["reason"] == "doubtful"
        drifts = true["verdict"] in DRIFT
        expected = over_time.get(key, true["cause"]) if drifts else notes[key]["cause_without_drift"]
        named = row["cause"] if drifts else next(iter(named_in(row)), "")
        if expected or named:
            tally.causes += 1
            tally.causes_right += expected == named
        if not right or expected != named:
            tally.wrong.append(
                f"{case.title}: {true['upn']}, {key[1]}: {row['status']}/{row['verdict']}/{named or '-'}"
                f" instead of {true['status']}/{true['verdict']}/{expected or '-'}"
            )
    return tally


def _over_time(changes: Path) -> dict[tuple[str, str], str]:
    return {key: row["cause"] for key, row in by_copy(changes).items() if row["needs_month"]}


def _changes(
    tally: Tally, told: list[dict[str, str]], true: list[dict[str, str]], columns: tuple[str, ...], case: Case
) -> None:
    said, so = keys(told, columns), keys(true, columns)
    tally.changes, tally.changes_wrong = so.total(), (said - so).total() + (so - said).total()
    tally.wrong += [f"{case.title}: diff invents {' '.join(key)}" for key in said - so]
    tally.wrong += [f"{case.title}: diff overlooks {' '.join(key)}" for key in so - said]


# What it costs ----------------------------------------------------------------------------------------


def cost(other: Path | None, users: int) -> None:
    """Print the requests of an ordinary tenant by workload, and those of another checkout's program."""
    with tempfile.TemporaryDirectory(prefix="alarms-cost-") as name:
        folder = Path(name)
        with simulated(folder / "tenant", "--users", str(users), "--seed", "1") as config:
            counts = _counted(config, folder / "run", None)
            before = _counted(config, folder / "run-other", other) if other else {}
    print(f"\nrequests of an ordinary tenant of {users:,} users")
    for workload in (*counts, "all"):
        now = counts.get(workload, sum(counts.values()))
        was = before.get(workload, sum(before.values()) if workload == "all" else 0)
        allowed = max(60, round(0.03 * was))
        more = f", {now - was:+,} against {was:,} ({allowed:,} more are allowed)" if before else ""
        print(f"  {workload:11} {now:>9,}{more}")


def _counted(config: Path, run: Path, checkout: Path | None) -> dict[str, int]:
    audited(config, run, checkout=checkout)
    return requests_of(json.loads((run / "manifest.json").read_text(encoding="utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer seeds, and one photo store for the make-ups")
    parser.add_argument("--seeds", type=int, help="seeds of each group, from 1 on (50, 10 and 1)")
    parser.add_argument("--users", type=int, default=200, help="of the make-ups (200)")
    parser.add_argument("--jobs", type=int, default=2, help="audits at a time (2)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=["seeds", "sizes", "make-ups", "cost", "moved", *MAKE_UPS],
        metavar="NAME",
        help="seeds, sizes, make-ups, cost, moved or a make-up; repeatable",
    )
    parser.add_argument("--cost-of", type=Path, metavar="CHECKOUT", help="the cost of another checkout's program, too")
    parser.add_argument("--cost-users", type=int, default=2000, help="of the tenant whose requests are counted (2000)")
    options = parser.parse_args()
    chosen = cases(options)
    fine, total = True, Tally()
    if chosen:
        print(HEADER, flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = zip(chosen, pool.map(tried, chosen), strict=True)
        for group, found in groupby(results, key=lambda result: result[0].group):
            tally = Tally()
            for _, one in found:
                tally.add(one)
            print(tally.row(group), flush=True)
            for line in tally.wrong[:SHOWN]:
                print(f"    {line}", flush=True)
            if len(tally.wrong) > SHOWN:
                kinds = Counter(line.rpartition(": ")[2] for line in tally.wrong[SHOWN:])
                print(f"    … and {len(tally.wrong) - SHOWN} more: {dict(kinds.most_common(5))}", flush=True)
            fine &= tally.fine
            total.add(tally)
    if chosen:
        print(total.row("all"), flush=True)
    if not options.only or "cost" in options.only:
        cost(options.cost_of and options.cost_of.resolve(), 300 if options.quick else options.cost_users)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
