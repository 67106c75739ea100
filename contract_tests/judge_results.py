"""The laws that hold for the results of every task, and their files."""

from __future__ import annotations

from mockserver.contract import Contract, ModelCard
from mockserver.domain.billing import count_of
from mockserver.domain.sizes import size_of

from .evidence import Exchange, History
from .files import look_at
from .judge_histories import broken, model_of
from .law import HISTORY, Broken, Checks, Held, law, promised


@law("results", "A success has n results of the model's kind, each with a URL of its own", HISTORY,
     "n_results", "kind_of_result")  # fmt: skip
def results(contract: Contract, history: History) -> Checks:
    """Count, and compare."""
    card = contract.cards.get(model_of(history))
    result = history.last.get("result")
    if card is None or not isinstance(result, dict):
        return
    poll = history.shown[-1][0]
    urls, submitted = result.get("urls"), history.document.get("input")
    if isinstance(urls, list) and isinstance(submitted, dict):
        wanted = count_of(card, submitted)
        if len(urls) == wanted and len(set(map(str, urls))) == wanted:
            yield Held(promised("n_results"))
        else:
            observed = f"{len(urls)} URLs, {len(set(map(str, urls)))} different"
            yield broken("n_results", f"{wanted} different URLs", observed, poll, card.model)
    kind = result.get("type")
    if kind == card.result:
        yield Held(promised("kind_of_result"))
    else:
        observed = f"type {kind!r}"
        yield broken("kind_of_result", f"type {card.result!r}", observed, poll, card.model)


@law("files", "Each result URL gives a file of the promised type", HISTORY, "file_is_there",
     "service.json#/results/image", "service.json#/results/video")  # fmt: skip
def files(contract: Contract, history: History) -> Checks:
    """Look at the files that were fetched: their status, media type and first bytes."""
    card = contract.cards.get(model_of(history))
    for file in history.files if card is not None else ():
        assert card is not None  # noqa: S101 - the loop is empty without one
        if file.status != 200 or not file.answer:
            observed = f"{file.error or file.status}, {len(file.answer)} bytes"
            yield broken("file_is_there", "200 and a file", observed, file, card.model)
            continue
        yield Held(promised("file_is_there"))
        yield _called(contract, card, file)


def _called(contract: Contract, card: ModelCard, file: Exchange) -> Held | Broken:
    """Hold what a file is called against what it is: another kind of picture is as good."""
    place = f"service.json#/results/{card.result}"
    wanted = contract.service["results"][card.result]["media_type"]
    said = file.answer_headers.get("content-type", "").partition(";")[0].strip().lower()
    look = look_at(file.answer)
    if said != look.media_type or said.partition("/")[0] != card.result:
        observed = f"Content-Type {said!r}, and the bytes are {look.media_type}"
        return Broken(place, wanted, observed, file, card.model)
    if said == "image/png" and not look.size:
        observed = f"{len(file.answer)} bytes without the end that a {wanted} has"
        return broken("file_is_there", "the whole file", observed, file, f"{card.model} end")
    return Held(place)


@law("pixels", "Each result has exactly the promised pixels", HISTORY,
     "sizes/gpt-image-2.json#/rows/0", "sizes/assumed-image.json#/rows/0",
     "sizes/assumed-video.json#/rows/0")  # fmt: skip
def pixels(contract: Contract, history: History) -> Checks:
    """Compare the size that is in a file with the one of the model's card."""
    card, submitted = contract.cards.get(model_of(history)), history.document.get("input")
    if card is None or not isinstance(submitted, dict):
        return
    size = size_of(card, submitted, contract.fact("results.default_ratio"))
    place = _row(contract, card.model, size.ratio)
    resolution = card.input["properties"].get("resolution", {})
    if card.value_of("ratio", submitted) is None:
        place = "service.json#/results/default_ratio"
    elif "resolution" not in submitted and "default" in resolution:
        uri = contract.card_uris[card.model].removeprefix(contract.schemas.base)
        place = f"{uri}#/input/properties/resolution/default"
    for file in history.files:
        look = look_at(file.answer)
        if file.status != 200 or look.size is None:
            continue
        if look.size == (size.width, size.height):
            yield Held(place)
        else:
            expected = f"{size.width}x{size.height} for {size.ratio} at {size.resolution}"
            observed = "{}x{}".format(*look.size)
            subject = f"{card.model} {size.ratio} {size.resolution}"
            yield Broken(place, expected, observed, file, subject)


def _row(contract: Contract, model: str, ratio: str) -> str:
    """Give the place of the row of the sizes for a ratio."""
    uri = contract.card_uris[model]
    place, table = f"{uri}#/sizes", contract.schemas.documents[uri]["sizes"]
    while "$ref" in table:
        place, table = contract.schemas.resolve(table["$ref"], place)
    ratios = [row["ratio"] for row in table["rows"]]
    slash = "" if "#/" in place else "#" if "#" not in place else ""
    return f"{place.removeprefix(contract.schemas.base)}{slash}/rows/{ratios.index(ratio)}"
