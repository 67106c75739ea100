"""Parts of result files, without a server."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.client import Answer, Client, seed
from tests.conftest import MakeClient


@pytest.fixture
def ask(make_client: MakeClient) -> object:
    """A function that asks for a file of one task, with some headers."""
    client: Client = make_client(pace="instant")
    [url] = client.poll(client.submitted(seed()))["result"]["urls"]
    return lambda method="GET", **headers: client.request(method, urlsplit(url).path, b"", headers)


def shape(answer: Answer) -> tuple[int, int, str | None]:
    """Return what matters of a response."""
    return answer.status, len(answer.body), answer.headers.get("content-range")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, -1),
        ("bytes=7-7", 7, 7),
        ("bytes=3-99999999999", 3, -1),
        ("bytes=-1", -1, -1),
        ("bytes=-99999999999", 0, -1),
        ("Bytes = 0-1", None, None),
        ("BYTES=0-1", 0, 1),
        ("bytes= 2-3 ", 2, 3),
        ("bytes=5-4", None, None),
        ("bytes=-", None, None),
        ("bytes=a-b", None, None),
        ("bytes=0-1,3-4", None, None),
        ("bytes=0-1-2", None, None),
        ("bytes=" + "9" * 5000 + "-", None, None),
        ("bytes=\u0663-\u0664", None, None),
        ("lines=0-1", None, None),
        ("", None, None),
    ],
)
def test_one_range_gets_a_response(ask: object, asked: str, first: int | None, last: int) -> None:
    """Exactly its bytes; what cannot be read, or names several ranges, is ignored."""
    whole: Answer = ask()  # type: ignore[operator]
    size = len(whole.body)

    answer: Answer = ask(range=asked)  # type: ignore[operator]

    if first is None:
        assert shape(answer) == (200, size, None)
        return
    first, last = first % size, last % size
    assert shape(answer) == (206, last - first + 1, f"bytes {first}-{last}/{size}")
    assert answer.body == whole.body[first : last + 1]
    assert answer.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0"])
def test_a_range_beyond_the_file_is_rejected(ask: object, asked: str) -> None:
    """416 in the API's envelope, with the file's true size."""
    size = len(ask().body)  # type: ignore[operator]

    answer: Answer = ask(range=asked.format(size=size))  # type: ignore[operator]

    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert "is beyond the file; use one within its" in answer.msg


def test_the_whole_file_where_a_part_could_be_wrong(ask: object) -> None:
    """With If-Range, as no validator was given that could match, and for HEAD, as HTTP says."""
    whole = ask()  # type: ignore[operator]

    answers = [
        ask(range="bytes=0-1", **{"if-range": '"x"'}),  # type: ignore[operator]
        ask("HEAD", range="bytes=0-1"),  # type: ignore[operator]
    ]

    assert [shape(answer) for answer in answers] == [shape(whole)] * 2
    assert {answer.headers["accept-ranges"] for answer in (whole, *answers)} == {"bytes"}


@pytest.mark.parametrize(("scenario", "status"), [("result-html", 200), ("result-truncated", 206)])
def test_scenarios_of_the_file_come_first(
    make_client: MakeClient, scenario: str, status: int
) -> None:
    """A web page has no parts; a part can break off, too."""
    client = make_client(pace="instant")
    task_id = client.submitted(seed(prompt=f"a cat #mock:{scenario}"))
    [url] = client.poll(task_id)["result"]["urls"]

    answer = client.request("GET", urlsplit(url).path, b"", {"range": "bytes=0-99"})

    assert answer.status == status
