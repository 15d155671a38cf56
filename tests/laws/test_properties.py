"""Laws of every property, shipped or plugged in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.registry import PROPERTIES
from restauro.diffusion.contract import Observation, Property
from tests.laws.knobs import OTHER_WORDS, assert_alive, assert_described, assert_guarded, every_knob
from tests.laws.pictures import observation, one_of, waves

EVERY = PROPERTIES.names()
each = pytest.mark.parametrize("name", EVERY)


def dtype_of(name: str) -> torch.dtype:
    """Those that ask a network get its float32, the others the precision that tells a wrong formula from rounding."""
    return torch.float32 if set(PROPERTIES.get(name).__struct_fields__) & OTHER_WORDS.keys() else torch.float64


def clean(name: str, n: int = 2, size: int = 32) -> Tensor:
    return waves(11, n, size).to(dtype_of(name))


def known(name: str, n: int = 2, size: int = 32, soft: bool = False) -> Observation:
    return observation(size, n, soft=soft, dtype=dtype_of(name))


@each
def test_it_is_described(name: str) -> None:
    assert_described(PROPERTIES, name)


@each
def test_its_knobs_are_guarded(name: str) -> None:
    assert_guarded(PROPERTIES.get(name), name)


@each
def test_distance_is_one_number_a_picture_and_0_where_the_property_holds(name: str) -> None:
    prop, picture, observed = PROPERTIES.get(name)(), clean(name), known(name)
    target = prop.target(observed)
    distance = prop.distance(picture, target)
    assert distance.shape == (2,) and distance.isfinite().all() and (distance >= 0).all()
    assert prop.elements(picture, target) >= 1
    assert torch.equal(picture, clean(name)), "distance changed its input"


@each
def test_gradient_is_that_of_distance(name: str) -> None:
    """A closed form equals autograd; and a small step against it lowers the distance."""
    prop, picture = PROPERTIES.get(name)(), clean(name)
    for soft in (False, True):
        target = prop.target(known(name, soft=soft))
        gradient = prop.gradient(picture, target)
        expected = Property.gradient(prop, picture, target)
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
        assert float(gradient.abs().max()) > 0
        norm = gradient.square().sum((1, 2, 3), keepdim=True).clamp_min(1e-30)
        step = 1e-3 * gradient / norm.sqrt()
        assert (prop.distance(picture - step, target) < prop.distance(picture, target)).all()


@each
def test_a_projection_has_the_property_and_is_idempotent(name: str) -> None:
    prop, picture = PROPERTIES.get(name)(), clean(name)
    if prop.project is None:
        pytest.skip(f"{name} has no projection")
    target = prop.target(known(name))
    there = prop.project(picture, target)
    assert there.shape == picture.shape
    assert (prop.distance(there, target) <= 1e-6 * prop.distance(picture, target)).all()
    torch.testing.assert_close(prop.project(there, target), there, rtol=0, atol=1e-3 * float((there - picture).abs().max()))


@each
def test_a_projection_is_the_shortest_way(name: str) -> None:
    """No picture with the property is nearer: the change it makes points along the distance's gradient."""
    prop, picture = PROPERTIES.get(name)(), clean(name)
    if prop.project is None:
        pytest.skip(f"{name} has no projection")
    target = prop.target(known(name))
    there = prop.project(picture, target)
    # pictures with the property too, on the other side of others nearby
    for seed in range(5, 9):
        other = prop.project(picture + 0.3 * waves(seed, 2, 32).to(picture), target)
        nearest, found = ((end - picture).square().mean((1, 2, 3)) for end in (there, other))
        assert (nearest <= found * 1.001).all()


@each
def test_it_means_the_same_at_every_size(name: str) -> None:
    """Distances of one picture at 32 and 128 pixels differ by less than a tenth: a weight means the same."""
    prop = PROPERTIES.get(name)()
    if prop.space == "state":
        pytest.skip("noise has no other size")
    small, large = (prop.distance(clean(name, size=size), prop.target(known(name, size=size))) for size in (32, 128))
    assert ((large - small).abs() <= 0.1 * small.abs() + 1e-6).all(), (small, large)


@each
def test_a_batch_equals_its_singles(name: str) -> None:
    prop, picture, observed = PROPERTIES.get(name)(), clean(name, 3), known(name, 3)
    target = prop.target(observed)
    for i in range(3):
        alone, alone_target = picture[i : i + 1], prop.target(one_of(observed, i))
        torch.testing.assert_close(
            prop.distance(picture, target)[i : i + 1], prop.distance(alone, alone_target), rtol=1e-4, atol=1e-6
        )
        expected = prop.gradient(alone, alone_target)
        torch.testing.assert_close(
            prop.gradient(picture, target)[i : i + 1], expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())
        )
        if prop.project is not None:
            torch.testing.assert_close(prop.project(picture, target)[i : i + 1], prop.project(alone, alone_target))


@pytest.mark.parametrize(("name", "knob"), every_knob(PROPERTIES))
def test_every_knob_is_alive(name: str, knob: str) -> None:
    observed, picture = known(name, soft=True), clean(name)

    def outcome(prop: Property) -> list[Any]:
        target = prop.target(observed)
        moved = [prop.project(picture, target)] if prop.project is not None else []
        sure = [known for known in [prop.certainty(target)] if known is not None]
        return [prop.distance(picture, target), prop.gradient(picture, target), *moved, *sure]

    def same(one: list[Tensor], other: list[Tensor]) -> bool:
        return all(torch.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(one, other, strict=True))

    assert_alive(PROPERTIES.get(name), knob, outcome, same)


@each
def test_the_same_question_has_the_same_answer(name: str) -> None:
    prop, picture, observed = PROPERTIES.get(name)(), clean(name), known(name)
    first, second = (prop.gradient(picture, prop.target(observed)) for _ in range(2))
    assert torch.equal(first, second)
