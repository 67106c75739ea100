"""Writes `docs/openapi.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.generators.place import ROOT
from tests.generators.trials import TRIALS, Trial

PAGE = ROOT / "docs" / "openapi.md"
RESULTS = "## What works"
NONE = "-"

_HEAD = """\
# OpenAPI

`maxapi-mock openapi > openapi.json` writes the contract as one OpenAPI 3.1 document. A running
mock serves the same document at `/__mock/openapi.json`.

It has the three operations of the API under the tag `task`, and the mock's own routes under the tag
`mock`. For a client that your app ships, leave these out: `maxapi-mock openapi --api-only`.

With `--model-cards` or `--service` the document has your models and facts, too.

## What it says

- A submission is `oneOf` one schema for each model; the discriminator is `model`. So a typed client
  knows which `input` a model takes.
- The webhook is a callback of the submission. Links say that `taskId` leads to a poll or a
  cancellation.
- Each model has an example. Their `callBackUrl` is on a host that does not exist, so that tools
  which send examples call nobody.
- `x-source` says how sure we are of a clause, and which page of the API states it.
- Rules between fields, for example which ratios exist at 4k, are in `dependentSchemas`. Generators
  do not read them; the API, or the mock, rejects what breaks them.

The document accepts what the mock accepts: a test compares both on generated submissions.

## Make a client

Give the client the mock's URL as its base URL, and any API key as its bearer token.

| language | tool | command |
|---|---|---|
"""
_TAIL = """
*compiles*: `tsc --strict`, `go build`, `javac`, or Python's `compileall`. *submits and polls*: a
program that uses the client gets a task from submission to `SUCCESS` from the mock. For Prism and
Schemathesis, which make no client, *generates* means that a submission and a poll pass, a wrong
submission is rejected, and no check fails.

`make generators` installs the tools into `build/generators/`, tries them, and writes this page.
What cannot be installed is *not tried*.
"""


class Row(NamedTuple):
    """A tool, and what it does."""

    trial: Trial
    version: str
    cells: tuple[str, ...]
    """Whether it generates, compiles, and submits and polls."""
    note: str


def head() -> str:
    """Return the page as far as it does not depend on a run."""
    rows = (f"| {one.language} | {one.tool} | `{one.line}` |\n" for one in TRIALS)
    return f"{_HEAD}{''.join(rows)}\n{RESULTS}\n"


def rendered(rows: Sequence[Row]) -> str:
    """Return the complete page; rows of tools that were not tried are those of the old page."""
    old = PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []
    tried = {row.trial: _line(row) for row in rows}
    lines = [
        "",
        "| language | tool | version | generates | compiles | submits and polls | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for trial in TRIALS:
        start = f"| {trial.language} | {trial.tool} | "
        known = [line for line in old if line.startswith(start)]
        lines += [tried[trial]] if trial in tried else known[-1:]
    return head() + "\n".join(lines) + "\n" + _TAIL


def _line(row: Row) -> str:
    cells = (row.trial.language, row.trial.tool, row.version, *row.cells, row.note)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")
