"""The bound, term by term, on a prior whose every answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.noise import PictureNoise
from restauro.diffusion.likelihood import Bits, bound, strata, terms
from restauro.diffusion.schedule import NoiseSchedule
from tests.laboratory import GaussianDenoiser

T = 200
LAB = GaussianDenoiser.random(NoiseSchedule.named("openai-linear", T), (1, 4, 4))


def pictures(count: int) -> Tensor:
    """8-bit levels, drawn from the prior."""
    return ((LAB.draw(count).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def noise(count: int, seed: int = 0) -> PictureNoise:
    return PictureNoise(seed, range(count), LAB.shape)


@pytest.mark.parametrize("count", [2, 3, 7, 50, 199, 200, 999, None])
def test_strata_are_all_steps_once(count: int | None) -> None:
    groups = strata(T, count)
    assert len(groups) == min(count or T, T)
    assert sorted(t for group in groups for t in group) == list(range(T))
    assert groups[-1] == range(1) and groups[0][-1] == T - 1


def test_one_timestep_is_no_bound() -> None:
    with pytest.raises(RecipeError, match="at least two"):
        strata(T, 1)
    assert strata(1, None) == [range(1)]


def test_few_steps_estimate_what_all_of_them_say() -> None:
    """Unbiased, with a spread over the pictures that knows of the draws."""
    clean = pictures(256)
    whole = bound(LAB, clean, noise(256))
    for count in (5, 20, 60):
        part = bound(LAB, clean, noise(256), count)
        off = part.total - whole.total
        assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off)), count
        torch.testing.assert_close(part.decoder, whole.decoder)
    assert (bound(LAB, clean, noise(256), 60).total - whole.total).std() < off.std() * 4


def test_terms_are_the_closed_form() -> None:
    """KL = c1^2 (x_0 - E[x_0 | x_t])^2 / (2 beta-tilde ln 2), whose mean square is the posterior's variance on every axis."""
    clean, schedule = LAB.draw(500, seed=4), LAB.schedule
    for term in bound(LAB, clean, noise(500)).terms[:-1]:
        t = term.stratum[0]
        a, c = schedule.alphas_cumprod[t], schedule.posterior_mean_coef1[t]
        variance = float((LAB.spectrum * (1 - a) / (a * LAB.spectrum + 1 - a)).mean())
        for found, factor in ((term.clean_error, 1), (term.bits, c**2 / (2 * schedule.posterior_variance[t] * math.log(2)))):
            expected = variance * factor
            assert abs(float(found.mean()) - expected) < 5 * float(found.std()) / math.sqrt(500), t


def test_it_needs_more_bits_than_the_entropy() -> None:
    """Of 8-bit pictures with this covariance, in bits a pixel: log2 of the bins' number in the Gaussian's volume."""
    spectrum = LAB.spectrum + 1e-12
    clean = pictures(400)
    found = bound(LAB, clean, noise(400)).total
    exponent = -(0.5 * (torch.log2(2 * math.pi * math.e * spectrum)).mean()) + math.log2(2 / 255)
    assert found.mean() > -exponent
    assert found.mean() < -exponent + 2.5


def test_every_picture_is_its_own() -> None:
    clean = pictures(3)
    for count in (None, 10):
        together = bound(LAB, clean, noise(3), count).total
        alone = torch.cat([bound(LAB, clean[i : i + 1], PictureNoise(0, [i], LAB.shape), count).total for i in range(3)])
        torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-9)


def test_progressive_coding_pays_for_what_it_knows() -> None:
    clean = pictures(64)
    found = bound(LAB, clean, noise(64))
    rate, distortion = found.progressive()
    assert (rate.diff(dim=1) >= -1e-6).all()
    torch.testing.assert_close(rate[:, 0], found.prior.double())
    torch.testing.assert_close(rate[:, -1] + found.decoder, found.total)
    assert distortion.mean(0)[0] > 5 * distortion.mean(0)[-1]
    few, _ = bound(LAB, clean, noise(64), 12).progressive()
    assert (few.mean(0).diff() > 0).all() and few.shape == (64, 12)
    torch.testing.assert_close(few[:, -1].mean(), rate[:, -1].mean(), rtol=0.1, atol=0)


def test_a_groups_steps_are_drawn_evenly() -> None:
    clean = pictures(1000)
    (one,) = terms(LAB, clean, noise(1000), [range(20, 30)])
    counts = torch.bincount(one.t - 20, minlength=10)
    assert len(counts) == 10 and counts.min() > 60 and counts.max() < 140


def test_a_lone_term_does_not_depend_on_the_others() -> None:
    clean = pictures(4)
    whole = list(terms(LAB, clean, noise(4), strata(T)))
    (one,) = terms(LAB, clean, noise(4), [range(7, 8)])
    assert torch.equal(one.bits, whole[T - 1 - 7].bits) and one.t.tolist() == [7] * 4
    assert Bits(torch.zeros(4), (one,)).total.shape == (4,)
