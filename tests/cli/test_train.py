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

from restauro.cli._knobs import value_of
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


def test_a_configuration_and_the_command_line_over_it(run: Run, pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.json"
    settings = {"part": "restorer", "objective": {"width": 32, "mult": [1, 1], "patch": 16}, "run": {"steps": 5, "batch": 2}}
    config.write_text(json.dumps(settings))
    words = ["train", "--config", config, "--data", pictures, "--out", tmp_path / "run"]
    assert run(*words, "--steps", "1", "--json").json["last"]["step"] == 1
    done = run(*words, "--resume", "--steps", "2", "--ship", "mine", "--about", "noise", "--into", tmp_path, "--json")
    passport = done.json["shipped"]
    assert passport["arguments"]["model_channels"] == 32
    assert passport["command"] == "restauro train --data pictures --config small.json --steps 2"
    assert json.loads((tmp_path / "run" / "config.json").read_text())["objective"]["width"] == 32
    assert run("train", "prior", *words[1:]).err.count("trains 'restorer'") == 1
    done = run(*words, "--out", tmp_path / "other", "--minutes", "1e-9", "--json")
    assert done.json["last"]["share"] == 1 and done.json["last"]["step"] == 1
    config.write_text(json.dumps({**settings, "run": {"stesp": 1}}))
    done = run(*words, "--resume")
    assert done.code == 2 and "stesp" in done.err and done.err.count("\n") == 1


def test_what_can_be_trained_is_listed(run: Run) -> None:
    said = run("train", "--list").out
    assert "restorer" in said and "super-resolver" in said and "of sr3" in said
    found = run("train", "--list", "--json").json
    assert found["parts"]["ddpm"] == "restauro.systems.ddpm" and found["presets"]["identity-guide"]["run"]["seed"] == 5
    done = run("train", "--data", "somewhere")
    assert done.code == 2 and "--list" in done.err


def test_a_run_is_plotted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0, "PSNR": 20.5}\n')
    assert run("train", "--plot", tmp_path).out.startswith("loss: 2 at step 1, 1 at step 2")
    with Image.open(tmp_path / "plot.png") as picture:
        assert len(picture.getcolors(10_000) or ()) > 3
    assert run("train", "--plot", tmp_path, "--json").json["curves"]["PSNR"] == [[2, 20.5]]
    assert run("train", "--plot", tmp_path / "none").code == 3


def test_broken_pictures_are_reported(run: Run, pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.png").write_bytes(b"no picture")
    done = run("train", "restorer", "--data", pictures, "--out", tmp_path / "run", *SMALL, "--steps", "1")
    assert done.code == 0 and "1 of 5 pictures are left out" in done.err and "broken.png" in done.err


def test_in_parts_and_slices_for_a_borrowed_machine(run: Run, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "restorer", "--data", pictures, "--out", out, *SMALL, "--steps", "3", "--resume", "-q"]
    assert run(*words, "--slice-minutes", "1e-9", "--part-mb", "0.5", "--light").code == 0
    files = [path for path in out.iterdir() if path.name.startswith(("state", "light"))]
    assert len(files) > 4 and max(path.stat().st_size for path in files) <= 500_000
    for path in out.glob("state*"):
        path.unlink()
    assert run(*words, "--json").json["last"]["step"] == 3


def test_wrong_values(run: Run, pictures: Path, tmp_path: Path) -> None:
    words = ["train", "prior", "--data", pictures, "--out", tmp_path / "run", "--steps", "1"]
    assert run(*words, "--knob", "width=wide").code == 2
    assert run(*words, "--knob", "dropout=2").code == 2
    assert run(*words, "--knob", "nothing=2").code == 2
    assert run(*words, "--config", "no-such-preset").code == 2
    assert run(*words, "--ema", "2").code == 2
    assert run(*words, "--stored", "64").code == 3
    assert run("train", "prior", "--data", tmp_path / "none", "--out", tmp_path / "run", "--steps", "1").code == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [("", ""), ("0.5", 0.5), ("true", True), ("1,1.5,2", [1, 1.5, 2]), ("old-photo", "old-photo"), ("a,b", "a,b")],
)
def test_what_is_meant_by_a_knob_on_the_command_line(text: str, value: object) -> None:
    assert value_of(text) == value
