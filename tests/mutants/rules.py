"""Mutants: required fields, rules between fields, and the envelope of a submission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.conformance.operations import SUBMIT
from mockserver.engine.messages import JSON_TYPE, Request
from tests.mutants.changes import asks, rejects, submissions
from tests.mutants.edits import inside
from tests.mutants.layer import operation_of
from tests.mutants.mutant import DRAW, EDIT, LITE, Mutant
from tests.mutants.reading import reads

_REQUEST = "submit-request.json#"
_EDIT = "models/gpt-image-2--image-to-image.json#/input"
_DRAW = "models/gpt-image-2--text-to-image.json#/input"
_LITE = "models/grok-imagine--text-to-image-lite.json#/input"


def _known_model(node: dict[str, Any]) -> None:
    if node.get("model") == "no-such-model":
        node["model"] = LITE


def _any_type(request: Request) -> Request:
    if operation_of(request) != SUBMIT:
        return request
    return replace(request, headers={**request.headers, "content-type": JSON_TYPE[1]})


def _given(name: str) -> Callable[[dict[str, Any]], str | None]:
    return lambda document: f"{name}: not supported" if name in document else None


def _where(
    is_rejected: Callable[[dict[str, Any]], bool], msg: str
) -> Callable[[dict[str, Any]], str | None]:
    """Reject the inputs for which a function returns true."""

    def why(document: dict[str, Any]) -> str | None:
        submitted = document.get("input")
        return msg if isinstance(submitted, dict) and is_rejected(submitted) else None

    return why


MUTANTS = (
    Mutant(
        "prompt-optional",
        "A prompt is optional.",
        "input-is-checked",
        f"{_LITE}/required",
        submissions(inside("input", lambda node: node.setdefault("prompt", "a cat"))),
    ),
    Mutant(
        "sources-optional",
        "imageUrls need not be given.",
        "input-is-checked",
        f"{_EDIT}/required",
        reads(f"{_EDIT}/required", ["prompt"]),
        models=(EDIT,),
    ),
    Mutant(
        "ratio-required",
        "A ratio is required.",
        "smallest-input",
        _EDIT,
        reads(f"{_EDIT}/required", ["prompt", "imageUrls", "ratio"]),
        models=(EDIT,),
    ),
    Mutant(
        "no-rule-at-4k",
        "Every ratio is accepted at 4k.",
        "input-is-checked",
        f"{_EDIT}/allOf/0/then/properties/ratio/enum",
        reads(f"{_EDIT}/allOf/0/then/properties/ratio/enum"),
        models=(EDIT,),
    ),
    Mutant(
        "no-ratio-at-4k",
        "At 4k, a ratio is optional.",
        "input-is-checked",
        f"{_EDIT}/allOf/0/then/required",
        reads(f"{_EDIT}/allOf/0/then/required", []),
        severity="assumption",
        models=(EDIT,),
    ),
    Mutant(
        "narrower-at-4k",
        "The ratio 9:21 is not available at 4k.",
        "every-value",
        f"{_DRAW}/allOf/0/then/properties/ratio/enum",
        reads(f"{_DRAW}/allOf/0/then/properties/ratio/enum/5"),
        models=(DRAW,),
    ),
    Mutant(
        "rule-at-2k",
        "The rule of 4k applies at 2k, too.",
        "every-value",
        f"{_EDIT}/properties/resolution/enum",
        reads(f"{_EDIT}/allOf/0/if/properties/resolution", {"enum": ["2k", "4k"]}),
        models=(EDIT,),
    ),
    Mutant(
        "one-size-gone",
        "The ratio 3:2 is not available at 2k.",
        "sizes",
        _EDIT,
        rejects(
            _where(
                lambda given: given.items() >= {"ratio": "3:2", "resolution": "2k"}.items(),
                "input.ratio: not available at 2k",
            )
        ),
        models=(EDIT,),
    ),
    Mutant(
        "one-image-at-4k",
        "n is 1 at most at 4k.",
        "lifecycle",
        _EDIT,
        rejects(
            _where(
                lambda given: given.get("resolution") == "4k" and given.get("n", 1) != 1,
                "input.n: not available at 4k",
            )
        ),
        models=(EDIT,),
    ),
    Mutant(
        "not-together",
        "n is rejected where a resolution is given, but no ratio.",
        "any-input",
        _EDIT,
        rejects(
            _where(
                lambda given: given.keys() >= {"resolution", "n"} and "ratio" not in given,
                "input.n: not available without a ratio",
            )
        ),
        models=(EDIT,),
        examples=60,
    ),
    Mutant(
        "model-gone",
        "A model is no longer known.",
        "smallest-input",
        _EDIT,
        reads("models/gpt-image-2--image-to-image.json"),
        models=(EDIT, LITE),
    ),
    Mutant(
        "any-model",
        "An unknown model is taken for the default one.",
        "envelope-is-checked",
        f"{_REQUEST}/properties/model/allOf/0/enum",
        submissions(_known_model),
    ),
    Mutant(
        "model-optional",
        "A model is optional: there is a default.",
        "envelope-is-checked",
        f"{_REQUEST}/required",
        submissions(lambda document: document.setdefault("model", LITE)),
    ),
    Mutant(
        "any-callback-url",
        "Any text is accepted as callBackUrl.",
        "envelope-is-checked",
        "common.json#/$defs/httpUrl/pattern",
        reads(f"{_REQUEST}/properties/callBackUrl", {"type": "string"}),
        severity="assumption",
    ),
    Mutant(
        "no-callback-url",
        "A callBackUrl is rejected.",
        "envelope-is-accepted",
        f"{_REQUEST}/properties/callBackUrl",
        rejects(_given("callBackUrl")),
    ),
    Mutant(
        "local-callback-url",
        "A callBackUrl of the API's own machine is accepted.",
        "no-local-callback",
        f"{_REQUEST}/properties/callBackUrl",
        live=True,
    ),
    Mutant(
        "user-id-number",
        "The user_id may be a number.",
        "envelope-is-checked",
        f"{_REQUEST}/properties/user_id/type",
        reads(f"{_REQUEST}/properties/user_id/type"),
    ),
    Mutant(
        "no-user-id",
        "A user_id is rejected.",
        "envelope-is-accepted",
        f"{_REQUEST}/properties/user_id",
        rejects(_given("user_id")),
    ),
    Mutant(
        "unknown-field-rejected",
        "An undocumented field is rejected.",
        "envelope-is-accepted",
        "service.json#/promises/unknown_field_accepted",
        rejects(_where(lambda given: "nobody_documents_this" in given, "input: unknown field")),
        severity="assumption",
    ),
    Mutant(
        "any-content-type",
        "JSON is accepted as any content type.",
        "body-is-json",
        "service.json#/errors/415",
        asks(_any_type),
        severity="assumption",
    ),
    Mutant(
        "larger-body",
        "A body may be twice as large.",
        "body-is-limited",
        "service.json#/errors/413",
        settings={"max_body": 2 * 1024 * 1024},
        severity="assumption",
    ),
)
