"""The README stays true: every command and every line of Python in it runs, in order, in one folder."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import restauro
from restauro.cli import main
from tests.shared import SHARED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def commands(text: str = README) -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh", text) for line in block.splitlines()]
    return [line for line in lines if line.startswith("restauro ")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything the README speaks of, around one public-domain portrait."""
    skimage = pytest.importorskip("skimage.data")
    portrait = Image.fromarray(skimage.astronaut()).crop((130, 0, 330, 220)).resize((160, 176))
    soft = portrait.filter(ImageFilter.GaussianBlur(2))
    soft.save(tmp_path / "grandma.jpg")
    portrait.rotate(4, resample=Image.Resampling.BICUBIC).save(tmp_path / "younger.jpg")
    (tmp_path / "scans").mkdir()
    soft.save(tmp_path / "scans" / "one.jpg")
    mask = np.zeros((176, 160), np.uint8)
    mask[80:90, 60:100] = 255
    torn = np.array(soft)
    torn[mask > 0] = 255
    Image.fromarray(torn).save(tmp_path / "torn.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    portrait.resize((128, 128)).save(tmp_path / "crop.png")
    (tmp_path / "pictures").mkdir()
    for i in range(6):
        portrait.rotate(3 * i).resize((128, 128)).save(tmp_path / "pictures" / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(commands()) > 15
    for command in commands():
        code = main(shlex.split(command)[1:])
        assert code == 0, f"{command}: exit {code}\n{capsys.readouterr().err}"
    assert (desk / "grandma-restored.jpg").exists()
    assert (desk / "out.jpg").read_bytes() == (desk / "again.jpg").read_bytes()  # replayed


def test_every_command_of_the_guide_to_enlarging_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands((ROOT / "docs" / "upscaling.md").read_text(encoding="utf-8")):
        assert main(shlex.split(command)[1:]) == 0, f"{command}\n{capsys.readouterr().err}"


def test_every_line_of_python_runs(desk: Path) -> None:
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {"restauro": restauro})
    assert (desk / "before-after.png").exists()


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"make ([a-z]+)", README))
    assert {"demo", "test", "goldens"} <= named <= targets


def test_its_pictures_and_links_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_shared_is_never_needed() -> None:
    assert str(SHARED) not in README
