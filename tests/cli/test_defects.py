"""The released code's defects 7, 15, 19 and 20 (../shared/facts/pgdiff.md, section 7), on the real commands."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restauro
from restauro.core.device import choose_device
from restauro.core.errors import RecipeError
from tests.cli.conftest import Run

SOURCE = Path(restauro.__file__).parent


def fresh(code: str, **environment: str) -> str:
    """What a new process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_defect_07_a_missing_or_misnamed_mask_is_an_error(run: Run, plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jpg"
    done = run("inpaint", plain, "--mask", tmp_path / "no-mask.png", "-o", out)
    assert done.code == 3 and "no-mask.png" in done.err and done.err.count("\n") == 1
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (96, 64), 255).save(masks / "plane.png")
    done = run("inpaint", plain, "--mask", masks, "-o", out)
    assert done.code == 3 and "there is no mask of this name" in done.err
    (masks / "plain.png").write_bytes(b"no picture")
    assert run("inpaint", plain, "--mask", masks, "-o", out).code == 3
    assert not out.exists()


def test_defect_15_one_fixed_device(run: Run, damaged: Path, tmp_path: Path) -> None:
    """Any machine, the user's choice of device, no start-up of many processes for one picture."""
    fixed = re.compile(r"\.cuda\(|CUDA_VISIBLE_DEVICES|mpi4py|nccl|init_process_group", re.I)
    files = [file for file in SOURCE.rglob("*.py") if file.name != "ranks.py"]  # there torchrun has asked for processes
    found = [file.name for file in files if fixed.search(file.read_text(encoding="utf-8"))]
    assert not found, found
    words = ["restore", str(damaged), "--aligned", "--steps", "0", "--device", "cpu", "-o", str(tmp_path / "out.png")]
    said = fresh(
        "import os, sys; from restauro.cli import main; code = main(sys.argv[1:] or " + repr(words) + ");"
        "print(code, os.environ['CUDA_VISIBLE_DEVICES'], [m for m in sys.modules if m.startswith('mpi')],"
        " __import__('torch').distributed.is_initialized(), 'restauro.training.ranks' in sys.modules)",
        CUDA_VISIBLE_DEVICES="7",
    )
    assert said.splitlines()[-1] == "0 7 [] False False"
    assert str(choose_device("cpu")) == "cpu"
    with pytest.raises(RecipeError, match="not available here"):
        choose_device("abacus")


def test_defect_19_lists_on_the_command_line_are_lists(run: Run, damaged: Path, tmp_path: Path) -> None:
    words = ["--aligned", "--faithful", "--start", "0.3", "--json", "--device", "cpu"]
    made = ["--respacing", "2,3", "--repeats", "2", "--window", "0.0,0.2"]
    done = run("restore", damaged, "-o", tmp_path / "a.png", *words, *made)
    assert done.code == 0, done.err
    recipe = done.json["done"][0]["recipe"]
    assert recipe["published"]["window"] == [0.0, 0.2] and recipe["published"]["respacing"] == "2,3" and recipe["steps"] == 5
    assert run("restore", damaged, "--faces", "12", "-o", tmp_path / "b.png").err.count("there is no face 12") == 1
    done = run("restore", damaged, "-o", tmp_path / "c.png", "--faithful", "--window", "0.2")
    assert done.code == 2 and "is not two numbers like 0.7,1" in done.err
    done = run("restore", damaged, "-o", tmp_path / "c.png", "--faithful", "--steps", "37")
    assert done.code == 2 and "36 or 38 are possible" in done.err


@pytest.mark.parametrize("method", ["gdp", "ddnm"])
def test_published_methods_are_options(run: Run, damaged: Path, tmp_path: Path, method: str) -> None:
    words = ["--aligned", "--faithful", "--method", method, "--steps", "2", "--start", "0.3", "--scale", "0.5", "--json"]
    done = run("restore", damaged, "-o", tmp_path / "out.png", *words)
    assert done.code == 0, done.err
    recipe = done.json["done"][0]["recipe"]
    assert recipe["published"]["method"] == method and recipe["published"]["scale"] == 0.5
    assert recipe["sampler"] == {"gdp": "ancestral", "ddnm": "ddim"}[method]
    shown = run("recipes", "show", f"restore-{method}", "--json").json
    assert shown["published"]["method"] == method and shown["faithful"]
    assert f"restore-{method}" in run("recipes", "list").out
    done = run("restore", damaged, "--method", method)
    assert done.code == 2 and "use it with faithful" in done.err


@pytest.fixture
def album(plain: Path, tmp_path: Path) -> Path:
    """Two good pictures around a broken one; a hidden one, a note and a folder's own file."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a.jpg", "z.jpg", ".hidden.jpg"):
        shutil.copy(plain, folder / name)
    (folder / "m.jpg").write_bytes(plain.read_bytes()[:300])
    (folder / "note.txt").write_text("grandma, 1911")
    (folder / "Thumbs.db").write_bytes(b"\x00")
    return folder


def test_defect_20_one_unreadable_file_ends_the_run(run: Run, album: Path, tmp_path: Path) -> None:
    done = run("restore", album, "-o", tmp_path / "out", "--json")
    assert done.code == 6
    assert [Path(one["input"]).name for one in done.json["done"]] == ["a.jpg", "z.jpg"]
    assert [Path(one["input"]).name for one in done.json["failed"]] == ["m.jpg"]


def test_defect_20_hidden_files_count_as_pictures(run: Run, album: Path, tmp_path: Path) -> None:
    done = run("restore", album, "-o", tmp_path / "out")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["a.jpg", "z.jpg"]
    assert ".hidden" not in done.out + done.err and "2 files that are no pictures were passed over" in done.err


def test_defect_20_references_are_only_counted(run: Run, damaged: Path, plain: Path, tmp_path: Path) -> None:
    """Each is opened before anything else is done, whatever it is called, and must show a face."""
    words = ["restore", damaged, "-o", tmp_path / "out.png", "--steps", "1", "--reference"]
    done = run(*words, tmp_path / "nobody.jpg")
    assert done.code == 3 and "nobody.jpg" in done.err
    done = run(*words, plain)
    assert done.code == 3 and "no face was found in this reference" in done.err
    assert not (tmp_path / "out.png").exists()


def test_defect_20_a_failed_write_is_not_noticed(run: Run, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("restauro.core.files.os.replace", full)
    done = run("restore", plain, "-o", tmp_path / "out.jpg")
    assert done.code == 4 and "cannot be written: No space left on device" in done.err
    assert not list(tmp_path.iterdir())


def test_defect_20_the_task_is_checked_after_the_models_are_loaded() -> None:
    said = fresh(
        "import sys; from restauro.cli import main; code = main(['colourise', 'a.jpg']);"
        "print(code, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert said.splitlines()[-1] == "2 False False"


def test_defect_20_all_results_are_kept_in_memory(
    run: Run, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a photograph's turn comes, the pixels of those before are gone."""
    from restauro import api

    alive: list[weakref.ref[np.ndarray]] = []
    left: list[int] = []
    real = api.runs

    def watched(*words: Any, **more: Any) -> Iterator[Any]:
        gc.collect()
        left.append(sum(one() is not None for one in alive))
        for result in real(*words, **more):
            alive.append(weakref.ref(result.pixels))
            yield result

    monkeypatch.setattr(api, "runs", watched)
    for name in "abc":
        shutil.copy(damaged, tmp_path / f"{name}.png")
    done = run("restore", *(tmp_path / f"{name}.png" for name in "abc"), "--aligned", "--steps", "0", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert left == [0, 0, 0] and len(alive) == 3
