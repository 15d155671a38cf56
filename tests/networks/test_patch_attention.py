"""Patch attention at any size, for each picture by itself. Its numbers are pinned by the goldens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from restauro.networks.latent_mapping import HighResMapping
from restauro.networks.patch_attention import PatchAttention, composition


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("size", [(8, 12), (9, 13), (11, 14), (3, 5)])
def test_defect_10_what_is_intact_stays_at_any_size_and_holes_get_intact_patches(size: tuple[int, int]) -> None:
    x, holes = noise(6, *size), torch.zeros(1, *size)
    holes[:, :4, :4] = 1
    answer = composition(x, holes, 4)
    if size == (3, 5):  # one patch of two is left
        assert torch.equal(answer[:, :, :4], x[:, :, 4:].expand(-1, -1, 4))
        return
    assert torch.equal(answer[:, 4:], x[:, 4:]) and torch.equal(answer[:, :, 4:], x[:, :, 4:])
    patches = [x[:, i : i + 4, j : j + 4] for i in range(0, size[0] - 3, 4) for j in range(0, size[1] - 3, 4)][1:]
    alike = [torch.cosine_similarity(x[:, :4, :4].flatten(), one.flatten(), dim=0) for one in patches]
    if not any(side % 4 for side in size):
        assert torch.equal(answer[:, :4, :4], patches[int(torch.stack(alike).argmax())])


def test_a_patch_is_a_hole_above_six_tenths() -> None:
    x, holes = noise(3, 4, 4), torch.zeros(1, 4, 4)
    holes[:, 0, :2] = 1
    assert torch.equal(composition(x, holes, 2), x)
    holes[:, 1, 0] = 1
    assert not torch.equal(composition(x, holes, 2), x)


def test_defect_10_a_picture_that_is_all_hole_keeps_its_features() -> None:
    x = noise(3, 6, 7)
    assert torch.equal(composition(x, torch.ones(1, 6, 7), 2), x)
    mapping = HighResMapping(8, 16)
    latent = noise(1, 8, 9, 11).requires_grad_()
    answer = mapping(latent, torch.ones(1, 1, 37, 45))
    assert answer.shape == latent.shape
    answer.sum().backward()
    assert latent.grad is not None and latent.grad.isfinite().all()


def test_defect_10_each_picture_has_its_own_mask() -> None:
    attention, z, mask = PatchAttention(6, 2).eval(), noise(3, 6, 8, 10), torch.zeros(3, 1, 32, 40)
    mask[0, :, :9], mask[1, :, :, 11:30], mask[2, :, 20:, 20:] = 1, 1, 0.5
    with torch.no_grad():
        together = attention(z, mask)
        for i in range(3):
            torch.testing.assert_close(together[i : i + 1], attention(z[i : i + 1], mask[i : i + 1]))


def test_the_pairs_compared_at_a_time_change_nothing() -> None:
    x, holes = noise(5, 20, 20), (noise(1, 20, 20) > 0.3).float()
    assert torch.equal(composition(x, holes, 2, pairs=300), composition(x, holes, 2))


@pytest.mark.parametrize("phase", range(4))
def test_defect_3_a_line_of_one_pixel_reaches_the_mask_that_the_convolution_is_shown(phase: int) -> None:
    attention, z, mask = PatchAttention(4, 2).eval(), noise(1, 4, 6, 6), torch.zeros(1, 1, 24, 24)
    with torch.no_grad():
        before = attention(z, mask)
        mask[..., 8 + phase] = 1
        assert not torch.equal(attention(z, mask), before)
        assert torch.equal(attention(z, mask, sampled=True), before) == (phase in (0, 3))


def test_copied_patches_carry_a_gradient_to_where_they_come_from() -> None:
    x, holes = noise(3, 4, 8).requires_grad_(), torch.zeros(1, 4, 8)
    holes[:, :, :4] = 1
    composition(x, holes, 4)[:, :, :4].sum().backward()
    assert x.grad is not None and (x.grad[:, :, :4] == 0).all() and (x.grad[:, :, 4:] == 1).all()
