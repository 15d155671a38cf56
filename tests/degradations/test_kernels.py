"""Blur kernels: their shapes, and that lengths follow the picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations._base import Measured, fast_filter2d, field, filter2d
from restauro.degradations._elliptic import draw_taps, squared_sigmas
from restauro.degradations.blur import Blur
from restauro.degradations.defocus import Defocus, disc_kernel
from restauro.degradations.generalized_blur import GeneralizedBlur
from restauro.degradations.motion_blur import MotionBlur, path_kernel
from restauro.degradations.plateau_blur import PlateauBlur
from restauro.degradations.sinc import Sinc, sinc_kernel

RNG = np.random.default_rng


def grain(side: int = 64) -> Tensor:
    return field(0, 1, 3, side, side).clamp(-3, 3) / 3


def moments(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """The mean place (row, column) and the covariance of a kernel as a distribution."""
    place = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    grid = torch.stack(torch.meshgrid(place, place, indexing="ij")).flatten(1)
    weight = kernel.double().flatten()
    mean = grid @ weight
    centred = grid - mean[:, None]
    return mean, (centred * weight) @ centred.T


def test_a_generalised_kernel_of_shape_1_is_the_gaussian_and_a_large_shape_is_flat() -> None:
    squared = squared_sigmas(3.0, 3.0, 0.0, 9)
    torch.testing.assert_close(GeneralizedBlur().profile(squared, {"shape": 1.0}), Blur().profile(squared, {}))
    flat = GeneralizedBlur().profile(squared, {"shape": 8.0})
    assert flat[9, 9] == 1 and flat[9, 10] > 0.999 and flat[9, 18] < 1e-6
    plateau = PlateauBlur().profile(squared, {"shape": 1.0})
    assert plateau[9, 12] == pytest.approx(0.5) and plateau[9, 18] == pytest.approx(0.1)


def test_a_path_is_as_long_and_as_turned_as_was_asked() -> None:
    for angle in (0.0, 0.7, 2.0):
        mean, covariance = moments(path_kernel(20.0, angle, 0.0))
        torch.testing.assert_close(mean, torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)
        along = torch.tensor([math.sin(angle), math.cos(angle)], dtype=torch.float64)
        # an even line of length L varies by L^2 / 12 along itself, and by the splat's width across
        assert float(along @ covariance @ along) == pytest.approx(20**2 / 12, rel=0.02)
        across = along.flip(0) * torch.tensor([1.0, -1.0], dtype=torch.float64)
        assert float(across @ covariance @ across) < 0.4
    ring = path_kernel(20.0, 0.0, 2 * math.pi)
    _, covariance = moments(ring)
    radius = 20 / (2 * math.pi)
    torch.testing.assert_close(covariance.diagonal(), torch.full((2,), radius**2 / 2, dtype=torch.float64), rtol=0.1, atol=0.1)
    assert ring[len(ring) // 2, len(ring) // 2] == 0
    assert path_kernel(0.0, 1.0, 1.0).max() == 1


def test_a_disc_has_its_area() -> None:
    for radius in (2.5, 6.0, 11.3):
        kernel = disc_kernel(radius)
        assert float(1 / kernel.max()) == pytest.approx(math.pi * radius**2, rel=0.03)
        torch.testing.assert_close(kernel, kernel.T)
    assert disc_kernel(0.0).max() == 1


def test_a_sinc_passes_what_is_below_its_cutoff_and_rings() -> None:
    response = torch.fft.fft2(sinc_kernel(0.5 * math.pi, 41), (64, 64)).abs()
    assert response[0, :10].min() > 0.9 and response[0, 22:33].max() < 0.1
    edge = torch.ones(1, 3, 64, 64) * 0.5
    edge[..., :32] = -0.5
    after = Sinc().apply(edge, {"cutoff": 0.3, "taps": 21})
    assert after.max() > 0.52 and after.min() < -0.52


def test_taps_are_odd_and_all_occur() -> None:
    assert {draw_taps(7, 21, RNG(seed)) for seed in range(200)} == set(range(7, 22, 2))
    assert {draw_taps(41, 41, RNG(seed)) for seed in range(5)} == {41}
    with pytest.raises(RecipeError, match="fewest=9 is above most=5"):
        Sinc(fewest=9, most=5)
    with pytest.raises(RecipeError, match="fewest=9 is above most=5"):
        Blur(fewest=9, most=5)
    with pytest.raises(RecipeError, match="peaked=3 is above flat=2"):
        GeneralizedBlur(peaked=3, flat=2)


def test_cut_off_kernels_blur_less() -> None:
    whole, cut = Blur(low=15, high=15), Blur(low=15, high=15, fewest=41, most=41)
    rough = F.interpolate(grain(64), (512, 512), mode="bicubic").clamp(-1, 1)[:, :, :128]
    params = cut.sample(RNG(0))
    assert params["taps"] == 41
    assert cut.apply(rough, params).std() > 1.1 * whole.apply(rough, whole.sample(RNG(0))).std()


@pytest.mark.parametrize("size", [(64, 48), (20, 90), (9, 9)], ids=str)
def test_filtering_through_the_fourier_transform_is_filtering(size: tuple[int, int]) -> None:
    picture = grain(96)[..., : size[0], : size[1]]
    kernel = torch.rand(31, 31, generator=torch.Generator().manual_seed(0))
    kernel /= kernel.sum()
    torch.testing.assert_close(fast_filter2d(picture, kernel), filter2d(picture, kernel), atol=2e-6, rtol=0)


BLURS = [
    GeneralizedBlur(low=8, high=8, anisotropic=0),
    PlateauBlur(low=6, high=6, anisotropic=0),
    MotionBlur(low=30, high=30),
    Defocus(low=9, high=9),
    Blur(low=9, high=9, fewest=41, most=41),
]


@pytest.mark.parametrize("damage", BLURS, ids=lambda one: type(one).__name__)
def test_lengths_follow_the_picture_or_are_its_own_pixels(damage: Measured) -> None:
    """The same damage at 128 and 256 px: reduced to 64 px they look alike, unless lengths are told not to follow."""
    params = damage.sample(RNG(0))
    rough = F.interpolate(grain(64), (256, 256), mode="bicubic").clamp(-1, 1)
    small = F.interpolate(rough, (128, 128), mode="area")
    large = F.interpolate(damage.apply(rough, params), (64, 64), mode="area")
    found = F.interpolate(damage.apply(small, params), (64, 64), mode="area")
    assert (found - large).abs().mean() < 0.12 * large.abs().mean()
    still = type(damage)(follow=False)
    cropped = still.apply(rough, params)[..., 80:176, 80:176]
    inside = still.apply(rough[..., 40:216, 40:216], params)[..., 40:136, 40:136]
    torch.testing.assert_close(inside, cropped, atol=1e-5, rtol=0)
