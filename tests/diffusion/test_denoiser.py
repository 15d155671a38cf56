import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.diffusion.denoiser import NetworkDenoiser, Predicts, posterior
from restauro.diffusion.schedule import NoiseSchedule
from tests.laboratory import GaussianDenoiser

SCHEDULE = NoiseSchedule.named("openai-linear").respace("10")


@pytest.mark.parametrize("predicts", ["eps", "v", "clean", "mean"])
def test_whatever_the_network_predicts_the_estimate_is_the_same(predicts: Predicts) -> None:
    exact = GaussianDenoiser.random(SCHEDULE)
    t = 6

    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        said = exact(x, t)
        return {
            "eps": said.noise,
            "v": SCHEDULE.v_target(said.clean, t, said.noise),
            "clean": said.clean,
            "mean": SCHEDULE.posterior_mean(said.clean, x, t),
        }[predicts]

    x = torch.randn(2, *exact.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = NetworkDenoiser(network, SCHEDULE, exact.shape, predicts, clip=False)(x, t)
    torch.testing.assert_close(found.clean, exact(x, t).clean)
    torch.testing.assert_close(found.noise, exact(x, t).noise)
    torch.testing.assert_close(posterior(SCHEDULE, found, x, t)[0], posterior(SCHEDULE, exact(x, t), x, t)[0])


def test_the_network_is_told_the_original_timestep() -> None:
    told: list[Tensor] = []

    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        told.append(timesteps)
        return x

    denoiser = NetworkDenoiser(network, NoiseSchedule.named("ho-linear", 500).respace([7, 250.5]), (3, 2, 2))
    x = torch.zeros(2, 3, 2, 2)
    denoiser(x, 1)
    denoiser.output(x, torch.tensor([0, 1]))
    NetworkDenoiser(network, denoiser.schedule, (3, 2, 2), rescale_timesteps=True)(x, 0)
    assert [t.tolist() for t in told] == [[250.5, 250.5], [7, 250.5], [14, 14]]
    assert told[0].dtype == torch.float32


def test_clip_is_a_knob_and_learned_variance_follows_the_schedule() -> None:
    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        return torch.cat([torch.full_like(x, 3.0), torch.ones_like(x)], 1)

    x = torch.zeros(1, 3, 2, 2)
    for clip in (True, False):
        denoiser = NetworkDenoiser(network, SCHEDULE, (3, 2, 2), "clean", "learned_range", clip)
        estimate = denoiser(x, 5)
        assert estimate.clean.max() == (1 if clip else 3)
        assert estimate.log_variance is not None
        np.testing.assert_allclose(estimate.log_variance, np.log(SCHEDULE.betas[5]), rtol=1e-6)
    shorter = denoiser.on(SCHEDULE.respace([0, 5]))(x, 1).log_variance
    assert shorter is not None and float(shorter.max()) > np.log(SCHEDULE.betas[5])


def test_fixed_variances() -> None:
    def variance(kind: str, t: int) -> tuple[Tensor, Tensor]:
        denoiser = NetworkDenoiser(lambda x, t: x, SCHEDULE, (1, 1, 1), "eps", kind)  # type: ignore[arg-type]
        x = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
        return posterior(SCHEDULE, denoiser(x, t), x, t)[1:]

    assert variance("fixed_small", 0)[0] == 0 and torch.isfinite(variance("fixed_small", 0)[1])
    assert variance("fixed_small_clipped", 0)[0].item() == pytest.approx(1e-20)
    assert variance("fixed_large", 4)[0].item() == pytest.approx(SCHEDULE.betas[4])
    assert variance("fixed_small", 4)[0].item() == pytest.approx(variance("fixed_small_clipped", 4)[0].item())
