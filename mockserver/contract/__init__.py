"""The contract as data: reads `schemas/`, validates documents, and knows the models."""

from mockserver.contract.card import Lifecycle, ModelCard
from mockserver.contract.loader import Contract, ContractError, default_schemas, load_contract
from mockserver.contract.strict_json import NotJson, dump_json, parse_json
from mockserver.contract.violation import Source, Violation

__all__ = [
    "Contract",
    "ContractError",
    "Lifecycle",
    "ModelCard",
    "NotJson",
    "Source",
    "Violation",
    "default_schemas",
    "dump_json",
    "load_contract",
    "parse_json",
]
