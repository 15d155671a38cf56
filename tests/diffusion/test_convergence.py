"""How fast every sampler's error falls with the steps, on the ODE whose solution is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.diffusion.contract import Sampler, Unguided
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.samplers.dpm_singlestep import DpmSinglestep
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.samplers.dpmpp_2m_sde import DpmPP2MSde
from restauro.diffusion.samplers.dpmpp_sde import DpmPPSde
from restauro.diffusion.samplers.euler import Euler
from restauro.diffusion.samplers.heun import Heun
from restauro.diffusion.samplers.lms import Lms
from restauro.diffusion.samplers.unipc import UniPC
from restauro.diffusion.schedule import NoiseSchedule
from tests.laboratory import GaussianDenoiser

BASE = NoiseSchedule.from_alphas_cumprod([1 / (1 + sigma**2) for sigma in (0.001, 80.0)])
LAB = GaussianDenoiser.random(BASE)
START = torch.randn(4, *LAB.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def no_noise(step: int, draw: int = 0) -> torch.Tensor:
    raise AssertionError("this sampler draws nothing")


def error(sampler: Sampler, steps: int, high: float = 20.0, low: float = 0.1) -> float:
    """Of the state at `low`, carried to the end by the exact solution: the step to sigma 0 would hide the order."""
    denoiser = LAB.on(BASE.respace(BASE.t_of_sigma(np.geomspace(low, high, steps + 1)).tolist()))
    *_, before, _ = sampler.steps(denoiser, START, Unguided(), no_noise)
    ended = LAB.on(BASE.respace([float(BASE.t_of_sigma(low))])).exact(before.x)
    return float((ended - denoiser.exact(START)).abs().max())


@pytest.mark.parametrize(
    ("sampler", "order"),
    [
        (Ddim(), 1),
        (Euler(), 1),
        (Heun(), 2),
        (Heun(look="middle"), 2),
        (DpmPP2M(ease="never"), 2),
        (DpmPP2M(ease="never", solver="heun"), 2),
        (DpmPP2M(ease="never", form="noise"), 2),
        (DpmPP2MSde(ease="never", eta=0), 2),
        (DpmPPSde(eta=0), 2),
        *((DpmSinglestep(order=p), p) for p in (2, 3)),
        *((DpmSinglestep(order=p, form="noise"), p) for p in (2, 3)),
        (Lms(order=2), 2),
        *((UniPC(ease="never", order=p, b="bh1"), p + 1) for p in (1, 2, 3)),
        *((UniPC(ease="never", order=p, form="noise"), p + 1) for p in (1, 2, 3)),
        *((UniPC(ease="never", order=p, correct=False), p) for p in (1, 2, 3)),
    ],
    ids=str,
)
def test_twice_the_steps(sampler: Sampler, order: int) -> None:
    assert np.log2(error(sampler, 40) / error(sampler, 80)) == pytest.approx(order, abs=0.25)


def test_third_order_as_published_is_of_second() -> None:
    """Its curvature is half of what it should be; the error is smaller all the same. UniPC's is of third."""
    published = [error(DpmPP2M(order=3, ease="never"), steps) for steps in (80, 160)]
    assert np.log2(published[0] / published[1]) == pytest.approx(2, abs=0.15)
    assert published[0] < error(DpmPP2M(ease="never"), 80) / 2
    assert error(UniPC(order=3, correct=False, ease="never"), 80) < published[0] / 4


def test_at_equal_calls_second_order_beats_first_and_correction_beats_both() -> None:
    errors = [error(sampler, 20) for sampler in (Euler(), DpmPP2M(), UniPC(), UniPC(order=3))]
    assert errors == sorted(errors, reverse=True)
    assert error(Heun(), 10) < errors[0]
    assert Heun().calls(10) == 19 and UniPC().calls(20) == Euler().calls(20) == 20


def test_the_order_eases_out() -> None:
    """Short walks end in first order, long ones need not; never and always do as they say."""
    eased, plain = DpmPP2M(final_sigma=0.05), DpmPP2M(ease="never", final_sigma=0.05)

    def end(sampler: Sampler, steps: int) -> torch.Tensor:
        denoiser = LAB.on(BASE.respace(BASE.t_of_sigma(np.geomspace(0.1, 20, steps)).tolist()))
        *_, last = sampler.steps(denoiser, START, Unguided(), no_noise)
        return last.x

    assert not torch.equal(end(eased, 14), end(plain, 14)) and torch.equal(end(eased, 15), end(plain, 15))
    always = DpmPP2M(ease="always", final_sigma=0.05)
    assert torch.equal(end(always, 14), end(eased, 14)) and not torch.equal(end(always, 15), end(plain, 15))


@pytest.mark.parametrize(
    "sampler", [UniPC(order=3), UniPC(b="bh1"), UniPC(form="noise"), DpmPP2M(), DpmPP2M(form="noise"), Euler()], ids=str
)
def test_a_schedule_that_begins_in_noise_alone(sampler: Sampler) -> None:
    """sigma is infinite there (zero terminal SNR); the first step is DDIM's."""
    a = np.cos(np.linspace(0.05, np.pi / 2, 30)) ** 2
    a[-1] = 0.0
    denoiser = LAB.on(NoiseSchedule.from_alphas_cumprod(a))
    *_, last = sampler.steps(denoiser, START, Unguided(), no_noise)
    torch.testing.assert_close(last.x, denoiser.exact(START), rtol=0, atol=0.1)
