"""The report's page with one user alone: to attach to a ticket."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from auditor.report.files import replacing
from auditor.report.page import write_pages
from auditor.report.shares import tally
from auditor.runs.view import RunView

_ABOUT_THE_RUN = (
    "app", "asked_by", "baseline", "complete", "error_rates", "finished", "parts", "permissions", "photos", "recipe",
    "reference", "run_id", "settings", "shortcut", "started", "tenant", "tenant_facts", "version", "workloads",
    "workloads_off",
)  # fmt: skip
"""What the manifest says of no user. Everything else may name others: what is new there has to be let in."""


def write_user_page(view: RunView, path: Path) -> None:
    """Write the page of a view with one user to `path`, whole or not at all.

    Nothing on it is of anybody else: not who joined or left while the run went on, not who has the same picture as
    somebody else, not what else was incomplete.
    """
    told = {name: value for name, value in view.manifest.items() if name in _ABOUT_THE_RUN}
    told["scope"] = {"in_scope": 1, "only": "one user"}
    alone = replace(view, manifest=told)
    with tempfile.TemporaryDirectory(prefix="photo-auditor-page-") as folder:
        (page, *_), _ = write_pages(alone, tally(alone), Path(folder))
        with replacing(path) as file:
            file.write(page.read_text(encoding="utf-8"))
