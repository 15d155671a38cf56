"""Resizing: every kernel, the draws of Real-ESRGAN, and sizes that a chain keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations._resize import resize
from restauro.degradations.chains import degrade
from restauro.degradations.downsample import Downsample
from restauro.degradations.noise import Noise
from restauro.degradations.resize import Resize
from tests.laws.pictures import waves
from tests.shared import GOLDENS, needs_shared

PILLOW = {"area": "BOX", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos": "LANCZOS"}


def rough(height: int, width: int) -> Tensor:
    grain = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return (waves(0, 1, height, width).float() + 0.1 * grain).clamp(-1, 1)


@pytest.mark.parametrize("size", [(16, 24), (20, 31), (96, 144)], ids=str)
@pytest.mark.parametrize("kernel", PILLOW)
def test_kernels_are_those_of_a_picture_library(kernel: str, size: tuple[int, int]) -> None:
    if kernel == "area" and size == (20, 31):
        return  # torch's area weighs whole pixels where a side is no multiple
    picture = rough(48, 72) * 0.6
    found = resize(picture, *size, kernel)  # type: ignore[arg-type]
    plane = Image.fromarray(picture[0, 0].numpy()).resize(size[::-1], Image.Resampling[PILLOW[kernel]])
    np.testing.assert_allclose(found[0, 0].numpy(), np.asarray(plane), atol=2e-4)


def test_nearest_takes_pixels_as_they_are() -> None:
    picture = rough(48, 48)
    assert torch.equal(resize(picture, 96, 96, "nearest")[..., ::2, ::2], picture)
    assert torch.isin(resize(picture, 11, 17, "nearest"), picture).all()


@needs_shared
def test_the_published_reduction_takes_no_care_for_aliases() -> None:
    """A step of CodeFormer's chain, as its own code makes it, down and up."""
    stored = np.load(GOLDENS / "diffbir" / "degradations.npz")
    blurred, small, coded, large = (
        torch.from_numpy(stored[f"codeformer/{name}"]).permute(2, 0, 1)[None] * 2 - 1
        for name in ("1_blur", "2_down", "4_jpeg", "5_up")
    )
    torch.testing.assert_close(resize(blurred, *small.shape[-2:], antialias=False), small, atol=1e-5, rtol=0)
    torch.testing.assert_close(resize(coded, *large.shape[-2:], antialias=False), large, atol=1e-5, rtol=0)


def test_draws_have_their_shares_and_ranges() -> None:
    rng = np.random.default_rng(0)
    drawn = [Resize().sample(rng) for _ in range(1500)]
    factors = np.array([one["factor"] for one in drawn])
    assert np.mean(factors > 1) == pytest.approx(0.2, abs=0.03) and np.mean(factors < 1) == pytest.approx(0.7, abs=0.03)
    assert 0.15 <= factors.min() < 0.2 and 1.45 < factors.max() <= 1.5
    kernels = [one["kernel"] for one in drawn]
    assert {kernel: kernels.count(kernel) / 1500 for kernel in set(kernels)} == pytest.approx(
        dict.fromkeys(("area", "bilinear", "bicubic"), 1 / 3), abs=0.04
    )
    with pytest.raises(RecipeError, match="more than all"):
        Resize(up=0.6, down=0.6)


def test_a_chain_stays_at_its_new_size_until_its_end() -> None:
    clean = rough(64, 48)
    half = Resize(low=0.5, high=1, up=0, down=1, kernel="bilinear")
    params = {"factor": 0.5, "kernel": "bilinear"}
    assert half.link(clean, params, clean).shape[-2:] == (32, 24)
    assert half.apply(clean, params).shape == clean.shape
    quarter = Resize(up=0, down=0, of=0.25)
    assert quarter.link(half.link(clean, params, clean), {"factor": 1.0, "kernel": "area"}, clean).shape[-2:] == (16, 12)
    coarse = degrade(clean, [quarter, Noise(low=50, high=50)], np.random.default_rng(0)).picture
    fine = degrade(clean, [Noise(low=50, high=50)], np.random.default_rng(0)).picture
    step = [(one[..., 1:] - one[..., :-1]).std() for one in (coarse, fine)]
    assert step[0] < 0.5 * step[1], "noise before the enlargement is coarse"


def test_small_pictures_may_be_enlarged_where_the_paper_does() -> None:
    clean = rough(64, 64)
    assert Downsample(low=0.8, high=8, least=0.8).reduce(clean, {"factor": 0.8}).shape[-2:] == (80, 80)
    assert Downsample(low=0.8, high=8).reduce(clean, {"factor": 0.8}).shape[-2:] == (64, 64)
