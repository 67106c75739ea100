"""Mutants: files and tasks that are incomplete, change, or disappear later."""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from dataclasses import replace

from mockserver.conformance.operations import QUERY
from mockserver.contract import dump_json
from mockserver.engine.messages import Request, Response
from tests.mutants.changes import Change, files, rejection
from tests.mutants.layer import Ask, Layer, MakeLayer, is_of_the_api, operation_of
from tests.mutants.mutant import DRAW, LITE, VIDEO, Mutant

_WHOLE = "service.json#/promises/file_is_whole"
_NTH = 20


def _chunked(body: bytes, name: bytes, content: bytes) -> bytes:
    """Replace the content of the first chunk with a name; its length and checksum are right."""
    at = body.index(name) - 4
    length = struct.unpack(">I", body[at : at + 4])[0]
    chunk = name + content
    made = struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return body[:at] + made + body[at + 12 + length :]


def _fewer_rows(_request: Request, file: Response) -> Response:
    at = file.body.find(b"IDAT")
    if at < 0:
        return file
    length = struct.unpack(">I", file.body[at - 4 : at])[0]
    rows = zlib.decompress(file.body[at + 4 : at + 4 + length])
    return replace(file, body=_chunked(file.body, b"IDAT", zlib.compress(rows[: len(rows) // 2])))


def _wrong_checksum(_request: Request, file: Response) -> Response:
    at = file.body.find(b"IEND") - 8
    return replace(file, body=file.body[:at] + b"\0\0\0\0" + file.body[at + 4 :])


def _cut_video(_request: Request, file: Response) -> Response:
    return replace(file, body=file.body[:-10])


class _Counted(Layer):
    """Changes the responses of one kind by how often each path was asked for."""

    def __init__(self, change: Change, first: int, *, polls: bool, every: int = 0) -> None:
        self._change, self._first, self._polls, self._every = change, first, polls, every
        self._asked: Counter[str] = Counter()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Change a response from some time on, or every so many times."""
        response = ask(request)
        is_poll = operation_of(request) == QUERY
        if response.status != 200 or (not is_poll if self._polls else is_of_the_api(request)):
            return response
        self._asked[request.path] += 1
        number = self._asked[request.path]
        now = number % self._every == 0 if self._every else number > self._first
        return self._change(request, response) if now else response


def _counted(change: Change, first: int = 1, *, polls: bool = False, every: int = 0) -> MakeLayer:
    return lambda: _Counted(change, first, polls=polls, every=every)


def _signed(_request: Request, file: Response) -> Response:
    return replace(file, body=file.body + b"signed")


def _reversed(_request: Request, response: Response) -> Response:
    envelope = json.loads(response.body)
    if envelope["data"]["result"]:
        envelope["data"]["result"]["urls"].reverse()
    return replace(response, body=dump_json(envelope))


def _stutters(_request: Request, response: Response) -> Response:
    envelope = json.loads(response.body)
    envelope["data"]["input"]["prompt"] += "."
    return replace(response, body=dump_json(envelope))


class _AllAlike(Layer):
    """Returns the first file of a task for all of its URLs."""

    def __init__(self) -> None:
        self._first: dict[str, Response] = {}

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return the first file of the task."""
        response = ask(request)
        if is_of_the_api(request) or response.status != 200:
            return response
        return self._first.setdefault(request.path.rpartition("/")[0], response)


MUTANTS = (
    Mutant(
        "half-the-rows",
        "Pictures have half of their rows, and nothing else is wrong with them.",
        "file-whole",
        _WHOLE,
        files(_fewer_rows),
    ),
    Mutant(
        "wrong-checksum",
        "The last chunk of pixels has a wrong checksum.",
        "file-whole",
        _WHOLE,
        files(_wrong_checksum),
    ),
    Mutant(
        "video-cut",
        "Videos lack their last bytes.",
        "file-whole",
        _WHOLE,
        files(_cut_video),
        models=(VIDEO,),
    ),
    Mutant(
        "file-changes",
        "A file has other bytes the second time.",
        "file-same",
        "service.json#/promises/file_is_same",
        _counted(_signed),
        severity="assumption",
    ),
    Mutant(
        "file-once",
        "A file can be fetched only once.",
        "files",
        "service.json#/promises/file_is_there",
        _counted(lambda _request, _file: rejection(404, "not found")),
    ),
    Mutant(
        "pictures-alike",
        "All results of a task are the same picture.",
        "files-differ",
        "service.json#/promises/results_differ",
        _AllAlike,
        severity="assumption",
        models=(DRAW,),
    ),
    Mutant(
        "forgotten-later",
        "A task is no longer found after its tenth poll.",
        "is-found",
        "submit-response.json#/properties/data/properties/taskId",
        _counted(lambda _request, _task: rejection(404, "not found"), 10, polls=True),
        models=(LITE,),
    ),
    Mutant(
        "once-in-twenty",
        "Every twentieth poll of a task echoes another prompt.",
        "echo",
        "service.json#/promises/echo_prompt",
        _counted(_stutters, polls=True, every=_NTH),
    ),
    Mutant(
        "file-twice",
        "A file can be fetched only twice.",
        "files",
        "service.json#/promises/file_is_there",
        _counted(lambda _request, _file: rejection(404, "not found"), 2),
    ),
    Mutant(
        "results-reordered",
        "From the seventh poll on, the results are in another order.",
        "webhook-equals-poll",
        "service.json#/promises/webhook_equals_poll",
        _counted(_reversed, 6, polls=True),
    ),
    Mutant(
        "once-in-twenty-missing",
        "Every twentieth poll of a task does not find it.",
        "repeated-polls",
        "service.json#/promises/final",
        _counted(lambda _request, _task: rejection(404, "not found"), polls=True, every=_NTH),
        severity="assumption",
    ),
    Mutant(
        "forgotten-for-good",
        "A task is no longer found after its twelfth poll.",
        "later-polls",
        "service.json#/promises/final",
        _counted(lambda _request, _task: rejection(404, "not found"), 12, polls=True),
        severity="assumption",
    ),
)
