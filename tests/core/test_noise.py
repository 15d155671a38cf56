"""Noise belongs to the picture: neither the batch it travels in nor what was drawn before changes it."""

from __future__ import annotations

import itertools

import torch

from restauro.core.noise import PictureNoise

SHAPE = (3, 8, 6)


def test_a_batch_equals_singles() -> None:
    batch = PictureNoise(5, range(8), SHAPE)
    for step, draw in itertools.product((0, 3), (0, 1)):
        whole = batch(step, draw)
        assert whole.shape == (8, *SHAPE)
        assert whole.dtype == torch.float32
        for index in range(8):
            assert torch.equal(whole[index], PictureNoise(5, [index], SHAPE)(step, draw)[0])


def test_order_of_pictures_and_of_calls_does_not_matter() -> None:
    noise = PictureNoise(5, [7, 2], SHAPE)
    later = noise(9)
    assert torch.equal(noise(0)[0], PictureNoise(5, [2, 7], SHAPE)(0)[1])
    assert torch.equal(noise(9), later)


def test_every_stream_is_its_own() -> None:
    drawn = [
        PictureNoise(seed, [picture], SHAPE)(step, draw)
        for seed, picture, step, draw in itertools.product((0, 1), (0, 1), (0, 1), (0, 1))
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert not torch.equal(one, other)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    PictureNoise(1, [0], SHAPE)(0)
    assert torch.equal(torch.rand(2), expected)


def test_same_seed_same_numbers_for_good() -> None:
    """A recipe in a file from last year starts from this noise."""
    first = PictureNoise(1234, [0], (3, 4, 4))(0).flatten()[:4]
    assert torch.allclose(first, torch.tensor([-0.2195034, 0.8149986, -0.1134840, 1.0623912]), atol=1e-6)


def test_it_is_standard_normal() -> None:
    numbers = PictureNoise(0, range(4), (3, 64, 64))(0)
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02


def test_large_seeds() -> None:
    assert PictureNoise(2**63, [2**31], SHAPE)(10**6, 10**6).isfinite().all()
