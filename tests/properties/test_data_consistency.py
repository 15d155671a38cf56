"""What the blur has left of the photograph is kept; what it has taken, and what the first stage took away, is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Observation
from restauro.properties._look import gaussian
from restauro.properties.data_consistency import SLOPE, DataConsistency


def texture(seed: int = 1) -> Tensor:
    """(1, 3, 128, 128), grey, with the power spectrum of faces."""
    noise = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(seed))
    fy, fx = torch.fft.fftfreq(128)[:, None] * 128, torch.fft.rfftfreq(128) * 128
    falling = (fy.square() + fx.square()).clamp_min(1) ** (-SLOPE / 4)
    picture = torch.fft.irfft2(torch.fft.rfft2(noise) * falling)
    return (0.3 * picture / picture.std()).clamp(-1, 1).expand(-1, 3, -1, -1)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 2.8])
def test_blur_is_found_and_undone_where_something_is_left(sigma: float) -> None:
    truth = texture()
    observed = Observation(gaussian(truth, sigma), restored=gaussian(truth, 1.0))
    target = DataConsistency(survived=0.8).target(observed)
    left = torch.exp(torch.tensor(-2 * (torch.pi * sigma * 8 / 128) ** 2))
    assert float(target.blur[0, 0, 0, 8]) == pytest.approx(float(left), rel=0.02)
    found = DataConsistency(survived=0.8).project(torch.zeros_like(truth), target)
    close, all_of_it = (torch.fft.rfft2(x)[..., :4, :4].abs() for x in (found - truth, truth))
    assert close.mean() < 0.1 * all_of_it.mean()
    far = torch.fft.rfft2(found)[..., 40:60, 40:60].abs()
    assert far.max() < 1e-3, "what the blur has taken is not made up"


def test_a_scratch_is_not_believed() -> None:
    clean = texture()
    scratched = clean.clone()
    scratched[..., 60:63, :] = 1
    trust = DataConsistency().target(Observation(scratched, restored=clean)).trust
    assert trust[..., 60:63, 20:-20].max() < 0.3 and trust[..., :40, :].min() > 0.9


def test_nothing_under_the_mask() -> None:
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., :30, :] = 1
    trust = DataConsistency().target(Observation(texture(), restored=texture(), mask=mask)).trust
    assert trust[..., :30, :].max() == 0 < trust[..., 40:, :].min()


def test_it_needs_a_first_stage() -> None:
    with pytest.raises(RecipeError, match="first stage"):
        DataConsistency().target(Observation(texture()))
