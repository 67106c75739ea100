"""Mutants: the values that a field of an input may have."""

from __future__ import annotations

from typing import Any

from mockserver.engine.messages import Request, Response, json_response
from tests.mutants.changes import rejects, submissions, through
from tests.mutants.edits import Edit, inside, remake
from tests.mutants.layer import Ask, MakeLayer
from tests.mutants.mutant import DRAW, EDIT, NANO, VIDEO, Mutant
from tests.mutants.reading import reads

_EDIT = "models/gpt-image-2--image-to-image.json#/input"
_DRAW = "models/gpt-image-2--text-to-image.json#/input"
_LITE = "models/grok-imagine--text-to-image-lite.json#/input"
_NANO = "models/nano-banana.json#/input"
_DURATION = "models/grok-imagine--text-to-video.json#/input/properties/duration/enum"
_SEEDREAM = "models/seedream-4.json#/input"


def _input(edit: Edit) -> MakeLayer:
    """Edit the input of what is submitted before the mock sees it."""
    return submissions(inside("input", edit))


def _without_nulls(node: dict[str, Any]) -> None:
    for name in [name for name, value in node.items() if value is None]:
        del node[name]


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _rounded(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _long(document: dict[str, Any]) -> str | None:
    submitted = document.get("input")
    prompt = submitted.get("prompt") if isinstance(submitted, dict) else None
    is_long = isinstance(prompt, str) and len(prompt) > 500
    return "input.prompt: longer than 500 characters" if is_long else None


def _sized(document: dict[str, Any]) -> str | None:
    submitted = document.get("input")
    given = isinstance(submitted, dict) and "resolution" in submitted
    return "input.resolution: not supported" if given else None


def _rejects_with_data(request: Request, ask: Ask) -> Response:
    if b'"3:2"' not in request.body:
        return ask(request)
    data = {"field": "ratio"}
    return json_response(400, {"code": 400, "msg": "input.ratio: not available", "data": data})


MUTANTS = (
    Mutant(
        "ratio-gone",
        "The ratio 9:21 is rejected.",
        "every-value",
        f"{_EDIT}/properties/ratio/enum",
        reads(f"{_EDIT}/properties/ratio/enum/12"),
        models=(EDIT,),
    ),
    Mutant(
        "ratio-gone-with-data",
        "The ratio 3:2 is rejected, with an error that has data.",
        "every-value",
        f"{_EDIT}/properties/ratio/enum",
        through(_rejects_with_data),
        models=(EDIT,),
    ),
    Mutant(
        "any-ratio",
        "Any text is accepted as a ratio.",
        "input-is-checked",
        f"{_EDIT}/properties/ratio/enum",
        reads(f"{_EDIT}/properties/ratio/enum"),
        models=(EDIT,),
    ),
    Mutant(
        "ratio-of-a-sister",
        "Nano Banana takes the ratio 4:3, as Nano Banana 2 does.",
        "input-is-checked",
        f"{_NANO}/properties/ratio/enum",
        _input(remake("ratio", lambda ratio: "16:9" if ratio == "4:3" else ratio)),
        models=(NANO,),
    ),
    Mutant(
        "resolution-in-any-case",
        "A resolution may be written 4K.",
        "input-is-checked",
        f"{_EDIT}/properties/resolution/enum",
        _input(remake("resolution", _lower)),
        models=(EDIT,),
    ),
    Mutant(
        "resolution-gone",
        "The resolution 4k is rejected.",
        "every-value",
        f"{_DRAW}/properties/resolution/enum",
        reads(f"{_DRAW}/properties/resolution/enum/2"),
        models=(DRAW,),
    ),
    Mutant(
        "resolution-ignored-no-more",
        "Nano Banana rejects a resolution, instead of ignoring it.",
        "every-value",
        f"{_NANO}/properties/resolution",
        rejects(_sized),
        models=(NANO,),
    ),
    Mutant(
        "duration-gone",
        "A video of 20 seconds is rejected.",
        "every-value",
        _DURATION,
        reads(f"{_DURATION}/4"),
        models=(VIDEO,),
    ),
    Mutant(
        "zero-images",
        "n may be 0.",
        "input-is-checked",
        f"{_EDIT}/properties/n/minimum",
        reads(f"{_EDIT}/properties/n/minimum", 0),
        models=(EDIT,),
    ),
    Mutant(
        "two-images",
        "n is 2 at least.",
        "every-value",
        f"{_EDIT}/properties/n/minimum",
        reads(f"{_EDIT}/properties/n/minimum", 2),
        models=(EDIT,),
    ),
    Mutant(
        "nine-images",
        "n is 9 at most.",
        "every-value",
        f"{_EDIT}/properties/n/maximum",
        reads(f"{_EDIT}/properties/n/maximum", 9),
        models=(EDIT,),
    ),
    Mutant(
        "eleven-images",
        "n may be 11.",
        "input-is-checked",
        f"{_EDIT}/properties/n/maximum",
        reads(f"{_EDIT}/properties/n/maximum", 11),
        models=(EDIT,),
    ),
    Mutant(
        "number-as-text",
        "n may be '1'.",
        "input-is-checked",
        f"{_LITE}/properties/n/type",
        _input(remake("n", _number)),
    ),
    Mutant(
        "number-rounded",
        "n may be 1.5, and is rounded.",
        "input-is-checked",
        f"{_LITE}/properties/n/type",
        _input(remake("n", _rounded)),
    ),
    Mutant(
        "null-is-omitted",
        "n may be null, as if it were not given.",
        "input-is-checked",
        f"{_LITE}/properties/n/type",
        _input(_without_nulls),
    ),
    Mutant(
        "prompt-empty",
        "The prompt may be empty.",
        "input-is-checked",
        "common.json#/$defs/prompt/minLength",
        reads("common.json#/$defs/prompt/minLength", 0),
        severity="assumption",
    ),
    Mutant(
        "prompt-limited",
        "A prompt of more than 500 characters is rejected.",
        "every-value",
        f"{_LITE}/properties/prompt",
        rejects(_long),
    ),
    Mutant(
        "no-source",
        "imageUrls may be empty.",
        "input-is-checked",
        f"{_EDIT}/properties/imageUrls/allOf/1/minItems",
        reads(f"{_EDIT}/properties/imageUrls/allOf/1/minItems", 0),
        severity="assumption",
        models=(EDIT,),
    ),
    Mutant(
        "fifteen-sources",
        "imageUrls may have at most 15 elements.",
        "every-value",
        f"{_EDIT}/properties/imageUrls/allOf/0/maxItems",
        reads(f"{_EDIT}/properties/imageUrls/allOf/0/maxItems", 15),
        severity="warning",
        models=(EDIT,),
    ),
    Mutant(
        "seventeen-sources",
        "imageUrls may have 17 elements.",
        "input-is-checked",
        f"{_EDIT}/properties/imageUrls/allOf/0/maxItems",
        reads(f"{_EDIT}/properties/imageUrls/allOf/0/maxItems", 17),
        severity="warning",
        models=(EDIT,),
    ),
    Mutant(
        "source-as-text",
        "imageUrls may be a single URL.",
        "input-is-checked",
        f"{_EDIT}/properties/imageUrls/type",
        _input(remake("imageUrls", _listed)),
        models=(EDIT,),
    ),
    Mutant(
        "source-of-any-scheme",
        "A URL of any scheme is accepted.",
        "input-is-checked",
        "common.json#/$defs/httpUrl/pattern",
        reads("common.json#/$defs/httpUrl/pattern", "^[A-Za-z]+://."),
        models=(EDIT,),
        severity="assumption",
    ),
    Mutant(
        "no-source-objects",
        "Seedream takes imageUrls as strings only.",
        "every-value",
        f"{_SEEDREAM}/properties/imageUrls",
        reads(f"{_SEEDREAM}/properties/imageUrls/items/$ref", "../common.json#/$defs/httpUrl"),
        models=("seedream-4",),
    ),
)
