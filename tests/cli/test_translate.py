"""`restauro translate`: what a user types and sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro.networks.initial import initialise
from restauro.networks.skip_unet import SkipUNet
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save
from tests.cli.conftest import Run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    levels = np.indices((40, 52)).sum(0)[..., None] * [4, 3, 5] % 256
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture(scope="module", autouse=True)
def model(restauro_home: Path) -> str:
    torch.manual_seed(0)
    arguments = {"width": 4, "downs": 6, "norm": "instance", "dropout": "middle"}
    network = SkipUNet(**arguments)  # type: ignore[arg-type]
    initialise(network, 0.3)
    about = Passport(name="cli-unet", what="-", kind="translator", architecture="skip-unet", arguments=arguments)
    save(network.state_dict(), about, imported_folder())
    return "cli-unet"


def test_one_photograph(run: Run, photo: Path) -> None:
    done = run("translate", photo, "--model", "cli-unet", "--json")
    (one,) = done.json["done"]
    assert Path(one["output"]).name == "a-translated.png" and one["recipe"]["restorer"] == "cli-unet"
    with Image.open(one["output"]) as found:
        assert found.size == (52, 40)
    again = run("translate", photo, "-m", "cli-unet", "--overwrite")
    assert "100% of the picture changed" in again.out and "every pixel is the network's" in again.err


def test_it_can_be_replayed_to_the_byte(run: Run, photo: Path) -> None:
    out = photo.with_name("b.png")
    run("translate", photo, "-m", "cli-unet", "--dropout", "--seed", "3", "-o", out)
    run("replay", out, "--source", photo, "-o", photo.with_name("c.png"))
    assert out.read_bytes() == photo.with_name("c.png").read_bytes()


def test_variants_are_those_of_dropout(run: Run, photo: Path) -> None:
    (one,) = run("translate", photo, "-m", "cli-unet", "--variants", "2", "--json").json["done"]
    assert one["recipe"]["dropout"] and one["variants"]["spread"] > 0 and len(one["variants"]["files"]) == 2


@pytest.mark.parametrize(
    "words", ["", "-m nosuch", "-m face-prior", "-m cli-unet --mask a.png", "-m cli-unet -s 2", "-m cli-unet --prior x"]
)
def test_what_cannot_be_is_one_line(run: Run, photo: Path, words: str) -> None:
    done = run("translate", photo, *words.split())
    assert done.code in (2, 5) and done.err.count("\n") == 1 and "bug" not in done.err
    assert [one.name for one in photo.parent.iterdir()] == ["a.png"]
