"""docs/training.md stays true: its commands run, in order, with small networks and one step."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.cli import main
from restauro.training.run import Run

GUIDE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
QUICK = ["--steps", "1", "--batch", "2"]
SMALL = {
    "restorer": ["--knob", "width=32", "--knob", "mult=1,1", "--knob", "patch=16"],
    "sr3": ["--knob", "width=8", "--knob", "mult=1,1", "--knob", "blocks=1,1"],
}


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.S)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def quick(words: list[str]) -> list[str]:
    """The same with next to nothing to do."""
    if words[0] != "train" or not {"--data"} & set(words):
        return words
    return [*words, *SMALL.get(words[1], []), *QUICK]


def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], restauro_home: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 255, (128, 128, 3), np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    shutil.copy(tmp_path / "pictures" / "0.png", tmp_path / "crop.png")
    (settings,) = re.findall(r"```json\n(.*?)```", GUIDE, re.S)
    (tmp_path / "small.json").write_text(settings.replace('{"width": 32}', '{"width": 32, "mult": [1, 1], "patch": 16}'))
    monkeypatch.chdir(tmp_path)
    assert len(commands()) > 8
    try:
        for command in commands():
            code = main(quick(shlex.split(command)[1:]))
            assert code == 0, f"{command}: exit {code}\n{capsys.readouterr().err}"
    finally:
        shutil.rmtree(restauro_home / "weights", ignore_errors=True)
    for path in (
        "restored.png",
        "runs/restorer/plot.png",
        "runs/again/state.pt",
        "runs/sr3/state.pt.json",
        "runs/sr3/light.safetensors.json",
    ):
        assert (tmp_path / path).exists(), path


def test_every_option_it_speaks_of_is_one() -> None:
    named = {option.replace("-", "_") for option in re.findall(r"`--([a-z0-9-]+)", GUIDE)}
    others = {"list", "knobs", "plot", "data", "held", "size", "stored", "config", "out", "resume", "knob", "ship"}
    assert named <= {*Run.__struct_fields__, *others}, named
