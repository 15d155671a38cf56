"""One file in a folder, or one entry point of a plug-in, is one entry; listing imports none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from restauro.core.errors import RecipeError
from restauro.core.registry import DEGRADATIONS, PROPERTIES, SAMPLERS, SYSTEMS, Registry

PLUGIN = '''"""Calm: nothing moves.

More about it.
"""

from typing import Annotated

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation
from restauro.diffusion.contract import Property, Sampler


class Calm(Property, frozen=True, kw_only=True):
    depth: Annotated[float, Knob("how deep", ge=0)] = 1.0


class Walk(Sampler, frozen=True, kw_only=True):
    pass


class Rain(Degradation, frozen=True, kw_only=True):
    pass


class NotOne:
    pass
'''
GROUPS = ("restauro.properties", "restauro.diffusion.samplers", "restauro.degradations")


def plug_in(folder: Path, *points: str) -> None:
    """An installed distribution `calm` with the module `calm` and entry points "group: name = module:Class"."""
    (folder / "calm.py").write_text(PLUGIN)
    info = folder / "calm-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: calm\nVersion: 1.0\n")
    groups = {group: [point.split(": ")[1] for point in points if point.split(": ")[0] == group] for group in GROUPS}
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n" + "\n".join(lines) + "\n" for group, lines in groups.items()))


def python(folder: Path, code: str) -> str:
    """What a fresh Python prints with the plug-in on its path."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("registry", [PROPERTIES, SAMPLERS, DEGRADATIONS], ids=lambda registry: registry.kind)
def test_every_entry_can_be_had(registry: Registry) -> None:
    assert registry.names() == sorted(registry)
    for name in registry:
        assert name in registry
        cls = registry.get(name)
        assert registry.name_of(cls) == name
        cls()  # every knob has a default
        assert registry.summary(name), f"{name}: its module needs a docstring"
        assert registry.get(name.replace("-", "_")) is cls


def test_systems_are_folders_with_a_recipe() -> None:
    folder = Path(sys.modules["restauro.core.registry"].__file__ or "").parents[1] / "systems"
    assert SYSTEMS.names() == sorted(file.parent.name.replace("_", "-") for file in folder.glob("*/recipe.py"))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"unknown degradation 'scratchs'; did you mean 'scratches'\?"):
        DEGRADATIONS.get("scratchs")
    with pytest.raises(RecipeError, match=r"unknown sampler 'qqqq'; known: .*ddim"):
        SAMPLERS.check("qqqq")
    with pytest.raises(RecipeError, match="int is not a registered property"):
        PROPERTIES.name_of(int)


def test_files_with_an_underscore_are_no_entries() -> None:
    assert not [name for registry in (PROPERTIES, SAMPLERS, DEGRADATIONS) for name in registry if name.startswith(("-", "_"))]
    assert "chains" not in DEGRADATIONS


def test_listing_imports_nothing() -> None:
    code = """
import sys
from restauro.core.registry import DEGRADATIONS, PROPERTIES, SAMPLERS, SYSTEMS
for registry in DEGRADATIONS, PROPERTIES, SAMPLERS, SYSTEMS:
    for name in registry:
        registry.check(name), registry.summary(name)
print(sorted({"torch", "numpy", "cv2", "scipy", "tifffile", "PIL"} & set(sys.modules)))
"""
    assert python(Path(), code) == "[]"


def test_a_plug_in_joins(tmp_path: Path) -> None:
    plug_in(
        tmp_path,
        "restauro.properties: calm = calm:Calm",
        "restauro.diffusion.samplers: slow_walk = calm:Walk",
        "restauro.degradations: rain = calm:Rain",
    )
    code = """
import sys
from restauro.core.registry import DEGRADATIONS, PROPERTIES, SAMPLERS
entries = (PROPERTIES, "calm"), (SAMPLERS, "slow-walk"), (DEGRADATIONS, "rain")
for registry, name in entries:
    assert name in registry.names()
    assert registry.summary(name) == "Calm: nothing moves."
assert "torch" not in sys.modules and "calm" not in sys.modules
for registry, name in entries:
    cls = registry.get(name)
    print(cls.__name__, registry.name_of(cls))
from restauro.core.errors import RecipeError
from restauro.core.knobs import build
try:
    build(PROPERTIES.get("calm"), {"depth": -1}, name="calm")
except RecipeError as error:
    print(error)
"""
    lines = python(tmp_path, code).splitlines()
    assert lines == ["Calm calm", "Walk slow-walk", "Rain rain", "calm: depth: expected float >= 0.0"]


WRONG = {
    "jpeg = calm:Rain": "degradation 'jpeg' is defined twice: the plug-in 'calm:Rain' must use another name",
    "rain = calm:Snow": "the plug-in 'calm:Snow' cannot be loaded: AttributeError: ",
    "rain = calmer:Rain": "the plug-in 'calmer:Rain' cannot be loaded: ModuleNotFoundError: ",
    "rain = calm:NotOne": "the plug-in 'calm:NotOne' is no degradation: it must be a class derived from Degradation",
    "rain = calm:Calm": "the plug-in 'calm:Calm' is no degradation: it must be a class derived from Degradation",
}


@pytest.fixture
def degradations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """A registry that has not looked around yet, with tmp_path on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry("degradation", "restauro.degradations", "restauro.degradations._base:Degradation")
    sys.modules.pop("calm", None)


@pytest.mark.parametrize("point", WRONG)
def test_a_wrong_plug_in_is_refused_in_one_line(tmp_path: Path, degradations: Registry, point: str) -> None:
    plug_in(tmp_path, f"restauro.degradations: {point}")
    with pytest.raises(RecipeError) as caught:
        degradations.get("rain")
    assert str(caught.value).startswith(WRONG[point])
    assert "\n" not in str(caught.value)


def test_a_broken_plug_in_does_not_spoil_the_list(tmp_path: Path, degradations: Registry) -> None:
    plug_in(tmp_path, "restauro.degradations: rain = gone.away:Rain")
    assert [name for name in degradations if not degradations.summary(name)] == ["rain"]
    assert degradations.get("jpeg").__name__ == "Jpeg"  # the shared registry must not look around now: it would remember
