"""`restauro colorize`: what a user types and sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro.networks.colorizer import Colorizer
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save
from tests.cli.conftest import Run


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    levels = np.indices((40, 52)).sum(0) * 4 % 256
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_photograph_without_a_face_is_coloured(run: Run, grey: Path) -> None:
    torch.manual_seed(0)
    arguments = {"width": 8, "mult": [1, 2], "blocks": [1, 1], "bins": 5, "temperature": 0.05}
    network = Colorizer(**arguments)  # type: ignore[arg-type]
    torch.nn.init.normal_(network.out[-1].weight)  # type: ignore[arg-type]
    about = Passport(name="cli-colorizer", what="-", kind="colorizer", architecture="colorizer", arguments=arguments, size=48)
    save(network.state_dict(), about, imported_folder())
    done = run("colorize", grey, "--colorizer", "cli-colorizer")
    assert done.code == 0 and "of the picture changed" in done.out and "the lightness is the photograph's own" in done.err
    with Image.open(grey.with_name("a-colorized.png")) as found:
        levels = np.asarray(found.convert("RGB"), np.float64)
    assert np.ptp(levels, -1).max() > 20
    assert np.abs(levels @ [0.299, 0.587, 0.114] - np.asarray(Image.open(grey))).max() <= 1


def test_other_weights_are_refused_in_one_line(run: Run, grey: Path) -> None:
    for name, words in (("nosuch", "no weights"), ("face-prior", "not a colorizer")):
        done = run("colorize", grey, "--colorizer", name)
        assert done.code in (5, 6) and words in done.err and "bug" not in done.err
    assert [one.name for one in grey.parent.iterdir()] == ["a.png"]
