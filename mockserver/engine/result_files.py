"""Result files: made when first asked for, from the task alone, and kept within a byte limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock

from mockserver.contract import ModelCard
from mockserver.domain.size import Size, size_of
from mockserver.domain.task import Task
from mockserver.engine.input_images import first_image, follows_input, is_loopback
from mockserver.media import Picture, write_mp4, write_png

Writer = Callable[[Picture], bytes]

_WRITERS: Mapping[str, Writer] = {"image": write_png, "video": write_mp4}


class Results:
    """The files behind the `urls` of tasks; the same task gives the same bytes."""

    def __init__(
        self,
        cache_bytes: int,
        default_ratio: str,
        look: Callable[[str], tuple[int, int] | None] | None = None,
    ) -> None:
        self._limit = cache_bytes
        self._default_ratio = default_ratio
        self._look = look
        """Gives the size of an input image by its URL; may take a while."""
        self._cache: OrderedDict[tuple[Writer, Picture], bytes] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def size(self, task: Task, card: ModelCard) -> Size:
        """Say how large the results of *task* are, by the size of its first input image too."""
        source = task.source_size
        if self._look is not None and self.has_to_look(task, card):
            source = self._look(first_image(task.input) or "")
        return size_of(card, task.input, self._default_ratio, source)

    def has_to_look(self, task: Task, card: ModelCard) -> bool:
        """Say whether the size of the results waits for a look at an image of this machine."""
        if self._look is None or task.source_size is not None:
            return False
        url = first_image(task.input) if follows_input(card, task.input) else None
        return url is not None and is_loopback(url)

    def file(self, task: Task, card: ModelCard, index: int) -> bytes:
        """Give the result number *index* (from 0) of *task*: a PNG, or an MP4 for a video model."""
        write, picture = self._picture(task, card, index)
        key = (write, picture)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        made = write(picture)
        self._keep(key, made)
        return made

    def _picture(self, task: Task, card: ModelCard, index: int) -> tuple[Writer, Picture]:
        size = self.size(task, card)
        seconds = int(card.value_of("duration", task.input) or 0)
        shrink = 2 if task.script.result == "wrong-size" else 1
        picture = Picture(
            width=size.width // shrink // 2 * 2,
            height=size.height // shrink // 2 * 2,
            caption=_caption(task, size, index),
            prompt=str(task.input["prompt"]),
            seed=f"{task.id}/{index}",
            seconds=seconds,
        )
        return _WRITERS[card.result], picture

    def _keep(self, key: tuple[Writer, Picture], made: bytes) -> None:
        with self._lock:
            if key in self._cache or len(made) > self._limit:
                return
            self._cache[key] = made
            self._held += len(made)
            while self._held > self._limit:
                self._held -= len(self._cache.popitem(last=False)[1])


def _caption(task: Task, size: Size, index: int) -> tuple[str, ...]:
    return (
        task.model,
        f"{size.ratio} at {size.resolution}",
        f"{size.width} x {size.height} pixels",
        f"{index + 1} of {len(task.urls)}",
    )
