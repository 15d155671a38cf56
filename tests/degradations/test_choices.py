"""Links that choose among others: shares, exact replay, masks, targets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.degradations._links import Kept, OneOf, maybe, one_of
from restauro.degradations.blur import Blur
from restauro.degradations.chains import chain, degrade, replay
from restauro.degradations.downsample import Downsample
from restauro.degradations.fade import Fade
from restauro.degradations.grey import Grey
from restauro.degradations.holes import Holes
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.motion_blur import MotionBlur
from restauro.degradations.noise import Noise
from tests.laws.pictures import waves

RNG = np.random.default_rng


def test_ways_are_drawn_by_their_shares_and_replayed() -> None:
    link = one_of((0.2, [Blur()]), (0.5, [Noise(), Jpeg()]), (0.3, []))
    clean = waves(0, 2, 24).float()
    rng = RNG(0)
    drawn = [link.sample(rng) for _ in range(1000)]
    shares = np.bincount([one["way"] for one in drawn]) / 1000
    assert shares == pytest.approx([0.2, 0.5, 0.3], abs=0.05)
    for params in drawn[:12]:
        told = json.loads(json.dumps(params))
        assert told == params
        assert torch.equal(link.apply(clean, told), link.apply(clean, params))
        assert [name for name, _ in params["drawn"]] == [["blur"], ["noise", "jpeg"], []][params["way"]]
    assert torch.equal(link.apply(clean, {"way": 2, "drawn": []}), clean)


def test_shares_must_add_up() -> None:
    for shares in ((0.5, 0.4), (1.0,), (1.5, -0.5)):
        with pytest.raises(RecipeError, match="add up to 1"):
            OneOf(shares=shares, ways=((), ()))


def test_a_link_may_be_left_out() -> None:
    rng = RNG(0)
    taken = [maybe(0.3, Grey()).sample(rng)["way"] for _ in range(500)]
    assert np.mean(taken) == pytest.approx(0.3, abs=0.06)
    assert maybe(0.0, Grey()).sample(RNG(0))["way"] == 0 and maybe(1.0, Grey()).sample(RNG(0))["way"] == 1


def test_a_choice_may_reduce_tear_and_contain_choices() -> None:
    clean = waves(0, 1, 128).float()
    link = maybe(1.0, maybe(1.0, Downsample(low=16, high=16)), Holes())
    damaged = degrade(clean, [link, Noise(low=90, high=90)], RNG(0))
    assert damaged.picture.shape == clean.shape
    assert damaged.mask is not None and 0 < damaged.mask.mean() < 1
    small = link.link(clean, damaged.params[0][1], clean)
    assert small.shape[-2:] == (32, 32)


def test_what_is_kept_is_in_the_target() -> None:
    clean = waves(0, 1, 32).float()
    links = [Kept(change=Grey()), maybe(1.0, Kept(change=Fade())), Noise()]
    damaged = degrade(clean, links, RNG(0))
    grey, fade = damaged.params[0][1], damaged.params[1][1]["drawn"][0][1]
    assert torch.equal(damaged.target, Fade().apply(Grey().apply(clean, grey), fade))
    assert torch.equal(degrade(clean, "codeformer", RNG(0)).target, clean)
    links, rng = chain("difface-swinir"), RNG(0)
    taken = [links[0].sample(rng) for _ in range(1000)]
    assert sum(params["way"] for params in taken) == pytest.approx(10, abs=9)
    for params in (taken[0], next(params for params in taken if params["way"])):
        assert torch.equal(links[0].target(clean, params), links[0].apply(clean, params))


def test_a_probability_is_spelled_p() -> None:
    link = chain("motion-blur:low=9,high=9,p=0.25")[0]
    assert isinstance(link, OneOf) and link.shares == (0.75, 0.25) and isinstance(link.ways[1][0], MotionBlur)
    for wrong in ("2", "-0.1", "often", "nan"):
        with pytest.raises(RecipeError, match=f"jpeg: p={wrong} is no probability"):
            chain(f"jpeg:p={wrong}")


def test_named_chains_are_parts_of_spelled_ones() -> None:
    links = chain("fade+gfpgan+grey:p=0.5")
    assert [type(link).__name__ for link in links] == ["Fade", "Blur", "Downsample", "Noise", "Jpeg", "OneOf"]
    drawn = degrade(waves(0, 1, 32).float(), links, RNG(0))
    assert torch.equal(replay(waves(0, 1, 32).float(), links, drawn.params).picture, drawn.picture)
    assert [name for name, _ in degrade(waves(0, 1, 32).float(), "motion-blur+soft-jpeg", RNG(0)).params] == [
        "motion-blur",
        "soft-jpeg",
    ]
