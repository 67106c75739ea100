"""Moderation before submission: the one refusal that has data."""

from __future__ import annotations

from mockserver.contract import Contract
from mockserver.domain.scenario import markers
from mockserver.engine.exchange import Refusal

_NAME = "moderated"


def moderate(prompt: str, contract: Contract) -> None:
    """Refuse a prompt that holds the marker `#mock:moderated[=<category>,…]`.

    Raises Refusal with the documented data, and one that lists what is accepted for a marker or
    category that does not exist.
    """
    for name, value in markers(prompt):
        if name != _NAME:
            raise Refusal(400, f"input.prompt: '#mock:{name}' is unknown; use #mock:{_NAME}")
        raise _rejection(value, contract)


def _rejection(value: str | None, contract: Contract) -> Refusal:
    fields = contract.document("moderation-error")["properties"]
    names = list(fields["data"]["properties"]["categories"]["properties"])
    flagged = names[:1] if value is None else value.split(",")
    for category in flagged:
        if category not in names:
            accepted = ", ".join(names)
            return Refusal(
                400, f"input.prompt: '{category}' is no category; use some of {accepted}"
            )
    data = {"flagged": True, "categories": {name: name in flagged for name in names}}
    return Refusal(fields["code"]["const"], fields["msg"]["const"], data=data)
