"""`restauro evaluate study`: making a page, reading answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.evaluation.answers import COLUMNS
from tests.cli.conftest import Run


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number, name in enumerate(("real", "ours", "theirs")):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.fromarray(np.full((40, 40, 3), 50 * number + i, np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_page(run: Run, folders: Path) -> None:
    methods = ("--method", f"ours={folders / 'ours'}", "--method", f"theirs={folders / 'theirs'}")
    page = folders / "page.html"
    done = run("evaluate", "study", *methods, "--real", folders / "real", "--rank", "-o", page)
    assert done.code == 0 and "page.html" in done.out and page.exists()
    made = run("evaluate", "study", *methods, "--real", folders / "real", "--unpaired", "-o", page, "--seconds", "0.5", "--json")
    assert made.json == {"page": str(page)} and '"seconds": 0.5' in page.read_text() and '"paired": false' in page.read_text()


def test_answers(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [f"s,1,real-or-fake,{i},face,ours,{int(i < 3)},left,1000,500" for i in range(10)]
    file.write_text("\n".join([",".join(COLUMNS), *rows]))
    done = run("evaluate", "study", "--answers", file, file)
    assert done.code == 0 and "called real" in done.out and "30.0 [" in done.out and "given again" in done.err
    assert run("evaluate", "study", "--answers", file, "--json").json["called_real"]["ours"]["mean"] == 0.3


def test_refused(run: Run, folders: Path) -> None:
    ours = ("--method", f"ours={folders / 'ours'}")
    for words, said in {
        (): "--method NAME=DIR",
        ours: "what is asked",
        (*ours, *ours, "--rank"): "a name of its own",
        ("--method", "ours", "--rank"): "expected NAME=DIR",
        (*ours, "--real", "x", "--shown", "y"): "--shown belongs to --rank",
        (*ours, "--rank", "--unpaired"): "--unpaired belongs to --real",
        ("--answers", "a.csv", *ours): "--method makes a page",
        (*ours, "--real", "x", "--seconds", "0"): "seconds from 0.05 to 60",
        ("--data", "x"): "--data belongs to `restauro evaluate ddpm`",
    }.items():
        done = run("evaluate", "study", *words)
        assert done.code == 2 and said in done.err, done.err
    assert "two methods" in run("evaluate", "study", *ours, "--rank").err
    assert run("evaluate", "study", *ours, "--real", folders / "none").code == 3
    assert run("evaluate", "study", "--answers", folders / "none.csv").code == 3
