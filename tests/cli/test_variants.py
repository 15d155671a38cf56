"""--variants: several results of one photograph, each as if its seed had run alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run


def test_each_is_what_its_seed_gives_alone(run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("restore", damaged, "-o", out, "--steps", "1", "--seed", "4", "--variants", "3", "--json").json["done"][0]
    names = ["out-1.png", "out-2.png", "out-3.png", "out-spread.png", "out-variants.png"]
    assert sorted(one.name for one in tmp_path.iterdir()) == names
    told = done["variants"]
    assert [Path(one).name for one in told["files"]] == names[:3] and told["seeds"] == [4, 5, 6] and told["spread"] > 0
    assert run("restore", damaged, "-o", tmp_path / "alone.png", "--steps", "1", "--seed", "5", "-q").code == 0
    assert (tmp_path / "alone.png").read_bytes() == (tmp_path / "out-2.png").read_bytes()
    assert (tmp_path / "out-1.png").read_bytes() != (tmp_path / "out-2.png").read_bytes()
    assert "identical, byte for byte" in run("replay", tmp_path / "out-3.png", "--source", damaged).out
    with Image.open(tmp_path / "out-variants.png") as sheet, Image.open(tmp_path / "out-spread.png") as heat:
        assert sheet.width > 4 * 240 and heat.height > 300


@pytest.mark.parametrize("task", ["enhance", "colorize", "old-photo"])
def test_every_task_has_them(run: Run, damaged: Path, tmp_path: Path, task: str) -> None:
    done = run(task, damaged, "-o", tmp_path / "out.png", "--steps", "1", "--variants", "2")
    assert done.code == 0 and "2 variants, " in done.out and "of 255 apart where changed" in done.out, done.err
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_left_to_chance_is_said(run: Run, damaged: Path, tmp_path: Path) -> None:
    done = run("restore", damaged, "-o", tmp_path / "out.png", "-w", "1", "--variants", "2")
    assert done.code == 0 and "variants are all alike" in done.err


def test_a_photograph_without_work_is_copied_once(run: Run, plain: Path, tmp_path: Path) -> None:
    done = run("restore", plain, "-o", tmp_path / "same.jpg", "--variants", "3")
    assert done.code == 0 and "nothing to do" in done.out
    assert [one.name for one in tmp_path.iterdir()] == ["same.jpg"]
    assert (tmp_path / "same.jpg").read_bytes() == plain.read_bytes()


def test_no_file_is_replaced_unasked(run: Run, damaged: Path, tmp_path: Path) -> None:
    (tmp_path / "out-variants.png").write_bytes(b"mine")
    done = run("restore", damaged, "-o", tmp_path / "out.png", "--variants", "2")
    assert done.code == 4 and "out-variants.png" in done.err and len(list(tmp_path.iterdir())) == 1
