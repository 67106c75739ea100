"""`maxapi-mock openapi`."""

from __future__ import annotations

from mockserver.commands.command import command, option
from mockserver.commands.options import Given, contract_of, with_settings
from mockserver.commands.output import PASS
from mockserver.contract.loader import pretty
from mockserver.version import __version__


@command("openapi")
@option("--api-only", is_flag=True, help="leave out the mock's own routes")
@with_settings("service", "model_cards")
def openapi(*, settings: Given, api_only: bool) -> int:
    """Print the contract as OpenAPI; return the exit status."""
    from mockserver.contract.openapi import openapi_document

    contract = contract_of(settings)
    print(pretty(openapi_document(contract, version=__version__, api_only=api_only)))
    return PASS
