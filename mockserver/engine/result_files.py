"""Result files: recorded, the user's own, or drawn; what is made is cached within a byte limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from sys import getsizeof
from threading import Lock
from typing import TypeVar

from mockserver.contract import ModelCard
from mockserver.domain.size import Size, size_of
from mockserver.domain.task import Task
from mockserver.engine.input_images import first_image, follows_input, is_loopback
from mockserver.engine.own_files import OwnFiles
from mockserver.media import Picture, write_mp4, write_png
from mockserver.media.own_file import Scaling, write_scaled

_Drawn = TypeVar("_Drawn", Picture, Scaling)
_Key = tuple[Callable[..., bytes], Picture | Scaling]
_WRITERS: Mapping[str, Callable[[Picture], bytes]] = {"image": write_png, "video": write_mp4}


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What a result URL returns."""

    body: bytes
    media_type: str | None = None
    """None is that of the contract."""


_RECORD = 1000
"""Bytes of a file's description in the cache, besides its prompt."""


class Results:
    """The files behind the `urls` of tasks; the same task has the same bytes."""

    def __init__(
        self,
        cache_bytes: int,
        default_ratio: str,
        look: Callable[[str], tuple[int, int] | None] | None = None,
        recorded: Callable[[Task, int], ResultFile | None] | None = None,
        own: OwnFiles | None = None,
    ) -> None:
        self._limit = cache_bytes
        self._default_ratio = default_ratio
        self._look = look
        """Returns the size of an input image by its URL; it may take a while."""
        self._recorded = recorded
        """Returns the recorded result of a task by its number, if there is one."""
        self._own = own
        self._cache: OrderedDict[_Key, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._lock = Lock()

    def size(self, task: Task, card: ModelCard) -> Size:
        """Return the size of the results of *task*, which may follow its first input image."""
        source = task.source_size
        if self._look is not None and self.has_to_look(task, card):
            source = self._look(first_image(task.input) or "")
        return size_of(card, task.input, self._default_ratio, source)

    def has_to_look(self, task: Task, card: ModelCard) -> bool:
        """Return whether the size of the results depends on an image that has to be fetched."""
        if self._look is None or task.source_size is not None:
            return False
        url = first_image(task.input) if follows_input(card, task.input) else None
        return url is not None and is_loopback(url)

    def content(self, task: Task, card: ModelCard, index: int) -> ResultFile:
        """Return result number *index* (from 0) of *task*: recorded, the user's own, or drawn."""
        if self._recorded is not None and task.script.result != "wrong-size":
            recorded = self._recorded(task, index)
            if recorded is not None:
                return recorded
        if self._own is not None:
            with suppress(OSError):  # it was there when the mock started
                own = self._own_content(self._own, task, card, index)
                if own is not None:
                    return ResultFile(own)
        return ResultFile(self.file(task, card, index))

    def _own_content(self, own: OwnFiles, task: Task, card: ModelCard, index: int) -> bytes | None:
        path = own.choose(task, index)
        if path is None or (card.result == "video" and task.script.result == "wrong-size"):
            return None
        if card.result == "video":
            return path.read_bytes()
        width, height = self._pixels(task, card)
        return self._made(write_scaled, Scaling(path, width, height))

    def file(self, task: Task, card: ModelCard, index: int) -> bytes:
        """Draw result number *index* (from 0) of *task*: a PNG, or an MP4 for a video model."""
        return self._made(_WRITERS[card.result], self._picture(task, card, index))

    def _made(self, write: Callable[[_Drawn], bytes], what: _Drawn) -> bytes:
        """Return what *write* makes, or has made before."""
        key = (write, what)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        made = write(what)
        self._keep(key, made)
        return made

    def _pixels(self, task: Task, card: ModelCard) -> tuple[int, int]:
        size, shrink = self.size(task, card), 2 if task.script.result == "wrong-size" else 1
        return size.width // shrink // 2 * 2, size.height // shrink // 2 * 2

    def _picture(self, task: Task, card: ModelCard, index: int) -> Picture:
        width, height = self._pixels(task, card)
        return Picture(
            width=width,
            height=height,
            caption=_caption(task, self.size(task, card), index),
            prompt=str(task.input["prompt"]),
            seed=f"{task.id}/{index}",
            seconds=int(card.value_of("duration", task.input) or 0),
        )

    def _keep(self, key: _Key, made: bytes) -> None:
        with self._lock:
            if key in self._cache or _cost(key, made) > self._limit:
                return
            self._cache[key] = made
            self._cached_bytes += _cost(key, made)
            while self._cached_bytes > self._limit:
                self._cached_bytes -= _cost(*self._cache.popitem(last=False))


def _cost(key: _Key, made: bytes) -> int:
    """Return the bytes that a file takes in the cache; the prompt can be longer than the file."""
    prompt = key[1].prompt if isinstance(key[1], Picture) else ""
    return getsizeof(made) + getsizeof(prompt) + _RECORD


def _caption(task: Task, size: Size, index: int) -> tuple[str, ...]:
    return (
        task.model,
        f"{size.ratio} at {size.resolution}",
        f"{size.width} x {size.height} pixels",
        f"{index + 1} of {task.count}",
    )
