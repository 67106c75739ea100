"""Mutants: how the results of a task are shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from mockserver.contract import load_contract
from tests.mutants.changes import tasks
from tests.mutants.conforming import two_by_default
from tests.mutants.edits import drop, inside, put, remake, rename, when
from tests.mutants.mutant import SOME_RESULT, Mutant

_NAMES = load_contract().lifecycle
_URLS = "service.json#/promises/n_results"


def _early(task: dict[str, Any]) -> None:
    if task["status"] == _NAMES.path[-1]:
        task["result"] = SOME_RESULT


def _paths(urls: list[str]) -> list[str]:
    return [urlsplit(url).path for url in urls]


MUTANTS = (
    Mutant(
        "result-missing",
        "A task that succeeds has no result.",
        "poll-response",
        "task.json#/allOf/0/then/required",
        tasks(when(drop("result"), _NAMES.success)),
    ),
    Mutant(
        "result-null",
        "The result of a task that succeeds is null.",
        "poll-response",
        "task.json#/allOf/0/then/properties/result/type",
        tasks(when(put(result=None), _NAMES.success)),
    ),
    Mutant(
        "result-renamed",
        "The result is called output.",
        "poll-response",
        "task.json#/allOf/0/then/required",
        tasks(rename("result", "output")),
    ),
    Mutant(
        "result-is-list",
        "The result is a list of URLs.",
        "poll-response",
        "task.json#/allOf/0/then/properties/result/type",
        tasks(remake("result", lambda result: result["urls"])),
    ),
    Mutant(
        "result-early",
        "A task shows a result, a preview, before its end.",
        "poll-response",
        "task.json#/allOf/2/then/properties/result/type",
        tasks(_early),
        severity="assumption",
    ),
    Mutant(
        "urls-renamed",
        "The URLs of a result are called images.",
        "poll-response",
        "task.json#/$defs/result/required",
        tasks(inside("result", rename("urls", "images"))),
    ),
    Mutant(
        "urls-empty",
        "The list of URLs is empty.",
        "results",
        _URLS,
        tasks(inside("result", put(urls=[]))),
    ),
    Mutant(
        "urls-relative",
        "The URLs are paths.",
        "files",
        "service.json#/promises/file_is_there",
        tasks(inside("result", remake("urls", _paths))),
    ),
    Mutant(
        "n-ignored",
        "There is one result, whatever n says.",
        "results",
        _URLS,
        tasks(inside("result", remake("urls", lambda urls: urls[:1]))),
    ),
    Mutant(
        "one-url-n-times",
        "All n results have the same URL.",
        "results",
        "service.json#/promises/own_url",
        tasks(inside("result", remake("urls", lambda urls: urls[:1] * len(urls)))),
    ),
    Mutant(
        "other-kind",
        "The type of a result of an image model is video.",
        "results",
        "service.json#/promises/kind_of_result",
        tasks(inside("result", put(type="video"))),
    ),
    Mutant(
        "new-kind",
        "The type of a result is picture.",
        "poll-response",
        "task.json#/$defs/result/properties/type/enum",
        tasks(inside("result", put(type="picture"))),
    ),
    Mutant(
        "more-in-result",
        "A result has the seed that it was made with.",
        "no-unknown-field",
        "task.json#/$defs/result/properties",
        tasks(inside("result", put(seed=7))),
        severity="note",
    ),
    Mutant(
        "two-without-n",
        "Two results come where n was not sent.",
        "results",
        "service.json#/promises/default_count",
        two_by_default,
        severity="assumption",
    ),
)
