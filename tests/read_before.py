"""What commands of the tests find done when they begin: their modules read, the page's template compiled."""

from __future__ import annotations

from importlib import import_module

from PIL import Image

from auditor.report.templating import PAGE, environment

_READ_WHEN_FIRST_USED = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "h2.connection",
    "httpcore",
    "msal_extensions",
)

for command in ("audit", "baseline", "compare", "diff", "explain", "photos", "report", "runs", "simulate", "verify"):
    import_module(f"auditor.cli.{command}")
for module in _READ_WHEN_FIRST_USED:
    import_module(module)
Image.init()
environment().get_template(PAGE)
