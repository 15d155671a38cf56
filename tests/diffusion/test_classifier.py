"""On a Gaussian prior the score of a Gaussian observation is known at every noise level, and so is the posterior."""

import pytest
import torch
from torch import Tensor

from restauro.diffusion.classifier import GuidedMean, GuidedScore
from restauro.diffusion.contract import Guidance, Sampler
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.samplers.dpmpp_2m import DpmPP2M
from restauro.diffusion.schedule import NoiseSchedule
from tests.laboratory import GaussianDenoiser

BASE = NoiseSchedule.named("openai-linear")


@pytest.mark.parametrize(
    ("sampler", "kind", "how"),
    [(Ancestral(), GuidedMean, "500"), (Ddim(), GuidedScore, "karras:80"), (DpmPP2M(), GuidedScore, "karras:25")],
)
def test_guided_samples_follow_the_posterior(sampler: Sampler, kind: type, how: str) -> None:
    """Prior N(m, S), observation y = x_0 + N(0, r): p(y | x_t) is Gaussian, so guidance is exact up to the steps."""
    schedule = BASE.respace(how)
    spread, noise, y = 0.3, 0.2, 0.5
    prior = GaussianDenoiser(
        schedule, torch.zeros(1, 2, 2, dtype=torch.float64), torch.eye(4).double(), torch.full((4,), spread**2).double()
    )

    def score(x: Tensor, t: float) -> Tensor:
        a = float(BASE.alpha_bar(t))
        gain = a**0.5 * spread**2 / (a * spread**2 + 1 - a)
        left = spread**2 * (1 - a) / (a * spread**2 + 1 - a)
        return gain * (y - gain * x) / (left + noise**2)

    guidance: Guidance = kind(score, schedule)

    def draw(step: int, draw: int = 0) -> Tensor:
        return torch.randn(4000, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(step))

    *_, last = sampler.steps(prior, draw(0), guidance, draw)
    variance = 1 / (1 / spread**2 + 1 / noise**2)
    assert float(last.x.mean()) == pytest.approx(variance / noise**2 * y, abs=0.02)
    assert float(last.x.std()) == pytest.approx(variance**0.5, rel=0.05)
