"""The catalogue as a document, `MUTANTS.md`."""

from __future__ import annotations

from pathlib import Path

from tests.mutants.table import MUTANTS, SUBJECTS

FILE = Path(__file__).parents[1] / "DRIFTS.md"

_HEAD = f"""\
# Drifts

{len(MUTANTS)} targets that are wrong on purpose, each in one thing: a layer over the mock.
`make drift-check` holds the whole suite against each of them. It fails unless the law and the
clause of its row are named, at the severity of its row; and if anything is found on a target that
is lawful but unlike the mock (`drifts/control.py` lists these), except what no page says.
`python -m tests.mutants.check --write` writes this page.

What no page promises and nobody assumes, no law holds, and no run finds: that a video is as long
as was asked for, that files are there for seven days, that a price is charged. Of values that no
card knows, a run tries some, not all: those that other models take, and the neighbours of a
field's own.
"""


def markdown() -> str:
    """Write the document."""
    lines = [_HEAD]
    for subject, mutants in SUBJECTS.items():
        lines += [f"## {subject}", "", "| drift | | caught by | clause | severity |"]
        lines.append("|---|---|---|---|---|")
        for one in mutants:
            cells = f"`{one.name}`", one.sentence, one.check, f"`{one.clause}`", one.severity
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)
