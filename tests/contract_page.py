"""Renews `docs/contract.md`, every clause of the contract: `python -m tests.contract_page`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from contract_tests.checks import CHECKS
from mockserver.contract import Contract, load_contract
from mockserver.contract.loader import BASE
from mockserver.settings import SETTINGS, option_of

PAGE = Path(__file__).parents[1] / "docs" / "contract.md"

_HEAD = """\
# The contract, clause by clause

Every promise and every assumption about the API: the page that states it, where it is in
`schemas/`, what the mock does, and which checks of `maxapi-mock verify` look at it.
`python -m tests.contract_page` writes this page from `schemas/`; a test keeps it current.

How sure a clause is: *seed* is the page that the project began with, *documented* is another page
of the API's documentation, *corroborated* is published elsewhere and not by MaxAPI, *assumed* is
our own choice where nothing is documented. A target that breaks a seed or documented clause
fails a run; one that breaks a corroborated clause causes a warning; an assumed clause never fails.
"""

_ELSEWHERE, _NOWHERE = "Published elsewhere, not by MaxAPI", "Documented nowhere: our assumptions"
_LAST = (_ELSEWHERE, _NOWHERE)
_NOT_THE_API = ("control.json", "model-card.json", "more-models/")
_CARD_INPUT = "submit-request.json#/properties/input"
"""The clause that stands for the inputs of all model cards in the clauses of a check."""

_MOCK = (
    (r"models/.*#/price", "computes cost and balance with it"),
    (r"models/.*#/typical_duration", "takes that long with `--duration typical`"),
    (r"models/.*/default$", "uses it where the field is omitted"),
    (r"models/.*#/input|submit-request\.json", "rejects a violation with 400"),
    (r"models/.*#", "offers the model"),
    (r"sizes/", "makes files with these pixels"),
    (r"service\.json#/promises/", "does so"),
    (r"service\.json#/errors/", "responds so"),
    (r"service\.json#/operations/", "has this route"),
    (r"service\.json#/authentication", "requires a token below this path"),
    (r"service\.json#/(base_url|cdn_url)", "stands in for it with `run` and in pytest"),
    (r"service\.json#/results/", "makes such files"),
    (r"service\.json#", "does so; there is no setting"),
    (r"common\.json", "checks requests and responses by it"),
    (r"", "returns such documents; they are validated in every test"),
)
"""What the mock does with a clause: the first pattern that its place starts with."""


class Clause(NamedTuple):
    """A row of the page."""

    place: str
    confidence: str
    page: str
    says: str

    @property
    def section(self) -> str:
        """The heading that it stands below."""
        by_confidence = {"corroborated": _ELSEWHERE, "assumed": _NOWHERE}
        return by_confidence.get(self.confidence, self.page)


def clauses(contract: Contract) -> Iterator[Clause]:
    """Find every node with a source, in the order of the files."""
    yield from _walk("service.json#", contract.service)
    for uri, document in sorted(contract.schemas.documents.items()):
        name = uri.removeprefix(BASE)
        if not name.startswith(("service.json", *_NOT_THE_API)):
            yield from _walk(f"{name}#", document)


def _walk(place: str, node: Any) -> Iterator[Clause]:
    members: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, list):
        members = enumerate(node)
    elif isinstance(node, dict):
        members = node.items()
        source = node.get("x-source")
        if isinstance(source, dict) and "confidence" in source:
            yield Clause(place, source["confidence"], source["page"], _says(node))
    for name, member in members:
        if name != "x-source":
            yield from _walk(f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}", member)


_WORDS = ("text", "description", "x-accepts", "x-message", "summary", "title")
_SHOWN = {
    "value": "{}",
    "msg": "msg {!r}",
    "enum": "one of {}",
    "const": "always {}",
    "minimum": "from {}",
    "maximum": "to {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "required": "required: {}",
    "ratio": "{}",
    "pixels": "{}",
    "per": "per {}",
    "usd": "US$ {}",
    "seconds": "{} s",
    "path": "{}",
    "scheme": "Authorization: {} <token>",
    "prefix": "below {}",
    "default": "default {}",
}


def _says(node: dict[str, Any]) -> str:
    """Return a clause in its own words and values."""
    words = next((str(node[name]) for name in _WORDS if isinstance(node.get(name), str)), "")
    joints = {"seconds": " to ", "pixels": " x "}
    values = [
        form.format(_value(node[name], joints.get(name, ", ")))
        for name, form in _SHOWN.items()
        if name in node
    ]
    if node.get("usd", 0) is None:
        values[-1] = "price not published"
    values = [] if "text" in node else values
    kind = f"{node['type']}" if isinstance(node.get("type"), str) and not words else ""
    return "; ".join(filter(None, (kind, words.rstrip("."), *values)))


def _value(value: Any, joint: str = ", ") -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(one, ' x ')}" for name, one in value.items())
    if isinstance(value, list):
        return joint.join(map(_value, value))
    return "null" if value is None else str(value)


def mock_does(place: str) -> str:
    """Return what the mock does with a clause."""
    for name, setting in SETTINGS.items():
        fact = setting.metadata["fact"].replace(".", "/")
        if fact and place == f"service.json#/{fact}":
            return f"the default of `{option_of(name)}`"
    return next(text for pattern, text in _MOCK if re.match(pattern, place))


def checks(contract: Contract, place: str) -> list[str]:
    """Return the ids of the checks that look at a clause."""
    return [one.id for one in CHECKS if any(_covers(contract, c, place) for c in one.clauses)]


def _covers(contract: Contract, clause: str, place: str) -> bool:
    """Return whether a check that names *clause* looks at *place*."""
    if clause == _CARD_INPUT and re.match(r"models/[^#]*#/input", place):
        return True
    clause = re.sub(r"/rows/0$", "/rows", clause)
    if clause.endswith("#"):
        return place.partition("#")[0] in _files(contract, clause[:-1])
    return place == clause or place.startswith(f"{clause}/")


def _files(contract: Contract, file: str) -> set[str]:
    """Return a file and all files that it refers to."""
    found, waiting = set(), [file]
    while waiting:
        name = waiting.pop()
        if name in found or BASE + name not in contract.schemas.documents:
            continue
        found.add(name)
        text = str(contract.schemas.documents[BASE + name])
        waiting += re.findall(r"'\$ref': '([\w-]+\.json)", text)
    return found


def rendered(contract: Contract) -> str:
    """Write the whole page."""
    sections: defaultdict[str, list[Clause]] = defaultdict(list)
    for clause in clauses(contract):
        sections[clause.section].append(clause)
    lines = [_HEAD]
    for name in sorted(sections, key=lambda name: (name in _LAST, name == _NOWHERE, name)):
        lines += [f"## {name}", "", "| clause | how sure | in `schemas/` | the mock | checks |"]
        lines.append("|---|---|---|---|---|")
        lines += [_row(contract, one) for one in sections[name]]
        lines.append("")
    return "\n".join(lines)


def _row(contract: Contract, clause: Clause) -> str:
    says = clause.says
    if clause.section in _LAST and clause.page != "our own choice":
        says += f" ({clause.page})"
    looked = ", ".join(checks(contract, clause.place)) or _unchecked(clause.place)
    place = f"`{clause.place}`"
    cells = (says, clause.confidence, place, mock_does(clause.place), looked)
    return f"| {' | '.join(_cell(one) for one in cells)} |"


def _unchecked(place: str) -> str:
    """Return what stands for the checks of a clause that no check names."""
    is_used_by_all = re.match(r"service\.json#/(operations/|authentication|base_url)", place)
    return "all that send requests" if is_used_by_all else "none"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;").strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(rendered(load_contract()), "utf-8")
