"""The settings as a JSON Schema for `maxapi-mock.toml`, for completion and checks in editors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from mockserver.contract import Contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.settings import texts
from mockserver.settings.declared import SETTINGS
from mockserver.settings.sources import default_text

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest one that the editors' TOML extensions know."""

_TEXT = {"type": "string", "minLength": 1}
_LIST = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_AMOUNT = {"minimum": 0, "maximum": 10**9}
_DURATION = r"^\s*[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?\s*$"


def _number_or(pattern: str, **limits: float) -> dict[str, Any]:
    return {"type": ["number", "string"], "pattern": pattern, **limits}


_FLAGS = [True, False, "true", "yes", "on", "1", "false", "no", "off", "0", 1, 0]
_OF_READERS: Mapping[Any, Mapping[str, Any]] = {
    texts.read_text: {"type": ["string", "integer"], "minLength": 1},
    texts.read_path: _TEXT,
    texts.read_authorities: _TEXT,
    texts.read_bytes: _number_or(r"^\s*[0-9]{1,12}\s*(k|M|G)?i?B?\s*$", minimum=0, multipleOf=1),
    texts.read_flag: {"enum": _FLAGS},
    texts.read_duration: _number_or(_DURATION, minimum=0),
    texts.read_positive_duration: _number_or(_DURATION, exclusiveMinimum=0),
    texts.read_task_duration: _number_or(f"^typical$|{_DURATION}", minimum=0),
    texts.read_usd: _number_or(r"^\s*\+?[0-9.]+([eE][+-]?[0-9]+)?\s*$", **_AMOUNT),
    texts.read_balance: _number_or(r"^unlimited$|^\s*\+?[0-9.]+([eE][+-]?[0-9]+)?\s*$", **_AMOUNT),
    texts.read_rate: _number_or(r"^[0-9.]+([eE][+-]?[0-9]+)?$", minimum=0, maximum=1),
    texts.read_names: _LIST,
    texts.read_hosts: _LIST,
    texts.read_origins: _LIST,
    texts.read_states: _LIST,
    texts.read_expected: {"anyOf": [*_LIST["anyOf"], {"type": "integer"}]},
    texts.read_url: {"type": "string", "pattern": "^https?://[^?#\\s]+$"},
    texts.read_rate_limit: {"type": "string", "pattern": "^(none|[1-9][0-9]{0,8}/.+)$"},
    texts.read_token: {"type": ["string", "integer"], "pattern": "^[!-~]+$"},
    texts.read_replica_address: {"type": "string", "pattern": "^.+:[0-9]{1,5}$"},
    texts.read_state: {
        "type": "string",
        "pattern": "^(memory|sqlite:///.+|postgres(ql)?://.+)$",
    },
    texts.read_secret: {"type": ["string", "integer"], "pattern": "^[!-~]+$"},
    texts.read_header: {"type": "string", "pattern": "^[!-~]{1,100}$"},
}
"""The TOML values that each reader accepts; flags in lower case."""


def settings_schema(contract: Contract) -> dict[str, Any]:
    """Return the schema; defaults, ratios and states are those of *contract*.

    Keys have hyphens; underscores are accepted as well.
    """
    properties = {name.replace("_", "-"): _property(name, contract) for name in SETTINGS}
    return {
        "$schema": DRAFT,
        "title": "maxapi-mock.toml",
        "description": "Settings of maxapi-mock; `maxapi-mock serve --help` describes them.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "patternProperties": {
            f"^{name.replace('-', '_')}$": {"$ref": f"#/properties/{name}"}
            for name in properties
            if "-" in name
        },
    }


def _property(name: str, contract: Contract) -> dict[str, Any]:
    about, default = SETTINGS[name].metadata, default_text(name, contract)
    described = {"description": about["help"] + (f" (default {default})" if default else "")}
    return {**described, **_accepted(about["parse"], contract)}


def _accepted(parse: Any, contract: Contract) -> Mapping[str, Any]:
    if isinstance(parse, partial) and parse.func is texts.read_integer:
        low, high = parse.args
        pattern = r"^\s*[0-9]{1,15}\s*$"
        return {"type": ["integer", "string"], "minimum": low, "maximum": high, "pattern": pattern}
    if isinstance(parse, partial) and parse.func is texts.read_choice:
        numbers = [int(text) for text in parse.args[0] if text.isdigit()]
        return {"enum": [*parse.args[0], *numbers]}
    if parse is texts.read_ratio:
        ratios = {ratio: None for card in contract.cards.values() for ratio in card.sizes}
        return {"enum": list(ratios)}
    if parse is texts.read_scenario:
        return {"anyOf": [{"enum": ["none", *SCENARIOS]}, _TEXT]}
    return _OF_READERS.get(parse, {"type": ["string", "number", "boolean", "array"]})
