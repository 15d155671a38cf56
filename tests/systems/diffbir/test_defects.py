"""Defects of the releases that are not ours: of the engine, and of how large pictures are cut up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.recipe import Latent
from restauro.diffusion.contract import Observation
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.codec import LatentCodec
from restauro.systems.diffbir.denoiser import own_tiles
from restauro.systems.diffbir.engine import fitted
from restauro.systems.diffbir.parts import Parts
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import ours, stock


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    return stock()


def parts(names: dict[str, str]) -> Parts:
    return Parts.load(ours(names), torch.device("cpu"))


def test_defect_08_the_start_is_of_the_first_stages_answer_as_the_control_sees_it(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2's `better_start` coded a picture in [0, 1], and drew from its distribution."""
    shown: list[Tensor] = []
    encode = LatentCodec.encode
    monkeypatch.setattr(LatentCodec, "encode", lambda codec, picture: shown.append(picture) or encode(codec, picture))
    engine.run(ours(names, start=1.0), Observation(waves(1, 1, 32).float()))
    assert shown[0].min() < -0.1


def test_defect_13_no_black_beyond_the_picture(names: dict[str, str]) -> None:
    picture = 0.9 + 0.05 * waves(1, 1, 37, 50).float()
    seen = fitted(Observation(picture, mask=torch.zeros(1, 1, 37, 50)), parts(names))
    assert seen.picture.shape[-2:] == (40, 56) and seen.picture.min() >= picture.min()
    assert seen.mask is not None and seen.mask.shape[-2:] == (40, 56)


def test_defect_18_what_the_control_is_shown_is_coded_once(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """And the property's target, which is the same, not again."""
    coded: list[Tensor] = []
    encode = LatentCodec.encode
    monkeypatch.setattr(LatentCodec, "encode", lambda codec, picture: coded.append(picture) or encode(codec, picture))
    engine.run(ours(names), Observation(waves(1, 1, 32).float()))
    assert len(coded) == 1


def test_defect_23_nothing_is_asked_for_that_changes_a_photograph() -> None:
    assert Latent().prompt == Latent().unlike == "" and Latent().cfg == 1


@pytest.mark.parametrize(("height", "width", "count"), [(16, 400, 24), (400, 16, 24), (16, 16, 1)])
def test_defect_25_panoramas_are_tiled(names: dict[str, str], height: int, width: int, count: int) -> None:
    found = own_tiles(parts(names), 128, torch.zeros(1, 3, height, width))
    assert len(found) == count and all(tile.bottom - tile.top <= 32 and tile.right - tile.left <= 32 for tile in found)


def test_defect_26_a_seed_is_the_pictures_own(names: dict[str, str]) -> None:
    """Whatever came before it, and whatever is beside it."""
    pictures, recipe = waves(1, 2, 32).float(), ours(names, seed=4)

    def run(some: Tensor, numbers: list[int]) -> Any:
        return engine.run(recipe, Observation(some), pictures=numbers)

    swapped = run(pictures.flip(0), [1, 0])
    torch.testing.assert_close(swapped.flip(0), run(pictures, [0, 1]), atol=1e-4, rtol=0)
