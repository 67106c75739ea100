"""A layer whose mock reads a changed contract."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mockserver.contract import Contract, default_schemas, dump_json, load_contract
from tests.mutants.layer import Layer, MakeLayer

_REMOVED = object()
"""Stands for a value that is removed."""


class _Reads(Layer):
    """Lets the mock keep a contract with one changed value, or without one file."""

    def __init__(self, place: str, value: Any) -> None:
        self._file, _, self._pointer = place.partition("#")
        self._value = value

    def contract(self, contract: Contract) -> Contract:
        """Read the schemas once more, with the change."""
        del contract
        with TemporaryDirectory() as folder:
            schemas = Path(folder) / "schemas"
            shutil.copytree(default_schemas(), schemas)
            file = schemas / self._file
            if self._pointer:
                file.write_bytes(dump_json(self._changed(json.loads(file.read_bytes()))))
            else:
                file.unlink()
            return load_contract(schemas)

    def _changed(self, document: Any) -> Any:
        *parents, name = self._pointer.lstrip("/").split("/")
        node = document
        for one in parents:
            node = node[int(one)] if isinstance(node, list) else node[one]
        key = int(name) if isinstance(node, list) else name
        if self._value is _REMOVED:
            del node[key]
        else:
            node[key] = self._value
        return document


def reads(place: str, value: Any = _REMOVED) -> MakeLayer:
    """Let the mock keep a contract with one changed value; without a value, it is removed."""
    return lambda: _Reads(place, value)
