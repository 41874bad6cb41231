"""What is true of everybody is believed: tenants of one kind, audited, and held against their truth."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.simulator.make_ups import MAKE_UPS
from tests.journeys.conftest import Command

IN_THE_SUITE = ("sharepoint-nobody", "engage-few")
"""An absence and a missing record that nearly everybody has."""
INCOMPLETE = 4


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_THE_SUITE else pytest.mark.soak) for name in MAKE_UPS]
)
def test_what_is_true_of_everybody_is_told_as_it_is(tenant: Any, command: Command, name: str) -> None:
    served = tenant(users=30, seed=2, make_up=name, month=MAKE_UPS[name].month)
    done = command("audit", "--config", served.config)
    true = {(row["user_id"], row["workload"]): row for row in served.truth() if row["in_scope"] == "true"}
    wrong = [
        (true[key]["upn"], key[1], row["verdict"], row["cause"], true[key]["verdict"], true[key]["cause"])
        for key, row in done.rows.items()
        if (row["verdict"], row["cause"]) != (true[key]["verdict"], true[key]["cause"])
    ]
    assert wrong == []
    assert done.rows.keys() == true.keys()
    assert done.code != INCOMPLETE, done.err
