"""Shell lines that send a request again."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.network.curl import curl_line, shell_word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain", "plain"),
        ("two words", "'two words'"),
        ("Authorization: Bearer $KEY", '"Authorization: Bearer $KEY"'),
        ("$KEYs", '"${KEY}s"'),
        ('a "$KEY" `b` $c \\', r'"a \"$KEY\" \`b\` \$c \\"'),
    ],
)
def test_a_word_is_quoted_except_for_its_variables(text: str, word: str) -> None:
    """Everything that a shell would expand otherwise is escaped."""
    assert shell_word(text, "$KEY") == word


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_a_shell_reads_a_word_as_it_was() -> None:
    """Whatever characters it has; a variable has its value."""

    @given(st.text(st.characters(codec="ascii", exclude_characters="\0\r"), max_size=20))
    def check(text: str) -> None:
        words = f"{shell_word(text, '$KEY')} {shell_word(text + '$KEY', '$KEY')}"
        done = subprocess.run(
            ["sh", "-c", f"printf '%s|' {words}"],
            env={"KEY": "secret"},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )

        read = text.replace("$KEY", "secret")
        assert done.stdout == f"{read}|{read}secret|"

    check()


@pytest.mark.parametrize(
    ("method", "headers", "body", "line"),
    [
        ("GET", (), "", "curl -sg http://h/"),
        ("GET", (), "@x", "curl -sg http://h/ -X GET --data-raw @x"),
        ("HEAD", ("A:1",), "", "curl -sg http://h/ -I -H A:1"),
        ("POST", ("A:1", "B:2"), "@x", "curl -sg http://h/ -X POST -H A:1 -H B:2 --data-raw @x"),
    ],
)
def test_a_line_sends_a_request(
    method: str, headers: tuple[str, ...], body: str, line: str
) -> None:
    """With its method, headers and body."""
    assert curl_line(method, "http://h/", headers, body) == line
