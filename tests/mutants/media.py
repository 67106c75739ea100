"""Mutants: result files: whether they exist, their types, and their pixels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from io import BytesIO

from PIL import Image

from mockserver.engine.messages import Request, Response
from tests.mutants.changes import files, page, with_type
from tests.mutants.layer import Ask, Layer, is_of_the_api
from tests.mutants.mutant import DRAW, EDIT, NANO, VEO_LITE, VIDEO, Mutant
from tests.mutants.reading import reads

_THERE = "service.json#/promises/file_is_there"
_IMAGE = "service.json#/results/image"
_ROWS = "sizes/gpt-image-2.json#/rows"
_RESOLUTION = "models/gpt-image-2--text-to-image.json#/input/properties/resolution/default"


@cache
def _jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (1024, 1024)).save(file, "JPEG")
    return file.getvalue()


class _OnceMissing(Layer):
    """Has no file the first time that it is asked for."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def respond(self, request: Request, ask: Ask) -> Response:
        """Return 404 the first time."""
        if is_of_the_api(request) or request.path in self._asked:
            return ask(request)
        self._asked.add(request.path)
        return Response(404, (("Content-Type", "text/plain"),), b"not found")


MUTANTS = (
    Mutant(
        "file-late",
        "A file is not there the first time that it is asked for.",
        "files",
        _THERE,
        _OnceMissing,
    ),
    Mutant(
        "file-expired",
        "Files have expired as soon as they are made.",
        "files",
        _THERE,
        settings={"result_expiry": "0s"},
    ),
    Mutant(
        "file-empty",
        "Files have no bytes.",
        "files",
        _THERE,
        files(lambda _request, response: replace(response, body=b"")),
    ),
    Mutant(
        "file-half",
        "Files are cut in half.",
        "files",
        _THERE,
        files(lambda _request, file: replace(file, body=file.body[: len(file.body) // 2])),
    ),
    Mutant(
        "file-is-page",
        "Instead of a file there is a web page.",
        "files",
        "service.json#/promises/file_is_there",
        files(lambda _request, file: replace(file, body=page("Sign in"))),
    ),
    Mutant(
        "jpeg-named-png",
        "Files are JPEG, but named PNG.",
        "files",
        "service.json#/promises/type_as_named",
        files(lambda _request, file: replace(file, body=_jpeg())),
    ),
    Mutant(
        "png-served-as-binary",
        "Files are PNG, but served as application/octet-stream.",
        "files",
        _IMAGE,
        files(lambda _request, file: with_type(file, "application/octet-stream")),
        severity="assumption",
    ),
    Mutant(
        "video-served-as-webm",
        "Videos are MP4, but served as video/webm.",
        "files",
        "service.json#/promises/content_type_is_true",
        files(lambda _request, file: with_type(file, "video/webm")),
        models=(VIDEO,),
        severity="warning",
    ),
    Mutant(
        "lower-tier",
        "Where 2k was asked for, a square has the pixels of 1k.",
        "pixels",
        f"{_ROWS}/0",
        reads(f"{_ROWS}/0/pixels/2k", [1024, 1024]),
        models=(EDIT,),
    ),
    Mutant(
        "other-pixels",
        "21:9 at 4k is 3840x1646.",
        "pixels",
        f"{_ROWS}/11",
        reads(f"{_ROWS}/11/pixels/4k", [3840, 1646]),
        severity="warning",
        models=(DRAW,),
    ),
    Mutant(
        "portrait-for-landscape",
        "3:2 at 1k gives a portrait.",
        "pixels",
        f"{_ROWS}/1",
        reads(f"{_ROWS}/1/pixels/1k", [1024, 1536]),
        models=(EDIT,),
    ),
    Mutant(
        "default-ratio",
        "Where no ratio was given, it is 16:9.",
        "pixels",
        "service.json#/results/default_ratio",
        settings={"default_ratio": "16:9"},
        severity="assumption",
        models=(DRAW,),
    ),
    Mutant(
        "default-resolution",
        "Where no resolution was given, it is 2k.",
        "pixels",
        _RESOLUTION,
        reads(_RESOLUTION, "2k"),
        models=(DRAW,),
    ),
    Mutant(
        "ignored-has-an-effect",
        "Veo 3 Lite uses the resolution.",
        "pixels",
        "sizes/assumed-video.json#/rows/1",
        reads("models/veo3_lite.json#/effects", []),
        severity="assumption",
        models=(VEO_LITE,),
    ),
    Mutant(
        "sister-pixels",
        "Nano Banana's pictures have the pixels of Nano Banana 2.",
        "pixels",
        "sizes/nano-banana.json#/rows/0",
        reads("sizes/nano-banana.json#/rows/0/pixels/1k", [1376, 768]),
        severity="warning",
        models=(NANO,),
    ),
    Mutant(
        "video-size",
        "A video of 720p has 1280x704 pixels.",
        "pixels",
        "sizes/assumed-video.json#/rows/0",
        reads("sizes/assumed-video.json#/rows/0/pixels/720p", [1280, 704]),
        severity="assumption",
        models=(VIDEO,),
    ),
)
