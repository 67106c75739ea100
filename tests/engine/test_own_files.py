"""A user's own pictures and videos as results."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from mockserver.media import Picture, write_mp4
from mockserver.settings import SettingError
from tests.client import Answer, Client, seed
from tests.conftest import MakeClient, seconds

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
CLIP = write_mp4(Picture(64, 64, (), "a clip", "1", 1))
VIDEO = {"model": "seedance-2.0", "input": {"prompt": "a wave"}}


def picture(
    colour: tuple[int, int, int], form: str = "PNG", size: tuple[int, int] = (40, 20)
) -> bytes:
    """Make a picture: its left and right quarters are black, what is between has the colour."""
    image = Image.new("RGB", size)
    width, height = size
    image.paste(colour, (width // 4, 0, width - width // 4, height))
    written = io.BytesIO()
    image.save(written, form, quality=100) if form != "PNG" else image.save(written, form)
    return written.getvalue()


Serving = Callable[..., Client]


@pytest.fixture
def serving(tmp_path: Path, make_client: MakeClient) -> Serving:
    """Make a client of a service whose results are files."""

    def make(files: dict[str, bytes], **settings: Any) -> Client:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return make_client(result_files=tmp_path, **settings)

    return make


def results(client: Client, document: Any = None, **headers: str) -> list[Answer]:
    """Submit, let the task end, and return its files."""
    task_id = str(client.submit(document or seed(), **headers).json["data"]["taskId"])
    client.sandbox.clock.advance(seconds(100_000))
    urls = client.poll(task_id)["result"]["urls"]
    return [client.request("GET", urlsplit(url).path) for url in urls]


def opened(answer: Answer) -> Image.Image:
    """Decode a picture."""
    image = Image.open(io.BytesIO(answer.body))
    image.load()
    return image


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_has_the_promised_pixels(serving: Serving, form: str) -> None:
    """It is scaled to fill them, what does not fit is cut off at the edges, and it is a PNG."""
    suffix = {"PNG": "png", "JPEG": "JPG", "WEBP": "webp"}[form]
    client = serving({f"own.{suffix}": picture(RED, form)})

    [answer] = results(client, seed(ratio="1:1"))

    image = opened(answer)
    edge, middle = (
        image.convert("RGB").getpixel((100, 500)),
        image.convert("RGB").getpixel((512, 512)),
    )
    assert (image.format, image.size) == ("PNG", (1024, 1024))
    assert answer.headers["content-type"] == "image/png"
    assert isinstance(edge, tuple)
    assert isinstance(middle, tuple)
    assert edge[0] > 200
    assert middle[0] > 200


def test_a_photo_that_lies_on_its_side_is_turned(serving: Serving, tmp_path: Path) -> None:
    """As its EXIF data says, and as every viewer does."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "photo.png", exif=exif)

    [answer] = results(serving({}), seed(ratio="1:2"))

    shown = opened(answer).convert("RGB")
    assert shown.getpixel((500, 10)) == RED
    assert shown.getpixel((500, 2000)) == BLUE


def test_each_result_is_the_same_file_again(serving: Serving) -> None:
    """By its task, with or without a cache; the results of a task differ."""
    files = {f"{n}.png": picture(colour) for n, colour in enumerate((RED, BLUE, GREEN))}
    clients = [serving(files, seed="1", image_cache=size) for size in (0, 10**9)]

    first, again = (results(client, seed(n=3, ratio="1:1")) for client in clients)

    assert [one.body for one in first] == [one.body for one in again]
    assert len({one.body for one in first}) == 3


def test_transparency_stays(serving: Serving, tmp_path: Path) -> None:
    """A picture that has some becomes one that has some."""
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(tmp_path / "clear.png")

    [answer] = results(serving({}), seed(ratio="1:1"))

    assert opened(answer).getpixel((5, 5)) == (0, 0, 0, 0)


def test_a_video_is_served_as_it_is(serving: Serving) -> None:
    """And pictures are drawn as ever if there are none of the user's own."""
    client = serving({"clip.mp4": CLIP})

    [video] = results(client, VIDEO)
    [image] = results(client, seed(ratio="1:1"))

    assert (video.body, video.headers["content-type"]) == (CLIP, "video/mp4")
    assert opened(image).size == (1024, 1024)
    assert client.service.loaded[0].startswith("results are 1 video from ")


@pytest.mark.parametrize(("document", "is_own"), [(seed(ratio="1:1"), True), (VIDEO, False)])
def test_wrong_sizes_stay_possible(serving: Serving, document: Any, is_own: bool) -> None:  # noqa: FBT001
    """A picture is scaled to half, and a video of half the size is drawn."""
    client = serving({"own.png": picture(RED), "clip.mp4": CLIP})

    [answer] = results(client, document, **{"x-mock-scenario": "result-wrong-size"})

    if is_own:
        assert opened(answer).size == (512, 512)
    assert answer.body != CLIP


def test_a_file_that_has_gone_is_replaced_by_a_drawn_one(serving: Serving, tmp_path: Path) -> None:
    """The mock goes on without it."""
    client = serving({"own.png": picture(RED)})
    (tmp_path / "own.png").unlink()

    [answer] = results(client, seed(ratio="1:1"))

    assert opened(answer).size == (1024, 1024)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"x", "is not a picture or video; use .png, .jpg, .jpeg, .webp, .mp4"),
        ("no.png", b"", "cannot be read: cannot identify image file"),
        ("no.jpg", picture(RED, "JPEG")[:-200], "cannot be read: image file is truncated"),
        ("gif.png", b"GIF89a\1\0\1\0\0\0\0", "cannot be read: cannot identify image file"),
        ("no.mp4", picture(RED), "is not a whole MP4: it lacks its file type"),
        ("half.mp4", CLIP[:60], "is not a whole MP4: it lacks the end of moov"),
        ("rest.mp4", CLIP[:-1], "is not a whole MP4: it lacks the end of mdat"),
    ],
)
def test_an_unfit_file_is_an_error_at_the_start(
    serving: Serving, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """That names it; hidden files are overlooked."""
    with pytest.raises(SettingError) as raised:
        serving({".DS_Store": b"x", "good.png": picture(RED), name: content})

    assert str(raised.value).startswith(f"result-files: {tmp_path / name}: ")
    assert message in str(raised.value)


def test_an_empty_folder_is_an_error(
    serving: Serving, make_client: MakeClient, tmp_path: Path
) -> None:
    """As is one that is not there."""
    with pytest.raises(SettingError, match=r"has 0 files; use 1 to 1000 of \.png"):
        serving({})
    with pytest.raises(SettingError, match="No such file or directory; use a folder of pictures"):
        make_client(result_files=tmp_path / "none")
