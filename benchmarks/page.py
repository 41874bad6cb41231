"""Is the page of a very large tenant usable? Measured in Chromium beside a plain table of the same rows.

    python benchmarks/page.py --users 100000 --drifting 0.43 --rounds 3

Makes a run of so many users in memory (drawn pictures, no service), draws its report and, with Jinja2 and nothing
else, one HTML table of the same drifting users. Then opens both in turn and measures until the browser has painted:
the first rows, all that belongs to the page ("loaded"), a filter by a word, a filter by workload and verdict, the jump
to the last row. The plain table gets a script of the usual kind, which hides rows by their text; it shows no pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page, sync_playwright

from auditor.model import DRIFT, USER_COLUMNS, VERDICT_COLUMNS
from auditor.report import write_report
from auditor.runs.view import RunView

WORKLOADS = ("entra", "exchange", "sharepoint", "yammer")
FIRST = ("Amara", "Björn", "Chiara", "Daniel", "Elif", "Fatima", "Grace", "Henrik", "Ioana", "Javier", "Zsófia", "美咲")
LAST = ("Okafor", "Lindqvist", "Esposito", "Kowalski", "Yılmaz", "Zahra", "Nakamura", "Sørensen", "Popescu", "O’Connor")
DEPARTMENTS = ("Finance", "Sales", "Engineering", "People & Culture", "Legal", "Operations", "Marketing", "")
KINDS = (
    ("sharepoint", "missing", "absent", "sharepoint_never_visited", "The user opens any SharePoint page once."),
    ("sharepoint", "mismatch", "photo", "sharepoint_detached", "Delete the picture in the SharePoint profile."),
    ("yammer", "mismatch", "photo", "engage_own_photo", "The user saves the photo again in the profile."),
    ("exchange", "variant", "photo", "edited_copy", "Nothing has to be mended if the crop is meant."),
)
PLAIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Plain</title>
<style>table { border-collapse: collapse } td { border: 1px solid #ccc; padding: 2px 6px }</style>
<input id="q"><table><tbody>
{% for user in users %}<tr><td>{{ user.name }}<td>{{ user.upn }}<td>{{ user.department }}
{% for copy in user.copies %}<td>{{ copy.verdict }} {{ copy.size }} {{ copy.date }} {{ copy.distance }}
<td>{{ copy.cause }} {{ copy.fix }}
{% endfor %}</tr>{% endfor %}
</tbody></table>
<script>
let texts = null;
const filter = (words) => {
  const rows = document.querySelectorAll("tbody tr");
  texts = texts || [...rows].map((row) => row.textContent.toLowerCase());
  rows.forEach((row, at) => { row.hidden = !words.every((word) => texts[at].includes(word)); });
};
document.getElementById("q").addEventListener("input", (event) => filter(event.target.value.toLowerCase().split(" ")));
</script></html>
"""
OWN_MS = 10_000
NO_POPUPS = "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"
WATCH = """
  const seen = () => setTimeout(() => { window.firstRows = performance.now(); });
  const look = () => requestAnimationFrame(document.querySelector("%s") ? seen : look);
  requestAnimationFrame(look);
"""
LOADED = """async () => {
  const list = document.getElementById("list"), begun = performance.getEntriesByType("navigation")[0];
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  while (!begun.loadEventEnd || list && list.dataset.whole === undefined) await painted();
  return list ? performance.now() : begun.loadEventEnd;
}"""
FILTER = """async (text) => {
  const field = document.getElementById("q"), begun = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}"""
JUMP = """async () => {
  const begun = performance.now(), list = document.getElementById("list");
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  if (!list) { scrollTo(0, document.documentElement.scrollHeight); await painted(); return performance.now() - begun; }
  list.scrollTop = list.scrollHeight;
  for (;;) {
    await painted();
    const last = [...list.querySelectorAll(".finding")].at(-1);
    const there = last && last.ariaPosInSet === last.ariaSetSize && last.dataset.waits === undefined;
    if (there) return performance.now() - begun;
  }
}"""


def picture(seed: int, side: int = 240) -> bytes:
    rng = np.random.default_rng(seed)
    drawn = Image.new("RGB", (side, side), tuple(int(one) for one in rng.integers(60, 220, 3)))
    pen = ImageDraw.Draw(drawn)
    for _ in range(12):
        x, y, r = (int(one) for one in rng.integers(10, side - 10, 3))
        pen.ellipse(
            (x - r // 4, y - r // 4, x + r // 4, y + r // 4), fill=tuple(int(one) for one in rng.integers(0, 255, 3))
        )
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=85)
    return out.getvalue()


def run_of(users: int, drifting: float, distinct: int, folder: Path) -> RunView:
    """A run of that many users of whom that share drifts, each in one copy; pictures from a small stock."""
    stock = []
    for seed in range(distinct):
        data = picture(seed)
        digest = hashlib.sha256(data).hexdigest()
        path = folder / digest[:2] / f"{digest}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        stock.append((digest, len(data)))
    every = round(1 / drifting, 6) if drifting else 0
    people: list[tuple[Any, ...]] = []
    rows: list[dict[str, Any]] = []
    nothing: dict[str, Any] = {column.name: "" for column in VERDICT_COLUMNS}
    for number in range(users):
        user_id = f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012d}"
        name = f"{FIRST[number % len(FIRST)]} {LAST[number // 12 % len(LAST)]} {number}"
        upn = f"user{number}@{'contoso.com' if number % 3 else 'fabrikam.example'}"
        people.append((user_id, upn, upn, name, "Member", True, True, DEPARTMENTS[number % 8], False, True, False, upn))
        drifts = drifting and int((number + 1) / every) > int(number / every)
        kind = KINDS[number % len(KINDS)] if drifts else ("", "", "", "", "")
        for place, workload in enumerate(WORKLOADS):
            verdict, status, cause, fix = "match" if place else "reference", "photo", "", ""
            if workload == kind[0]:
                _, verdict, status, cause, fix = kind
            digest, size = stock[(number + (verdict == "mismatch")) % distinct] if status == "photo" else ("", 0)
            side = 240 if digest else 0
            evidence = "What was read speaks for it." if cause else ""
            moment = pd.Timestamp("2026-11-20T10:00:00Z")
            rows.append({
                "user_id": user_id, "upn": upn, "workload": workload, "status": status, "verdict": verdict,
                "reference": "entra", "kind": "crop" if verdict == "variant" else "",
                "distance": 612.0 if verdict == "mismatch" else 41.0 if verdict == "variant" else float("nan"),
                "cause": cause, "evidence": evidence, "fix": fix,
                "causes": json.dumps([{"cause": cause, "confidence": "likely", "evidence": evidence}] if cause else []),
                "picture": "only", "way": "graph_batch", "observed_at": moment, "read_at": moment, "sha256": digest,
                "format": "JPEG" if digest else "", "width": side, "height": side, "size": size, "signals": "{}",
            })  # fmt: skip
    manifest: dict[str, Any] = {
        "run_id": "benchmark", "tenant": {"name": "Contoso"}, "complete": True, "reference": "entra",
        "started": "2026-11-20T10:00:00Z", "finished": "2026-11-20T11:00:00Z",
    }  # fmt: skip
    return RunView(
        manifest,
        pd.DataFrame(people, columns=[column.name for column in USER_COLUMNS]),
        pd.DataFrame([nothing | row for row in rows], columns=list(nothing)),
        folder,
    )


def plain_table(view: RunView, path: Path) -> int:
    """The same drifting users as one HTML table; how many."""
    drift = view.verdicts["verdict"].isin([verdict.value for verdict in DRIFT])
    wanted = set(view.verdicts.loc[drift, "user_id"])
    names = view.users.set_index("user_id")
    users = []
    for user_id, rows in view.verdicts[view.verdicts["user_id"].isin(wanted)].groupby("user_id", sort=False):
        person = names.loc[user_id]
        copies = [
            {
                "verdict": row.verdict, "size": f"{row.width} × {row.height} px", "date": f"{row.observed_at:%d %b %Y}",
                "distance": "" if row.distance != row.distance else f"{row.distance:.0f}",
                "cause": row.cause, "fix": row.fix,
            }
            for row in rows.itertuples()
        ]  # fmt: skip
        users.append(
            {"name": person.display_name, "upn": person.upn, "department": person.department, "copies": copies}
        )
    users.sort(key=lambda user: user["name"].casefold())
    path.write_text(jinja2.Environment(autoescape=True).from_string(PLAIN).render(users=users), encoding="utf-8")
    return len(users)


def opened(window: BrowserContext, path: Path, selector: str, queries: tuple[str, str]) -> dict[str, float]:
    """Milliseconds until each was painted, in a new tab."""
    page: Page = window.new_page()
    page.set_default_timeout(600_000)
    page.add_init_script(WATCH % selector)
    page.goto(path.as_uri(), timeout=600_000)
    page.wait_for_function("() => window.firstRows")
    found = {"first rows": page.evaluate("window.firstRows")}
    found["loaded"] = max(found["first rows"], page.evaluate(LOADED))
    page.evaluate(FILTER, "nobody at all")  # both make ready for searching at the first use
    for name, query in zip(("filter by word", "filter by workload and verdict"), queries, strict=True):
        page.evaluate(FILTER, "")
        found[name] = page.evaluate(FILTER, query)
    page.evaluate(FILTER, "")
    found["to the last row"] = page.evaluate(JUMP)
    page.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--drifting", type=float, default=0.43)
    parser.add_argument("--distinct", type=int, default=400, help="how many different pictures there are")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="leave the pages in this folder")
    args = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.exit("this needs Chromium (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        view = run_of(args.users, args.drifting, args.distinct, folder / "photos")
        before, begun = _peak(), time.monotonic()
        paths = write_report(view, folder / "report")
        seconds, grown = time.monotonic() - begun, _peak() - before
        rows = plain_table(view, folder / "plain.html")
        page = (paths.html, *paths.pages, *paths.data)
        told: dict[str, Any] = {
            "users": args.users, "rows": rows, "drawn in seconds": round(seconds, 1),
            "memory to draw, MB": round(grown / 2**20), "files": len(page),
            "bytes a row": {
                "report.html": round(paths.html.stat().st_size / rows),
                "indexes": round(sum(path.stat().st_size for path in paths.data[:2]) / rows),
                "parts with pictures": round(sum(path.stat().st_size for path in paths.data[2:]) / rows),
                "open text": round(sum(path.stat().st_size for path in paths.pages) / rows),
                "plain table": round((folder / "plain.html").stat().st_size / rows),
            },
        }  # fmt: skip
        print(json.dumps(told, indent=1), flush=True)
        pages = {
            "report": (paths.html, "#list .finding", ("finance", "w:sharepoint v:missing")),
            "plain": (folder / "plain.html", "tbody tr", ("finance", "missing")),
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in pages}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", NO_POPUPS])
            window = browser.new_context(viewport={"width": 1440, "height": 900})
            # A new window loads pages of the browser's own for some seconds, which are no part of ours.
            window.new_page().wait_for_timeout(OWN_MS)
            for _ in range(args.rounds):
                for name, one in pages.items():
                    rounds[name].append(opened(window, *one))
                    print(name, {key: round(value) for key, value in rounds[name][-1].items()}, flush=True)
            browser.close()
        print(f"\n{'median, ms':32}{'report':>10}{'plain':>10}{'plain/report':>14}")
        for key in rounds["report"][0]:
            ours, theirs = (statistics.median(one[key] for one in rounds[name]) for name in pages)
            print(f"{key:32}{ours:10.0f}{theirs:10.0f}{theirs / ours:14.1f}")


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
