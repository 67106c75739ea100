"""Mutants that only some values reveal: together, in the middle of a range, or long."""

from __future__ import annotations

from typing import Any

from mockserver.engine.messages import Request, Response
from tests.mutants.changes import rejects, responses, submissions, tasks, with_type
from tests.mutants.edits import inside, remake
from tests.mutants.mutant import DRAW, EDIT, LITE, NANO, VIDEO, Mutant

_PROMPT = "service.json#/promises/echo_prompt"
_ECHO = "service.json#/promises/echo_present"
_MODELS = "models/gpt-image-2--text-to-image.json#/input"


def _fewer(task: dict[str, Any]) -> None:
    submitted, result = task["input"], task["result"]
    if result and submitted.get("n") == 3 and submitted.get("resolution") == "2k":
        del result["urls"][-1]


def _rejected_together(document: dict[str, Any]) -> str | None:
    submitted = document.get("input")
    together = isinstance(submitted, dict) and {
        ("duration", 12),
        ("mode", "spicy"),
    } <= {(name, value) for name, value in submitted.items() if isinstance(value, (str, int))}
    return "duration: is not available in mode 'spicy'" if together else None


def _seven(document: dict[str, Any]) -> str | None:
    submitted = document.get("input")
    is_seven = isinstance(submitted, dict) and submitted.get("n") == 7
    return "n: seven is out" if is_seven else None


def _long(most: int) -> Any:
    def why(document: dict[str, Any]) -> str | None:
        submitted = document.get("input")
        prompt = submitted.get("prompt") if isinstance(submitted, dict) else None
        long = isinstance(prompt, str) and len(prompt.encode()) > most
        return f"prompt: is longer than {most} bytes" if long else None

    return why


def _without_ratio(document: dict[str, Any]) -> None:
    submitted = document.get("input")
    pictures = submitted.get("imageUrls") if isinstance(submitted, dict) else None
    if isinstance(submitted, dict) and isinstance(pictures, list) and len(pictures) > 1:
        submitted.pop("ratio", None)


def _odd_user(document: dict[str, Any]) -> str | None:
    user = document.get("user_id")
    odd = isinstance(user, str) and not user.isascii()
    return "user_id: has odd letters" if odd else None


def _untyped(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return [_untyped(one) for one in value]
    if isinstance(value, dict):
        return {name: _untyped(one) for name, one in value.items()}
    return value


def _latin(_request: Request, response: Response) -> Response:
    return with_type(response, "application/json; charset=utf-16")


MUTANTS = (
    Mutant(
        "two-for-three-at-2k",
        "Of three results at 2k, one is missing.",
        "results",
        "service.json#/promises/n_results",
        tasks(_fewer),
        models=(DRAW,),
    ),
    Mutant(
        "pair-rejected",
        "Twelve seconds in one of the modes are rejected.",
        "sizes",
        "models/grok-imagine--text-to-video.json#/input",
        rejects(_rejected_together),
        models=(VIDEO,),
    ),
    Mutant(
        "seven-rejected",
        "Seven results are rejected.",
        "sizes",
        _MODELS,
        rejects(_seven),
        models=(DRAW,),
    ),
    Mutant(
        "long-prompt-rejected",
        "A prompt of more than 4096 bytes is rejected.",
        "texts",
        "models/grok-imagine--text-to-image-lite.json#/input/properties/prompt",
        rejects(_long(4096)),
    ),
    Mutant(
        "user-rejected",
        "Ids of users with odd letters are rejected.",
        "texts",
        "submit-request.json#/properties/user_id",
        rejects(_odd_user),
    ),
    Mutant(
        "long-prompt-cut",
        "Prompts are cut after 4000 characters.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", lambda text: text[:4000]))),
    ),
    Mutant(
        "lines-of-other-ends",
        "The ends of a prompt's lines are changed.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", lambda text: text.replace("\r\n", "\n")))),
    ),
    Mutant(
        "entities-decoded",
        "Entities in a prompt are decoded.",
        "echo",
        _PROMPT,
        tasks(inside("input", remake("prompt", lambda text: text.replace("&amp;", "&")))),
    ),
    Mutant(
        "types-lost",
        "Booleans inside a field are echoed as numbers.",
        "echo",
        _ECHO,
        tasks(inside("input", remake("nobody_documents_this", _untyped))),
    ),
    Mutant(
        "queries-lost",
        "The queries of image URLs are not echoed.",
        "echo",
        _ECHO,
        tasks(
            inside(
                "input",
                remake("imageUrls", lambda urls: [str(url).partition("?")[0] for url in urls]),
            )
        ),
        models=(EDIT,),
    ),
    Mutant(
        "ratio-lost-with-several",
        "With several pictures, the ratio is ignored.",
        "pixels",
        "sizes/gpt-image-2.json#/rows/1",
        submissions(_without_ratio),
        models=(EDIT,),
    ),
    Mutant(
        "other-charset",
        "Responses are declared as UTF-16.",
        "headers-true",
        "service.json#/promises/headers_true",
        responses(_latin),
        severity="assumption",
        models=(LITE, NANO),
    ),
)
