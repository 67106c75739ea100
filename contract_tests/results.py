"""Checks of the results of every task: their number, their files, and their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.conformance.check import Failed, Observations, Passed, promised, task_check
from mockserver.conformance.clauses import clause_at
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.result_file import PAGE, UNTYPED, look_at, type_of_name
from mockserver.contract import Contract, ModelCard
from mockserver.domain.price import count_of
from mockserver.domain.size import Size, size_of

from .lifecycle import failed, model_of

_DOUBT = {"seed": 0, "documented": 1, "corroborated": 2, "assumed": 3}


@task_check(
    "results",
    "A successful task has n results of the model's kind, each with its own URL",
    "n_results",
    "default_count",
    "own_url",
    "kind_of_result",
)
def results(contract: Contract, history: History) -> Observations:
    """Compare the number, the URLs and the type of the results with the submission."""
    card = contract.cards.get(model_of(history))
    result = history.last.get("result")
    if card is None or not isinstance(result, dict):
        return
    poll = history.shown[-1][0]
    urls, submitted = result.get("urls"), history.document.get("input")
    if isinstance(urls, list) and isinstance(submitted, dict):
        yield from _counted(card, submitted, urls, poll)
    kind = result.get("type")
    if kind == card.result:
        yield Passed(promised("kind_of_result"))
    else:
        observed = f"type {kind!r}"
        yield failed("kind_of_result", f"type {card.result!r}", observed, poll, card.model)


def _counted(
    card: ModelCard, submitted: dict[str, Any], urls: list[Any], poll: Exchange
) -> Observations:
    """Compare the number of URLs with n; without n, the pages' own examples disagree."""
    name = "n_results" if "n" in submitted and "n" in card.fields else "default_count"
    wanted, different = count_of(card, submitted), len(set(map(str, urls)))
    if len(urls) == wanted:
        yield Passed(promised(name))
    else:
        yield failed(name, f"{wanted} URLs", f"{len(urls)} URLs", poll, card.model)
    if different == len(urls):
        yield Passed(promised("own_url"))
    else:
        observed = f"{len(urls)} URLs, {different} different"
        yield failed("own_url", f"{len(urls)} different URLs", observed, poll, card.model)


@task_check(
    "files",
    "Each result URL returns a file of the stated type",
    "file_is_there",
    "file_without_token",
    "type_as_named",
    "content_type_is_true",
    "service.json#/results/image",
    "service.json#/results/video",
)
def files(contract: Contract, history: History) -> Observations:
    """Look at the status, media type and first bytes of the files that were fetched."""
    card = contract.cards.get(model_of(history))
    if card is None:
        return
    for file in history.files:
        if file.is_inconclusive:
            continue
        if file.status in (401, 403):
            observed = f"{file.status} {file.said()}"
            yield failed("file_without_token", "200", observed, file, card.model)
        elif file.status != 200 or not file.response_body:
            observed = f"{file.error or file.status}, {len(file.response_body)} bytes"
            yield failed("file_is_there", "200 and a file", observed, file, card.model)
        else:
            yield Passed(promised("file_without_token"))
            yield from _typed(contract, card, file)


def _typed(contract: Contract, card: ModelCard, file: Exchange) -> Observations:
    """Compare the type of a file's bytes with its URL, its Content-Type and the model."""
    look = look_at(file.response_body)
    is_whole = look.size is not None or not look.tells_size
    if look.media_type == PAGE or not is_whole:
        observed = "a web page" if is_whole else f"{len(file.response_body)} bytes without an end"
        subject = card.model if is_whole else f"{card.model} end"
        yield failed("file_is_there", "the whole file", observed, file, subject)
        return
    yield Passed(promised("file_is_there"))
    said = file.response_headers.get("content-type", "").partition(";")[0].strip().lower()
    place = f"service.json#/results/{card.result}"
    usual = contract.service["results"][card.result]["media_type"]
    observed = f"Content-Type {said!r}, and the bytes are {look.media_type}"
    for clause, wanted, is_so in (
        (promised("type_as_named"), type_of_name(file.path), True),
        (promised("content_type_is_true"), None if said in UNTYPED else said, True),
        (place, usual, said == usual),
    ):
        if wanted == look.media_type and is_so:
            yield Passed(clause)
        elif wanted is not None:
            yield Failed(clause, wanted, observed, file, card.model)


@task_check(
    "pixels",
    "Each result has exactly the promised pixels",
    "sizes/gpt-image-2.json#/rows/0",
    "sizes/assumed-image.json#/rows/0",
    "sizes/assumed-video.json#/rows/0",
)
def pixels(contract: Contract, history: History) -> Observations:
    """Compare the size that a file has with the one on the model's card."""
    card, submitted = contract.cards.get(model_of(history)), history.document.get("input")
    if card is None or not isinstance(submitted, dict):
        return
    size = size_of(card, submitted, contract.fact("results.default_ratio"))
    place = _place(contract, card, submitted, size)
    for file in history.files:
        look = look_at(file.response_body)
        if file.status != 200 or look.size is None:
            continue
        if look.size == (size.width, size.height):
            yield Passed(place)
        else:
            expected = f"{size.width}x{size.height} for {size.ratio} at {size.resolution}"
            observed = "{}x{}".format(*look.size)
            subject = f"{card.model} {size.ratio} {size.resolution}"
            yield Failed(place, expected, observed, file, subject)


def _place(contract: Contract, card: ModelCard, submitted: Mapping[str, Any], size: Size) -> str:
    """Return the clause that decides a size; of several, the one of the least confidence."""
    if card.value_of("ratio", submitted) is None:
        return "service.json#/results/default_ratio"
    omitted = [name for name in ("resolution", "ratio") if name not in submitted]
    places = [place for name in omitted for place in _default(contract, card, name)]
    places.append(_row(contract, card.model, size))
    return max(places, key=lambda place: _DOUBT[clause_at(contract, place).confidence])


def _default(contract: Contract, card: ModelCard, field: str) -> list[str]:
    """Return the clauses of the default of an omitted field, if they state a source."""
    uri = contract.card_uris[card.model]
    name, document = uri.removeprefix(contract.schemas.base), contract.schemas.documents[uri]
    schema, place = card.input["properties"].get(field, {}), f"{name}#/input/properties/{field}"
    found = [f"{place}/default"] if "default" in schema else []
    for number, clause in enumerate(schema.get("allOf", ())):
        found += [f"{place}/allOf/{number}/default"] if "default" in clause else []
    omitted = document.get("when_omitted", {})
    if not found and field in omitted and "x-source" in omitted:
        return [f"{name}#/when_omitted"]
    return found


def _row(contract: Contract, model: str, size: Size) -> str:
    """Return the row of the table of sizes that has *size*."""
    uri = contract.card_uris[model]
    place, table = f"{uri}#/sizes", contract.schemas.documents[uri]["sizes"]
    while "$ref" in table:
        place, table = contract.schemas.resolve(table["$ref"], place)
    number = next(
        number
        for number, row in enumerate(table["rows"])
        if row["ratio"] == size.ratio and size.resolution in row["pixels"]
    )
    slash = "" if "#/" in place else "#" if "#" not in place else ""
    return f"{place.removeprefix(contract.schemas.base)}{slash}/rows/{number}"
