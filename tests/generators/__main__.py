"""Tries what reads OpenAPI on our document, and writes `docs/openapi.md`: `make generators`.

Names as arguments (`python -m tests.generators go java`) try only those whose name has one of
them; the page keeps the other rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mockserver.contract import load_contract
from mockserver.contract.loader import pretty
from mockserver.contract.openapi import openapi_document
from mockserver.testing.mocks import running_mock
from mockserver.version import __version__
from tests.generators.page import NONE, PAGE, Row, rendered
from tests.generators.place import ROOT, Place, StepFailedError, ToolMissingError, log
from tests.generators.trials import TRIALS, Trial

_FOLDER = ROOT / "build" / "generators"


def main(names: list[str]) -> int:
    """Try the tools; return the exit status: 1 if one of them fails."""
    tried = [one for one in TRIALS if not names or any(name in one.name for name in names)]
    document = pretty(openapi_document(load_contract(), version=__version__))
    with running_mock(duration="300ms", api_key="generated") as mock:
        place = Place(_FOLDER, document, mock.url)
        Path(f"{place.document}.yaml").write_text(
            "project_name_override: client\npackage_name_override: maxapi\n", "utf-8"
        )
        rows = [_row(place, trial) for trial in tried]
    PAGE.write_text(rendered(rows), "utf-8")
    return int(any(cell.startswith("no") for row in rows for cell in row.cells))


def _row(place: Place, trial: Trial) -> Row:
    folder = place.fresh(trial.name)
    cells, notes = [NONE, NONE, NONE], [trial.note] if trial.note else []
    for at, step in enumerate((trial.generates, trial.compiles, trial.talks)):
        if step is None:
            continue
        try:
            step(place, folder)
            cells[at] = "yes"
        except StepFailedError as error:
            cells[at] = "no"
            notes.append(str(error))
            break
        except ToolMissingError as error:
            cells[at] = "not tried"
            notes.append(str(error))
            break
    try:
        version = place.version(trial.package)
    except (StepFailedError, ToolMissingError):
        version = NONE
    row = Row(trial, version, tuple(cells), "; ".join(notes))
    log(f"{trial.name} {version}: {', '.join(cells)} {row.note}")
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
