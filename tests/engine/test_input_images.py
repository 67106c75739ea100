"""An omitted ratio follows the first input image, where the mock can know it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from mockserver.contract import load_contract
from mockserver.domain.size import size_of
from mockserver.engine.input_images import LocalImages, is_loopback
from tests.client import Client, seed
from tests.conftest import MakeClient

CARDS = load_contract().cards
MODEL = seed()["model"]


def picture(width: int, height: int) -> bytes:
    """Draw a PNG."""
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


def result_url(client: Client, model: str = MODEL, **submitted: Any) -> str:
    """Submit a task that has ended at once; return its first result's URL."""
    document = {"model": model, "input": {"prompt": "a", **submitted}}
    urls = client.poll(client.submitted(document))["result"]["urls"]
    return str(urls[0])


def size_at(client: Client, url: str) -> tuple[int, int]:
    """Read the size of the image at one of the mock's own URLs."""
    answer = client.request("GET", urlsplit(url).path)
    with Image.open(io.BytesIO(answer.body)) as image:
        return image.size


@contextmanager
def serving(body: bytes, status: int = 200, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer on this machine; return its URL and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/in.png", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def instant(make_client: MakeClient) -> Client:
    """A client whose tasks end at once."""
    return make_client(pace="instant")


def test_a_result_of_the_mock_gives_its_ratio(instant: Client) -> None:
    """Edits of edits keep the shape, on whichever host the client reached the mock."""
    first = result_url(instant, imageUrls=["https://e.test/a.png"], ratio="21:9")
    second = result_url(instant, imageUrls=[first])
    third = result_url(instant, imageUrls=[second.replace("mock.test", "other.test")])

    assert [size_at(instant, url) for url in (first, second, third)] == [(2016, 864)] * 3


def test_it_is_the_nearest_ratio_that_the_model_takes(instant: Client) -> None:
    """Another model has other ratios, and gives images as objects."""
    source = result_url(instant, imageUrls=["https://e.test/a.png"], ratio="2:1")

    other = result_url(instant, "nano-banana-2", imageUrls=[source, "https://e.test/b.png"])
    third = result_url(instant, "seedream-4", imageUrls=[{"url": source}], resolution="4k")

    assert size_at(instant, other) == CARDS["nano-banana-2"].sizes["16:9"]["1k"]
    assert size_at(instant, third) == CARDS["seedream-4"].sizes["16:9"]["4k"]


def test_a_ratio_that_is_given_or_a_default_wins(instant: Client) -> None:
    """What the request says, and what a card says of omitted ratios."""
    source = result_url(instant, imageUrls=["https://e.test/a.png"], ratio="9:21")

    given = result_url(instant, imageUrls=[source], ratio="1:1")
    task_id = instant.submitted({"model": "veo3", "input": {"prompt": "a", "imageUrls": [source]}})

    assert size_at(instant, given) == (1024, 1024)
    assert instant.sandbox.get(task_id).source_size is None


def test_what_is_not_known_has_the_default_ratio(make_client: MakeClient) -> None:
    """An image elsewhere, a task that nobody knows, and an image of this machine unless asked."""
    client = make_client(pace="instant", default_ratio="3:2")
    with serving(picture(100, 300)) as (url, asked):
        known = result_url(client, imageUrls=["https://e.test/a.png"])
        for one in (known.rpartition("/")[0][:-3] + "abc/image-0.png", "https://e.test/a", url):
            assert size_at(client, result_url(client, imageUrls=[one])) == (1536, 1024)

    assert asked == []


def test_an_image_of_this_machine_is_looked_at_if_asked(make_client: MakeClient) -> None:
    """When the file is made and not before, and once."""
    client = make_client(pace="instant", read_input_images=True)
    with serving(picture(100, 200)) as (url, asked):
        first = result_url(client, imageUrls=[url])
        before = list(asked)
        sizes = [size_at(client, first), size_at(client, result_url(client, imageUrls=[url]))]

    assert before == []
    assert sizes == [(1024, 2048)] * 2
    assert asked == ["/in.png"]


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        (b"<html>", 200, {}),
        (picture(100, 200), 404, {}),
        (b"", 302, {"Location": "http://e.test/a.png"}),
    ],
)
def test_what_cannot_be_read_has_the_default_ratio(
    make_client: MakeClient, body: bytes, status: int, headers: dict[str, str]
) -> None:
    """A page, an error, and a redirect, which is not followed."""
    client = make_client(pace="instant", read_input_images=True)
    with serving(body, status, **headers) as (url, asked):
        size = size_at(client, result_url(client, imageUrls=[url]))

    assert size == (1024, 1024)
    assert asked == ["/in.png"]


def test_a_server_that_is_not_there_is_not_an_error() -> None:
    """The connection is refused, and the ratio is the default."""
    with serving(b"") as (url, _):
        pass

    assert LocalImages().shape(url) is None


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("http://localhost/a", True),
        ("http://127.0.0.1:8080/a", True),
        ("http://[::1]/a", True),
        ("http://a.localhost/a", False),
        ("http://localhost.e.test/a", False),
        ("http://127.0.0.1@e.test/a", False),
        ("http://10.0.0.1/a", False),
        ("http://0.0.0.0/a", False),
        ("https://example.com/a", False),
        ("http://[::1/a", False),
    ],
)
def test_only_this_machine_is_ever_asked(url: str, verdict: bool) -> None:  # noqa: FBT001
    """Names that another machine could claim are not looked up."""
    assert is_loopback(url) == verdict


@pytest.mark.parametrize(
    ("source", "ratio"),
    [((4000, 3000), "4:3"), ((1, 900), "9:21"), ((1000, 1010), "1:1"), ((7, 5), "4:3")],
)
def test_the_nearest_ratio(source: tuple[int, int], ratio: str) -> None:
    """On a scale on which twice and half are equally far."""
    assert size_of(CARDS[MODEL], {}, "1:1", source).ratio == ratio
