"""The image pool: what it gives back, and that a resumed run has the same one; the golden pins its draws."""

from __future__ import annotations

import copy

import numpy as np
import torch

from restauro.systems.pix2pix.pool import ImagePool
from restauro.training.average import average


def images(first: int, count: int) -> torch.Tensor:
    return (torch.arange(first, first + count) + 0.1).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_without_room_what_goes_in_comes_out() -> None:
    pictures = images(0, 3)
    assert ImagePool(0, (3, 2, 2)).query(pictures, np.random.default_rng(0)) is pictures


def test_half_of_what_comes_out_is_older_and_nothing_comes_out_twice() -> None:
    pool, rng = ImagePool(50, (3, 2, 2)), np.random.default_rng(0)
    torch.testing.assert_close(pool.query(images(0, 50), rng), images(0, 50))
    given = pool.query(images(50, 1000), rng)[:, 0, 0, 0]
    older = given != images(50, 1000)[:, 0, 0, 0]
    assert 0.45 < older.float().mean() < 0.55
    everything = torch.cat([given[older], pool.pictures[:, 0, 0, 0]])
    assert len(everything.unique()) == len(everything)


def test_its_pictures_survive_a_checkpoint_and_no_average_blends_them() -> None:
    pool, rng = ImagePool(4, (3, 2, 2)), np.random.default_rng(0)
    pool.query(torch.randn(9, 3, 2, 2), rng)
    other = ImagePool(4, (3, 2, 2))
    mean = copy.deepcopy(other)
    other.load_state_dict(pool.state_dict())
    average(mean, pool, 0.5)
    for one in (other, mean):
        torch.testing.assert_close(one.pictures, pool.pictures, rtol=0, atol=0)
