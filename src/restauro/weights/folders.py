"""A folder as the package diffusers saves it: weights, and JSON files that say what no tensor tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from restauro.core.errors import WeightsError

STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
"""Of networks of diffusers, and of transformers, which text encoders are."""
FILES = tuple(f"{stem}{variant}.{ending}" for stem in STEMS for variant in ("", ".fp16") for ending in ("safetensors", "bin"))
NETWORKS = {"unet": "prior", "vae": "autoencoder", "text_encoder": "text"}
"""The folders of a pipeline, and a word for the network in each."""
MAX_JSON = 2**20


class Opened(NamedTuple):
    """word: for the network, where there are several. said: by "config.json" and "scheduler_config.json" beside it."""

    word: str
    file: Path
    said: dict[str, dict[str, Any]]


def opened(path: Path) -> list[Opened]:
    """The weights files that a folder means, and what the JSON files beside each say.

    The folder is a pipeline's (with unet/ and scheduler/; Stable Diffusion's has vae/ and text_encoder/, too) or a network's. A
    file stands for itself; only if it has its name from diffusers, a config.json beside it counts. `WeightsError` for a folder
    without weights.
    """
    if not path.is_dir():
        named = path.name in FILES or path.name.startswith(STEMS[0])
        beside = named and (path.parent / "config.json").is_file()
        return [Opened("", path, _configs(path.parent) if beside else {})]
    roots = {word: path / name for name, word in NETWORKS.items() if (path / name).is_dir()} or {"": path}
    if len(roots) == 1:
        roots = dict(zip([""], roots.values()))
    return [Opened(word, _weights(root), _configs(root)) for word, root in roots.items()]


def _weights(root: Path) -> Path:
    found = next((root / name for name in FILES if (root / name).is_file()), None)
    if found is None or not (root / "config.json").is_file():
        raise WeightsError(
            f"{root} is a folder without {FILES[0]} and config.json (diffusers' layout); name the weights file in it"
        )
    return found


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
