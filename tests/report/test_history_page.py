"""The history's page in a browser: drawn by its own style alone, in light and dark, without scripting."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.report.history import history
from auditor.report.history_page import write_history
from auditor.runs.listing import runs_in
from tests.runs.conftest import make_run, user


def test_the_page_and_its_style_are_those_that_the_policy_allows(tmp_path: Path, browser: Any) -> None:
    for month in (8, 9, 10):
        moment = datetime(2026, month, 20, tzinfo=UTC)
        make_run(tmp_path / "runs" / str(month), [user(1)], finished=moment).close()
    file = tmp_path / "history.html"
    write_history(history(runs_in(tmp_path / "runs")), file)
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, java_script_enabled=False, offline=True)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(file.as_uri())
        box = page.locator("svg.chart").first.bounding_box()
        assert box is not None
        assert box["width"] > 600
        assert page.locator("svg.chart circle").count() == 3 * 3 + 3
        assert said == []
        context.close()
