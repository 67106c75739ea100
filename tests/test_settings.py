"""Settings: where they come from, and the messages about wrong ones."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import ContractError, load_contract
from mockserver.settings import (
    SETTINGS,
    SettingError,
    make_settings,
    option_of,
    resolve_contract,
    resolve_settings,
    show_value,
    unknown_variables,
)
from mockserver.settings.environment import BY_NAME

CONTRACT = load_contract()


def resolve(
    options: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    folder: Path = Path("/nonexistent"),
) -> Any:
    """Resolve without the environment of the test run."""
    return resolve_settings(options, environment or {}, folder)


def test_defaults_come_from_the_contract_where_it_has_them() -> None:
    """What is assumed of the API stands in `service.json`, and is a setting."""
    settings = resolve().settings

    assert settings.duration == timedelta(seconds=2)
    assert settings.cancellable == {"PENDING"}
    assert settings.webhook_timeout == timedelta(seconds=10)
    assert settings.result_expiry == timedelta(days=7)
    assert (settings.host, settings.port) == ("127.0.0.1", 6290)
    assert settings == make_settings(CONTRACT)


def test_each_layer_overrides_the_one_below(tmp_path: Path) -> None:
    """Command line over environment over config file over default; each origin is known."""
    (tmp_path / "maxapi-mock.toml").write_text('port = 1\nseed = "file"\nwebhook_tries = 9\n')
    environment = {"MAXAPI_MOCK_PORT": "2", "MAXAPI_MOCK_SEED": "environment", "PORT": "7"}

    resolved = resolve({"port": "3"}, environment, tmp_path)

    settings, origins = resolved.settings, resolved.origins
    assert (settings.port, settings.seed, settings.webhook_tries) == (3, "environment", 9)
    assert [origins[name] for name in ("port", "seed", "webhook_tries", "host")] == [
        "--port",
        "MAXAPI_MOCK_SEED",
        str(tmp_path / "maxapi-mock.toml"),
        "default",
    ]


def test_config_file_is_found(tmp_path: Path) -> None:
    """`--config`, then MAXAPI_MOCK_CONFIG, then maxapi-mock.toml, then pyproject.toml."""
    named, pointed = tmp_path / "a.toml", tmp_path / "b.toml"
    own, shared = tmp_path / "maxapi-mock.toml", tmp_path / "pyproject.toml"
    shared.write_text("[tool.maxapi-mock]\nport = 4\n")
    seen = [resolve(folder=tmp_path).settings.port]
    own.write_text("port = 3\n")
    seen.append(resolve(folder=tmp_path).settings.port)
    pointed.write_text("port = 2\n")
    environment = {"MAXAPI_MOCK_CONFIG": str(pointed)}
    seen.append(resolve({}, environment, tmp_path).settings.port)
    named.write_text("port = 1\n")

    seen.append(resolve({"config": str(named)}, environment, tmp_path).settings.port)

    assert seen == [4, 3, 2, 1]


def test_a_pyproject_of_another_project_changes_nothing(tmp_path: Path) -> None:
    """It need not know of the mock."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert resolve(folder=tmp_path).settings == make_settings(CONTRACT)


def test_toml_values_need_not_be_texts(tmp_path: Path) -> None:
    """Numbers, booleans and lists are as good, and dashes as good as underscores."""
    (tmp_path / "maxapi-mock.toml").write_text(
        'strict-callbacks = true\napi-key = ["a", "b"]\nduration = 1.5\nbalance = "unlimited"\n'
        'expect = [404, "submit:400"]\n'
    )

    settings = resolve(folder=tmp_path).settings

    assert settings.strict_callbacks is True
    assert settings.api_key == {"a", "b"}
    assert settings.duration == timedelta(seconds=1.5)
    assert settings.balance is None
    assert settings.expect == {"404", "submit:400"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("duration", "typical", None),
        ("balance", "0.5", Decimal("0.5")),
        ("image_cache", "512k", 512 * 1024),
        ("image_cache", "1GB", 2**30),
        ("cancellable", "PENDING, SUBMITTED", {"PENDING", "SUBMITTED"}),
        ("public_url", "https://a.example/x/", "https://a.example/x"),
        ("strict_callbacks", "off", False),
    ],
)
def test_texts_are_read(name: str, text: str, value: Any) -> None:
    """As the help says."""
    assert getattr(resolve({name: text}).settings, name) == value


WRONG = {
    "host": "",
    "port": "65536",
    "public_url": "ftp://x",
    "cors": "localhost:3000",
    "api_key": "",
    "pace": "slow",
    "duration": "soon",
    "cancellable": "SUCCESS",
    "default_ratio": "7:5",
    "balance": "-1",
    "unknown_price": "NaN",
    "scenario": "sucess",
    "chaos": "2",
    "hold_timeout": "0",
    "rate_limit": "10",
    "control_token": "",
    "callback_allow": "http://app.example.com:80/hook",
    "seed": "",
    "tls": "maybe",
    "tls_folder": "",
    "replay": "",
    "result_files": "",
    "strict_callbacks": "maybe",
    "read_input_images": "maybe",
    "webhook_timeout": "0",
    "webhook_tries": "0",
    "webhook_backoff": "x",
    "webhook_concurrency": "many",
    "webhook_ca": "no-such-file.pem",
    "webhook_verify": "maybe",
    "result_expiry": "-1d",
    "image_cache": "big",
    "max_body": "1.5M",
    "max_nesting": "201",
    "max_tasks": "0",
    "max_sandboxes": "0",
    "journal_entries": "-1",
    "task_bytes": "much",
    "journal_bytes": "x",
    "state": "mysql://db/mock",
    "replica_address": "host",
    "answers": "short",
    "error_status": "404",
    "null": "accept",
    "unknown_fields": "echo",
    "webhook_secret": "two words",
    "webhook_secret_style": "sha1",
    "webhook_secret_header": "Content-Type",
    "expired_status": "500",
    "expect": "submit:700",
}


@pytest.mark.parametrize(("name", "text"), WRONG.items())
def test_wrong_values_are_rejected_in_one_line(name: str, text: str) -> None:
    """It says which setting, where it was set, and what is accepted."""
    option = option_of(name)

    with pytest.raises(SettingError) as caught:
        resolve({name: text})

    message = str(caught.value)
    assert message.startswith(f"{name.replace('_', '-')}: ")
    assert message.endswith(f"(set by {option})")
    assert "use " in message
    assert "\n" not in message


def test_every_setting_that_can_be_wrong_is_tried() -> None:
    """All but the texts that are free."""
    assert SETTINGS.keys() - WRONG.keys() == {"model_cards", "service"}


@pytest.mark.parametrize("name", ["webhook_secret", "control_token", "api_key"])
def test_no_secret_is_shown(name: str, tmp_path: Path) -> None:
    """Neither with the settings, nor in the message about a wrong one."""
    (tmp_path / "maxapi-mock.toml").write_text(f"{name} = {{ of = 's3cret' }}")

    settings = resolve({name: "s3cret"}).settings
    with pytest.raises(SettingError) as caught:
        resolve(folder=tmp_path)

    assert "s3cret" in str(getattr(settings, name))
    assert show_value(name, getattr(settings, name)) == "[hidden]"
    assert "s3cret" not in f"{settings!r} {caught.value}"


def test_the_stand_in_of_a_secret_is_not_taken_for_one() -> None:
    """Settings that were shown can be given back without a secret that everybody knows."""
    with pytest.raises(SettingError, match="only replaces the secret"):
        resolve({"webhook_secret": "[hidden]"})


def test_a_file_of_facts_sets_defaults(tmp_path: Path) -> None:
    """An option still goes before them; a default that a setting cannot have is rejected."""
    facts = tmp_path / "facts.json"
    facts.write_text('{"lifecycle": {"duration": {"value": "9s"}}}')
    given = {"service": str(facts)}
    seen = [resolve(given), resolve({**given, "duration": "1s"})]
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"lifecycle": {"duration": {"value": "soon"}}}')

    with pytest.raises(SettingError, match=r"duration: 'soon' .* \(set by lifecycle.duration of"):
        resolve({"service": str(wrong)})

    assert [one.settings.duration for one in seen] == [timedelta(seconds=n) for n in (9, 1)]


@given(st.sampled_from(sorted(SETTINGS.keys() - {"model_cards", "service"})), st.text(max_size=20))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    """No text raises anything else."""
    try:
        resolve({name: text})
    except SettingError as error:
        assert str(error).startswith(name.replace("_", "-"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("port = ", "maxapi-mock.toml: .*; use a readable TOML file"),
        ("prot = 1", r"prot: no such setting \(in .*\), did you mean port\?"),
        ("zzzzz = 1", r"zzzzz: no such setting \(in .*\); use one of host, port"),
        ("port = {a = 1}", "port: .* is not accepted; use a string, number or true/false"),
        ("port = 99999", "port: '99999' is not accepted; use an integer from 0 to 65535 .*toml"),
    ],
)
def test_wrong_config_files_are_rejected(tmp_path: Path, content: str, said: str) -> None:
    """The message names the file."""
    (tmp_path / "maxapi-mock.toml").write_text(content)

    with pytest.raises(SettingError, match=said):
        resolve(folder=tmp_path)


def test_a_pyproject_section_that_is_not_a_table_is_rejected(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "pyproject.toml").write_text("[tool]\nmaxapi-mock = 3\n")

    with pytest.raises(SettingError, match="is not a table"):
        resolve(folder=tmp_path)


def test_a_config_file_that_is_not_there_is_rejected() -> None:
    """One that was named has to exist."""
    with pytest.raises(SettingError, match="config: /none.toml: No such file"):
        resolve({"config": "/none.toml"})


@pytest.mark.parametrize("name", sorted({*WRONG} - {name for name in WRONG if not WRONG[name]}))
def test_a_wrong_variable_is_named(name: str) -> None:
    """The message says which variable set it."""
    variable = f"MAXAPI_MOCK_{name.upper()}"

    with pytest.raises(SettingError, match=rf"\(set by {variable}\)$"):
        resolve({}, {variable: WRONG[name]})


LIMITS = ("api_key", "control_token", "callback_allow")


@pytest.mark.parametrize("name", [*sorted(SETTINGS.keys() - set(LIMITS)), "config"])
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    """CI jobs and compose files make one where they have no value."""
    assert resolve({}, {f"MAXAPI_MOCK_{name.upper()}": ""}).settings == make_settings(CONTRACT)


@pytest.mark.parametrize("name", LIMITS)
def test_an_empty_limit_is_rejected(name: str) -> None:
    """A mock must not let everybody in because a secret is missing."""
    with pytest.raises(SettingError, match=f"set by MAXAPI_MOCK_{name.upper()}"):
        resolve({}, {f"MAXAPI_MOCK_{name.upper()}": ""})


def test_an_unknown_variable_is_said_and_stops_nobody() -> None:
    """A misspelt one would be silently without effect; the URL for child processes is none."""
    environment = {
        "MAXAPI_MOCK_PROT": "s3cret",
        "MAXAPI_MOCK_ZZZZ": "",
        "MAXAPI_MOCK_URL": "http://127.0.0.1:1",
        "MAXAPI_MOCK_CONFIG": "",
        "MAXAPI_API_KEY": "k",
    }

    settings = resolve({}, environment).settings

    assert settings == make_settings(CONTRACT)
    assert unknown_variables(environment) == [
        "MAXAPI_MOCK_PROT: no such setting, ignored; did you mean MAXAPI_MOCK_PORT?",
        "MAXAPI_MOCK_ZZZZ: no such setting, ignored",
    ]


@pytest.mark.parametrize("service", ["", "CONTROL_", "HOST_", "SERVICE_", "URL_", "1_"])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
def test_what_an_orchestrator_sets_is_not_a_setting(service: str, protocol: str) -> None:
    """Kubernetes and Docker's links make variables for a service with a name like the tool's."""
    address, port = f"{protocol}://10.0.0.1:6290", f"PORT_6290_{protocol.upper()}"
    made = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "6290",
        "SERVICE_PORT_HTTP": "6290",
        "PORT": address,
        port: address,
        f"{port}_PROTO": protocol,
        f"{port}_PORT": "6290",
        f"{port}_ADDR": "10.0.0.1",
        f"{port}_PORT_START": "6290",
        "NAME": "/app/mock",
        "ENV_PATH": "/bin",
    }
    environment = {f"MAXAPI_MOCK_{service}{name}": text for name, text in made.items()}

    settings = resolve({}, environment).settings

    assert settings == make_settings(CONTRACT)
    assert unknown_variables(environment) == []


def test_no_setting_is_called_like_what_an_orchestrator_sets() -> None:
    """It could not be set by a variable."""
    assert [name for name in SETTINGS if BY_NAME.fullmatch(name.upper())] == []


def test_the_contract_needs_no_setting_of_a_server(tmp_path: Path) -> None:
    """Whatever stands in the environment and the config file; what it does need is still read."""
    (tmp_path / "maxapi-mock.toml").write_text("pace = 3\n")
    environment = {"MAXAPI_MOCK_PORT": "x", "MAXAPI_MOCK_MODEL_CARDS": str(tmp_path / "none")}

    seen = resolve_contract({}, {"MAXAPI_MOCK_PORT": "x"}, tmp_path)
    with pytest.raises(ContractError, match="is not a folder"):
        resolve_contract({}, environment, tmp_path)

    assert seen.cards.keys() == CONTRACT.cards.keys()
