"""What each degradation does to a picture. The laws all of them keep are in tests/laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations._base import field
from restauro.degradations.blur import Blur, gaussian_kernel
from restauro.degradations.downsample import Downsample
from restauro.degradations.fade import Fade
from restauro.degradations.grey import LUMA, Grey
from restauro.degradations.holes import Holes
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.noise import Noise
from restauro.degradations.scratches import Scratches
from tests.laws.pictures import waves

RNG = np.random.default_rng


def grain(side: int = 64) -> Tensor:
    return field(0, 1, 3, side, side).clamp(-3, 3) / 3


def test_a_range_upside_down_is_refused() -> None:
    for cls in (Blur, Downsample, Noise):
        with pytest.raises(RecipeError, match="low=9 is above high=2"):
            cls(low=9, high=2)
    with pytest.raises(RecipeError, match="low=90 is above high=20"):
        Jpeg(low=90, high=20)


def test_blur_keeps_the_mean_and_takes_the_detail() -> None:
    flat, rough = torch.full((1, 3, 33, 20), 0.3), grain()
    params = Blur(low=8, high=8).sample(RNG(0))
    torch.testing.assert_close(Blur().apply(flat, params), flat)
    strengths = [float(Blur().apply(rough, {"sigma": [s, s], "angle": 0.0}).std()) for s in (0.0, 4.0, 16.0, 40.0)]
    assert strengths == sorted(strengths, reverse=True) and strengths[0] == pytest.approx(float(rough.std()), rel=1e-3)


def test_a_blur_kernel_has_the_widths_it_was_asked_for() -> None:
    kernel = gaussian_kernel(2.0, 4.0, 0.0)
    place = torch.arange(len(kernel)) - len(kernel) // 2
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-6)
    assert float((kernel.sum(0) * place.square()).sum()) ** 0.5 == pytest.approx(2, rel=0.02)
    assert float((kernel.sum(1) * place.square()).sum()) ** 0.5 == pytest.approx(4, rel=0.02)
    torch.testing.assert_close(gaussian_kernel(2.0, 4.0, np.pi / 2), kernel.T, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("damage", [Blur(low=6, high=6, anisotropic=0), Downsample(low=8, high=8)], ids=repr)
def test_lengths_follow_the_picture(damage: Blur) -> None:
    """The same damage at 128 and 256 px: reduced to 64 px they look alike."""
    params = damage.sample(RNG(0))
    rough = F.interpolate(grain(64), (256, 256), mode="bicubic").clamp(-1, 1)
    small = F.interpolate(rough, (128, 128), mode="area")
    large = F.interpolate(damage.apply(rough, params), (64, 64), mode="area")
    found = F.interpolate(damage.apply(small, params), (64, 64), mode="area")
    assert (found - large).abs().mean() < 0.1 * large.abs().mean()


def test_downsampling_leaves_so_many_pixels() -> None:
    assert Downsample().reduce(grain(512), {"factor": 8.0}).shape[-2:] == (64, 64)
    assert Downsample().reduce(grain(128), {"factor": 8.0}).shape[-2:] == (64, 64)
    assert torch.equal(Downsample().apply(grain(32), {"factor": 0.8}), grain(32))


def test_noise_has_its_standard_deviation() -> None:
    middle = torch.zeros(1, 3, 128, 128)
    params = Noise(low=20, high=20).sample(RNG(0))
    found = Noise().apply(middle, params)
    assert float(found.std()) * 127.5 == pytest.approx(20, rel=0.02)
    alike = Noise(grey=1.0).apply(middle, {**params, "grey": True})
    assert torch.equal(alike[:, 0], alike[:, 1]) and not torch.equal(found[:, 0], found[:, 1])


def test_jpeg_errs_more_at_lower_quality() -> None:
    rough = (waves(0, 1, 64).float() + 0.3 * grain()[:, :1]).clamp(-1, 1)  # chroma may be stored at half the size
    errors = [float((Jpeg().apply(rough, {"quality": q}) - rough).abs().mean()) for q in (100, 80, 40, 5)]
    assert errors == sorted(errors) and errors[0] < 0.02


def test_grey_is_luma_and_sepia_is_warm() -> None:
    colour = waves(0, 1, 32).float()
    grey = Grey().apply(colour, {"tone": 0.0})
    luma = (colour * torch.tensor(LUMA)[:, None, None]).sum(1)
    for channel in range(3):
        torch.testing.assert_close(grey[:, channel], luma)
    sepia = Grey().apply(colour, {"tone": 1.0})
    assert sepia[:, 0].mean() > sepia[:, 1].mean() > sepia[:, 2].mean()
    ends = Grey().apply(torch.tensor([-1.0, 1.0]).expand(1, 3, 1, 2), {"tone": 1.0})
    torch.testing.assert_close(ends, torch.tensor([-1.0, 1.0]).expand(1, 3, 1, 2))
    assert sum(Grey(sepia=0.5).sample(RNG(seed))["tone"] > 0 for seed in range(200)) == pytest.approx(100, abs=25)


def test_fading_never_clips() -> None:
    """What is left of the contrast fits between black and white: fading can be undone exactly."""
    full = torch.linspace(-1, 1, 64).expand(1, 3, 8, 64)
    for seed in range(50):
        params = Fade(low=0.2).sample(RNG(seed))
        faded = Fade().apply(full, params)
        torch.testing.assert_close((faded - params["shift"]) / params["contrast"], full, atol=1e-5, rtol=0)


def test_holes_and_scratches_cover_a_sane_share() -> None:
    picture = torch.zeros(1, 3, 128, 128)
    for damage, least, most in ((Holes(), 0.01, 0.7), (Scratches(), 0.001, 0.4)):
        shares = [float(damage.mask(picture, damage.sample(RNG(seed))).mean()) for seed in range(40)]
        assert least < np.mean(shares) < most, type(damage).__name__
        assert min(shares) > 0


def test_a_hole_is_painted_in_its_level_and_the_rest_untouched() -> None:
    picture = grain()
    for kind in ("box", "strokes"):
        damage = Holes(kind=kind, level=-0.5)
        params = damage.sample(RNG(1))
        mask = damage.mask(picture, params).expand_as(picture).bool()
        found = damage.apply(picture, params)
        assert (found[mask] == -0.5).all() and torch.equal(found[~mask], picture[~mask])
