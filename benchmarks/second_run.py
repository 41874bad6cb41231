"""What a second run costs that knows the first: bytes and requests by workload, and whether it finds the same.

    python benchmarks/second_run.py --users 5000
    python benchmarks/second_run.py --users 300 --changed 3

A simulated tenant is audited three times: without a baseline, then with the first run as baseline and nothing read
again (`--recheck 0`), then with the default share. Then some of its users get another photo in every store that holds
one of theirs, with the new ETag, picture id and stamp that the services give it (none, where a tool writes it), and a
fourth audit, which knows the first, has to find each of these changes and nothing else.

Requests are counted by the tenant, from its log, the steps of a batch singly; the list of users is Graph's, and so
Entra ID's. Bytes are those of the bodies that arrived, as the run's manifest counts them.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from auditor.simulator.pictures import Drawn, StoredPicture, Upload
from auditor.simulator.population import make_tenant
from auditor.simulator.server import Serving, serve
from auditor.simulator.tenant import Account, Tenant

PORTS = 8
WORKLOADS = {
    "graph": "entra", "exchange": "exchange", "sharepoint": "sharepoint", "sharepoint_my": "sharepoint",
    "sharepoint_my_satellite": "sharepoint", "yammer": "yammer", "yammer_cdn": "yammer",
}  # fmt: skip
NAMES = ("entra", "exchange", "sharepoint", "yammer")
Rows = dict[tuple[str, str], dict[str, str]]


@dataclass(frozen=True)
class Cost:
    """One audit."""

    rows: Rows
    read: dict[tuple[str, str, str], tuple[str, str]]
    """By user, workload and picture: the digest, and the run that read it (empty: this one)."""
    requests: Counter[str]
    bytes: Counter[str]
    seconds: float
    shortcut: dict[str, dict[str, object]]


def tenant_of(users: int, seed: int, share: float) -> tuple[Tenant, set[tuple[str, str]]]:
    """The tenant after this share of the users in scope got another photo, and the copies that changed."""
    tenant = make_tenant(users, seed, photos=None, scenarios=(), photo_store="split")
    rng = random.Random(f"second run:{seed}")
    members = [account.id for account in tenant.accounts if account.in_scope and account.graph.picture]
    chosen = set(rng.sample(members, round(len(members) * share)))
    changed: set[tuple[str, str]] = set()
    accounts = tuple(_changed(account, changed) if account.id in chosen else account for account in tenant.accounts)
    return replace(tenant, accounts=accounts), changed


def _changed(account: Account, changed: set[tuple[str, str]]) -> Account:
    """The account with another photo wherever it has one."""
    rng = random.Random(account.id)
    picture = StoredPicture(Upload(f"new-{account.id}", Drawn(rng.getrandbits(30))))
    tag = f"{rng.getrandbits(32):08X}"
    account = replace(account, graph=replace(account.graph, picture=picture, etag=tag))
    changed.add((account.id, "entra"))
    if account.mailbox and account.mailbox.picture:
        account = replace(account, mailbox=replace(account.mailbox, picture=picture, etag=tag))
        if not (account.mailbox and (account.mailbox.ews_refused or account.mailbox.invalid_licence)):
            changed.add((account.id, "exchange"))
    profile = account.profile
    if profile and profile.stored and profile.shown and profile.object_id == account.id:
        stamp = profile.timestamp
        if profile.exchange_sync_state == "1":
            stamp = str(int(stamp) + 86_400)
        account = replace(account, profile=replace(profile, stored=picture, shown=picture, timestamp=stamp))
        changed.add((account.id, "sharepoint"))
    if len(account.engage) == 1 and account.engage[0].picture:
        engage = replace(account.engage[0], picture=picture, picture_id=f"{rng.getrandbits(128):032x}")
        account = replace(account, engage=(engage,))
        changed.add((account.id, "yammer"))
    return account


def free_ports() -> int:
    """The first of so many consecutive ports that are free now: a profile names its host, so both tenants share it."""
    for base in random.Random(time.time_ns()).sample(range(20_000, 60_000, 10), 200):
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise SystemExit("no free ports")


@contextmanager
def simulated(folder: Path, users: int, seed: int, share: float, port: int) -> Iterator[Path]:
    """The tenant in a process of its own; its folder."""
    words = [sys.executable, __file__, "--serve", str(folder), "--users", str(users), "--seed", str(seed)]
    words += ["--changed", str(share * 100), "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise SystemExit(process.stderr.read() if process.stderr else "the simulated tenant did not start")
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def audited(tenant: Path, run: Path, *words: str) -> Cost:
    """One audit and what it cost."""
    log = tenant / "requests.jsonl"
    before = len(log.read_text(encoding="utf-8").splitlines())
    started = time.monotonic()
    command = [sys.executable, "-m", "auditor", "audit", "--config", str(tenant / "photo-auditor.toml")]
    command += ["--run", str(run), "--out", str(run / "report"), "--quiet", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    table = run / "report" / "observations.csv"
    if not table.exists():
        raise SystemExit(f"exit {done.returncode}: {done.stderr[-2000:]}")
    seconds = time.monotonic() - started
    asked = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[before:]]
    requests = Counter(
        WORKLOADS[one["origin"]]
        for one in asked
        if one["origin"] in WORKLOADS and not one["path"].lower().endswith("/$batch")
    )
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    csv.field_size_limit(1 << 24)
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = {(row["user_id"], row["workload"]): row for row in csv.DictReader(file)}
    read = {}
    for part in sorted((run / "observations").glob("*/*.parquet")):
        columns = ["user_id", "workload", "picture", "sha256", "read_in"]
        with pq.ParquetFile(part) as opened:
            for row in opened.read(columns=columns).to_pylist():
                read[row["user_id"], row["workload"], row["picture"]] = row["sha256"], row["read_in"]
    weight = Counter({name: manifest["requests"].get(name, {}).get("bytes", 0) for name in NAMES})
    return Cost(rows, read, requests, weight, seconds, manifest.get("shortcut", {}))


def table(title: str, first: Cost, others: dict[str, Cost]) -> None:
    """Bytes and requests of each workload, beside the first run's."""
    print(f"\n{title}")
    heads = "".join(f"{name:>26}" for name in ("first", *others))
    print(f"{'':12}{heads}\n{'':12}" + f"{'requests':>11}{'kilobytes':>15}" * (1 + len(others)))
    for name in (*NAMES, "all"):
        cells = ""
        for cost in (first, *others.values()):
            asked = cost.requests.total() if name == "all" else cost.requests[name]
            weight = cost.bytes.total() if name == "all" else cost.bytes[name]
            cells += f"{asked:>11,}{weight / 1000:>15,.0f}"
        print(f"{name:12}{cells}")
    for name, cost in others.items():
        print(
            f"{name}: {cost.requests.total() / first.requests.total():.1%} of the requests,"
            f" {cost.bytes.total() / first.bytes.total():.1%} of the bytes, {cost.seconds:.0f} s"
            f" (the first {first.seconds:.0f} s)"
        )


def same(first: Cost, other: Cost) -> str:
    """Whether two audits say the same of every copy."""
    told = ("status", "verdict", "reason", "sha256", "cause", "distance")
    odd = [key for key in first.rows if any(first.rows[key][name] != other.rows[key][name] for name in told)]
    return f"{len(first.rows) - len(odd)} of {len(first.rows)} copies with the same status, verdict, cause and digest"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=5000, help="users of the tenant (5000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changed", type=float, default=3.0, help="per cent of the users who get another photo (3)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        tenant, _ = tenant_of(options.users, options.seed, options.changed / 100)
        serving = Serving(base_port=options.port, request_log=True)
        serve(tenant, serving, options.serve, lambda info: print(json.dumps(info), flush=True))
        return
    with tempfile.TemporaryDirectory(prefix="second-run-") as name:
        folder, port = Path(name), free_ports()
        with simulated(folder / "tenant", options.users, options.seed, 0.0, port) as tenant_folder:
            first = audited(tenant_folder, folder / "first")
            known = ("--baseline", str(folder / "first"))
            nothing = audited(tenant_folder, folder / "second", *known, "--recheck", "0")
            share = audited(tenant_folder, folder / "default", *known)
        table(f"unchanged, {options.users} users", first, {"--recheck 0": nothing, "default": share})
        print(f"--recheck 0: {same(first, nothing)}")
        print(f"default: {same(first, share)}")
        again = ", ".join(f"{name} {one['rechecked']}" for name, one in share.shortcut.items())
        print(f"read again by default: {again}", flush=True)
        _, changed = tenant_of(options.users, options.seed, options.changed / 100)
        with simulated(folder / "later", options.users, options.seed, options.changed / 100, port) as tenant_folder:
            later = audited(tenant_folder, folder / "third", *known, "--recheck", "0")
        table(f"{options.changed:g} % of the users with another photo", first, {"--recheck 0": later})
        moved = {key[:2] for key in first.read if first.read[key][0] != later.read[key][0]}
        print(
            f"copies that changed: {len(changed)}; found {len(changed & moved)}, not found {len(changed - moved)},"
            f" found and not changed {len(moved - changed)}"
        )
        for name, one in later.shortcut.items():
            if one["dropped"]:
                print(f"{name}: {one['dropped']}")


if __name__ == "__main__":
    main()
