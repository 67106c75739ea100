"""Mutants: tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT
from mockserver.conformance.session.runner import OWN_KEYS
from mockserver.engine.messages import Request, Response
from tests.mutants.changes import asks, rejection, restatus, through
from tests.mutants.layer import Ask, Layer, MakeLayer, is_of_the_api, operation_of
from tests.mutants.mutant import Mutant

_401 = "service.json#/errors/401"
_OWN, _OTHER = (f"Bearer {key}" for key in OWN_KEYS)


def as_owner(request: Request) -> Request:
    """Return a request with the token of the suite."""
    return replace(request, headers={**request.headers, "authorization": _OWN})


def _lets_in(is_let_in: Callable[[str | None], bool], *operations: str) -> MakeLayer:
    """Treat some headers as the token of the suite, in all requests or for some operations."""

    def change(request: Request) -> Request:
        if operations and operation_of(request) not in operations:
            return request
        return as_owner(request) if is_let_in(request.headers.get("authorization")) else request

    return asks(change)


def _looks_first(request: Request, ask: Ask) -> Response:
    """Reject an invalid document before the token is checked."""
    response = ask(request)
    if response.status != 401 or operation_of(request) != SUBMIT:
        return response
    tried = ask(as_owner(request))
    return tried if tried.status == 400 else response


class _AsksForFiles(Layer):
    """Requires a token for result files."""

    def respond(self, request: Request, ask: Ask) -> Response:
        """Reject a file."""
        return ask(request) if is_of_the_api(request) else rejection(401, "unauthorized")


MUTANTS = (
    Mutant(
        "no-token-needed",
        "Polls need no token.",
        "token-missing",
        _401,
        _lets_in(lambda given: given is None, QUERY),
    ),
    Mutant(
        "no-token-needed-to-cancel",
        "Cancellations need no token.",
        "token-everywhere",
        _401,
        _lets_in(lambda given: given is None, CANCEL),
    ),
    Mutant(
        "no-token-needed-to-submit",
        "Submissions need no token.",
        "token-everywhere",
        _401,
        _lets_in(lambda given: given is None, SUBMIT),
    ),
    Mutant(
        "any-scheme",
        "A token of the scheme Basic is accepted, too.",
        "token-malformed",
        _401,
        _lets_in(lambda given: str(given).startswith("Basic")),
    ),
    Mutant(
        "empty-token",
        "The scheme is enough; the token may be empty.",
        "token-malformed",
        _401,
        _lets_in(lambda given: given == "Bearer"),
    ),
    Mutant(
        "any-token",
        "Any token will do.",
        "token-wrong",
        _401,
        _lets_in(lambda given: str(given).startswith("Bearer ") and given not in {_OWN, _OTHER}),
    ),
    Mutant(
        "forbidden",
        "A missing token returns 403.",
        "token-missing",
        _401,
        restatus(401, 403),
    ),
    Mutant(
        "body-before-token",
        "An invalid document is rejected with 400 before the token is checked.",
        "token-first",
        "service.json#/promises/token_first",
        through(_looks_first),
        severity="assumption",
    ),
    Mutant(
        "files-need-token",
        "Result files are rejected without a token.",
        "files",
        "service.json#/promises/file_without_token",
        _AsksForFiles,
        severity="assumption",
    ),
)
