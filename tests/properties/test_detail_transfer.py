"""The reference's fine detail, where the face has it: moved by what is known, and only as far as it fits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Observation
from restauro.properties._flow import moved
from restauro.properties._look import gaussian
from restauro.properties.detail_transfer import DetailTransfer


def texture(seed: int, side: int = 128) -> Tensor:
    """(1, 3, S, S) in [-1, 1]: blobs of 4 pixels, grey."""
    noise = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(seed))
    blurred = gaussian(noise, 3.0)
    return (0.4 * blurred / blurred.std()).clamp(-1, 1).expand(-1, 3, -1, -1)


def shifted(picture: Tensor, right: int, down: int) -> Tensor:
    return F.pad(picture, (12, 12, 12, 12), mode="reflect")[..., 12 - down : 140 - down, 12 - right : 140 - right]


INNER = (slice(None), slice(None), slice(20, -20), slice(20, -20))


def test_a_shifted_reference_is_moved_back() -> None:
    face = texture(1)
    there, fit = moved(shifted(face, 4, -3), gaussian(face, 2.0))
    assert (there - face)[INNER].abs().mean() < 0.1 * (shifted(face, 4, -3) - face)[INNER].abs().mean()
    assert fit[INNER].mean() > 0.7 and fit.min() >= 0 and fit.max() <= 1


def test_brightness_and_contrast_do_not_matter() -> None:
    face = texture(1)
    there, _ = moved(0.5 * shifted(face, 3, 3) + 0.3, face)
    assert ((there - 0.3) * 2 - face)[INNER].abs().mean() < 0.1


def test_what_does_not_fit_is_hardly_imposed() -> None:
    _, same = moved(texture(1), texture(1))
    _, other = moved(texture(2), texture(1))
    assert same[INNER].mean() > 0.8 > 0.6 > other[INNER].mean()


def test_every_face_takes_the_reference_that_fits_it() -> None:
    people = torch.cat([texture(1), texture(2)])
    observed = Observation(people, reference=people.flip(0), restored=gaussian(people, 1.0))
    target = DetailTransfer().target(observed)
    assert (target.picture - people)[INNER].abs().mean() < 0.05


def test_below_the_cutoff_nothing_changes() -> None:
    face, prop = gaussian(texture(1), 3.0), DetailTransfer(cutoff=0.3)
    found = prop.project(face, prop.target(Observation(face, reference=texture(1), restored=face)))
    change = torch.fft.rfft2(found - face).abs()
    assert change[..., :13, :13].max() < 1e-3 < change.max()


def test_it_needs_a_reference_and_a_first_stage() -> None:
    with pytest.raises(RecipeError, match="--reference FILE"):
        DetailTransfer().target(Observation(texture(1), restored=texture(1)))
    with pytest.raises(RecipeError, match="first stage"):
        DetailTransfer().target(Observation(texture(1), reference=texture(1)))
