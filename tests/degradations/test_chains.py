"""Named chains: every one runs on every size, is replayed exactly, and tells what it drew."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.core.registry import DEGRADATIONS
from restauro.degradations.chains import CHAINS, chain, degrade, replay
from tests.laws.pictures import waves


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("size", [(64, 64), (7, 5), (33, 50)], ids=str)
def test_a_chain_runs_and_is_replayed(name: str, size: tuple[int, int]) -> None:
    picture = waves(0, 2, *size).float()
    for seed in range(3):
        damaged = degrade(picture, name, np.random.default_rng(seed))
        assert damaged.picture.shape == picture.shape and damaged.picture.abs().max() <= 1 + 1e-5
        assert damaged.mask is None or damaged.mask.shape == (1, 1, *size)
        told = [(link, params) for link, params in json.loads(json.dumps(damaged.params))]
        again = replay(picture, chain(name), told)
        assert torch.equal(again.picture, damaged.picture)


def test_the_blind_chains_have_the_published_ranges() -> None:
    for seed in range(20):
        drawn = degrade(waves(0, 1, 32).float(), "codeformer-large", np.random.default_rng(seed)).params
        blur, reduce, noise, jpeg = (params for _, params in drawn)
        assert 1 <= blur["sigma"][0] <= 15 and 4 <= reduce["factor"] <= 30
        assert 0 <= noise["sigma"] <= 20 and 30 <= jpeg["quality"] <= 80
    assert [type(link).__name__ for link in chain("gfpgan")] == ["Blur", "Downsample", "Noise", "Jpeg"]


def test_noise_and_compression_act_on_the_reduced_picture() -> None:
    """Enlarged after, so that grain and blocks come out coarse: neighbours in the result are alike."""
    flat = torch.zeros(1, 3, 128, 128)
    damaged = degrade(flat, [*chain("codeformer-large")], np.random.default_rng(0)).picture
    step = (damaged[..., 1:] - damaged[..., :-1]).std()
    assert damaged.std() > 0 and step < damaged.std()


def test_masks_of_a_chain_add_up() -> None:
    picture = waves(0, 1, 64).float()
    holes, scratches = DEGRADATIONS.get("holes")(), DEGRADATIONS.get("scratches")()
    rng = np.random.default_rng(0)
    drawn = [holes.sample(rng), scratches.sample(rng)]
    both = replay(picture, [holes, scratches], [("holes", drawn[0]), ("scratches", drawn[1])]).mask
    assert both is not None and torch.equal(both, holes.mask(picture, drawn[0]).maximum(scratches.mask(picture, drawn[1])))


def test_an_unknown_chain_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeError, match="did you mean 'codeformer'"):
        chain("codeformr")


def test_a_chain_can_be_spelled_out() -> None:
    links = chain("blur:low=4,high=4,anisotropic=0+jpeg:low=20,high=30")
    assert [type(link).__name__ for link in links] == ["Blur", "Jpeg"] and links[0].low == 4.0  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="blur has no knob 'lw'"):
        chain("blur:lw=4")
    assert degrade(waves(0, 1, 32).float(), "noise:low=9,high=9", np.random.default_rng(0)).params[0][1]["sigma"] == 9
