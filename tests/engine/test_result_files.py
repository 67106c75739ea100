"""Result files."""

from __future__ import annotations

import io
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from PIL import Image

from mockserver.contract import load_contract
from mockserver.engine.result_files import Results
from mockserver.media import Picture
from tests.client import Client, seed
from tests.conftest import MakeClient, seconds

CONTRACT = load_contract()


def finished_urls(client: Client, document: object) -> list[str]:
    """Submit, let the task end, and return the paths of its results."""
    task_id = client.submitted(document)
    client.sandbox.clock.advance(seconds(2))
    return [urlsplit(url).path for url in client.poll(task_id)["result"]["urls"]]


@pytest.mark.parametrize(
    ("ratio", "resolution"),
    [
        (ratio, resolution)
        for ratio, sizes in CONTRACT.cards["gpt-image-2/image-to-image"].sizes.items()
        for resolution in sizes
    ],
)
def test_each_size_of_the_table_is_drawn(client: Client, ratio: str, resolution: str) -> None:
    """A real PNG with exactly the card's pixels, for each ratio and resolution there is."""
    [path] = finished_urls(client, seed(ratio=ratio, resolution=resolution))

    answer = client.request("GET", path)

    with Image.open(io.BytesIO(answer.body)) as image:
        image.load()
        size = CONTRACT.cards["gpt-image-2/image-to-image"].sizes[ratio][resolution]
        assert (image.format, image.size) == ("PNG", size)
    assert answer.headers["content-type"] == "image/png"


def test_n_images_without_a_token(client: Client) -> None:
    """One URL an image, each with its own picture; a result needs no token, as on a CDN."""
    paths = finished_urls(client, seed(n=3))

    images = [client.as_key(None).request("GET", path).body for path in paths]

    assert [path.rpartition("/")[2] for path in paths] == [f"image-{i}.png" for i in range(3)]
    assert len(set(images)) == 3


def test_the_same_task_gives_the_same_bytes(make_client: MakeClient) -> None:
    """Whether or not they were kept, and on another server with the same seed."""
    clients = [make_client(seed="1", image_cache=size) for size in (0, 10**9)]
    paths = [finished_urls(client, seed())[0] for client in clients]

    images = {
        client.request("GET", path).body
        for client, path in zip(clients, paths, strict=True)
        for _ in range(2)
    }

    assert len(images) == 1


def test_the_cache_stays_within_its_limit(make_client: MakeClient) -> None:
    """What was used longest ago goes first; a long prompt counts as well."""
    client = make_client(pace="instant")
    task = client.sandbox.get(client.submitted(seed(n=10, prompt="a" * 2000)))
    card, size = CONTRACT.cards[task.model], 0
    results = Results(40_000, "1:1")

    for index in range(10):
        size += len(results.file(task, card, index))

    assert size > 40_000
    assert 0 < results._cached_bytes <= 40_000
    assert results._cached_bytes > sum(len(made) + 2000 for made in results._cache.values())
    kept = {picture.seed for _, picture in results._cache if isinstance(picture, Picture)}
    assert f"{task.id}/9" in kept
    assert f"{task.id}/0" not in kept


def test_an_id_that_comes_again_brings_no_old_file(make_client: MakeClient) -> None:
    """A seed makes ids repeat after a reset; the file is that of the new task."""
    client = make_client(seed="1", pace="instant")
    sizes = []

    for ratio in ("1:1", "16:9"):
        url = client.poll(client.submitted(seed(ratio=ratio)))["result"]["urls"][0]
        with Image.open(io.BytesIO(client.request("GET", urlsplit(url).path).body)) as image:
            sizes.append(image.size)
        client.control("reset", "POST")

    assert sizes == [(1024, 1024), (1536, 864)]


def test_a_video_model_gives_an_mp4(client: Client) -> None:
    """Under the video path, with the video type."""
    video = {"model": "veo3", "input": {"prompt": "a cat", "duration": 4}}
    [path] = finished_urls(client, video)

    answer = client.request("GET", path)

    assert path.endswith("/video-0.mp4")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.body[4:8] == b"ftyp"


def test_a_result_is_there_from_the_end_until_seven_days_later(client: Client) -> None:
    """Nothing before SUCCESS; after seven days of the clock the URL is gone."""
    task_id = client.submitted(seed())
    early = client.request("GET", f"/images/{client.sandbox.id}/{task_id}/image-0.png")
    client.sandbox.clock.advance(seconds(2))
    path = urlsplit(client.poll(task_id)["result"]["urls"][0]).path
    client.sandbox.clock.advance(timedelta(days=7) - seconds(0.001))
    last = client.request("GET", path)
    client.sandbox.clock.advance(seconds(0.001))

    gone = client.request("GET", path)

    assert (early.status, last.status, gone.status) == (404, 200, 410)
    assert "expired" in gone.msg


def test_other_result_paths_are_not_found(client: Client) -> None:
    """A number beyond n, another kind, another sandbox, another task."""
    [path] = finished_urls(client, seed())
    wrong = [
        path.replace("image-0", "image-1"),
        path.replace("images", "videos").replace("image-0.png", "video-0.mp4"),
        path.replace(client.sandbox.id, "0" * 16),
        path.replace("/image-0", "x/image-0"),
        path.replace("image-0", "image-00"),
    ]

    assert [client.request("GET", one).status for one in wrong] == [404] * 5


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("mock:6290", "http://mock:6290/images/"),
        ("[::1]:80", "http://[::1]:80/images/"),
        ("evil.test/x?", "http://127.0.0.1:6290/images/"),
    ],
)
def test_urls_name_the_host_that_the_client_used(client: Client, host: str, base: str) -> None:
    """The client reached the mock there; nonsense is replaced by the address listened on."""
    answer = client.submit(seed(), host=host)
    client.sandbox.clock.advance(seconds(2))

    [url] = client.poll(answer.json["data"]["taskId"])["result"]["urls"]

    assert url.startswith(base)


def test_public_url_wins(make_client: MakeClient) -> None:
    """For a mock behind another name."""
    client = make_client(public_url="https://files.example/mock")
    task_id = client.submitted(seed())
    client.sandbox.clock.advance(seconds(2))

    [url] = client.poll(task_id)["result"]["urls"]

    assert url.startswith("https://files.example/mock/images/")
    assert client.request("GET", urlsplit(url).path.removeprefix("/mock")).status == 200
