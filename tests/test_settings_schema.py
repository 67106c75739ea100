"""The JSON Schema of `maxapi-mock.toml` has every setting, and rejects nothing that is accepted."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft7Validator

from mockserver.cli import main
from mockserver.contract import load_contract
from mockserver.settings import SETTINGS, SettingError, default_text, resolve_settings
from mockserver.settings.schema import settings_schema
from mockserver.testing import SandboxSettings
from tests.readme import DOCS

SCHEMA = settings_schema(load_contract())
CHECK = Draft7Validator(SCHEMA)
VALUES: list[Any] = [
    *(True, False, 0, 1, 2, 404, 410, 65535, 65536, -1, 0.5, 1.0, 1e9, "", "x", "0", "1", " 7 "),
    *("none", "unlimited", "typical", "90s", " 90s ", "250ms", "1.5", "10/1s", "64M", "1 GiB"),
    *("true", "yes", "http://a.example", "https://a.example/x?y", "16:9", "PENDING", "per-poll"),
    *("minimal", "slow=3s, webhook-lost", "failure", "submit:400", "hmac", "x-own", "a, b", "0.10"),
    *(["a"], ["a", "b"], [], ["PENDING", "PROCESSING"], ["404"], "1e-3", ".5", "host"),
]


_FILES = {"service", "model_cards", "webhook_ca"}
"""Settings whose values have to be there to be read."""


def kinds(schema: dict[str, Any]) -> set[type]:
    """Find the kinds of values that a schema speaks of."""
    named = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list}
    types = schema.get("type", [])
    found = {named[one] for one in ([types] if isinstance(types, str) else types)}
    found |= {type(one) for one in schema.get("enum", [])}
    return found.union(*(kinds(one) for one in schema.get("anyOf", [])))


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - _FILES))
def test_what_is_read_is_accepted(name: str, tmp_path: Path) -> None:
    """Of the kinds of values that suit the setting; with hyphens and with underscores."""
    suited = kinds(SCHEMA["properties"][name.replace("_", "-")])

    for value in VALUES:
        (tmp_path / "maxapi-mock.toml").write_text(f"{name} = {json.dumps(value)}", "utf-8")
        try:
            resolve_settings({}, {}, tmp_path)
        except SettingError:
            continue
        for key in (name, name.replace("_", "-")):
            assert CHECK.is_valid({key: value}) or type(value) not in suited


@pytest.mark.parametrize(
    "wrong",
    [
        {"prot": 7000},
        {"port": 65536},
        {"port": True},
        {"pace": "instnat"},
        {"duration": "soon"},
        {"webhook-tries": 1.5},
        {"chaos": 2},
        {"cancellable": []},
        {"strict-callbacks": "maybe"},
        {"default-ratio": "7:5"},
        {"image-cache": "64 MBytes"},
        {"webhook_tries": "many"},
        {"public-url": "ftp://x"},
    ],
    ids=repr,
)
def test_what_is_wrong_is_rejected(wrong: dict[str, Any]) -> None:
    """Unknown names, other types, values out of range."""
    assert not CHECK.is_valid(wrong)


def test_it_is_a_schema_that_knows_each_setting() -> None:
    """With a description, and every default accepted."""
    contract = load_contract()
    defaults = {name: default_text(name, contract) for name in SETTINGS}

    Draft7Validator.check_schema(SCHEMA)

    assert list(SCHEMA["properties"]) == [name.replace("_", "-") for name in SETTINGS]
    for name, about in SCHEMA["properties"].items():
        said = f"{name}: its reader is to be named in mockserver/settings/schema.py"
        assert about["description"]
        assert "boolean" not in about.get("type", ()), said
    assert CHECK.is_valid({name: default for name, default in defaults.items() if default})


def test_the_example_of_the_documentation_is_accepted() -> None:
    """As it stands there."""
    page = (DOCS / "settings.md").read_text("utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)

    assert example.startswith("#:schema ./maxapi-mock.schema.json\n")
    assert CHECK.is_valid(tomllib.loads(example))


def test_serve_prints_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Also where the config file that it is to help with is wrong."""
    (tmp_path / "wrong.toml").write_text("prot = 1")

    status = main(["serve", "--settings-schema", "--config", str(tmp_path / "wrong.toml")])

    assert (status, json.loads(capsys.readouterr().out)) == (0, SCHEMA)


@pytest.mark.parametrize("name", get_type_hints(SandboxSettings))
def test_the_types_for_programs_list_the_same_choices(name: str) -> None:
    """Where there is a choice: see `mockserver/testing/names.py`."""
    about, known = SCHEMA["properties"][name.replace("_", "-")], get_type_hints(SandboxSettings)
    texts = {one for one in get_args(known[name]) if isinstance(one, str)}

    choices = {one for one in about.get("enum", []) if isinstance(one, str)}

    if choices and "true" not in choices:
        assert texts == choices
    else:
        assert texts <= choices | {"none"}
