"""The recipes of docs/unattended.md do what they say, as far as that can be tried on one machine; and what an
unattended audit says and does when the person's sign-in to Viva Engage has ended.
"""

from __future__ import annotations

import ast
import base64
import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import jwt
import msal
import msal_extensions
import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1

from auditor.cli.logline import FIELDS
from tests.journeys.conftest import Command, Outcome
from tests.test_docs import CHECKOUT, blocks, parse

PAGE = CHECKOUT / "docs" / "unattended.md"
POSIX = pytest.mark.skipif(os.name == "nt", reason="the recipe is for other systems: nothing to try on this platform")


@pytest.fixture(scope="module")
def served(tenant: Any) -> Any:
    return tenant(users=10, seed=11)


@pytest.fixture
def home(served: Any, tmp_path: Path) -> Path:
    """A folder as the recipes want it: the settings file, and what it names beside it."""
    folder = tmp_path / "photo-audit"
    folder.mkdir()
    for file in served.config.parent.iterdir():
        if file.is_file() and file.suffix in {".toml", ".pem", ".txt"}:
            shutil.copy(file, folder / file.name)
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("COVERAGE_PROCESS_CONFIG", "SYSTEMROOT") if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**kept, "PATH": path, "HOME": str(home.parent), "PHOTO_AUDIT_HOME": str(home), **more}


def line_of(out: str) -> dict[str, Any]:
    """The only line of stdout."""
    (line,) = out.splitlines()
    return dict(json.loads(line))


# -- the line -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audited(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Command(tmp_path_factory.mktemp("audited"))("audit", "--config", served.config, "--output", "line")


def test_an_audit_ends_with_one_line_that_names_nobody(served: Any, audited: Outcome, command: Command) -> None:
    done = audited
    told = line_of(done.out)
    assert tuple(told) == tuple(FIELDS)
    assert None not in told.values()
    assert (told["exit_code"], told["outcome"], told["command"]) == (done.code, "drift", "audit")
    head = json.loads((done.run / "report" / "report.json").read_text(encoding="utf-8"))
    assert {name: told[name] for name in ("users", "drifting_users", "drifting_copies", "accepted_copies")} == {
        name: head[name] for name in ("users", "drifting_users", "drifting_copies", "accepted_copies")
    }
    assert told["same_everywhere"] == head["shares"]["same_everywhere"]["part"]
    assert told["workloads"]["sharepoint"]["requests"] == head["workloads"][2]["requests"] > 0
    secrets = [served.info["client_secret"], served.info["yammer_token"], str(done.run.parent)]
    names = [user[key] for user in served.users() for key in ("userPrincipalName", "displayName", "id")]
    assert not [word for word in (*secrets, *names) if word in done.out]
    again = line_of(command("resume", done.run, "--output", "line").out)
    assert (again["command"], again["run_id"], again["exit_code"]) == ("resume", told["run_id"], done.code)


def test_an_audit_that_cannot_begin_ends_with_its_line_too(command: Command) -> None:
    done = command("audit", "--config", command.folder / "none.toml", "--output", "line")
    told = line_of(done.out)
    assert done.code == 2
    assert "There is no settings file" in done.err
    assert (told["outcome"], told["exit_code"], told["run_id"], told["users"]) == ("usage", 2, None, None)


def test_the_page_explains_every_member_of_the_line() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row for row in rows if row[0] in FIELDS] == list(FIELDS.items())


# -- the recipes --------------------------------------------------------------------------------------------------


def test_every_command_and_flag_in_a_recipe_exists() -> None:
    scripts = "\n".join(text for language in ("sh", "cron", "yaml") for text in blocks(PAGE, language))
    found = re.findall(r"\bphoto-auditor ((?:audit|report|runs) [^|&;>\n]*)", scripts)
    assert len(found) >= 5
    for words in found:
        parse(shlex.split(words))
    (runbook,) = blocks(PAGE, "python")
    called = [node for node in ast.walk(ast.parse(runbook)) if isinstance(node, ast.List)]
    for node in called:
        program, *words = (ast.literal_eval(one) for one in node.elts)
        assert program == "photo-auditor"
        parse(words)
    assert len(called) == 2


@POSIX
def test_the_script_audits_prunes_and_draws_the_history(served: Any, home: Path) -> None:
    script = home.parent / "photo-audit.sh"
    script.write_text(blocks(PAGE, "sh")[0], encoding="utf-8")

    def audited() -> tuple[Path, str]:
        done = subprocess.run(
            ["sh", str(script)], env=environment(home), capture_output=True, text=True, check=False, cwd=home.parent
        )
        told = line_of(done.stdout)
        assert (done.returncode, told["exit_code"], told["outcome"]) == (1, 1, "drift"), done.stderr
        return home / "reports" / told["run"], done.stderr

    run, told = audited()
    assert [run] == list((home / "reports").iterdir())
    assert "There is no earlier run of this tenant" in told
    assert "Nothing is older" in told
    later, told = audited()
    manifests = [json.loads((one / "manifest.json").read_text(encoding="utf-8")) for one in (run, later)]
    assert "baseline" not in manifests[0]
    assert manifests[1]["baseline"]["run_id"] == manifests[0]["run_id"]
    assert "What changed since" in (later / "report" / "report.html").read_text(encoding="utf-8")
    assert run.name in (home / "history.html").read_text(encoding="utf-8")
    assert (home / "history.html").stat().st_mode & 0o077 == 0


def test_the_crontab_is_one_that_cron_reads() -> None:
    (text,) = blocks(PAGE, "cron")
    *settings, entry = text.strip().splitlines()
    assert all(re.fullmatch(r"[A-Z]+=\S+", line) for line in settings)
    fields, command = entry.split(None, 6)[:6], entry.split(None, 6)[6]
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for value, (least, most) in zip(fields[:5], limits, strict=True):
        assert value == "*" or least <= int(value) <= most
    assert re.fullmatch(r"[a-z][a-z-]*", fields[5])
    # cron takes a percent sign for the end of the command.
    assert "%" not in command
    assert shlex.split(command)[:4] == ["flock", "--nonblock", "/var/lib/photo-auditor/.cron", "photo-audit"]
    assert entry.count("\n") == 0


@POSIX
def test_the_units_are_ones_that_systemd_reads(tmp_path: Path) -> None:
    service, timer = blocks(PAGE, "ini")
    script = tmp_path / "photo-audit"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    units = {
        "photo-auditor.service": service.replace("/usr/local/bin/photo-audit", str(script)),
        "photo-auditor.timer": timer,
    }
    for name, text in units.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
        parser.read_string(text)
        assert parser.sections()[0] == "Unit"
    if program := shutil.which("systemd-analyze"):
        words = [program, "verify", *(str(tmp_path / name) for name in units)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "photo-auditor" in line]
        assert not ours, ours
        calendar = re.findall(r"^OnCalendar=(.+)$", timer, re.MULTILINE)
        assert subprocess.run([program, "calendar", *calendar], capture_output=True, check=False).returncode == 0


STEP = {
    "type": "object",
    "properties": {
        "name": {"type": "string"}, "if": {"type": "string"}, "shell": {"enum": ["bash"]},
        "uses": {"type": "string", "pattern": "^[a-z-]+/[a-z-]+@v[0-9]+$"}, "run": {"type": "string"},
        "with": {"type": "object", "additionalProperties": {"type": ["string", "boolean", "integer"]}},
    },
    "oneOf": [{"required": ["uses"]}, {"required": ["run"]}],
    "additionalProperties": False,
}  # fmt: skip
WORKFLOW = {
    "type": "object",
    "required": ["name", "on", "permissions", "jobs"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "on": {
            "type": "object",
            "properties": {
                "schedule": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"cron": {"pattern": "^([0-9*/,-]+ ){4}[0-9*/,-]+$"}}},
                },
                "workflow_dispatch": {"type": "object"},
            },
            "additionalProperties": False,
        },
        "permissions": {"const": {"contents": "read", "id-token": "write"}},
        "concurrency": {"type": "object", "required": ["group"]},
        "jobs": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["runs-on", "steps"],
                "additionalProperties": False,
                "properties": {
                    "runs-on": {"type": "string"}, "environment": {"type": "string"},
                    "timeout-minutes": {"type": "integer", "maximum": 360},
                    "env": {"type": "object", "additionalProperties": {"type": "string"}},
                    "steps": {"type": "array", "items": STEP},
                },
            },
        },
    },
}  # fmt: skip
"""The part of GitHub's workflow syntax that the recipe keeps to."""


def workflow() -> dict[str, Any]:
    (text,) = blocks(PAGE, "yaml")
    read: dict[Any, Any] = yaml.safe_load(text)
    # YAML 1.1 reads the key `on` as true; GitHub does not.
    return {("on" if name is True else name): value for name, value in read.items()}


def test_the_workflow_is_one_that_github_reads() -> None:
    jsonschema.validate(workflow(), WORKFLOW)
    (job,) = workflow()["jobs"].values()
    assert "runner." not in json.dumps(job["env"]), "GitHub knows no runner in a job's env"
    uploads = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert [step["with"]["path"] for step in uploads] == ["${{ runner.temp }}/numbers"]


def assertion(served: Any) -> str:
    """In the place of another identity provider's token: the simulated tenant trusts the app's certificate alone."""
    pem = (served.config.parent / "client.pem").read_bytes()
    thumbprint = base64.urlsafe_b64encode(x509.load_pem_x509_certificate(pem).fingerprint(SHA1())).rstrip(b"=")
    app, tenant_id = served.info["client_id"], served.info["tenant_id"]
    authority = re.search(r'^authority = "(.+)"$', served.config.read_text(encoding="utf-8"), re.MULTILINE)
    assert authority is not None
    now = int(time.time())
    claims = {
        "iss": app, "sub": app, "aud": f"{authority[1]}/{tenant_id}/oauth2/v2.0/token", "iat": now, "exp": now + 600,
        "jti": "1",
    }  # fmt: skip
    key = pem[pem.index(b"-----BEGIN PRIVATE KEY") :] if b"BEGIN PRIVATE KEY" in pem else pem
    return jwt.encode(claims, key.decode(), algorithm="RS256", headers={"x5t": thumbprint.decode()})


Provider = Callable[[str, str], tuple[str, list[dict[str, str]]]]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """An identity endpoint on loopback that answers `{NAME: TOKEN}`; its address, and the headers it was asked with."""
    running: list[ThreadingHTTPServer] = []

    def start(name: str, token: str) -> tuple[str, list[dict[str, str]]]:
        seen: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
                body = json.dumps({name: token}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    yield start
    for server in running:
        server.shutdown()


@POSIX
def test_the_workflows_audit_signs_in_by_githubs_token_and_keeps_numbers_only(
    served: Any, home: Path, provider: Provider
) -> None:
    (job,) = workflow()["jobs"].values()
    (script,) = (step["run"] for step in job["steps"] if step.get("name") == "Audit")
    where, seen = provider("value", assertion(served))
    temporary, summary = home.parent / "temp", home.parent / "summary.md"
    temporary.mkdir()
    file = home.parent / "step.sh"
    file.write_text(script, encoding="utf-8")
    more = {
        "RUNNER_TEMP": str(temporary), "GITHUB_STEP_SUMMARY": str(summary),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{where}/token?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret-1",
        "AZURE_TENANT_ID": served.info["tenant_id"], "AZURE_CLIENT_ID": served.info["client_id"],
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],  # as GitHub runs `shell: bash`
        env=environment(home, **more), capture_output=True, text=True, check=False, cwd=home,
    )  # fmt: skip
    told = line_of(done.stdout)
    assert (done.returncode, told["outcome"]) == (1, "drift"), done.stderr
    assert seen[0]["authorization"] == "bearer secret-1"
    assert seen[0]["path"].endswith("?api-version=2&audience=api://AzureADTokenExchange")
    assert summary.read_text(encoding="utf-8").startswith("## Drift")
    numbers = "".join(one.read_text(encoding="utf-8") for one in (temporary / "numbers").iterdir())
    assert not [user["userPrincipalName"] for user in served.users() if user["userPrincipalName"] in numbers]
    assert not (temporary / "federated-token").exists()
    manifest = json.loads((temporary / "run" / "manifest.json").read_text(encoding="utf-8"))
    origins = {one["name"]: one["origin"] for one in manifest["settings"]}
    assert origins["sign_in.federated_token_file"] == "environment AZURE_FEDERATED_TOKEN_FILE"


def test_the_runbook_signs_in_by_the_managed_identity(served: Any, home: Path, provider: Provider) -> None:
    where, seen = provider("access_token", assertion(served))
    file = home.parent / "runbook.py"
    file.write_text(blocks(PAGE, "python")[0], encoding="utf-8")
    more = {"IDENTITY_ENDPOINT": f"{where}/identity", "IDENTITY_HEADER": "secret-2"}
    done = subprocess.run(
        [sys.executable, str(file)], env=environment(home, **more), capture_output=True, text=True, check=False
    )
    told = line_of(done.stdout)
    assert (done.returncode, told["exit_code"]) == (0, 1), done.stderr
    assert seen[0]["x-identity-header"] == "secret-2"
    assert seen[0]["path"] == "/identity?resource=api://AzureADTokenExchange"
    assert len(list((home / "reports").iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="a process is ended by a signal")
def test_the_runbook_fails_where_the_audit_was_killed(
    served: Any, home: Path, provider: Provider, tmp_path: Path
) -> None:
    where, _ = provider("access_token", assertion(served))
    program = tmp_path / "bin" / "photo-auditor"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    program.chmod(0o755)
    file = home.parent / "runbook.py"
    file.write_text(blocks(PAGE, "python")[0], encoding="utf-8")
    more = {"IDENTITY_ENDPOINT": f"{where}/identity", "IDENTITY_HEADER": "secret-2"}
    told = environment(home, **more)
    told["PATH"] = f"{program.parent}{os.pathsep}{told.get('PATH', os.defpath)}"
    done = subprocess.run([sys.executable, str(file)], env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ended with -9" in done.stderr


# -- Viva Engage --------------------------------------------------------------------------------------------------


def signed_in(served: Any, folder: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, str]:
    """The environment of somebody who signed in to Viva Engage with a device code some time ago.

    The file that stands for the system's encrypted store (this machine may have none) is msal's own plain one.
    """
    text = served.config.read_text(encoding="utf-8")
    client = re.search(r'^delegated_client_id = "(.+)"$', text, re.MULTILINE)
    authority = re.search(r'^authority = "(.+)"$', text, re.MULTILINE)
    assert client is not None
    assert authority is not None
    session = requests.Session()
    # Or a bundle that the environment names would go before ours.
    session.trust_env, session.verify = False, str(served.config.parent / "ca-bundle.pem")
    cache = msal.SerializableTokenCache()
    app = msal.PublicClientApplication(
        client[1], authority=f"{authority[1]}/{served.info['tenant_id']}", instance_discovery=False,
        http_client=session, token_cache=cache,
    )  # fmt: skip
    flow = app.initiate_device_flow(["https://www.yammer.com/.default"])
    assert "access_token" in app.acquire_token_by_device_flow(flow)
    held = json.loads(cache.serialize())
    for token in held["AccessToken"].values():
        token["expires_on"] = token["extended_expires_on"] = "1"
    change(held)
    store = folder / "home" / ".cache" / "photo-auditor" / f"sign-in-{served.info['tenant_id']}.bin"
    store.parent.mkdir(parents=True)
    msal_extensions.FilePersistence(str(store)).save(json.dumps(held))
    shim = folder / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(
        "import msal_extensions\nmsal_extensions.build_encrypted_persistence = msal_extensions.FilePersistence\n",
        encoding="utf-8",
    )
    return {
        "PYTHONPATH": str(shim), "PHOTO_AUDITOR_YAMMER_SIGN_IN": "device_code",
        "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
    }  # fmt: skip


def ended(held: dict[str, Any]) -> None:
    """As after a new password: the sign-in service no longer knows the refresh token."""
    for token in held["RefreshToken"].values():
        token["secret"] = "1.ended"


@pytest.mark.skipif(sys.platform != "linux", reason="the store lies elsewhere on this platform")
def test_a_remembered_sign_in_reads_viva_engage_with_nobody_there(served: Any, command: Command) -> None:
    done = command("audit", "--config", served.config, env=signed_in(served, command.folder, lambda held: None))
    assert done.code == 1, done.err
    assert "photo" in {row["status"] for (_, workload), row in done.rows.items() if workload == "yammer"}


@pytest.mark.skipif(sys.platform != "linux", reason="the store lies elsewhere on this platform")
def test_when_a_remembered_sign_in_has_ended_engage_is_unchecked_and_the_rest_goes_on(
    served: Any, audited: Outcome, command: Command
) -> None:
    env = signed_in(served, command.folder, ended)
    done = command("audit", "--config", served.config, "--output", "line", env=env)
    told = line_of(done.out)
    assert (done.code, told["outcome"], told["complete"]) == (4, "incomplete", False), done.err
    engage = {
        (row["status"], row["verdict"], row["reason"]) for (_, name), row in done.rows.items() if name == "yammer"
    }
    assert engage == {("unknown", "unchecked", "sign_in_failed")}
    assert done.verdicts(without="yammer") == audited.verdicts(without="yammer")
    assert told["workloads"]["yammer"]["unchecked"] == told["users"]
    (because,) = done.manifest["incomplete_because"]
    assert because.startswith("yammer: ")
    assert "To mend it" in because
    assert "1.ended" not in json.dumps(done.manifest) + done.err


def test_when_a_token_file_has_run_out_engage_is_unchecked_and_the_rest_goes_on(served: Any, command: Command) -> None:
    spent = command.folder / "token.txt"
    spent.write_text("spent-token", encoding="utf-8")
    done = command("audit", "--config", served.config, env={"PHOTO_AUDITOR_YAMMER_TOKEN_FILE": str(spent)})
    assert done.code == 4, done.err
    for (_, workload), row in done.rows.items():
        assert (row["verdict"] == "unchecked") >= (workload == "yammer")
    assert {row["verdict"] for row in done.rows.values()} > {"match", "reference", "unchecked"}
