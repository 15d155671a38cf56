"""The partial non-local block: memory, one-pixel lines, pictures that are all hole. Its numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from restauro.networks.latent_mapping import ScratchMapping
from restauro.networks.partial_nonlocal import PartialNonLocal, intact, masked_attention


def dense(q: Tensor, k: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """As published: softmax over all keys, times the weights, divided by what is left."""
    shares = (q @ k.mT).softmax(2) * weight[:, None]
    return shares / shares.sum(2, keepdim=True).clamp(min=1e-12) @ v


class Largest(TorchDispatchMode):
    """The number of values in the largest tensor that is made."""

    values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else [out]:
            if isinstance(one, Tensor):
                self.values = max(self.values, one.untyped_storage().nbytes() // one.element_size())
        return out


def question(places: int, channels: int, n: int = 1) -> list[Tensor]:
    rng = torch.Generator().manual_seed(places)
    return [torch.randn(n, places, channels, generator=rng) for _ in range(3)]


def test_defect_1_a_picture_of_512_pixels_agrees_with_the_dense_form_and_needs_no_matrix_of_all_pairs() -> None:
    places, channels = 128 * 128, 8
    q, k, v = question(places, channels)
    q = q[:, ::16]  # each answers by itself
    weight = (torch.rand(1, places, generator=torch.Generator().manual_seed(2)) < 0.7).float()
    weight[:, :4096] = 0  # a whole block of keys without any weight
    with Largest() as largest:
        answer = masked_attention(q, k, v, weight)
    torch.testing.assert_close(answer, dense(q, k, v, weight), rtol=0, atol=1e-4)
    assert largest.values <= 2 * channels * places  # the pairs are 64 times as many, and for all places 1,024 times


@pytest.mark.parametrize("own", [False, True])
def test_the_number_of_pairs_at_a_time_bounds_what_is_made_and_changes_nothing(own: bool) -> None:
    q, k, v = question(640, 4)
    weight = (torch.arange(640) % 3 > 0).float()[None]
    with Largest() as largest:
        answer = masked_attention(q, k, v, weight, own=own, pairs=10 * 640)
    assert largest.values <= 10 * 640
    torch.testing.assert_close(answer, masked_attention(q, k, v, weight, own=own))


@pytest.mark.parametrize("settings", [{}, {"own": True}, {"renormalise": False}, {"own": True, "renormalise": False}])
def test_every_way_of_weighing_is_its_dense_form(settings: dict[str, bool]) -> None:
    q, k, v = question(50, 6, n=2)
    weight = torch.rand(2, 50, generator=torch.Generator().manual_seed(3)).round(decimals=1)
    weight[0, :20] = 0
    shares = weight[:, None].repeat(1, 50, 1)
    if settings.get("own"):
        shares[:, range(50), range(50)] = 1
    left = (q @ k.mT).softmax(2) * shares
    expected = (left / left.sum(2, keepdim=True) if settings.get("renormalise", True) else left) @ v
    torch.testing.assert_close(masked_attention(q, k, v, weight, pairs=150, **settings), expected)


def test_what_stands_in_a_hole_is_never_seen_however_much_it_resembles() -> None:
    q, k, v = question(30, 4)
    weight = (torch.arange(30) >= 5).float()[None]
    k[:, :5], v[:, :5] = 300 * q.mean(1, keepdim=True), 1e6
    assert masked_attention(q, k, v, weight).abs().max() < 10


def test_without_an_intact_place_the_answer_is_zero_and_so_is_its_gradient() -> None:
    q, k, v = (one.requires_grad_() for one in question(12, 4, n=2))
    weight = torch.stack([torch.zeros(12), torch.ones(12)])
    answer = masked_attention(q, k, v, weight)
    assert (answer[0] == 0).all() and (answer[1] != 0).any()
    answer.sum().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() and (one.grad[0] == 0).all() for one in (q, k, v))


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("upright", [True, False])
def test_defect_3_a_line_of_one_pixel_is_seen_wherever_it_lies(phase: int, upright: bool) -> None:
    mask = torch.zeros(1, 1, 16, 24)
    mask[..., 8 + phase] = 1
    expected = torch.ones(1, 1, 4, 6)
    expected[..., 2] = 0
    if not upright:
        mask, expected = mask.mT, expected.mT
    size = (expected.shape[2], expected.shape[3])
    assert torch.equal(intact(mask, size), expected)
    assert (intact(mask, size, sampled=True) == 1).all() == (phase == 3), "as published, one in four is missed"


def test_every_pixel_of_a_picture_of_any_size_counts() -> None:
    for height, width in ((41, 73), (40, 72), (43, 75)):
        for i, j in ((0, 0), (height - 1, width - 1), (height - 1, 5), (7, width - 1)):
            mask = torch.zeros(1, 1, height, width)
            mask[..., i, j] = 1
            assert intact(mask, (height // 4, width // 4)).min() == 0


def test_a_soft_mask_lets_through_what_it_says() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 5, 6] = 0.25
    assert intact(mask, (2, 2)).flatten().tolist() == [1, 1, 1, 0.75]


def test_intact_places_are_kept_and_each_picture_has_its_own_mask() -> None:
    block = PartialNonLocal(6, inner=4).eval()
    x, mask = torch.randn(2, 6, 5, 4, generator=torch.Generator().manual_seed(4)), torch.zeros(2, 1, 20, 16)
    mask[1, :, 4:9] = 1
    with torch.no_grad():
        answer, alone = block(x, mask), block(x[1:], mask[1:])
    assert torch.equal(answer[0], x[0]) and torch.equal(answer[1, :, 3:], x[1, :, 3:])
    assert not torch.isclose(answer[1, :, 1:3], x[1, :, 1:3]).any()
    torch.testing.assert_close(answer[1:], alone)


@pytest.mark.parametrize("sampled", [True, False])
def test_a_picture_that_is_all_hole_is_answered(sampled: bool) -> None:
    mapping = ScratchMapping(8, 16, 1, inner=4)
    x = torch.randn(1, 8, 7, 9, requires_grad=True)
    answer = mapping(x, torch.ones(1, 1, 29, 37), sampled=sampled)
    assert answer.shape == x.shape and answer.isfinite().all()
    answer.square().mean().backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in mapping.parameters())


def test_without_norms_only_places_near_holes_are_asked_and_nothing_changes() -> None:
    torch.manual_seed(0)
    block = PartialNonLocal(6, norm="none").double().eval()
    x, mask = torch.randn(1, 6, 24, 30, dtype=torch.double), torch.zeros(1, 1, 96, 120, dtype=torch.double)
    mask[..., 40:44, 50:90] = 1
    with torch.no_grad():
        found = block(x, mask)
        assert 0 < len(block.asked(intact(mask, (24, 30)))) < 24 * 30 / 2  # type: ignore[arg-type]
        block.normed = True  # all are asked
        torch.testing.assert_close(found, block(x, mask))
        block.normed = False
        assert torch.equal(block(x, torch.zeros_like(mask)), x)
