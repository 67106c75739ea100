"""Text of a target that is safe to show.

Whatever bytes a target sent, no terminal, page or parser finds anything in these texts to obey.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Write every character that is not visible as an escape, except line breaks."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def one_line(text: str, most: int = 400) -> str:
    """Write a text on one line, cut after *most* characters."""
    line = printable(text[: most + 1]).replace("\n", "\\n")
    return line if len(line) <= most else f"{line[:most]}..."


def plural(number: int, name: str) -> str:
    """Write a number of things."""
    return f"{number} {name}{'' if number == 1 else 's'}"
