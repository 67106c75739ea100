"""The documentation builds without a warning, and none of its links is dead."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.readme import DOCS, ROOT

pytest.importorskip("sphinx")


class _Page(HTMLParser):
    """Collects the links and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        values = dict(attrs)
        self.anchors.update(value for name in ("id", "name") if (value := values.get(name)))
        self.links += [value for name in ("href", "src") if (value := values.get(name))]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation as `make docs` does, once for all workers; return the folder."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = shared / "docs"
    with (shared / "docs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "llms.txt").exists():
            _build(folder)
    return folder


def _build(folder: Path) -> None:
    [line] = re.findall(r"^docs:.*\n\t(\S.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    words = line.replace("$(BIN)/python", sys.executable).replace("build/docs", str(folder)).split()
    done = subprocess.run(
        [*words, "-d", str(folder.with_name("doctrees"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_every_link_leads_somewhere(built: Path) -> None:
    """Within the built pages, anchors included; other hosts are not asked."""
    pages = {path: _Page(path.read_text("utf-8")) for path in built.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("#top"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else None
            if not target.exists() or (
                parts.fragment and anchors is not None and unquote(parts.fragment) not in anchors
            ):
                dead.append(f"{path.relative_to(built)}: {link}")

    assert len(pages) > 25
    assert dead == []


@pytest.mark.slow
def test_each_page_has_a_markdown_twin_that_llms_txt_lists(built: Path) -> None:
    """Next to it, without what only Sphinx understands, and with a sentence about it."""
    twins = {path.relative_to(built).as_posix(): path.read_text() for path in built.rglob("*.md")}
    names = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    listed = re.findall(
        r"^- \[(.+)\]\((.+)\): (.+)$", (built / "llms.txt").read_text(), re.MULTILINE
    )

    dead = [
        f"{name}: {link}"
        for name, text in twins.items()
        for link in re.findall(r"\]\(([^)#\s]+)", re.sub(r"`[^`\n]*`", "", text))
        if not urlsplit(link).scheme and not (built / name).parent.joinpath(link).exists()
    ]

    assert dead == []
    assert set(twins) == names == {page for _, page, _ in listed}
    assert [name for name, text in twins.items() if "```{" in text or "<!--" in text] == []
    assert [page for title, page, _ in listed if title == "?"] == []
    assert [name for name in names if not (built / name).with_suffix(".html").exists()] == []


@pytest.mark.slow
def test_the_python_api_shows_every_public_name(built: Path) -> None:
    """With an anchor of its own."""
    import mockserver.testing

    anchors = _Page((built / "python-api.html").read_text("utf-8")).anchors

    public = {f"mockserver.testing.{name}" for name in mockserver.testing.__all__}
    assert public - anchors == set()


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_the_links_of_a_page_outside_are_alive(page: Path) -> None:
    """Those of README.md and its neighbours, which Sphinx does not read."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    local = [link for link in links if not urlsplit(link).scheme]

    dead = [link for link in local if not _leads_somewhere(page, link)]

    assert dead == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE) if anchor else []
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return not anchor or anchor in slugs
