"""How faults look that are whole answers: in the words of the services where these are known, else invented.

Known: Graph's ApplicationThrottled (terraform-provider-outlook#21), ErrorAccessDenied "Access to OData is disabled."
(aspnetcore-connect-sample#44), Directory_ExpiredPageToken; Exchange's ErrorServerBusy with BackOffMilliseconds
(exchange-docs ews-throttling-in-exchange.md), its other passing codes (responsecode.md; exchangelib#758) and the
redirect to its error page (exchangelib's tests); SharePoint's 429 and 503 with Retry-After. Each 401 is what the
simulated service says to a token that has expired. The pages of gateways (502, 504), of http.sys (503) and of ASP.NET
(500) are written as these programs usually write them. Assumption: everything else here, and the sign-in page.
"""

from __future__ import annotations

import math
import time
from email.utils import formatdate

from auditor.simulator import ews_soap
from auditor.simulator.asgi import Request, Response, json_response, plain_error, text_response
from auditor.simulator.fault_plan import Form, Plan
from auditor.simulator.graph_answers import graph_error
from auditor.simulator.sharepoint_answers import ACCESS_DENIED, sharepoint_error

HTML = "text/html; charset=utf-8"
SIGN_IN_PAGE = """<!DOCTYPE html>
<html dir="ltr" lang="en"><head><title>Sign in to your account</title>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head>
<body><form name="f1" method="post" action="/login"><input type="email" name="loginfmt" placeholder="Email or phone">
<input type="submit" value="Next"></form><noscript>JavaScript is required to sign in.</noscript></body></html>
"""
_GATEWAY = (
    "<html>\r\n<head><title>{status} {words}</title></head>\r\n<body>\r\n<center><h1>{status} {words}</h1></center>\r\n"
    "<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
)
_RUNTIME_ERROR = (
    "<!DOCTYPE html><html><head><title>Runtime Error</title></head><body><h1>Server Error in '/' Application.</h1>"
    "<h2><i>Runtime Error</i></h2></body></html>"
)
_UNAVAILABLE = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
    "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable</h2>\r\n"
    "<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n</BODY></HTML>\r\n"
)
_ERROR_PAGE = "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx"
_FAILED = "An internal server error occurred. The operation failed."
_BUSY = "The server cannot service this request right now. Try again later."


def whole_answer(form: Form, plan: Plan, origin: str, request: Request, digest: int) -> Response | None:
    """What is answered instead of the service's own words; None for a form that leaves these (`denied/401` too)."""
    if form.kind == "throttled":
        status = int(form.name[:3]) if form.name[:3].isdecimal() else 429 if digest % 2 else 503
        value = retry_after(form.name.removeprefix("429_").removeprefix("503_"), plan)
        answer = _too_many(origin, request) if status == 429 else text_response(_UNAVAILABLE, 503, content_type=HTML)
        return answer.with_headers(("Retry-After", value)) if value is not None else answer
    if form.kind == "server_error":
        return _server_error(int(form.name))
    if str(form) == "denied/403":
        return _forbidden(origin, request)
    if str(form) == "wrong_answer/sign_in_page":
        return text_response(SIGN_IN_PAGE, content_type=HTML)
    if form.kind == "soap":
        return _soap(form.name, plan)
    return None


def step_answer(form: Form, plan: Plan, origin: str, request: Request) -> Response | None:
    """What a step of a batch is answered; None where its own answer stands (once, twice or not at all)."""
    if str(form) == "denied/403":
        return _forbidden(origin, request)
    if form.name == "failed":
        return graph_error(500, "generalException", "An unexpected error occurred.")
    if form.name in {"missing", "duplicate"}:
        return None
    name = {"throttled": "seconds", "throttled_absent": "absent", "throttled_very_long": "very_long"}[form.name]
    value = retry_after(name, plan)
    answer = _too_many(origin, request)
    return answer.with_headers(("Retry-After", value)) if value is not None else answer


def retry_after(name: str, plan: Plan) -> str | None:
    """The value of Retry-After by its name; None for none."""
    seconds = math.ceil(plan.retry_after_s)
    values = {
        "seconds": str(seconds),
        # A date has no fractions: one second more, so that it lies ahead, and at most two seconds.
        "date": formatdate(math.floor(time.time()) + seconds + 1, usegmt=True),
        "zero": "0",
        "negative": "-5",
        "garbage": "soon",
        "very_long": str(math.ceil(plan.very_long_s)),
    }
    return values.get(name)


def _too_many(origin: str, request: Request) -> Response:
    if origin == "graph":
        if "/photo" in request.path.lower() or request.path.lower().endswith("$batch"):
            return graph_error(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
        return graph_error(429, "TooManyRequests", "Too many requests. Try again later.")
    if origin == "yammer":
        said = {"message": "Rate limited due to excessive requests.", "code": 33, "stat": "fail"}
        return json_response({"response": said}, 429)
    if origin == "identity":
        words = "AADSTS90055: The server encountered too many requests. Try again in a few moments."
        return json_response({"error": "temporarily_unavailable", "error_description": words}, 429)
    if origin.startswith("sharepoint"):
        return text_response("429 TOO MANY REQUESTS", 429)
    return text_response("Too Many Requests", 429)


def _server_error(status: int) -> Response:
    if status == 500:
        # Never empty: an empty 500 is what Exchange says of an unknown address.
        return text_response(_RUNTIME_ERROR, 500, content_type=HTML)
    words = {502: "Bad Gateway", 504: "Gateway Time-out"}[status]
    return text_response(_GATEWAY.format(status=status, words=words), status, content_type="text/html")


def _forbidden(origin: str, request: Request) -> Response:
    if origin == "graph":
        return graph_error(403, "ErrorAccessDenied", "Access to OData is disabled.")
    if origin == "exchange":
        return Response(403)
    if origin.startswith("sharepoint"):
        message = "Access denied. You do not have permission to perform this action or access this resource."
        return sharepoint_error(request, 403, ACCESS_DENIED, message)
    return text_response("Forbidden", 403) if origin == "yammer_cdn" else plain_error(403, "Forbidden")


def _soap(name: str, plan: Plan) -> Response:
    kind = "text/xml; charset=utf-8"
    if name == "error_page":
        return Response(302, headers=(("Location", _ERROR_PAGE),))
    wait = plan.back_off_ms
    answers = {
        "fault": (500, ews_soap.fault("ErrorInternalServerTransientError", f"{_FAILED}, try again later.")),
        "moving": (500, ews_soap.fault("ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later.")),
        "objects": (200, ews_soap.error("ErrorTooManyObjectsOpened", "Too many objects are open.")),
        "inner_busy": (
            200,
            ews_soap.error("ErrorInternalServerError", _FAILED, inner="ErrorServerBusy", back_off_ms=wait),
        ),
        "busy_500": (500, ews_soap.fault("ErrorServerBusy", _BUSY, back_off_ms=wait)),
        "busy_200": (200, ews_soap.error("ErrorServerBusy", _BUSY, back_off_ms=wait)),
    }
    status, body = answers[name]
    return Response(status, body, kind)
