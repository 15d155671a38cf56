"""Defects of the releases that are not ours: of what lies around the engine (their numbers: ../shared/facts/diffbir.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from restauro import api
from restauro.api.result import Result
from restauro.core.events import Event
from restauro.core.recipe import Latent, Release
from restauro.degradations.noise import Noise
from restauro.diffusion.contract import Observation
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.properties.region_adaptive import RegionAdaptive
from restauro.systems import diffbir
from restauro.systems.diffbir import engine, prompts, published
from restauro.systems.diffbir.stage1 import Stage1Objective
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import ours, put, stock
from tests.systems.oldphotos.stages import pictures


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    return stock()


@pytest.mark.parametrize(("height", "width"), [(37, 50), (3, 3), (64, 33)])
def test_defect_02_regions_of_any_size(height: int, width: int) -> None:
    """Theirs cuts the map into blocks of 2 x 2, and stops where a side is odd."""
    picture = waves(1, 1, height, width)
    prop = RegionAdaptive()
    target = prop.target(Observation(picture, restored=picture))
    assert float(prop.distance(picture, target)) == 0
    assert float(prop.distance(picture + 0.1, target)) > 0


def test_defect_14_levels_are_rounded() -> None:
    """Theirs are cut off: half a level darker on average."""
    picture = torch.full((1, 3, 8, 8), 100.7 / 255)
    assert int(published._levels(picture, picture, Latent(colour_fix="none"), (8, 8))[0, 0, 0]) == 100
    pixels: Any = picture[0].permute(1, 2, 0).numpy()
    unused: Any = None
    assert np.asarray(Result(pixels, unused, unused, unused, unused).image)[0, 0].tolist() == [101] * 3


def test_defect_15_no_device_has_a_name_here() -> None:
    """Theirs asks CUDA for its memory wherever it runs. That ours runs without is what all other tests show."""
    folder = Path(str(diffbir.__file__)).parent
    assert not [file.name for file in folder.glob("*.py") if {"cuda", "mps"} & set(file.read_text().replace('"', " ").split())]
    assert not [file.name for file in folder.glob("*.py") if ".cuda" in file.read_text()]


def test_defect_17_a_cosine_schedule() -> None:
    schedule = NoiseSchedule.named("cosine")
    assert len(schedule) == 1000 and schedule.q_sample(torch.ones(1, 1, 1, 1), 500, torch.zeros(1, 1, 1, 1)).isfinite().all()


def test_defect_18_prompts_are_read_once_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = TextTower.forward
    monkeypatch.setattr(prompts, "_pairs", lambda word: [len(word)])
    monkeypatch.setattr(TextTower, "forward", lambda tower, tokens: read.append(len(tokens)) or forward(tower, tokens))
    told = stock("told", context=16)
    engine.run(ours(told, prompt="a face", unlike="blurred", cfg=2.0), Observation(waves(1, 2, 32).float()))
    assert read == [2]


class Stopped(Exception):
    """By whoever listens."""


@pytest.mark.parametrize("faithful", [False, True])
def test_defect_19_a_run_that_ends_early_changes_no_other(
    names: dict[str, str], faithful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs leaves its scales, and the tiled network's replaced methods, behind."""
    monkeypatch.setattr(published, "LEAST", 64)
    arguments: dict[str, Any] = {"width": 12, "depths": [1], "heads": 2, "features": 8}
    put("early-swinir", "restorer", "swinir", SwinIR(**arguments), arguments, range=(0.0, 1.0), prediction="clean")
    recipe, seen = ours(names), Observation(waves(1, 1, 96).float())
    if faithful:
        release = Release(release="v2.1", walk="spaced", tiled=True)
        recipe = msgspec.structs.replace(recipe, restorer="early-swinir", faithful=True, start=0.0, steps=2, released=release)
    recipe = msgspec.structs.replace(recipe, latent=msgspec.structs.replace(recipe.latent, tile_size=64))  # type: ignore[type-var]
    before = engine.run(recipe, seen)

    def stop(event: Event) -> None:
        raise Stopped

    other = msgspec.structs.replace(recipe.latent, control_scale=0.3, tile_size=128)  # type: ignore[type-var]
    with pytest.raises(Stopped):
        engine.run(msgspec.structs.replace(recipe, latent=other), seen, listener=stop)
    assert torch.equal(engine.run(recipe, seen), before)


def test_defect_21_the_rate_does_not_depend_on_the_batch() -> None:
    """Theirs sums the error over pixels and pictures."""
    torch.manual_seed(0)
    part = Stage1Objective(width=12, depths=(1,), heads=2, window=2, unshuffle=4, features=4)
    network, rng = part.build(pictures()), np.random.default_rng(0)
    shown, asked = waves(1, 4, 32).float(), waves(2, 4, 32).float()
    whole = part.learn(network, (shown, asked), rng)
    halves = [part.learn(network, (shown[half], asked[half]), rng) for half in (slice(2), slice(2, 4))]
    torch.testing.assert_close(whole, torch.stack(halves).mean())


def test_defect_21_grey_noise_is_each_pictures_own() -> None:
    """Theirs lays one field of it over the whole batch."""
    rng, grey = np.random.default_rng(3), Noise(low=10, high=10, grey=1.0)
    first, second = (grey.apply(torch.zeros(1, 3, 64, 64), grey.sample(rng)) for _ in range(2))
    assert torch.equal(first[:, 0], first[:, 2])
    assert float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].abs()) < 0.1


def test_defect_22_any_photograph(names: dict[str, str], tmp_path: Path) -> None:
    """Theirs takes .png, .jpg and .jpeg in small letters, turned as they lie, and without what is transparent."""
    picture = Image.fromarray((np.linspace(40, 200, 48 * 32).reshape(32, 48)).astype(np.uint8)).convert("RGBA")
    turned = picture.getexif()
    turned[0x0112] = 6
    picture.save(tmp_path / "FACE.PNG", exif=turned)
    beside = {part: names[part] for part in ("prior", "restorer", "control", "autoencoder")}
    result = api.restore(tmp_path / "FACE.PNG", by=["diffbir"], aligned=True, steps=0, **beside)
    assert result.pixels.shape == (48, 32, 3)
    light: Tensor = torch.from_numpy(result.pixels).mean(-1)
    assert light[:, :8].mean() > light[:, -8:].mean(), "the first row is the right edge"
