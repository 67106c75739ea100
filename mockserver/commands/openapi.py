"""`maxapi-mock openapi`."""

from __future__ import annotations

from mockserver.commands.command import command
from mockserver.commands.options import Given, contract_of, with_settings
from mockserver.commands.output import PASS
from mockserver.contract.loader import pretty
from mockserver.version import __version__


@command("openapi")
@with_settings("service", "model_cards")
def openapi(settings: Given) -> int:
    """Print the contract as OpenAPI; return the exit status."""
    from mockserver.contract.openapi import openapi_document

    print(pretty(openapi_document(contract_of(settings), version=__version__)))
    return PASS
