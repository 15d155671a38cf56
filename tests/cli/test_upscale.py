"""`restauro upscale`: what a user types and sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.systems.sr3 import enlarge
from tests.cli.conftest import Run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    levels = np.indices((20, 28)).sum(0)[..., None] * [4, 3, 5] % 256
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_one_photograph_without_any_preparation(run: Run, photo: Path) -> None:
    """Complaints 5 and 9 of the SR3 repository's users: 2000 calls a picture, and folders to prepare."""
    done = run("upscale", photo, "--json")
    (one,) = done.json["done"]
    with Image.open(one["output"]) as found:
        assert found.size == (56, 40)
    assert one["report"]["calls"] <= 10 and one["recipe"]["system"] == "sr3"
    assert "enlarged 2x" in run("upscale", photo, "-s", "2", "--overwrite").out


def test_it_can_be_replayed_to_the_byte(run: Run, photo: Path) -> None:
    run("upscale", photo, "-s", "4", "--steps", "2", "--seed", "3", "-o", photo.with_name("b.png"))
    run("replay", photo.with_name("b.png"), "--source", photo, "-o", photo.with_name("c.png"))
    assert photo.with_name("b.png").read_bytes() == photo.with_name("c.png").read_bytes()


def test_stopped_it_leaves_nothing_behind(run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []

    def stopped(*args: object) -> None:
        walked.append(args)
        raise KeyboardInterrupt

    monkeypatch.setattr(enlarge, "_walk", stopped)
    done = run("upscale", photo)
    assert done.code == 130 and "nothing half-written" in done.err and walked
    assert [one.name for one in photo.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize("words", ["-s 1", "-s 3", "--cleaning 2", "--prior face-prior", "--mask a.png", "--sampler nosuch"])
def test_what_cannot_be_is_one_line(run: Run, photo: Path, words: str) -> None:
    done = run("upscale", photo, *words.split())
    assert done.code in (2, 5) and done.err.count("\n") == 1 and "bug" not in done.err
    assert len(list(photo.parent.iterdir())) == 1
