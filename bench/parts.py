"""Measures parts of the mock alone: validation, images, and the proxy."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from threading import Event
from typing import Any

from example import contract, document, polls
from load import HOST, Client
from processes import child, mock, take
from table import Row, Scale

from mockserver.media import Picture, write_png

_POLLS = 50
"""In a round, with and without the proxy."""


def validation(scale: Scale) -> Iterator[Row]:
    """Measure the validation of a valid submission."""
    body, schemas = document(), contract().schemas
    uri = contract().document("submit-request")["$id"]
    envelope = schemas.explaining(f"{uri}#")
    own = schemas.explaining(f"{contract().card_uris[body['model']]}#/input")

    def by_jsonschema() -> bool:
        return envelope.is_valid(body) and own.is_valid(body["input"])

    ours, others = [], []
    for _ in range(scale.rounds):
        ours.append(_seconds(lambda: contract().violations("submit-request", body), 2000) * 1e6)
        others.append(_seconds(by_jsonschema, 50) * 1e6)
    yield Row("validation of a valid submission", ours, "µs", "jsonschema", others)


def images(scale: Scale) -> Iterator[Row]:
    """Measure how long it takes to make result files, all of them different."""
    number = count()
    for width, height in ((768, 1024), (3840, 2160)):
        ours, others = [], []
        for _ in range(scale.rounds + 1):
            picture = _picture(width, height, next(number))
            ours.append(_seconds(partial(write_png, picture), 1) * 1000)
            others.append(_seconds(partial(_draw_with_pillow, picture), 1) * 1000)
        what = f"PNG {width} x {height}"
        yield Row(what, ours[1:], "ms", "Pillow, RGB", others[1:])  # the first reads the font


def _seconds(work: Callable[[], object], calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - begun) / calls


def _picture(width: int, height: int, number: int) -> Picture:
    caption = ("gpt-image-2/image-to-image", f"{width} x {height} pixels", f"number {number}")
    return Picture(width, height, caption, "Restyle the subject", str(number), 0)


def _draw_with_pillow(picture: Picture) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (picture.width, picture.height), "#204060")
    draw, size = ImageDraw.Draw(image), 5 + min(image.size) // 24
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline="#e0a060", width=8)
    text = "\n".join((*picture.caption, "", picture.prompt))
    draw.multiline_text((40, 40), text, font=ImageFont.load_default(size), fill="#f0f0f0")
    image.save(io.BytesIO(), "PNG")


def proxy(scale: Scale) -> Iterator[Row]:
    """Measure polls with and without the proxy, in turn, one after the other."""
    with (
        mock() as (port, _),
        child(_serve_proxy, port) as pipe,
        Client(port) as direct,
        Client(take(pipe)) as proxied,
    ):
        ours, others = [], []
        [poll] = polls(port, 1)
        for _ in range(scale.rounds):
            ours.append(_seconds(lambda: proxied.send(poll), _POLLS) * 1000)
            others.append(_seconds(lambda: direct.send(poll), _POLLS) * 1000)
    yield Row("poll through the proxy", ours, "ms", "the same poll without it", others)


def _serve_proxy(pipe: Connection[Any, Any], port: int) -> None:
    """Run the proxy as the command does, in front of the mock on *port*; send its own port."""
    from contract_tests.checks import PASSIVE
    from mockserver.conformance.traffic.monitor import Monitor
    from mockserver.contract import load_contract
    from mockserver.proxy.proxy import Proxy

    upstream = f"http://{HOST}:{port}"
    observer = Monitor(load_contract(), upstream, PASSIVE, found=print, notice=print)
    with Proxy(
        upstream, observer=observer.see, notice=observer.notice, report=lambda _: b""
    ) as running:
        pipe.send(running.port)
        Event().wait()
