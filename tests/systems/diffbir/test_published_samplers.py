"""What is wrong with the releases' samplers is kept for `faithful`, and is not ours."""

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.samplers.euler import Euler
from restauro.diffusion.schedule import NoiseSchedule
from restauro.systems.diffbir.published_samplers import NAMES, Walk, dpm_levels, dpm_timesteps, edm_levels, published
from tests.laboratory import GaussianDenoiser

EPS, V = NoiseSchedule.named("sd-scaled-linear"), NoiseSchedule.named("sd-zero-snr")
COUNT, MEAN, SPREAD = 2000, 0.3, 0.5


def prior(base: NoiseSchedule) -> NetworkDenoiser:
    """A network that knows pictures N(0.3, 0.5^2), and the noise level only by what it is told."""
    shape = (1, 1, 1)
    exact = GaussianDenoiser(base, torch.full(shape, MEAN), torch.eye(1), torch.tensor([SPREAD**2]))

    def network(x: Tensor, told: Tensor) -> Tensor:
        t = float(told[0])
        said = exact(x, t)
        return said.noise if base is EPS else base.v_target(said.clean, t, said.noise)

    return NetworkDenoiser(network, base, shape, "eps" if base is EPS else "v", clip=False)


def outcome(walk: Walk, base: NoiseSchedule, restored: float = 0.0) -> Tensor:
    """Mean and standard deviation of what is drawn; the start has in it as much of `restored` as its level says."""
    generator = torch.Generator().manual_seed(0)

    def noise(step: int, draw: int = 0) -> Tensor:
        drawn = torch.randn(COUNT, 1, 1, 1, dtype=torch.float64, generator=generator)
        return (drawn - drawn.mean()) / drawn.std()

    start = walk.schedule.q_sample(torch.full_like(noise(0), restored), len(walk.schedule) - 1, noise(0))
    *_, last = walk.steps(prior(base), start, Unguided(), noise)
    return torch.stack([last.x.mean(), last.x.std()])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_walks_the_prior_of_version_2_1(name: str) -> None:
    mean, spread = outcome(published(name, V, 12), V)
    assert abs(mean - MEAN) < 0.05 and 0.3 < spread < 0.7


def test_another_name_is_refused() -> None:
    with pytest.raises(RecipeError, match="did you mean 'edm_euler'"):
        published("edm_eular", V, 10)


@pytest.mark.parametrize(("asked", "made"), [(7, 8), (15, 16), (30, 31), (50, 50), (60, 63), (80, 84)])
def test_ddim_makes_other_numbers_of_steps(asked: int, made: int) -> None:
    """Defect 5: ours makes as many as are asked for, from the last timestep on."""
    walk = published("ddim", EPS, asked)
    assert len(walk.schedule) - walk.short == made
    assert walk.schedule.original_index[-1] < len(EPS) - 1, "and never starts at the last timestep"
    assert len(EPS.respace(f"trailing:{asked}")) == asked and EPS.respace(f"trailing:{asked}").original_index[-1] == 999


@pytest.mark.parametrize("steps", [3, 9, 27, 36, 37, 101, 111, 251, 333, 501, 1000])
def test_ddim_breaks_at_many_numbers_of_steps(steps: int) -> None:
    """Defect 5: an error there, a message here, and no trouble to ours."""
    assert len(EPS.respace(f"trailing:{steps}")) == steps
    with pytest.raises(RecipeError, match="cannot make"):
        published("ddim", EPS, steps)


def test_edm_starts_where_no_prior_was_trained() -> None:
    """Defect 3: right with zero terminal SNR, wrong by factors on v1 and v2. Ours keeps to the prior's own range."""
    assert outcome(published("edm_euler", EPS, 10), EPS)[0] > 5 * MEAN
    assert outcome(published("edm_heun", EPS, 10), EPS)[0].abs() > 1000 * MEAN
    for sampler in (Euler(), DpmPP2M()):
        ours = Walk(EPS.respace("trailing:10"), sampler)
        assert abs(outcome(ours, EPS, restored=MEAN)[0] - MEAN) < 0.02
    assert EPS.sigma(999) == pytest.approx(14.61, abs=0.01)


def test_a_start_that_fits_the_schedule() -> None:
    """The mean error of ODE samplers on v1 and v2 is the signal that the start lacks: sqrt(alpha-bar_T) = 0.068 of it."""
    walk = Walk(EPS.respace("trailing:50"), Euler())
    without, with_it = (abs(float(outcome(walk, EPS, restored)[0]) - MEAN) for restored in (0.0, MEAN))
    assert without > 0.008 and with_it < 0.002


def test_edm_tells_the_network_a_step_it_visits() -> None:
    """Defect 4: what lies between is told the lower neighbour; ours is told what it is."""
    levels = edm_levels(V, 10)
    middles = [float(np.sqrt(levels.sigma(t) * levels.sigma(t - 1))) for t in range(9, 5, -1)]
    assert [float(levels.told(float(levels.t_of_sigma(m)))) for m in middles] == [899, 799, 699, 599]
    ours = V.respace(levels.original_index.tolist())
    told = [float(ours.told(float(ours.t_of_sigma(m)))) for m in middles[1:]]
    assert told == pytest.approx([856, 753, 652], abs=1)


def test_dpm_leaves_out_the_noisiest_timesteps_and_tells_the_wrong_ones() -> None:
    assert dpm_timesteps(EPS) == 1000 and dpm_timesteps(V) == 986
    levels = dpm_levels(V, 10)
    assert levels.original_index[-1] == pytest.approx(998.99, abs=0.01)
    assert levels.alphas_cumprod[-1] == pytest.approx(V.alphas_cumprod[985]), "of which alpha-bar is 14 times larger"


def test_dpm_overshoots_from_ten_steps_on() -> None:
    """Defect 6: only under ten does the last, huge step fall to first order."""
    assert outcome(published("dpm++_m2", EPS, 9), EPS)[1] < 0.45 < 0.55 < outcome(published("dpm++_m2", EPS, 10), EPS)[1]
    assert outcome(Walk(V.respace("trailing:10"), DpmPP2M()), V)[1] < 0.55


@pytest.mark.parametrize("name", ["spaced", "dpm++_m2", "edm_dpm++_2m_sde", "edm_dpm++_3m_sde"])
def test_one_step_is_one_step(name: str) -> None:
    """Defect 7: the releases break."""
    assert outcome(published(name, V, 1), V).isfinite().all()
