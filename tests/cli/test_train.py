"""train: a tiny run, resumed, shipped, used; stopped by Ctrl-C."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run

SMALL = ["--batch", "2", "--knob", "width=32", "--knob", "mult=1,1", "--knob", "patch=16"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(4):
        Image.fromarray(rng.integers(0, 255, (128, 128, 3), np.uint8)).save(folder / f"{index}.png")
    return folder


def test_train_resume_ship_use(run: Run, pictures: Path, damaged: Path, tmp_path: Path, restauro_home: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "restorer", "--data", pictures, "--out", out, *SMALL]
    done = run(*words, "--steps", "1")
    assert done.code == 0 and done.out.startswith("step 1 (100%"), done.err
    done = run(*words, "--steps", "1")
    assert done.code == 2 and "--resume" in done.err
    done = run(*words, "--steps", "2", "--resume", "--ship", "mine", "--about", "noise", "--json")
    assert done.code == 0, done.err
    assert done.json["last"]["step"] == 2
    passport = done.json["shipped"]
    assert (
        passport["training_data"] == "noise"
        and "--knob width=32" in passport["command"]
        and str(tmp_path) not in passport["command"]
    )
    try:
        assert run("restore", damaged, "--restorer", "mine", "--steps", "0", "-o", tmp_path / "out.png").code == 0
    finally:
        shutil.rmtree(restauro_home / "weights")
    done = run(*words, "--steps", "2", "--resume", "--ship", "mine", "--about", "noise", "--into", tmp_path / "weights")
    assert done.code == 0 and "finished already" in done.out and (tmp_path / "weights" / "mine.json").exists()
    assert json.loads((tmp_path / "weights" / "mine.json").read_text())["kind"] == "restorer"


def test_ctrl_c_says_how_to_go_on(run: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, out: str, **__: Any) -> Iterator[Any]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("restauro.api.train", stop)
    out = tmp_path / "run"
    done = run("train", "prior", "--data", pictures, "--out", out)
    assert done.code == 130 and "no checkpoint had been written yet" in done.err
    out.mkdir()
    (out / "state.pt").touch()
    done = run("train", "prior", "--data", pictures, "--out", out)
    assert done.code == 130 and "go on with --resume" in done.err


def test_its_knobs_are_listed(run: Run) -> None:
    said = run("train", "prior", "--knobs").out
    assert "level_mean" in said and "slice_minutes" in said
    assert {"prior", "run"} == run("train", "prior", "--knobs", "--json").json.keys()


def test_wrong_values(run: Run, pictures: Path, tmp_path: Path) -> None:
    words = ["train", "prior", "--data", pictures, "--out", tmp_path / "run", "--steps", "1"]
    assert run(*words, "--knob", "width=wide").code == 2
    assert run(*words, "--knob", "dropout=2").code == 2
    assert run("train", "prior", "--data", tmp_path / "none", "--out", tmp_path / "run", "--steps", "1").code == 3
