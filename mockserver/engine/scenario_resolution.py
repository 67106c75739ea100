"""Decides which scenarios apply to a request, and applies them to its response."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from mockserver.contract import Contract
from mockserver.domain.scenario import (
    CUT,
    HEADER,
    NOTHING,
    SCENARIOS,
    About,
    ScenarioError,
    Script,
    make_script,
    markers,
    parse_named,
)
from mockserver.domain.script import Drip, WireFault
from mockserver.engine.chaos import draw
from mockserver.engine.messages import JSON_TYPE, ApiError, Fault, Request, Response
from mockserver.engine.rules import Seen, field_of
from mockserver.engine.sandbox import Sandbox

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>proxy</body></html>"
_HEADER_KEY = HEADER.lower()
_EXCHANGE: frozenset[About] = frozenset(("submit", "transport"))
"""What scenarios of the exchange itself are about; the others concern its task."""


def resolve_script(
    sandbox: Sandbox, request: Request, document: Any, contract: Contract, *, submits: bool
) -> Script:
    """Return the script for a request: its own, else a rule's, else a random one, else the default.

    *document* is its body as JSON, or None. Raises ApiError 400 for an unknown scenario.
    """
    script = _requested(request, document, contract, submits=submits)
    if len(sandbox.rules):
        seen = Seen(request.method, request.path, document)
        script = sandbox.rules.script_for(seen, asked=script is not None) or script
        sandbox.keeper.sandbox_changed(sandbox)  # rules count
    if script is None:
        script = draw(sandbox, "exchange", contract)
    return _by_default(sandbox, submits=submits) if script is None else script


def _requested(
    request: Request, document: Any, contract: Contract, *, submits: bool
) -> Script | None:
    header = request.headers.get(_HEADER_KEY)
    prompt = field_of(document, "input", "prompt") if submits else None
    marked = markers(prompt) if isinstance(prompt, str) else []
    if header is None and not marked:
        return None
    try:
        place = "input.prompt: #mock"
        make_script(marked, contract)
        place = HEADER
        named = [] if header is None else parse_named(header)
        return make_script([*marked, *named], contract)
    except ScenarioError as error:
        raise ApiError(400, f"{place}: {error}") from None


def _by_default(sandbox: Sandbox, *, submits: bool) -> Script:
    """Return the sandbox's default; only its faults of the transport apply to other requests."""
    script = sandbox.settings.scenario or NOTHING
    if submits or not script.names:
        return script
    names = tuple(name for name in script.names if _about(name) == "transport")
    return Script(
        names,
        latency=script.latency,
        body_fault=script.body_fault,
        wire=script.wire,
        drip=script.drip,
        held=script.held,
    )


def _about(shown: str) -> About:
    """Return what the scenario `<name>[=<value>]` is about."""
    return SCENARIOS[shown.partition("=")[0]].about


def without_effect(script: Script) -> list[str]:
    """Return a message for each scenario that does nothing on a request that submits no task."""
    return [
        f"scenario {name!r} has an effect on submissions only"
        for name in script.names
        if _about(name) not in _EXCHANGE
    ]


def reject(script: Script) -> None:
    """Raise the ApiError that *script* asks for, if any."""
    if script.rejection is not None:
        wait = script.retry_after
        headers = {} if wait is None else {"Retry-After": str(wait)}
        raise ApiError(script.rejection, headers=headers)


def replace_response(response: Response, script: Script, contract: Contract) -> Response:
    """Return what the client sees instead of the response to an accepted request."""
    seen = script.accepted_but
    if seen is None:
        return response
    if seen == CUT:
        return replace(response, fault=Fault(wire=WireFault.TRUNCATED))
    return replace(ApiError(int(seen)).response(contract), first=response.first)


def apply_faults(response: Response, script: Script) -> Response:
    """Return a response with the faults that *script* asks for."""
    if not script.names:
        return response
    changed = replace(response, headers=(*response.headers, (HEADER, ", ".join(script.names))))
    if script.html and script.rejection == response.status:
        changed = _as_page(changed, f"{response.status} Bad Gateway")
    if script.body_fault in ("garbled", "empty"):
        body = b"" if script.body_fault == "empty" else b"\x00\xff<<<{{{" + response.body[:20]
        changed = replace(changed, status=200, body=body)
    own = None if response.fault is None else response.fault.wire
    return _with_fault(changed, script.latency, script.wire or own, script.drip)


def _with_fault(
    response: Response, latency: timedelta | None, wire: WireFault | None, drip: Drip | None
) -> Response:
    seconds = 0.0 if latency is None else latency.total_seconds()
    if not seconds and wire is None and drip is None:
        return response
    return replace(response, fault=Fault(seconds, wire, drip))


def as_success(response: Response) -> Response:
    """Return an error with the HTTP status 200, so that only its body has the code."""
    enveloped = response.status >= 400 and JSON_TYPE in response.headers
    return replace(response, status=200) if enveloped else response


def _as_page(response: Response, title: str) -> Response:
    headers = [pair for pair in response.headers if pair[0] != "Content-Type"]
    page = _PAGE.format(title).encode()
    return replace(response, headers=(("Content-Type", "text/html"), *headers), body=page)


def apply_result_faults(response: Response, script: Script) -> Response:
    """Return a result file with the faults that the scenarios of its task ask for."""
    if script.result == "html":
        response = _as_page(response, "Sign in")
    return _with_fault(response, script.result_latency, script.result_wire, script.result_drip)
