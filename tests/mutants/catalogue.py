"""The catalogue as a document, `MUTANTS.md`."""

from __future__ import annotations

from pathlib import Path

from tests.mutants.table import MUTANTS, SUBJECTS

FILE = Path(__file__).parent / "MUTANTS.md"

_HEAD = f"""\
# Mutants

{len(MUTANTS)} targets that are wrong on purpose, each in one thing: a layer over the mock.
`make mutants` runs the suite on each of them: first the checks nearest to the mutant, and all of
them if these do not catch it (`WHOLE=1` always runs all). It fails unless the check and the clause
of its row are named, at the severity of its row. It also fails if anything is found on a target
that conforms but is unlike the mock (`tests/mutants/control.py` lists these), except what no page
says.
`python -m tests.mutants.trials --write` writes this page.

What no page promises and no clause assumes, no check covers and no run finds: that a video is as
long as requested, that files are there for seven days, that a price is charged. Of values that no
card knows, a run tries some, not all: those that other models accept, and values close to a
field's own.
"""


def markdown() -> str:
    """Write the document."""
    lines = [_HEAD]
    for subject, mutants in SUBJECTS.items():
        lines += [f"## {subject}", "", "| mutant | | caught by | clause | severity |"]
        lines.append("|---|---|---|---|---|")
        for one in mutants:
            cells = f"`{one.name}`", one.sentence, one.check, f"`{one.clause}`", one.severity
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)
