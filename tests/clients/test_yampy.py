"""yampy pages through the users of Viva Engage until it gets an empty page."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

# The library was written for Python 2. These are the only words of it, besides imports, that Python 3 cannot read.
FOR_PYTHON_3 = (
    ("except TypeError, KeyError:", "except (TypeError, KeyError):"),
    ("from urllib import urlencode", "from urllib.parse import urlencode"),
    (".iteritems()", ".items()"),
    ("(StandardError)", "(Exception)"),
)
IMPLICITLY_RELATIVE = re.compile(
    r"(?m)^from (authenticator|client|yammer|apis|constants|errors|models|messages|users) import"
)
PROGRAM = """
import json, sys
import yampy
yammer = yampy.Yammer(access_token=sys.argv[1], base_url=sys.argv[2] + "/api/v1")
users, page = [], 1
while True:
    found = yammer.users.all(page=page)
    if not found:
        break
    users += [{"id": user.id, "email": user.email, "mugshot": user.mugshot_url_template} for user in found]
    page += 1
by_email = yammer.users.find_by_email(users[0]["email"])
one = yammer.users.find(users[0]["id"])
print(json.dumps({"users": users, "pages": page, "by_email": by_email[0].id, "one": one.email}))
"""


@pytest.fixture(scope="session")
def yampy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library in it, readable by Python 3."""
    spec = importlib.util.find_spec("yampy")
    assert spec is not None
    assert spec.origin is not None
    folder = tmp_path_factory.mktemp("yampy")
    shutil.copytree(Path(spec.origin).parent, folder / "yampy")
    for path in (folder / "yampy").rglob("*.py"):
        text = path.read_text()
        for old, new in FOR_PYTHON_3:
            text = text.replace(old, new)
        path.write_text(IMPLICITLY_RELATIVE.sub(r"from .\1 import", text))
    return folder


def test_every_user_and_picture(trusting: Any, yampy: Path, digests: dict[str, dict[str, str]]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, trusting.info["yammer_token"], trusting.info["yammer"]],
        env={**os.environ, "PYTHONPATH": str(yampy)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    by_email = {user["email"].lower(): user for user in answer["users"]}
    assert answer["by_email"] == answer["users"][0]["id"]
    assert answer["one"] == answer["users"][0]["email"]
    found: dict[str, str] = {}
    for user in trusting.users():
        # Engage keeps one address of a user: the mail or the UPN.
        member = by_email.get(user["mail"].lower()) or by_email[user["userPrincipalName"].lower()]
        template = member["mugshot"]
        if "/no_photo.png" in template:
            found[user["id"]] = ""
            continue
        picture = requests.get(template.replace("{width}x{height}", "648x648"), timeout=10)
        assert picture.status_code == 200
        found[user["id"]] = sha256(picture.content).hexdigest()
    assert found == digests["yammer"]
