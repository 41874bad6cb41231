"""Audits of a tenant that misbehaves for everybody, held against the truth: what of it was believed.

    python benchmarks/misbehaviour.py                                   all of it; hours
    python benchmarks/misbehaviour.py --only exchange --from 1 --jobs 2
    python benchmarks/misbehaviour.py --only graph-batch-rotated,users-half

One simulated tenant is audited honestly first. Then every misbehaviour (docs/faults.md) is played from the first
question of its kind on, and from the 26th where it can begin in mid-run; each is audited without a baseline and with
the honest audit as baseline. Each row is an audit:

    touched     users about whom something false was said, by the tenant's own count
    sure        verdicts that are neither `unchecked`, nor true, nor the honest audit's
    lost        rows of users in scope that the audit lacks, although it says that it is complete
    open        rows that are `unchecked` here and were not `unchecked` in the honest audit
    silent      open rows of an audit that does not end with 4; one more where the list of users, or its count, is
                false and the audit does not end with 4
    exit        the exit code
    changes     what `diff` against the honest audit calls new, fixed, changed, gone or appeared: nothing changed

A misbehaviour is believed where `sure`, `lost` or `changes` is not 0. None may be believed that touches `--touched`
users (20) or more, or that changes the list of users. Misbehaviours that cannot be told from a true tenant are shown
but not counted; so are those that touch fewer users.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import queue
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
if str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from auditor.simulator.misbehaving import Misbehaviour, Play  # noqa: E402
from auditor.simulator.misbehaviours import MISBEHAVIOURS, read_misbehaviour  # noqa: E402
from auditor.simulator.population import make_tenant  # noqa: E402
from auditor.simulator.server import Serving, running_tenant  # noqa: E402
from auditor.simulator.services import Options  # noqa: E402
from tests import forked  # noqa: E402

Key = tuple[str, str]
"""User id and workload."""
Rows = dict[Key, dict[str, str]]
TOLD_INCOMPLETE = {3, 4}
COULD_NOT_AUDIT = {2, 3}
"""Exit codes that come without a report; 2 where no user is left in scope."""
CHANGES = ("new", "fixed", "changed", "gone", "appeared")
LEFT_OPEN_IN_PEACE = {"not_separately_readable", "engage_not_subscribed", "mailbox_not_known"}
"""Reasons that never make an audit incomplete, whichever users they concern."""
FEW = 24
"""Number of users of an audit that asks Viva Engage for single addresses."""


@dataclass(frozen=True)
class Case:
    """A misbehaviour, the questions that it answers, and whether the audit has a baseline."""

    play: str
    """As `simulate --misbehave` takes it."""
    baseline: bool = False

    @property
    def misbehaviour(self) -> Misbehaviour:
        """What is played."""
        return MISBEHAVIOURS[self.play.partition("@")[0]]

    def __str__(self) -> str:
        return self.play + (" +baseline" if self.baseline else "")


@dataclass(frozen=True)
class Outcome:
    """The result of one audit of the misbehaving tenant."""

    case: Case
    users: int
    """Number of users in the audit's scope."""
    touched: int
    sure: tuple[str, ...]
    """False verdicts that are not `unchecked`, each as a line."""
    lost: int
    open: int
    silent: int
    code: int
    changes: Counter[str]
    facts: tuple[str, ...]
    """What the report says of the tenant as a whole, and why it is incomplete."""
    seconds: float

    def counts(self, threshold: int = 20) -> bool:
        """Whether it must not be believed: it touches enough users, and no true tenant looks like it."""
        listed = self.case.misbehaviour.workload == "directory"
        return not self.case.misbehaviour.looks_true and (listed or self.touched >= threshold)

    @property
    def believed(self) -> bool:
        """Whether something false is said for certain."""
        return bool(self.sure or self.lost or self.changes)

    def row(self) -> str:
        """A row of the table."""
        told = "; ".join(self.facts)
        changes = ", ".join(f"{count} {name}" for name, count in sorted(self.changes.items())) or "-"
        mark = "believed" if self.believed else "silent" if self.silent else "ok"
        if not self.counts():
            mark = f"({mark})"
        return (
            f"{self.case!s:<52} {self.touched:>7} {len(self.sure):>5} {self.lost:>5} {self.open:>5} {self.silent:>6}"
            f" {self.code:>4} {self.seconds:>5.0f} s  {mark:<10} {changes:<24} {told[:100]}"
        )


HEADER = (
    f"{'misbehaviour':<52} {'touched':>7} {'sure':>5} {'lost':>5} {'open':>5} {'silent':>6} {'exit':>4} {'':>7} "
    f" {'':<10} {'changes':<24} told"
)


@dataclass
class Stage:
    """A running tenant, its truth, and an honest audit of it."""

    folder: Path
    config: Path
    truth: Rows = field(repr=False)
    """The rows of the truth about users in scope."""
    play: Play = field(repr=False)
    runs: int = 0
    honest: Path = Path()
    honest_rows: Rows = field(default_factory=dict, repr=False)

    def start(self) -> None:
        """Audit the tenant as it truly is."""
        self.play.begin(None)
        code, self.honest, told = self._audit()
        if code not in {0, 1}:
            raise SystemExit(f"the honest audit ended with {code}:\n{told}")
        self.honest_rows = read(self.honest / "report" / "observations.csv")

    def play_out(self, case: Case) -> Outcome:
        """Audit the tenant while it misbehaves."""
        started = time.monotonic()
        everybody = sorted({user for user, _ in self.truth})
        users = everybody[:FEW] if case.misbehaviour.few else everybody
        words = ["--baseline", str(self.honest)] if case.baseline else []
        if case.misbehaviour.few:
            named = self.folder / "few.txt"
            named.write_text("\n".join(users) + "\n", encoding="utf-8")
            words += ["--users-from", str(named)]
        chosen = read_misbehaviour(case.play)
        self.play.begin(chosen.misbehaviour, chosen.start, chosen.end)
        code, run, told = self._audit(*words)
        touched = len(self.play.touched)
        self.play.begin(None)
        rows = read(run / "report" / "observations.csv")
        if not rows and code not in COULD_NOT_AUDIT:
            raise SystemExit(f"{case}: exit {code} and no report:\n{told}")
        aloud = code in TOLD_INCOMPLETE or not rows
        expected = {key: row for key, row in self.truth.items() if key[0] in set(users)}
        opened = [key for key, row in rows.items() if row["verdict"] == "unchecked" and self._told(key) != "unchecked"]
        silent = sum(rows[key]["reason"] not in LEFT_OPEN_IN_PEACE for key in opened)
        # An audit must report a false list or count, even where it lost no user.
        silent += case.misbehaviour.workload == "directory"
        return Outcome(
            case=case,
            users=len(users),
            touched=touched,
            sure=tuple(self._sure(rows)),
            lost=0 if aloud else len(expected.keys() - rows.keys()),
            open=len(opened),
            silent=0 if aloud else silent,
            code=code,
            changes=Counter() if case.misbehaviour.few or not rows else self._changes(run),
            facts=tuple(_facts(run)),
            seconds=time.monotonic() - started,
        )

    def _told(self, key: Key) -> str:
        return self.honest_rows.get(key, {}).get("verdict", "")

    def _sure(self, rows: Rows) -> Iterator[str]:
        for key, row in rows.items():
            true = self.truth[key]["verdict"] if key in self.truth else "(out of scope)"
            if row["verdict"] not in {"unchecked", true, self._told(key)}:
                yield f"{row['upn']} {key[1]}: {row['status']}/{row['verdict']}, truly {true}"

    def _changes(self, run: Path) -> Counter[str]:
        """What `diff` says has changed, although nothing has."""
        out = run / "diff.csv"
        done = self._command("diff", str(self.honest), str(run), "--no-history", "--format", "csv", "--out", str(out))
        if not out.exists():
            raise SystemExit(f"diff ended with {done[0]}:\n{done[1]}")
        with out.open(encoding="utf-8-sig", newline="") as file:
            return Counter(row["change"] for row in csv.DictReader(file) if row["change"] in CHANGES)

    def _audit(self, *words: str) -> tuple[int, Path, str]:
        """Exit code, run and what was printed."""
        self.runs += 1
        run = self.folder / f"run-{self.runs}"
        code, told = self._command("audit", "--config", str(self.config), "--run", str(run), "--quiet", *words)
        return code, run, told

    def _command(self, *words: str) -> tuple[int, str]:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ}
        path = {"PYTHONPATH": os.environ.get("PYTHONPATH", str(CHECKOUT))}
        home = {"HOME": str(self.folder), "USERPROFILE": str(self.folder), "NO_COLOR": "1"}
        done = forked.run("auditor", words, {**kept, **path, **home}, self.folder)
        told = (done.stdout + done.stderr).decode(errors="replace")
        if "Traceback" in told:
            raise SystemExit(told)
        return done.returncode, told


@contextlib.contextmanager
def stage(folder: Path, users: int, seed: int) -> Iterator[Stage]:
    """A tenant of so many users, audited honestly once."""
    tenant = make_tenant(users, seed, photos=None, scenarios=(), photo_store="split")
    play = Play()
    with running_tenant(tenant, Serving(Options(play=play)), folder / "tenant") as info:
        truth = read(Path(info["truth_file"]))
        in_scope = {key: row for key, row in truth.items() if row["in_scope"] == "true"}
        made = Stage(folder, Path(info["config_file"]), in_scope, play)
        made.start()
        yield made


def read(table: Path) -> Rows:
    """A table by user and workload; empty where there is none."""
    if not table.exists():
        return {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        return {(row["user_id"], row["workload"]): row for row in csv.DictReader(file)}


def _facts(run: Path) -> Iterator[str]:
    report = run / "report" / "report.json"
    if not report.exists():
        return
    told = json.loads(report.read_text(encoding="utf-8"))
    for fact in told["tenant_facts"]:
        yield str(fact.get("sentence") or fact.get("cause") or fact)
    yield from told["run"]["incomplete_because"]


def cases(only: Sequence[str], questions: Sequence[str], baselines: Sequence[bool]) -> Iterator[Case]:
    """Every case of the misbehaviours whose names hold one of these words."""
    for misbehaviour in MISBEHAVIOURS.values():
        if only and not any(word in misbehaviour.name for word in only):
            continue
        for asked in questions if misbehaviour.later else ("1",):
            yield from (Case(f"{misbehaviour.name}@{asked}", baseline) for baseline in baselines)


def played(wanted: Sequence[Case], folder: Path, users: int, seed: int, jobs: int) -> Iterator[Outcome]:
    """The outcomes as they come, `jobs` tenants at a time."""
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    for case in wanted:
        waiting.put(case)

    def work(number: int) -> None:
        try:
            with stage(folder / str(number), users, seed) as on:
                while True:
                    try:
                        case = waiting.get_nowait()
                    except queue.Empty:
                        return
                    done.put(on.play_out(case))
        except BaseException as error:  # noqa: BLE001 - passed to the main thread
            done.put(error)

    for number in range(jobs):
        (folder / str(number)).mkdir()
        threading.Thread(target=work, args=(number,), daemon=True).start()
    for _ in wanted:
        outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=80, help="how many users the tenant has (80)")
    parser.add_argument("--seed", type=int, default=4, help="of the tenant (4)")
    parser.add_argument("--only", default="", help="only misbehaviours whose names hold one of these, by commas")
    parser.add_argument(
        "--from", dest="questions", default="1,26", help="from which question on, or from which to which (1,26)"
    )
    parser.add_argument("--baseline", choices=["with", "without", "both"], default="both")
    parser.add_argument("--touched", type=int, default=20, help="from how many touched users on it counts (20)")
    parser.add_argument("--jobs", type=int, default=1, help="so many tenants at a time (1)")
    parser.add_argument("--rows", type=int, default=0, help="show so many of the verdicts that are otherwise and sure")
    given = parser.parse_args()
    wanted = list(
        cases(
            [word for word in given.only.split(",") if word],
            given.questions.split(","),
            {"with": [True], "without": [False], "both": [False, True]}[given.baseline],
        )
    )
    outcomes = []
    print(HEADER, flush=True)
    with tempfile.TemporaryDirectory(prefix="misbehaviour-", ignore_cleanup_errors=True) as folder:
        for outcome in played(wanted, Path(folder), given.users, given.seed, given.jobs):
            outcomes.append(outcome)
            print(outcome.row(), flush=True)
            for line in outcome.sure[: given.rows]:
                print(f"      {line}", flush=True)
    counted = [one for one in outcomes if one.counts(given.touched)]
    names = {one.case.misbehaviour.name for one in counted}
    believed = {one.case.misbehaviour.name for one in counted if one.believed}
    silent = {one.case.misbehaviour.name for one in counted if one.silent} - believed
    print(
        f"\n{len(believed)} of {len(names)} misbehaviours were believed anywhere; {len(silent)} more left verdicts open"
        f" without exit 4 ({len(counted)} of {len(outcomes)} audits count)"
    )
    if believed:
        print(f"believed: {', '.join(sorted(believed))}")
    if silent:
        print(f"open without exit 4: {', '.join(sorted(silent))}")


if __name__ == "__main__":
    main()
