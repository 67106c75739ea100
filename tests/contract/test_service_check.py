"""A folder of schemas that does not fit together is rejected when it is read."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import ContractError, default_schemas, load_contract

GONE = object()


def damaged(folder: Path, place: str, value: Any) -> Path:
    """Copy the schemas with another value at a place, or without it."""
    schemas = folder / "schemas"
    shutil.copytree(default_schemas(), schemas)
    file, _, pointer = place.partition("#/")
    path = schemas / file
    if not pointer:
        path.unlink()
        return schemas
    document = json.loads(path.read_text("utf-8"))
    *parents, name = pointer.split("/")
    node = document
    for one in parents:
        node = node[int(one)] if isinstance(node, list) else node[one]
    if value is GONE:
        del node[name]
    else:
        node[name] = value
    path.write_text(json.dumps(document), "utf-8")
    return schemas


ENTERED = "service.json#/lifecycle/entered_at/value"
CANCELLABLE = "service.json#/lifecycle/cancellable/value"
VEO = "models/veo3.json#"


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (ENTERED, [0.5, 1.0], "lifecycle.entered_at.value: [0.5, 1.0] does not fit; use 3"),
        (ENTERED, [0.1, 0.2, 0.3, 1.0], "does not fit; use 3 fractions, for PROCESSING"),
        (ENTERED, [0.1, 0.2, 3], "are not fractions of the duration; use numbers from 0 to 1"),
        (ENTERED, [0.5, 0.2, 1], "does not ascend"),
        (ENTERED, GONE, "lifecycle.entered_at.value: missing"),
        (
            CANCELLABLE,
            ["PENDIG"],
            "'PENDIG' is not a state before the end; use PENDING, PROCESSING",
        ),
        (CANCELLABLE, ["SUCCESS"], "'SUCCESS' is not a state before the end"),
        (CANCELLABLE, "PENDING", None),
        ("service.json#/operations/list", {"path": "/x"}, "operations.list: has no handler; use"),
        ("service.json#/operations/cancel", GONE, "operations.cancel.path: missing; use a path"),
        (
            "service.json#/operations/query/path",
            "/api/v1/task",
            "operations.query.path: '/api/v1/task' has no {taskId}",
        ),
        ("service.json#/operations/query/refusals", [418], "418 is not in errors"),
        ("service.json#/errors/429", GONE, "errors.429.msg: missing"),
        ("service.json#/results/video", GONE, "results.video.path: missing"),
        ("service.json#/webhook/tries", GONE, "webhook.tries.value: missing"),
        ("service.json#/authentication", GONE, "authentication.scheme: missing"),
        ("service.json#/base_url/value", GONE, "base_url.value: missing"),
        (
            "task.json#/properties/status/x-lifecycle/timeout",
            "LATE",
            "x-lifecycle.timeout: 'LATE' is not a status; use PENDING",
        ),
        ("task.json#/properties/status/x-lifecycle/path", [], "x-lifecycle.path: missing"),
        (
            "task.json#/properties/failure_reason/x-reasons/points",
            GONE,
            "x-reasons.points: missing",
        ),
        ("webhook.json", GONE, "webhook.json: is missing"),
        (f"{VEO}/price", GONE, "price: missing"),
        (f"{VEO}/effects/0/field", "colour", "effects[0].field: 'colour' is not a field of input"),
        (f"{VEO}/sizes/$ref", "../sizes/none.json", "names nothing in this card"),
        (f"{VEO}/model", "veo3_fast", "model: 'veo3_fast' already has a card, models/veo3"),
    ],
)
def test_what_does_not_fit_is_rejected_with_place_and_rule(
    tmp_path: Path, place: str, value: Any, reason: str | None
) -> None:
    """Never tasks that do not end, nor a KeyError once a request comes."""
    schemas = damaged(tmp_path, place, value)

    if reason is None:  # a text alone is read as a list of one
        load_contract(schemas)
        return
    with pytest.raises(ContractError, match=re.escape(reason)) as caught:
        load_contract(schemas)

    assert str(schemas) in str(caught.value)
    assert place.partition("#")[0] in str(caught.value) or "has a card" in reason


def test_the_contracts_own_files_fit() -> None:
    """They pass what a damaged copy does not."""
    assert load_contract(default_schemas()).cards
