"""A tenant that misbehaves for everybody is not believed: the right verdict by another way, or unchecked and exit 4."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.misbehaviour import TOLD_INCOMPLETE, Case, Outcome, Stage, cases, stage

pytestmark = pytest.mark.timeout(900)  # the first test waits for the honest audit too
USERS = 40
TOUCHED = 20
KINDS = (
    Case("exchange-gone-404@14"),
    Case("graph-image-not-found@1", baseline=True),
    Case("graph-batch-rotated@1"),
    Case("sharepoint-odata-null@1", baseline=True),
    Case("sharepoint-one-picture@1"),
    Case("engage-list-of-five@1"),
    Case("users-half-and-no-count@1"),
)
"""One of each kind; `make soak` and the benchmark play them all."""


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("misbehaviour"), USERS, seed=4) as on:
        yield on


@pytest.fixture(scope="module")
def larger_tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("misbehaviours"), 80, seed=4) as on:
        yield on


def not_believed(outcome: Outcome) -> None:
    assert outcome.sure == (), "verdicts that are neither the truth nor unchecked"
    assert outcome.lost == 0, "users in scope of whom nothing is told, in an audit that says that it is complete"
    assert outcome.changes == {}, "changes that diff tells although nothing has changed"
    assert outcome.silent == 0, f"verdicts that are left open with exit {outcome.code}, not 4"


@pytest.mark.parametrize("case", KINDS, ids=str)
def test_what_everybody_is_told_alike_is_not_believed(tenant: Stage, case: Case) -> None:
    outcome = tenant.play_out(case)
    not_believed(outcome)
    # Whoever gives up at once is asked about nobody else, and has said so.
    assert outcome.counts(TOUCHED) or outcome.code in TOLD_INCOMPLETE, f"it touched {outcome.touched} users only"


@pytest.mark.soak
@pytest.mark.parametrize("case", list(cases((), ("1", "26", "26-60"), (False, True))), ids=str)
def test_no_misbehaviour_that_touches_many_is_believed(larger_tenant: Stage, case: Case) -> None:
    outcome = larger_tenant.play_out(case)
    if outcome.counts(TOUCHED):
        not_believed(outcome)
