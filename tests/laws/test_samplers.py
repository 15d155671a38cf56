"""Laws of every sampler, shipped or plugged in, on a prior whose every answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Observation, Sampler, Unguided
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.known_region import KnownRegion
from tests.laboratory import GaussianDenoiser
from tests.laws.knobs import assert_alive, assert_described, assert_guarded, every_knob

each = pytest.mark.parametrize("name", SAMPLERS.names())
BASE = NoiseSchedule.named("openai-linear")
TEN = GaussianDenoiser.random(BASE.respace("karras:10"))


def run(sampler: Sampler, pictures: list[int], denoiser: GaussianDenoiser = TEN) -> Tensor:
    noise = PictureNoise(3, pictures, denoiser.shape)
    *_, last = sampler.steps(denoiser, noise(0).double(), Unguided(), lambda step, draw=0: noise(step, draw).double())
    return last.x


@each
def test_it_is_described(name: str) -> None:
    assert_described(SAMPLERS, name)


@each
def test_its_knobs_are_guarded(name: str) -> None:
    assert_guarded(SAMPLERS.get(name), name)


@each
def test_a_batch_equals_its_singles_and_a_run_its_repetition(name: str) -> None:
    sampler = SAMPLERS.get(name)()
    whole = run(sampler, [0, 1, 2])
    torch.testing.assert_close(whole, torch.cat([run(sampler, [i]) for i in range(3)]), rtol=1e-9, atol=1e-9)
    assert torch.equal(whole, run(sampler, [0, 1, 2]))
    assert not torch.allclose(whole[0], whole[1])


@each
def test_it_draws_from_the_prior(name: str) -> None:
    """With many steps the samples of a Gaussian prior have its mean and its spread, within four standard errors."""
    denoiser, count = GaussianDenoiser.random(BASE.respace("karras:200"), (3, 2, 2)), 2000
    generator = torch.Generator().manual_seed(0)

    def noise(step: int, draw: int = 0) -> Tensor:
        return torch.randn(count, *denoiser.shape, dtype=torch.float64, generator=generator)

    *_, last = SAMPLERS.get(name)().steps(denoiser, noise(0), Unguided(), noise)
    found, spread = last.x.flatten(1), denoiser.covariance.diagonal().sqrt()
    assert ((found.mean(0) - denoiser.mean.flatten()) / spread).abs().max() < 4 / count**0.5
    assert (found.std(0) / spread - 1).abs().max() < 4 / (2 * count) ** 0.5


@each
def test_it_starts_from_noise_alone(name: str) -> None:
    """On a schedule with zero terminal SNR, whose last sigma is infinite."""
    denoiser, count = GaussianDenoiser.random(NoiseSchedule.named("sd-zero-snr").respace("trailing:100"), (3, 2, 2)), 1000
    generator = torch.Generator().manual_seed(0)

    def noise(step: int, draw: int = 0) -> Tensor:
        return torch.randn(count, *denoiser.shape, dtype=torch.float64, generator=generator)

    *_, last = SAMPLERS.get(name)().steps(denoiser, noise(0), Unguided(), noise)
    found, spread = last.x.flatten(1), denoiser.covariance.diagonal().sqrt()
    assert ((found.mean(0) - denoiser.mean.flatten()) / spread).abs().max() < 0.15
    assert (found.std(0) / spread - 1).abs().max() < 0.25


@each
def test_what_is_imposed_on_every_clean_estimate_holds_at_the_end(name: str) -> None:
    picture = torch.full((2, *TEN.shape), 0.25, dtype=torch.float64)
    mask = torch.zeros(2, 1, *TEN.shape[1:], dtype=torch.float64)
    mask[..., 2:] = 1
    guidance = CleanGuidance([Wanted(KnownRegion())], Observation(picture, mask=mask), TEN.schedule)
    noise = PictureNoise(0, [0, 1], TEN.shape)
    steps = list(SAMPLERS.get(name)().steps(TEN, noise(0).double(), guidance, lambda step, draw=0: noise(step, draw).double()))
    torch.testing.assert_close(steps[-1].x[..., :2], picture[..., :2], rtol=0, atol=1e-6)
    assert not torch.allclose(steps[-1].x[..., 2:], picture[..., 2:], atol=1e-3)


@each
def test_it_can_be_left_at_any_step_and_needs_but_one(name: str) -> None:
    sampler, noise = SAMPLERS.get(name)(), PictureNoise(0, [0], TEN.shape)
    walk = sampler.steps(TEN, noise(0).double(), Unguided(), noise)
    assert next(walk).total == 10
    walk.close()  # type: ignore[attr-defined]
    assert run(sampler, [0], TEN.on(BASE.respace([400.0]))).isfinite().all()


@pytest.mark.parametrize(("name", "knob"), every_knob(SAMPLERS))
def test_every_knob_is_alive(name: str, knob: str) -> None:
    assert_alive(
        SAMPLERS.get(name), knob, lambda sampler: run(sampler, [0]), lambda a, b: torch.allclose(a, b, rtol=1e-6, atol=1e-9)
    )
