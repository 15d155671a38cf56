"""Registries by folder: dropping one file into a folder (or one entry point into a plug-in) adds an entry.

Listing reads file names only; a module is imported when its entry is asked for.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest


class Registry:
    """The entries of one package folder and of the entry-point group with the same name.

    A file `known_region.py` is the entry "known-region"; its class is the first one defined in it that derives
    from `base` ("module:Class"). Files beginning with an underscore and names in `skip` are no entries.
    """

    def __init__(self, kind: str, package: str, base: str, skip: tuple[str, ...] = ()):
        self.kind, self.package, self._base, self._skip = kind, package, base, skip

    @cached_property
    def _places(self) -> dict[str, str | EntryPoint]:
        spec = importlib.util.find_spec(self.package)
        assert spec is not None and spec.submodule_search_locations
        places: dict[str, str | EntryPoint] = {}
        for folder in spec.submodule_search_locations:
            for file in sorted(Path(folder).iterdir()):
                stem = file.stem if file.suffix == ".py" else file.name if (file / "recipe.py").exists() else "_"
                if not stem.startswith("_") and stem not in self._skip:
                    places[stem.replace("_", "-")] = f"{self.package}.{stem}"
        for point in entry_points(group=self.package):
            name = point.name.replace("_", "-")
            if name in places:
                raise RecipeError(f"{self.kind} {name!r} is defined twice: the plug-in {point.value!r} must use another name")
            places[name] = point
        return places

    def names(self) -> list[str]:
        return sorted(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def check(self, name: str) -> str:
        """The canonical name, or a `RecipeError` with a suggestion. Imports nothing."""
        canonical = name.replace("_", "-")
        if canonical not in self._places:
            raise RecipeError(f"unknown {self.kind} {name!r}{suggest(canonical, self._places)}")
        return canonical

    def place(self, name: str) -> str:
        """The module or package of an entry."""
        place = self._places[self.check(name)]
        return place.module if isinstance(place, EntryPoint) else place

    def get(self, name: str) -> Any:
        """The class behind a name. A plug-in that cannot be imported, or is none, is a `RecipeError`."""
        place = self._places[self.check(name)]
        base_module, base_name = self._base.split(":")
        base = getattr(importlib.import_module(base_module), base_name)
        if isinstance(place, EntryPoint):
            return _load(place, base, self.kind)
        for value in vars(importlib.import_module(place)).values():
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == place:
                return value
        raise RecipeError(f"{place} defines no {self.kind}")

    def module(self, name: str) -> str:
        """The module or package behind a name. Imports nothing."""
        place = self._places[self.check(name)]
        return place.module if isinstance(place, EntryPoint) else place

    def name_of(self, cls: type) -> str:
        """The registered name of a class."""
        for name, place in self._places.items():
            if isinstance(place, EntryPoint):
                if place.value == f"{cls.__module__}:{cls.__qualname__}":
                    return name
            elif place == cls.__module__:
                return name
        raise RecipeError(f"{cls.__name__} is not a registered {self.kind}")

    def summary(self, name: str) -> str:
        """The first line of the entry's module docstring, read without importing it; empty where there is none."""
        place = self.module(name)
        try:
            spec = importlib.util.find_spec(place)
        except Exception:  # a plug-in's package runs its own code here; a broken one must not spoil the list
            return ""
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            return ""
        doc = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
        return doc.split("\n")[0]


def _load(point: EntryPoint, base: type, kind: str) -> Any:
    try:
        found = point.load()
    except Exception as error:
        raise RecipeError(f"the plug-in {point.value!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise RecipeError(f"the plug-in {point.value!r} is no {kind}: it must be a class derived from {base.__name__}")
    return found


PROPERTIES = Registry("property", "restauro.properties", "restauro.diffusion.contract:Property")
SAMPLERS = Registry("sampler", "restauro.diffusion.samplers", "restauro.diffusion.contract:Sampler")
DEGRADATIONS = Registry("degradation", "restauro.degradations", "restauro.degradations._base:Degradation", skip=("chains",))
SYSTEMS = Registry("system", "restauro.systems", "builtins:object")
