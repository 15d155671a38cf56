"""A folder as the package diffusers saves it: weights, and JSON files that say what no tensor tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from restauro.core.errors import WeightsError

STEM = "diffusion_pytorch_model"
FILES = tuple(f"{STEM}{variant}.{ending}" for variant in ("", ".fp16") for ending in ("safetensors", "bin"))
MAX_JSON = 2**20


def opened(path: Path) -> tuple[Path, dict[str, dict[str, Any]]]:
    """The weights file that a folder means, and what "config.json" and "scheduler_config.json" beside it say.

    The folder is a pipeline's (with unet/ and scheduler/) or a network's. A file stands for itself; only if it has its name
    from diffusers, a config.json beside it counts. `WeightsError` for a folder without weights.
    """
    if not path.is_dir():
        beside = path.name.startswith(STEM) and (path.parent / "config.json").is_file()
        return path, _configs(path.parent) if beside else {}
    root = path / "unet" if (path / "unet").is_dir() else path
    weights = next((root / name for name in FILES if (root / name).is_file()), None)
    if weights is None or not (root / "config.json").is_file():
        raise WeightsError(
            f"{path} is a folder without {FILES[0]} and config.json (diffusers' layout); name the weights file in it"
        )
    return weights, _configs(root)


def _configs(root: Path) -> dict[str, dict[str, Any]]:
    files = [root / "config.json", root / "scheduler_config.json"]
    if root.name == "unet":
        files.append(root.parent / "scheduler" / "scheduler_config.json")
    return {file.name: _read(file) for file in files if file.is_file()}


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_JSON:
            raise ValueError("too long")
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{file} is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise WeightsError(f"{file} holds no settings")
    return said
