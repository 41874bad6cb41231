"""How Entra says things: refusals by AADSTS code, token answers, and the way back to an application.

Assumption: the literal texts of most AADSTS errors come from public reports; only their codes are documented.
"""

from __future__ import annotations

import html
import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from auditor.simulator.asgi import RefusedError, Request, Response, json_response, redirect, text_response


def refused(request: Request, code: int, error: str, message: str, status: int = 400) -> RefusedError:
    """What ends a request with an error of this AADSTS code."""
    trace = str(uuid.uuid4())
    correlation = request.headers.get("client-request-id") or str(uuid.uuid4())
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return RefusedError(
        json_response(
            {
                "error": error,
                "error_description": f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} "
                f"Timestamp: {stamp}",
                "error_codes": [code],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
            },
            status,
        )
    )


def malformed(request: Request, error: str = "invalid_request") -> RefusedError:
    """What ends a request that makes no sense."""
    return refused(request, 9002313, error, "Invalid request. Request is malformed or invalid.")


def required(request: Request, values: dict[str, str], name: str) -> str:
    """A parameter that must be there."""
    value = values.get(name, "")
    if not value:
        raise refused(
            request,
            900144,
            "invalid_request",
            f"The request body must contain the following parameter: '{name}'.",
        )
    return value


def no_store(answer: dict[str, object]) -> Response:
    """An answer with tokens in it."""
    return json_response(answer, headers=(("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache")))


def send_back(where: str, values: dict[str, str], mode: str) -> Response:
    """Take the browser back to the application: in the address, or as a form that posts itself."""
    if mode == "form_post":
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in values.items()
        )
        page = (
            "<!DOCTYPE html><html><head><title>Working...</title></head><body>"
            f'<form method="POST" name="hiddenform" action="{html.escape(where)}">{fields}'
            '<noscript><input type="submit" value="Continue"></noscript></form>'
            "<script>document.forms[0].submit();</script></body></html>"
        )
        return text_response(page, content_type="text/html; charset=utf-8")
    separator = "#" if mode == "fragment" else "&" if urlsplit(where).query else "?"
    return redirect(f"{where}{separator}{urlencode(values)}")
