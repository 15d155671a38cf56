"""Laws of every degradation, shipped or plugged in."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.registry import DEGRADATIONS
from restauro.degradations._base import Degradation
from tests.laws.knobs import assert_alive, assert_described, assert_guarded, every_knob
from tests.laws.pictures import waves

each = pytest.mark.parametrize("name", DEGRADATIONS.names())
SIZES = [(1, 1), (7, 5), (5, 7), (33, 20), (64, 64), (31, 128)]


def picture(height: int = 40, width: int = 56, n: int = 1) -> Tensor:
    """Waves with a grain, so that every damage shows; the extremes of the range occur."""
    grain = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 0.4 - 0.2
    out = waves(1, n, height, width).float() + grain
    out[:, :, 0, 0] = 1.0
    out[:, :, -1, -1] = -1.0
    return out.clamp(-1, 1)


def drawn(one: Degradation, seed: int) -> dict[str, Any]:
    return one.sample(np.random.default_rng(seed))


@each
def test_it_is_described(name: str) -> None:
    assert_described(DEGRADATIONS, name)


@each
def test_its_knobs_are_guarded(name: str) -> None:
    assert_guarded(DEGRADATIONS.get(name), name)


@each
def test_the_same_parameters_give_the_same_picture(name: str) -> None:
    """Everything random is in the parameters, which survive JSON."""
    one, clean = DEGRADATIONS.get(name)(), picture()
    for seed in range(6):
        params = drawn(one, seed)
        assert params == drawn(one, seed)
        again = json.loads(json.dumps(params))
        assert again == params
        np.random.seed(seed)
        torch.manual_seed(seed)
        first = one.apply(clean, params)
        assert torch.equal(first, DEGRADATIONS.get(name)().apply(clean, again))
    assert torch.equal(clean, picture()), "apply changed its input"


@each
def test_draws_differ_and_damage_is_seen(name: str) -> None:
    one, clean = DEGRADATIONS.get(name)(), picture()
    found = [one.apply(clean, drawn(one, seed)) for seed in range(8)]
    assert any(not torch.allclose(after, clean, atol=1e-2) for after in found)


@each
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_every_size_stays_in_range(name: str, size: tuple[int, int]) -> None:
    one, clean = DEGRADATIONS.get(name)(), picture(*size)
    for seed in range(4):
        params = drawn(one, seed)
        after, mask = one.apply(clean, params), one.mask(clean, params)
        assert after.shape == clean.shape and after.dtype == clean.dtype
        assert after.isfinite().all() and after.min() >= -1 - 1e-5 and after.max() <= 1 + 1e-5
        if mask is not None:
            assert mask.shape == (1, 1, *size) and mask.min() >= 0 and mask.max() <= 1


@each
def test_the_mask_says_what_is_lost(name: str) -> None:
    """What lies under the mask does not show any more; what does not, is as it was, where a mask is the whole damage."""
    one, clean = DEGRADATIONS.get(name)(), picture()
    other = clean.flip(1)
    for seed in range(6):
        params = drawn(one, seed)
        mask = one.mask(clean, params)
        if mask is None:
            continue
        assert torch.equal(mask, one.mask(other, params)), "the mask depends on the picture"
        gone = (mask == 1).expand_as(clean)
        assert torch.equal(one.apply(clean, params)[gone], one.apply(other, params)[gone])


@each
def test_a_batch_equals_its_singles(name: str) -> None:
    one, clean = DEGRADATIONS.get(name)(), picture(n=3)
    for seed in range(3):
        params = drawn(one, seed)
        singles = torch.cat([one.apply(clean[i : i + 1], params) for i in range(3)])
        torch.testing.assert_close(one.apply(clean, params), singles, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "knob"), every_knob(DEGRADATIONS))
def test_every_knob_is_alive(name: str, knob: str) -> None:
    clean = picture(64, 64)

    def outcome(one: Degradation) -> list[Tensor]:
        return [one.apply(clean, drawn(one, seed)) for seed in range(6)]

    assert_alive(DEGRADATIONS.get(name), knob, outcome, lambda a, b: all(map(torch.equal, a, b)))


@each
def test_gradients_pass(name: str) -> None:
    """A degradation can stand inside a loss, unless it says that it cannot."""
    one, clean = DEGRADATIONS.get(name)(), picture()
    if not one.differentiable:
        return
    for seed in range(3):
        seen = clean.clone().requires_grad_()
        one.apply(seen, drawn(one, seed)).square().sum().backward()
        assert seen.grad is not None and seen.grad.isfinite().all() and seen.grad.abs().max() > 0
