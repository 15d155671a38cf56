"""`restauro evaluate pix2pix`: scores of segmentations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run

PALETTE = np.array([[0, 0, 170], [0, 170, 255], [170, 0, 0]], np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    for i in range(4):
        truth = rng.integers(0, 3, (8, 8))
        found = np.where(rng.random((8, 8)) < 0.25, rng.integers(0, 3, (8, 8)), truth)
        for name, labels in (("truth", truth), ("found", found)):
            for kind, picture in (("grey", labels.astype(np.uint8)), ("colour", PALETTE[labels])):
                folder = tmp_path / f"{name}-{kind}"
                folder.mkdir(exist_ok=True)
                Image.fromarray(picture).save(folder / f"{i}.png")
    return tmp_path / "truth-grey", tmp_path / "found-grey"


def test_scores(run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
    truth, found = folders
    done = run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--classes", "4")
    assert done.code == 0 and "4 pictures, 4 classes (absent ones are left out)" in done.out and "class IoU" in done.out
    grey = run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--classes", "3", "--json").json
    assert 0.7 < grey["per_pixel_accuracy"]["low"] < grey["per_pixel_accuracy"]["mean"] < 1
    four = run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--classes", "4", "--json", "--faithful").json
    assert four["class_IoU"]["mean"] == pytest.approx(grey["class_IoU"]["mean"] * 3 / 4)
    (tmp_path / "palette.txt").write_text("\n".join(" ".join(map(str, row)) for row in PALETTE))
    words = ("--truth", tmp_path / "truth-colour", "--found", tmp_path / "found-colour", "--palette", tmp_path / "palette.txt")
    assert run("evaluate", "pix2pix", *words, "--json").json == grey | {"missing": []}


def test_what_is_missing_is_said(run: Run, folders: tuple[Path, Path]) -> None:
    truth, found = folders
    (found / "2.png").unlink()
    done = run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--classes", "4")
    assert done.code == 0 and "3 pictures" in done.out and "1 labels have no answer" in done.err and "2.png" in done.err


def test_refused(run: Run, folders: tuple[Path, Path]) -> None:
    truth, found = folders
    assert "needs --found" in run("evaluate", "pix2pix", "--truth", truth).err
    assert "--classes N, or --palette" in run("evaluate", "pix2pix", "--truth", truth, "--found", found).err
    assert "--truth belongs to" in run("evaluate", "ddpm", "--data", truth, "--truth", truth).err
    assert "--bits belongs to" in run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--bits").err
    done = run("evaluate", "pix2pix", "--truth", truth, "--found", found, "--classes", "2")
    assert done.code == 3 and "the label 2 was found" in done.err
    assert run("evaluate", "pix2pix", "--truth", truth, "--found", found / "none", "--classes", "2").code == 3
