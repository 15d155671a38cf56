"""What can be trained, and the presets that regenerate shipped weights: found in the systems' folders, without torch.

A system's `objective.py` has `PARTS = {"word": Objective}`, and its folder `presets/NAME.json` may hold presets.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Annotated, Any

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed, build, suggest
from restauro.core.registry import SYSTEMS


class Config(Knobbed, frozen=True, kw_only=True):
    """What `--config FILE` and presets hold: what is trained, on what size, with which knobs."""

    part: Annotated[str, Knob("what is trained")] = ""
    what: Annotated[str, Knob("what the preset is for, in a sentence")] = ""
    objective: Annotated[dict[str, Any], Knob("knobs of what is trained")] = {}
    run: Annotated[dict[str, Any], Knob("knobs of the run")] = {}
    size: Annotated[int, Knob("side of the training pictures", ge=16, le=1024, unit="px")] = 128
    stored: Annotated[int, Knob("side at which pictures are kept, to be cut to `size` at random; 0: size", ge=0, unit="px")] = 0
    pattern: Annotated[str, Knob("which tars of the folder are training pictures")] = "*.tar"
    held: Annotated[str, Knob("held-out pictures; empty: a twentieth of the training pictures")] = ""

    def to_json(self) -> bytes:
        """As a file for `--config`, without what is as by default."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return json.dumps({name: value for name, value in told.items() if value != getattr(Config(), name)}, indent=1).encode()


def parts() -> dict[str, str]:
    """What can be trained -> the module of its system. Reads the keys of `PARTS` without importing anything."""
    found: dict[str, str] = {}
    for system in SYSTEMS:
        place = SYSTEMS.module(system)
        spec = _spec(f"{place}.objective")
        for part in _keys(spec.origin) if spec and spec.origin else ():
            if part in found:
                raise RecipeError(f"{part!r} is trained by two systems: {found[part]} and {place}")
            found[part] = place
    return found


def objective(part: str) -> type[Any]:
    """The class of what is trained; a `RecipeError` with a suggestion where there is none."""
    known = parts()
    if part not in known:
        raise RecipeError(f"there is no part {part!r} to train{suggest(part, known)}")
    found: type[Any] = importlib.import_module(f"{known[part]}.objective").PARTS[part]
    return found


def presets() -> dict[str, Config]:
    """Every system's presets by their names."""
    files = (file for system in SYSTEMS for file in _presets(SYSTEMS.module(system)))
    return {file.stem: _read(file) for file in sorted(files)}


def config(name: str) -> Config:
    """A preset, or a JSON file of that path. Unknown names and bad values are a `RecipeError` of one line."""
    if Path(name).suffix == ".json" or Path(name).is_file():
        return _read(Path(name))
    known = presets()
    if name not in known:
        raise RecipeError(f"{name!r} is no preset and no file{suggest(name, known)}")
    return known[name]


def _read(file: Path) -> Config:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise RecipeError(f"{file}: is no JSON: {error}") from None
    if not isinstance(settings, dict):
        raise RecipeError(f"{file}: expected a JSON object with {', '.join(Config.__struct_fields__)}")
    found: Config = build(Config, settings, name=str(file))
    return found


def _presets(place: str) -> list[Path]:
    spec = _spec(place)
    return [
        file for folder in (spec.submodule_search_locations or () if spec else ()) for file in Path(folder).glob("presets/*.json")
    ]


def _spec(module: str) -> Any:
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None


def _keys(file: str) -> list[str]:
    """The words of the dictionary that a module calls PARTS."""
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        named = any(isinstance(target, ast.Name) and target.id == "PARTS" for target in targets)
        if named and isinstance(value := getattr(node, "value", None), ast.Dict):
            return [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]
    return []
