"""Plays faults and limits between the services of a simulated tenant and whoever asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from auditor.simulator import jws, wire
from auditor.simulator.asgi import Receive, Request, Response, Scope, Send, Service, write
from auditor.simulator.fault_answers import step_answer, whole_answer
from auditor.simulator.fault_plan import BY_NAME, Form
from auditor.simulator.faults import Faults, Hit
from auditor.simulator.throttling import Throttling
from auditor.simulator.tokens import Mint

_SHORT = 32
"""Bytes; half of a body shorter than this may be a good body that says something else."""
_NO_ANSWER = frozenset({"connection/refused", "connection/reset_before"})
_CUT = frozenset({"reset_inside", "truncated", "chunk_cut"})


@dataclass(frozen=True)
class Playing:
    """The faults and the limits of one tenant; either may be absent."""

    faults: Faults | None
    throttling: Throttling | None
    mint: Mint

    async def serve(self, service: Service, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over the wire, with its fault if it gets one."""
        hit = self._drawn(service, request)
        if hit is None:
            await write(await self._answered(service, request), request.method, send)
            return
        assert self.faults is not None
        form, response = await self._spoiled(service, request, hit)
        self.faults.record(service.name, hit, form)
        status = 0 if str(form) in _NO_ANSWER or response is None else response.status
        service.record(request, status, fault=str(form))
        if status == 0 or response is None:
            if str(form) == "connection/refused":
                self.faults.refuse_next(service.name)
            await wire.reset(scope, receive)
        elif str(form) in _PLAYED:
            await _PLAYED[str(form)](scope, receive, response)
        elif str(form) == "slow/drip":
            await wire.drip(send, response, request.method, self.faults.plan.drip_s)
        else:
            if str(form) == "slow/stall":
                await asyncio.sleep(self.faults.plan.stall_s)
            await write(response, request.method, send)

    def step(self, service: Service, request: Request) -> list[Response]:
        """The answers to a step of a batch, recorded."""
        hit = None
        if self.faults is not None and not request.unspoiled:
            hit = self.faults.draw(service.name, service.normalised(request), in_batch=True)
        if hit is None:
            refused = self.throttling.step(service.name, service.normalised(request)) if self.throttling else None
            if refused is None:
                return [service.answer(request, in_batch=True)]
            service.record(request, refused.status, in_batch=True)
            return [refused]
        assert self.faults is not None
        told = hit.answer or step_answer(hit.form, self.faults.plan, service.name, request)
        response = told or service.unrecorded(request)
        self.faults.record(service.name, hit, hit.form)
        status = 0 if hit.form.name == "missing" else response.status
        service.record(request, status, in_batch=True, fault=str(hit.form))
        return [response] * {"missing": 0, "duplicate": 2}.get(hit.form.name, 1)

    def _drawn(self, service: Service, request: Request) -> Hit | None:
        if self.faults is None or not self.faults.began:
            return None
        known = service.normalised(request)
        return self.faults.draw(service.name, known, more=lambda: _more(service.unrecorded(request)))

    async def _answered(self, service: Service, request: Request) -> Response:
        """What the service says within its limits, recorded."""
        if self.throttling is None:
            return service.answer(request)
        async with self.throttling.admission(service.name, service.normalised(request)) as admission:
            if admission.refusal is not None:
                service.record(request, admission.refusal.status)
                return admission.refusal
            response = service.answer(replace(request, crowded=admission.crowded))
        return response.with_headers(*admission.headers)

    async def _spoiled(self, service: Service, request: Request, hit: Hit) -> tuple[Form, Response | None]:
        """The form as it can be played, and the answer that it spoils, not recorded yet."""
        assert self.faults is not None
        form, plan = hit.form, self.faults.plan
        if str(form) in _NO_ANSWER or hit.answer is not None:
            return form, hit.answer
        whole = whole_answer(form, plan, service.name, request, hit.digest)
        if whole is not None:
            return form, whole
        if str(form) == "denied/401":
            request = self._with_expired_token(request)
        if form.kind == "pages":
            request = replace(request, fault=f"{form.name}{self._page(service.name, hit)}")
        response = service.unrecorded(replace(request, unspoiled=form.kind != "slow"))
        if str(form) == "denied/401" and response.status != 401:
            # What needs no token is not refused for one.
            form = BY_NAME["server_error/502"]
            return form, whole_answer(form, plan, service.name, request, hit.digest)
        if not response.body or response.status in {204, 304}:
            # Where there is nothing to cut short, something is promised; where nothing to corrupt, nothing comes.
            if form.name == "corrupted" or response.status in {204, 304}:
                return BY_NAME["connection/reset_before"], None
            response = replace(response, body=bytes(2 * _SHORT)) if form.name in _CUT else response
        if form.name == "wrong_length" and len(response.body) < _SHORT:
            form = BY_NAME["damaged/truncated"]
            response = replace(response, body=response.body or bytes(2 * _SHORT))
        return form, _altered(form, response, hit.digest, plan.overlong_bytes)

    def _page(self, origin: str, hit: Hit) -> str:
        """The page that a list by numbers repeats; positions count from 0, pages from 1."""
        assert self.faults is not None
        if origin != "yammer" or hit.form.name not in {"repeated", "endless"}:
            return ""
        page = hit.asked.position
        if hit.form.name == "endless":
            page = self.faults.endless_start(origin, hit.asked) + 1
        return f" {page}"

    def _with_expired_token(self, request: Request) -> Request:
        """The same request with its token as it will be once it has expired."""
        try:
            _, claims, _, _ = jws.read(request.bearer() or "")
        except jws.MalformedError:
            return request
        kept = {name: value for name, value in claims.items() if name not in {"iat", "nbf", "exp"}}
        expired = self.mint.sign(kept, lifetime=-60)
        return replace(request, headers={**request.headers, "authorization": f"Bearer {expired}"})


_PLAYED: Mapping[str, Callable[[Scope, Receive, Response], Awaitable[None]]] = {
    "connection/reset_inside": wire.reset_inside,
    "damaged/truncated": wire.send_short,
    "damaged/chunk_cut": wire.send_chunks_short,
    "damaged/wrong_length": wire.send_under_promise,
}


def _more(response: Response) -> bool:
    """Whether a page is followed by another: it says so, or (a bare list) it is not empty."""
    return b'"@odata.nextLink"' in response.body or response.body[:2] == b"[{"


def _altered(form: Form, response: Response, digest: int, overlong: int) -> Response:
    if str(form) == "damaged/corrupted":
        return replace(response, body=_corrupted(response.body, digest))
    if str(form) == "damaged/overlong":
        return replace(response, body=response.body + bytes(overlong))
    if str(form) == "wrong_answer/content_type":
        return replace(response, content_type="text/html; charset=utf-8")
    return response


def _corrupted(body: bytes, digest: int) -> bytes:
    """Flip bits so that the format breaks for certain: all through the first bytes, and here and there after.

    The highest bit of every format's beginning: no JSON, XML, JPEG or PNG begins like that any more, and text is no
    UTF-8. Where else it hits depends on the digest, so that two readings are not damaged alike.
    """
    damaged = bytearray(body)
    for place in (*range(min(16, len(body))), *range(16 + digest % 61, len(body), 97 + digest % 13)):
        damaged[place] ^= 0x80
    return bytes(damaged)
