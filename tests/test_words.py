"""The project says the same thing by the same word everywhere, and the glossary lists the words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"

OLD_WORDS = {
    r"mischiefs?": "fault",
    r"(?:hold|holds|held|holding)\b[^.;:]{0,80}?\bagainst": "check, compare",
    r"laws?": "check",
    r"lawful": "conforming, valid",
    r"(?:refuse|refuses|refused|refusing|refusals?)": "reject, error",
    r"(?:witness|witnesses)": "decoder",
    r"nobody (?:documents|publishes)": "undocumented, without a published price",
    r"(?:is|are) no(?! longer\b| more\b)": "is not a, there is no",
    r"beside": "besides, next to",
    r"but for": "except",
    r"use such as": "use … , for example",
    r"^(?-i:Give|Gives|Say|Says)(?! up\b)": "return, as the first word of a docstring",
}
"""What is no longer written, as patterns for whole words, and what is written instead."""

ALLOWED = (
    r"connections? (?:is |was |were )?refused",
    r"refuses? connections?",
    r"connection-refused",
    r"'refuse'",  # a value of --unknown-fields
    r"there (?:is|are) no\b",
    r"\.refusals\b",  # a member of service.json
)
"""Texts that may contain an old word, because there it is the right one."""

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
ROOMS = ("bench", "contract_tests", "mockserver")
"""Where code is checked, too: its docstrings, messages and help texts."""

_BASES = (ROOT, ROOT / "mockserver")
_ENTRY = re.compile(r"^- \*\*(.+?)\*\*(.*?)(?=^- |\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_ALLOWED = re.compile("|".join(ALLOWED), re.IGNORECASE)
_FOUND = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in OLD_WORDS), re.IGNORECASE)


def entries() -> list[tuple[str, str]]:
    """Read the glossary: each word with what stands behind it."""
    return _ENTRY.findall(GLOSSARY.read_text("utf-8"))


def old_words(text: str) -> Iterator[str]:
    """Find what is no longer written, with some text around it."""
    prose = _ALLOWED.sub("", re.sub(r"\s+", " ", text))
    for found in _FOUND.finditer(prose):
        yield prose[max(found.start() - 40, 0) : found.end() + 40]


def strings(source: str) -> Iterator[tuple[int, str]]:
    """List the docstrings and messages of a module, each with its line; names are not texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def test_the_glossary_is_in_alphabetical_order() -> None:
    """So that a word is found by looking for it."""
    words = [word.lower() for word, _ in entries()]

    assert words
    assert words == sorted(set(words))


def test_an_entry_of_the_glossary_is_short() -> None:
    """At most two lines of a usual page."""
    long = [word for word, text in entries() if len(word) + len(text) > 200]

    assert long == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_have_no_old_words(page: Path) -> None:
    """Except where the glossary names them as such, and in code."""
    text = _CODE.sub("`code`", page.read_text("utf-8"))
    if page == GLOSSARY:
        text = re.sub(r"\bNot:[^-]*?(?=^- |\Z)", "", text, flags=re.MULTILINE)

    assert list(old_words(text)) == []


@pytest.mark.parametrize("room", ROOMS)
def test_code_has_no_old_words(room: str) -> None:
    """Neither its docstrings nor its messages."""
    hits = [
        f"{path.relative_to(ROOT)}:{line}: {hit}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, text in strings(path.read_text("utf-8"))
        for hit in old_words(text)
    ]

    assert hits == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/glossary.md"])
def test_what_a_page_names_exists(page: str) -> None:
    """Its files and folders, and its functions and classes."""
    named = re.findall(r"`([^`\n]+)`", (ROOT / page).read_text("utf-8"))
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "mockserver").rglob("*.py"))
    files = [name for name in named if re.fullmatch(r"[\w./-]+/[\w.-]*", name)]
    names = [name for name in named if re.fullmatch(r"[A-Z]\w*[a-z]\w*|[a-z]+_\w+", name)]

    lost = [name for name in files if not any((base / name).exists() for base in _BASES)]
    lost += [name for name in names if not re.search(rf"\b{name}\b", source)]

    assert lost == []
