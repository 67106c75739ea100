"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import inspect
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import mockserver.testing
from mockserver.version import __version__

HERE = Path(__file__).parent

project = "maxapi-mockserver"
version = release = __version__
copyright = ""  # noqa: A001 - Sphinx's own name
extensions = ["myst_parser", "sphinx.ext.autodoc"]

myst_heading_anchors = 3

default_role = "code"
"""Docstrings have `names` in single backticks."""
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!mockserver\.testing\.[A-Z])(.*\.)?\w+"),  # what has no page here
]

smartquotes = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = "maxapi-mockserver"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

_OUTSIDE = r"\[([^]]+)\]\((\.\./[^)#\s]+)\)"
"""A link to something that is not in this folder."""


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Fill the front page's last list, and let no link lead to what the website does not have."""
    text = source[0]
    if name == "index":
        listed = set(re.findall(r"^([\w/-]+)$", text, re.MULTILINE))
        text = text.replace("% the rest", "\n".join(sorted(app.env.found_docs - listed - {name})))
    source[0] = re.sub(_OUTSIDE, _without_link, text)


def _without_link(link: re.Match[str], *, also_files: bool = False) -> str:
    """Return the text of a link to a folder or page of the repository, and where that is.

    Files are left: the website has copies of them.
    """
    text, path = link[1].strip("`"), link[2].removeprefix("../").rstrip("/")
    target = HERE.parent / path
    if not also_files and target.is_file() and target.suffix != ".md":
        return link[0]
    return f"`{path}`" if path.endswith(text.rstrip("/")) else f"{link[1]} (`{path}`)"


def write_for_assistants(app: Sphinx, error: Exception | None) -> None:
    """Write each page's Markdown next to its HTML, and `llms.txt`, which lists them."""
    if error or app.builder.name != "html":
        return
    lines = [f"# {project}", "", "> A local mock of MaxAPI for tests.", "", "## Pages", ""]
    for name in sorted(app.env.found_docs, key=lambda name: (name != "index", name)):
        source = [(HERE / f"{name}.md").read_text("utf-8")]
        prepare(app, name, source)
        text = twin(source[0])
        page = Path(app.outdir) / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
        lines.append(f"- [{title_of(text)}]({name}.md): {summary_of(text)}")
    for picture in (HERE / "images").glob("*.png"):
        folder = Path(app.outdir) / "images"
        folder.mkdir(exist_ok=True)
        shutil.copy(picture, folder)
    (Path(app.outdir) / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")


def twin(text: str) -> str:
    """Return the Markdown of a page, with what Sphinx would put in place of its directives."""
    everything = partial(_without_link, also_files=True)
    text = re.sub(_OUTSIDE, everything, text)
    text = re.sub(r"^<!-- .* -->\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^```\{([\w-]+)\}(.*?)^```$", _directive, text, flags=re.DOTALL | re.MULTILINE)


def _directive(found: re.Match[str]) -> str:
    name, body = found[1], found[2]
    if name == "include":
        text = (HERE / body.split()[0]).read_text("utf-8")
        return text.replace("](docs/", "](").strip()
    if name == "toctree":
        pages = re.findall(r"^([\w/-]+)$", body, re.MULTILINE)
        title = re.findall(r":caption: (.+)", body)[0]
        sources = [twin((HERE / f"{page}.md").read_text("utf-8")) for page in pages]
        lines = [
            f"- [{title_of(one)}]({page}.md)" for page, one in zip(pages, sources, strict=True)
        ]
        return "\n".join([f"## {title}", "", *lines]) if lines else ""
    documented = re.findall(r"^\.\. auto(\w+):: (\w+)$", body, re.MULTILINE)
    return "\n\n".join(_described(kind, name) for kind, name in documented)


def _described(kind: str, name: str) -> str:
    """Return the docstrings of a public object and of its own public members."""
    value = getattr(mockserver.testing, name)
    if kind == "data":
        return f"### `{name}`"
    parts = [f"### `{name}{_signature(value)}`", inspect.getdoc(value) or ""]
    for member, one in inspect.getmembers(value) if kind in {"class", "exception"} else ():
        function = getattr(one, "fget", one)
        is_own = str(getattr(function, "__module__", None)).startswith("mockserver")
        if not member.startswith("_") and is_own and inspect.getdoc(function):
            parts.append(f"`{member}{_signature(one)}`: {inspect.getdoc(function)}")
    return "\n\n".join(parts)


def _signature(value: Any) -> str:
    try:
        text = re.sub(r"\(self(, )?", "(", str(inspect.signature(value)))
        return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    except (TypeError, ValueError):
        return ""


def title_of(text: str) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else "?"


def summary_of(text: str) -> str:
    """Return the first sentence of a page as plain text."""
    paragraphs = (one for one in text.split("\n\n") if re.match(r"[\w`*\[]", one))
    paragraph = next(one for one in paragraphs if len(one) > 30)
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
    return re.split(r"(?<=[.?])\s", plain)[0]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what this file adds."""
    app.connect("source-read", prepare)
    app.connect("build-finished", write_for_assistants)
    return {"parallel_read_safe": True}
