"""Measures what the mock costs, in one table: run `make bench`, on an otherwise idle machine.

Every row is measured with its yardstick in the same run, because only their ratio can be compared
between machines.
"""

from __future__ import annotations

import io
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median
from typing import Any

import requests
from processes import (
    child,
    connected,
    cpu_seconds,
    flask_server,
    free_port,
    mock,
    resident_mb,
    take,
)
from proxy import proxy
from suites import suites, wrapping
from table import QUICK, ROUNDS, SHARE, BenchError, Row, Section, print_table
from traffic import HOST, PATIENCE, REPORT_EVERY, Client, drive, http_request, latencies
from traffic import receive_posts as receiver

from mockserver.contract import Contract, dump_json, load_contract
from mockserver.engine.messages import Request
from mockserver.engine.service import Service
from mockserver.media import Picture, write_mp4, write_png
from mockserver.settings import make_settings

WEBHOOKS = 500 if QUICK else 2000
"""A multiple of `REPORT_EVERY`."""

SUBMIT, TASK, HEALTH = "/api/v1/task/submit", "/api/v1/task/", "/__mock/health"


def main() -> int:
    """Print the table; return the exit status."""
    unknown = [argument for argument in sys.argv[1:] if argument != "--quick"]
    if unknown:
        sys.exit(f"bench: {unknown[0]}: unknown; use --quick or no option")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    rounds = "one short round, for a rough idea" if QUICK else f"medians of {ROUNDS} to 5 rounds"
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; {rounds};")
    print("a ratio above 1 says how much better than the yardstick the mock is\n")
    print(f"{'':43}{'mock':>8} {'':5}{'':8}  {'yardstick':30}{'ratio':>7}")
    missing = print_table(sections())
    if missing:
        print(f"bench: not measured: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def sections() -> list[Section]:
    """List everything that is measured."""
    contract = load_contract()
    body = seed_request(contract)
    submit = http_request("POST", SUBMIT, dump_json(body))
    load = ("memory after the first response", "submits", "polls", "poll while 4k images are made")
    rest = ("memory after all load", "processor time at rest")
    kinds = ("with sockets", "in the process")
    tests = tuple(f"{what} {kind}" for kind in kinds for what in ("a test", "the first test"))
    return [
        Section(lambda: start(submit), ("start to first health", "start to first submit")),
        Section(lambda: server(body), load + rest),
        Section(lambda: validator(contract, body), ("validation of a valid submit",)),
        Section(media, ("PNG 768 x 1024", "PNG 3840 x 2160", "MP4 1920 x 1080")),
        Section(lambda: webhooks(contract, body), ("webhooks",)),
        Section(suites, tests),
        Section(wrapping, ("maxapi-mock run -- true",)),
        Section(lambda: proxy(submit), ("poll through the proxy",)),
    ]


def seed_request(contract: Contract) -> dict[str, Any]:
    """Return the seed's example of a submit request, without a webhook."""
    example = contract.document("submit-request")["examples"][0]
    return {name: value for name, value in example.items() if name != "callBackUrl"}


def start(submit: bytes) -> Iterator[Row]:
    """Measure how long a client waits for a mock that it has just started."""
    for name, request in (("health", http_request("GET", HEALTH)), ("accepted submit", submit)):
        times, imports = [], []
        for _ in range(ROUNDS + 2):
            times.append(_first_response(request))
            begun = time.perf_counter()
            command = [sys.executable, "-c", "import flask"]
            subprocess.run(command, check=True, timeout=PATIENCE)
            imports.append(time.perf_counter() - begun)
        what, yardstick = f"start to first {name}", 'python -c "import flask"'
        yield Row(what, median(times) * 1000, "ms", yardstick, median(imports) * 1000)


def _first_response(request: bytes) -> float:
    port, begun = free_port(), time.perf_counter()
    with mock(port), connected(port) as client:
        client.send(request)
        return time.perf_counter() - begun


def server(body: dict[str, Any]) -> Iterator[Row]:
    """Measure a server under load, and its memory before and after."""
    port = free_port()
    with mock(port) as pid, child(flask_server) as flask:
        with connected(port) as client:
            client.send(http_request("GET", HEALTH))
        flask_port = take(flask)
        yield Row("memory after the first response", resident_mb(pid), "MB")
        submit = http_request("POST", SUBMIT, dump_json(body))
        yield from _throughput("submits", port, flask_port, lambda _: submit)
        yield from _throughput("polls", port, flask_port, lambda at: _poll(at, submit))
        yield _poll_under_load(port, body)
        yield Row("memory after all load", resident_mb(pid), "MB")
        time.sleep(1)
        used = cpu_seconds(pid)
        time.sleep(2)
        yield Row("processor time in 2 s at rest", (cpu_seconds(pid) - used) * 1000, "ms")


def _poll(port: int, submit: bytes) -> bytes:
    """Submit a task, and return the request that polls it."""
    with Client(port) as client:
        return http_request("GET", TASK + json.loads(client.send(submit))["data"]["taskId"])


def _throughput(
    what: str, port: int, flask_port: int, make: Callable[[int], bytes]
) -> Iterator[Row]:
    rates: dict[int, list[float]] = {port: [], flask_port: []}
    for _ in range(ROUNDS):
        for at, found in rates.items():
            with child(drive, at, [make(at)], 8, 3 * SHARE) as pipe:
                take(pipe)
                load = take(pipe)
            if load.failed:
                raise BenchError(f"{load.failed} of {load.responses} {what} did not return 200")
            found.append(load.rate)
    ours, others = map(median, rates.values())
    yield Row(f"{what} over 8 connections", ours, "/s", "Flask's server, no keep-alive", others)


def _poll_under_load(port: int, body: dict[str, Any]) -> Row:
    """Poll while 50 other connections make the server draw 4k images as fast as it can."""
    large = body | {"input": body["input"] | {"ratio": "16:9", "resolution": "4k", "n": 10}}
    submit = http_request("POST", SUBMIT, dump_json(large))
    polls = [_poll(port, submit) for _ in range(int(500 * SHARE))]
    alone = latencies(port, polls[0], 2.5)  # by then the tasks have ended
    with Client(port) as client:
        tasks = [json.loads(client.send(poll))["data"] for poll in polls]
    paths = ["/" + url.split("/", 3)[3] for task in tasks for url in task["result"]["urls"]]
    downloads = [http_request("GET", path) for path in paths]
    with child(drive, port, downloads, 50, 4 * SHARE) as pipe:
        take(pipe)
        loaded = latencies(port, polls[0], 3 * SHARE)
        load = take(pipe)
    if load.failed or load.responses > len(downloads):
        raise BenchError(f"not every download returned 200 and a new file: {load}")
    what = f"poll while {load.rate:.0f} 4k images/s are made"
    return Row(what, median(loaded) * 1000, "ms", "the same poll alone", median(alone) * 1000)


def validator(contract: Contract, body: dict[str, Any]) -> Iterator[Row]:
    """Measure the validation of a valid submit request."""
    explaining = contract.schemas.explaining
    uri = contract.document("submit-request")["$id"]
    envelope, own = explaining(f"{uri}#"), explaining(f"{contract.card_uris[body['model']]}#/input")

    def validate() -> None:
        assert not contract.violations("submit-request", body)

    def validate_with_jsonschema() -> None:
        assert envelope.is_valid(body)
        assert own.is_valid(body["input"])

    ours, others = (
        _seconds(validate, int(20_000 * SHARE)),
        _seconds(validate_with_jsonschema, int(300 * SHARE)),
    )
    yield Row("validation of a valid submit", ours * 1e6, "µs", "jsonschema", others * 1e6)


def media() -> Iterator[Row]:
    """Measure how long it takes to make result files, all of them different."""
    number = count()
    for width, height in ((768, 1024), (3840, 2160)):
        ours = _seconds(lambda: write_png(_picture(width, height, next(number))), 5)  # noqa: B023
        others = _seconds(lambda: _draw_with_pillow(_picture(width, height, next(number))), 1)  # noqa: B023
        yield Row(f"PNG {width} x {height}", ours * 1000, "ms", "Pillow, RGB", others * 1000)
    clip = _seconds(lambda: write_mp4(_picture(1920, 1080, next(number), seconds=5)), 20)
    yield Row("MP4 1920 x 1080, 5 s", clip * 1000, "ms")


def _picture(width: int, height: int, number: int, seconds: int = 0) -> Picture:
    caption = ("gpt-image-2/image-to-image", f"{width} x {height} pixels", f"number {number}")
    prompt = "Restyle the subject in cyberpunk aesthetic"
    return Picture(width, height, caption, prompt, str(number), seconds)


def _draw_with_pillow(picture: Picture) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    image, file = Image.new("RGB", (picture.width, picture.height), "#204060"), io.BytesIO()
    draw, size = ImageDraw.Draw(image), 5 + min(image.size) // 24
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline="#e0a060", width=8)
    text = "\n".join((*picture.caption, "", picture.prompt))
    draw.multiline_text((40, 40), text, font=ImageFont.load_default(size), fill="#f0f0f0")
    image.save(file, "PNG")
    return file.getvalue()


def webhooks(contract: Contract, body: dict[str, Any]) -> Iterator[Row]:
    """Measure webhooks, from the first submit to the last arrival."""
    with child(receiver) as pipe:
        url = f"http://{HOST}:{take(pipe)}/hook"
        document = dump_json(body | {"callBackUrl": url})
        rates, sample = [], b""
        for _ in range(ROUNDS):
            settings = make_settings(contract, pace="instant", journal_entries=2 * WEBHOOKS)
            service = Service(contract, settings)
            try:
                rates.append(_deliver(service, document, lambda: take(pipe)))
                sample = _check_deliveries(service)
            finally:
                service.close()
        others = []
        with requests.Session() as session:
            session.trust_env = False  # no proxy: this machine only
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                for _ in range(REPORT_EVERY):
                    session.post(url, data=sample, timeout=PATIENCE).raise_for_status()
                take(pipe)
                others.append(REPORT_EVERY / (time.perf_counter() - begun))
    what = f"webhooks of {WEBHOOKS:,} tasks (0 failed)"
    yield Row(what, median(rates), "/s", "requests.Session, one by one", median(others))


_HEADERS = {"authorization": "Bearer bench", "content-type": "application/json", "host": HOST}


def _deliver(service: Service, document: bytes, wait: Callable[[], object]) -> float:
    """Submit all tasks; return the webhooks per second until the last has arrived."""
    begun = time.perf_counter()
    for _ in range(WEBHOOKS):
        response = service.respond(Request("POST", SUBMIT, _HEADERS, document))
        if response.status != 200:
            raise BenchError(f"a submit returned {response.status}: {response.body!r}")
    for _ in range(WEBHOOKS // REPORT_EVERY):
        wait()
    return WEBHOOKS / (time.perf_counter() - begun)


def _check_deliveries(service: Service) -> bytes:
    """Check that each webhook was delivered by its first attempt; return the body of one."""
    deliveries = service.sandbox_of(_HEADERS).journal.deliveries
    deadline = time.monotonic() + PATIENCE
    while len(deliveries) < WEBHOOKS and time.monotonic() < deadline:
        time.sleep(0.01)  # the journal is written after the receiver has responded
    failed = [one.error for one in deliveries if one.error is not None]
    if failed or len(deliveries) != WEBHOOKS:
        raise BenchError(f"{len(failed)} of {len(deliveries)} webhooks failed: {failed[:3]}")
    return next(iter(deliveries)).body


def _seconds(work: Callable[[], object], calls: int) -> float:
    """Return the seconds that a call takes: the median of the rounds, after one to warm up."""
    rounds = []
    for _ in range(2 if QUICK else 6):
        begun = time.perf_counter()
        for _ in range(calls):
            work()
        rounds.append((time.perf_counter() - begun) / calls)
    return median(rounds[1:])


if __name__ == "__main__":
    sys.exit(main())
