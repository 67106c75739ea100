"""The reference parts of `docs/`: commands, control routes, and what the pytest plugin adds."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click
import pytest

import maxapi_pytest
from mockserver.commands.group import MAIN
from mockserver.commands.overview import COMMANDS
from mockserver.contract import load_contract
from mockserver.settings import SETTINGS

_TABLE = ["| | |", "|---|---|"]
_OTHERS = {
    "task.json": "a task, as a poll shows it",
    "task.json#/properties/status": "a status of a task",
    "task.json#/properties/failure_reason": "a failure reason",
    "submit-response.json": "the API's response to a submission",
    "error.json": "the API's error",
    "moderation-error.json": "the API's error of moderation",
    "common.json#/$defs/timestamp": "ISO 8601, in UTC",
}
"""What the control plane has from the API's own schemas."""

Schema = Mapping[str, Any]


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [*_TABLE, *(f"| {name} | {text} |" for name, text in rows)]


def commands() -> str:
    """Describe each command with its own options."""
    lines: list[str] = []
    for name, (_, summary) in COMMANDS.items():
        command = MAIN.get_command(click.Context(MAIN), name)
        assert command is not None
        context = click.Context(command, info_name=f"maxapi-mock {name}")
        rows = [_cells(*record) for record in _records(command, context)]
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        sentence = f"{summary[0].upper()}{summary[1:]}."
        lines += [f"## {name}", "", sentence, "", "```text", usage, "```", "", *_table(rows), ""]
    return "\n".join(lines)


def _records(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    takes_all = command.name in {"serve", "run"}
    for one in command.params:
        record = one.get_help_record(context)
        if record and not (takes_all and one.name in SETTINGS):
            yield record


def _cells(names: str, text: str) -> tuple[str, str]:
    return f"`{names}`".replace("|", "\\|"), text.replace("|", "\\|").replace("*", "\\*")


def control_routes() -> str:
    """Describe each operation of the control plane, by the first word of its path."""
    groups: defaultdict[str, list[Schema]] = defaultdict(list)
    for one in _control()["operations"].values():
        groups[one["path"].split("/")[2]].append(one)
    lines = []
    for name in sorted(groups):
        lines += [f"## {name}", ""]
        for one in groups[name]:
            lines += _operation(one)
    return "\n".join(lines)


def _control() -> Schema:
    return load_contract().document("control")


def _operation(one: Schema) -> list[str]:
    lines = [f"### `{one['method']} {one['path']}`", "", f"{one['summary']}.", ""]
    if "query" in one:
        rows = [
            (f"`?{name}=`", f"{text[0].upper()}{text[1:]}") for name, text in one["query"].items()
        ]
        lines += [*_table(rows), ""]
    if "request" in one:
        schema = _defs()[one["request"].rpartition("/")[2]]
        about = schema.get("description", "")
        lines += [f"The body is a JSON object. {about}".rstrip(), "", *_fields(schema), ""]
    return [*lines, f"Returns {_type({'$ref': one['response']})}.", ""]


def control_objects() -> str:
    """Describe what the control plane returns: each object with its fields."""
    lines = []
    for name, schema in sorted(_defs().items()):
        if _is_shown(name):
            about = schema.get("description", "")
            base = [_type(one) for one in schema.get("allOf", ()) if "$ref" in one]
            also = f"The same as {' and '.join(base)}, and:" if base else ""
            lines += [f"### Object `{name}`", ""]
            lines += [text for part in (about, also) if part for text in (part, "")]
            lines += [*_fields(schema), ""]
    return "\n".join(lines)


def _defs() -> dict[str, Schema]:
    return dict(_control()["$defs"])


def _is_shown(name: str) -> bool:
    """Return whether an object has a section of its own: requests stand with their route."""
    requests = {
        one["request"].rpartition("/")[2]
        for one in _control()["operations"].values()
        if "request" in one
    }
    is_own = name == "match" or name not in requests
    return bool(is_own and _defs()[name].get("properties"))


def _fields(schema: Schema) -> list[str]:
    required = schema.get("required", ())
    rows = []
    for name, one in schema.get("properties", {}).items():
        kind = _type(one) + ("" if name in required else ", optional")
        text = " ".join(filter(None, (one.get("description"), _accepts(one))))
        rows.append((f"`{name}`", kind, text.replace("|", "\\|").replace("<", "&lt;")))
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        rows.append(("any name", _type(more), _accepts(more)))
    lines = [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in rows]
    return ["| field | type | |", "|---|---|---|", *lines] if lines else []


def _accepts(schema: Schema) -> str:
    return f"Accepts {schema['x-accepts']}." if "x-accepts" in schema else ""


def _type(schema: Schema) -> str:
    """Return the type of a value in words."""
    match schema:
        case {"$ref": str(ref)}:
            kind = _type_of_ref(ref)
        case {"const": value}:
            kind = f"`{_json(value)}`"
        case {"enum": values}:
            kind = " or ".join(f"`{_json(one)}`" for one in values)
        case {"anyOf": kinds}:
            kind = " or ".join(_type(one) for one in kinds)
        case {"allOf": [{"$ref": str(ref)}, *_]} if "properties" not in schema:
            kind = _type_of_ref(ref)
        case {"type": "array", "items": items}:
            kind = f"list of {_type(items)}"
        case {"type": str() | list() as types}:
            kind = types if isinstance(types, str) else " or ".join(types)
        case _:
            kind = "any JSON value"
    return kind


def _type_of_ref(ref: str) -> str:
    name = ref.rpartition("/")[2]
    if not ref.startswith("#"):
        return _OTHERS[ref]
    if _is_shown(name):
        return f"[{name}](#object-{name.lower()})"
    return "the file itself" if name == "file" else _type(_defs()[name])


def _json(value: object) -> str:
    return value if isinstance(value, str) else str(value).lower().replace("none", "null")


def pytest_options() -> str:
    """Describe the options and ini values of the plugin."""
    parser = pytest.Parser(_ispytest=True)
    maxapi_pytest.pytest_addoption(parser)
    group = parser.getgroup("maxapi")
    rows = [
        (f"`{option.names()[0]} {option.attrs().get('metavar', '')}`", option.attrs()["help"])
        for option in group.options
    ]
    rows += [(f"`{name}` (ini)", help_) for name, (help_, *_) in parser._inidict.items()]
    return "\n".join(_table([(name, text[0].upper() + text[1:]) for name, text in rows]))


def fixtures() -> str:
    """Describe the fixtures by their docstrings."""
    lines = []
    for name, value in vars(maxapi_pytest).items():
        if name.startswith("maxapi") and hasattr(value, "_get_wrapped_function"):
            function = value._get_wrapped_function()
            lines += [f"### `{name}`", "", inspect.getdoc(function) or "", ""]
    return "\n".join(lines)
