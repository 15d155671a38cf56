"""Laws of every sampler, on a prior whose every answer is known."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Estimate, Move, Sampler, Step, Unguided
from restauro.diffusion.interpolation import interpolate
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim, ddim_reverse
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.schedule import NoiseSchedule
from tests.laboratory import GaussianDenoiser

BASE = NoiseSchedule.named("openai-linear")
TEN = GaussianDenoiser.random(BASE.respace("karras:10"))
EVERY = [SAMPLERS.get(name)() for name in SAMPLERS]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def sample(denoiser: GaussianDenoiser, sampler: Sampler, start: Tensor, noise: Callable[..., Tensor] | None = None) -> Tensor:
    def fresh(step: int, draw: int = 0) -> Tensor:
        return normal(*start.shape, seed=1000 * draw + step, dtype=start.dtype)

    *_, last = sampler.steps(denoiser, start, Unguided(), noise or fresh)
    return last.x


def test_the_registry_knows_them() -> None:
    assert {"ancestral", "ddim", "dpmpp-2m"} <= set(SAMPLERS.names())
    with pytest.raises(RecipeError, match="eta"):
        build(Ddim, {"eta": 2.0})


@pytest.mark.parametrize(
    ("sampler", "how"),
    [
        (Ancestral(), "250"),
        (Ddim(), "karras:100"),
        (Ddim(eta=1), "250"),
        (DpmPP2M(), "karras:40"),
    ],
    ids=str,
)
def test_moments_of_a_gaussian(sampler: Sampler, how: str) -> None:
    """Mean and covariance of the samples, within a few standard errors."""
    denoiser = GaussianDenoiser.random(BASE.respace(how), (3, 2, 2))
    count = 4000
    found = sample(denoiser, sampler, normal(count, *denoiser.shape)).flatten(1)
    deviation = denoiser.covariance.diagonal().sqrt()
    error = (found.mean(0) - denoiser.mean.flatten()) / (deviation / count**0.5)
    assert error.abs().max() < 4.5
    scale = deviation[:, None] * deviation[None, :]
    assert ((found.T.cov() - denoiser.covariance) / scale).abs().max() < 0.12  # 0.05 from chance, the rest from the steps


@pytest.mark.parametrize("sampler", [Ddim(), DpmPP2M()], ids=str)
def test_deterministic_samplers_converge_to_the_exact_ode(sampler: Sampler) -> None:
    start = normal(4, *TEN.shape)
    errors = []
    for steps in (10, 20, 40, 80):
        denoiser = TEN.on(BASE.respace(f"karras:{steps}"))
        errors.append(float((sample(denoiser, sampler, start) - denoiser.exact(start)).abs().max()))
    assert all(after < 0.75 * before for before, after in pairwise(errors)), errors


def test_second_order_beats_ddim_at_equal_calls() -> None:
    for steps in (8, 15, 30):
        denoiser = TEN.on(BASE.respace(f"karras:{steps}"))
        start = normal(4, *TEN.shape)
        ddim, multistep = ((sample(denoiser, s, start) - denoiser.exact(start)).abs().max() for s in (Ddim(), DpmPP2M()))
        assert multistep < ddim / 2


@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_a_batch_equals_its_singles(sampler: Sampler) -> None:
    def run(pictures: list[int]) -> Tensor:
        noise = PictureNoise(7, pictures, TEN.shape)
        return sample(TEN, sampler, noise(0), noise)

    torch.testing.assert_close(run([0, 1, 2]), torch.cat([run([0]), run([1]), run([2])]), rtol=1e-5, atol=1e-6)
    assert torch.equal(run([0, 1]), run([0, 1]))


@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_what_a_sampler_yields(sampler: Sampler) -> None:
    steps = list(sampler.steps(TEN, normal(2, *TEN.shape), Unguided(), lambda step, draw=0: normal(2, *TEN.shape, seed=step)))
    assert [step.index for step in steps] == list(range(10)) and {step.total for step in steps} == {10}
    assert [step.t for step in steps] == TEN.schedule.original_index[::-1].tolist()
    torch.testing.assert_close(steps[-1].x, steps[-1].clean)  # the last step adds no noise


@pytest.mark.parametrize("sampler", [*EVERY, Ddim(eta=1)], ids=str)
def test_gradients_are_off_inside_and_untouched_outside(sampler: Sampler) -> None:
    seen: list[bool] = []

    class Watching(Unguided):
        def clean(self, estimate: Estimate, x: Tensor, t: int) -> Estimate:
            seen.append(torch.is_grad_enabled())
            return estimate

    for step in sampler.steps(TEN, normal(1, *TEN.shape), Watching(), lambda step, draw=0: normal(1, *TEN.shape)):
        assert torch.is_grad_enabled()
        assert not step.x.is_inference()
    assert not any(seen)


@pytest.mark.parametrize("sampler", [*EVERY, Ddim(eta=1)], ids=str)
def test_both_hooks_are_called_and_repeats_draw_afresh(sampler: Sampler) -> None:
    asked: list[tuple[int, int]] = []
    moves: list[Move] = []

    def noise(step: int, draw: int = 0) -> Tensor:
        asked.append((step, draw))
        return normal(1, *TEN.shape, seed=step + 100 * draw)

    class Again(Unguided):
        def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
            moves.append(move)
            moves.append(redo(move.x_next))
            return moves[-1].x_next

    steps = list(sampler.steps(TEN, normal(1, *TEN.shape), Again(), noise))
    assert [move.t for move in moves] == [t for t in reversed(range(10)) for _ in range(2)]
    assert all(move.variance.shape == move.x.shape for move in moves)
    assert all(torch.equal(again.x, first.x_next) for first, again in zip(moves[::2], moves[1::2], strict=True))
    assert all(torch.equal(step.clean, again.estimate.clean) for step, again in zip(steps, moves[1::2], strict=True))
    draws = 1 + max((draw for _, draw in asked), default=-1)
    assert draws in (0, 2, 4) and asked == [(step, draw) for step in range(1, 10) for draw in range(draws)]


class Shift(Unguided):
    """A clean estimate moved by a constant, with or without the noisy state."""

    def __init__(self, keeps_noise: bool):
        self.keeps_noise = keeps_noise

    def clean(self, estimate: Estimate, x: Tensor, t: int) -> Estimate:
        return Estimate(estimate.clean + 0.1, estimate.noise)


def test_kept_noise_is_the_networks_own() -> None:
    start = normal(1, *TEN.shape)

    def first(keeps_noise: bool) -> Step:
        steps: Iterator[Step] = Ddim().steps(TEN, start, Shift(keeps_noise), lambda step, draw=0: start)
        return next(steps)

    said = TEN(start, 9)
    before = TEN.schedule.alphas_cumprod_prev[9]
    wanted = before**0.5 * (said.clean + 0.1) + (1 - before) ** 0.5 * said.noise
    torch.testing.assert_close(first(True).x, wanted)
    assert not torch.allclose(first(False).x, wanted)


def test_a_walk_may_end_in_noise() -> None:
    """The knob of the multistep solver: the same ODE, left earlier."""
    levels = np.geomspace(0.55, float(BASE.sigma(999)), 40)
    denoiser = TEN.on(BASE.respace(BASE.t_of_sigma(levels).tolist()))
    start = normal(4, *TEN.shape)
    ended = sample(denoiser, DpmPP2M(final_sigma=0.5), start)
    at = BASE.respace([float(BASE.t_of_sigma(0.5))])
    torch.testing.assert_close(TEN.on(at).exact(ended), denoiser.exact(start), rtol=0, atol=0.02)
    with pytest.raises(RecipeError, match=r"go down to 0\.55"):
        sample(denoiser, DpmPP2M(final_sigma=0.6), start)


def test_there_and_back() -> None:
    """Reverse DDIM finds the noise from which DDIM makes the picture."""
    denoiser = TEN.on(BASE.respace("200"))
    picture = denoiser.mean + 0.1 * normal(2, *TEN.shape)
    *_, last = ddim_reverse(denoiser, picture)
    torch.testing.assert_close(sample(denoiser, Ddim(), last.x), picture, rtol=0, atol=0.08)


@pytest.mark.parametrize("spherical", [False, True])
def test_interpolation_ends_in_its_ends(spherical: bool) -> None:
    denoiser = TEN.on(BASE.respace("100"))
    one, two = (denoiser.exact(normal(1, *TEN.shape, seed=seed)) for seed in (1, 2))  # two pictures of the prior

    def noise(step: int, draw: int = 0) -> Tensor:
        return normal(1, *TEN.shape, seed=step + 100 * draw)

    def between(share: float) -> Tensor:
        *_, last = interpolate(denoiser, Ddim(), one, two, share, 1, noise, spherical=spherical)
        return last.x

    near = float((between(0) - one).abs().max()), float((between(1) - two).abs().max())
    assert max(near) < 0.15 < float((between(0) - two).abs().max())
