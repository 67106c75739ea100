"""Calls functions with modules of others as soon as these are imported, and never imports them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Function = Callable[[Any], object]


def call_when_imported(functions: Mapping[str, Function]) -> None:
    """Call each function with the module of its name: now if it is imported, else once it is."""
    if not any(isinstance(one, _Finder) and one.functions is functions for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder(functions))
    for name, function in functions.items():
        if name in sys.modules:
            function(sys.modules[name])


class _Finder(MetaPathFinder):
    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name not in self.functions:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((one for one in found if one is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.functions[name])
        return spec


class _Loader(Loader):
    def __init__(self, loader: Loader, function: Function) -> None:
        self._loader = loader
        self._function = function

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader  # the module has, for example, its source from it
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._function(module)
