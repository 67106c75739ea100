"""`maxapi-mock models` and `maxapi-mock card`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mockserver.cli import main
from mockserver.contract import load_contract
from mockserver.contract.catalogue import details, summary

MODELS = list(load_contract().cards)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_all_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each: what it makes, for how much, and how sure that is."""
    status = main(["models"])

    lines = capsys.readouterr().out.splitlines()
    assert (status, [line.split()[0] for line in lines]) == (0, MODELS)
    assert "1k $0.02, 2k $0.04, 4k $0.06 per image" in lines[0]
    assert any("not published, per second" in line for line in lines)


def test_some_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that a glob matches, also as JSON."""
    status = main(["models", "veo*", "--json"])

    shown = json.loads(capsys.readouterr().out)
    names = [name for name in MODELS if name.startswith("veo")]
    assert (status, shown) == (0, {"models": [summary(load_contract(), name) for name in names]})


def test_one_model_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Its fields, rules, price and pixels, with how sure each is."""
    status = main(["models", "veo3"])

    shown = capsys.readouterr().out
    assert status == 0
    for line in (
        "veo3: Veo 3 (documented: veo-video/text-to-video)\n",
        "  result  video, typically after 60 to 180 s\n",
        "    prompt *    documented; minLength assumed  a non-empty string\n",
        "    duration    documented                     one of 4, 6, 8; default 8\n",
        "    input.mode becomes 'i2v' with 1 image (documented)\n",
        "    16:9   1280x720  1920x1080  3840x2160  assumed\n",
    ):
        assert line in shown


@pytest.mark.parametrize("model", MODELS)
def test_each_model_is_shown_as_json(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As the control plane shows it; and as text."""
    statuses = [main(["models", model, "--json"])]
    shown = json.loads(capsys.readouterr().out)
    statuses.append(main(["models", model]))

    assert (statuses, shown) == ([0, 0], details(load_contract(), model))
    assert capsys.readouterr().out.startswith(f"{model}: ")


@pytest.mark.parametrize("command", [["models"], ["models", "--json"], ["card"]])
def test_an_unknown_name_has_near_ones(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line on standard error, and nothing else."""
    status = main([*command, "veo4"])

    shown, told = capsys.readouterr()
    said = f"maxapi-mock {command[0]}: model: 'veo4' is unknown; did you mean 'veo3' or "
    assert (status, shown, told.count("\n")) == (2, "", 1)
    assert told.startswith(said)


@pytest.mark.parametrize("model", MODELS)
def test_a_card_can_be_used_as_it_is(
    model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As a file, and in a folder; `validate` finds nothing."""
    statuses = [main(["card", model])]
    file = tmp_path / "cards" / "mine.json"
    file.parent.mkdir()
    file.write_text(capsys.readouterr().out, "utf-8")

    for given in (file, file.parent):
        statuses.append(main(["serve", "--show-settings", "--model-cards", str(given)]))
    statuses.append(main(["validate", str(file)]))

    assert statuses == [0] * 4
    assert capsys.readouterr().out.endswith("mine.json: model-card: conforms\n")


def test_a_card_can_go_into_the_folder_of_the_settings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where the shell has made an empty file of its name already."""
    (tmp_path / "maxapi-mock.toml").write_text('model-cards = "cards"')
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.json").touch()

    known, unknown = main(["card", "veo3"]), main(["card", "own"])

    shown, told = capsys.readouterr()
    assert (known, json.loads(shown)["model"]) == (0, "veo3")
    assert (unknown, "cards/mine.json: the body is empty" in told) == (2, True)


def test_a_card_of_the_users_own_is_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By its name in all three places."""
    main(["card", "veo3"])
    card = json.loads(capsys.readouterr().out) | {"model": "veo9", "title": "Ours"}
    (tmp_path / "mine.json").write_text(json.dumps(card))

    commands = (["models"], ["card", "veo9"])

    statuses = [main([*command, "--model-cards", "mine.json"]) for command in commands]

    assert statuses == [0, 0]
    shown = capsys.readouterr().out
    assert "veo9" in shown.partition("{")[0]
    assert json.loads("{" + shown.partition("{")[2]) == card
