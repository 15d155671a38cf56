"""SwinIR and SCUNet: sizes, arguments, windows; their numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import torch

from restauro.networks.scunet import SCUNet, scunet_arguments
from restauro.networks.swinir import SwinIR, swinir_arguments
from restauro.networks.windows import attend

SWIN: dict[str, Any] = {
    "width": 12, "depths": [2, 1], "heads": 3, "window": 4, "inner": 1.5, "unshuffle": 4, "features": 6
}  # fmt: skip
SCU: dict[str, Any] = {"width": 8, "blocks": [2, 1, 1, 2, 1, 1, 1], "head_width": 4, "window": 2}


@torch.no_grad()
def test_sizes_and_arguments() -> None:
    swin, scu = SwinIR(**SWIN).eval(), SCUNet(**SCU).eval()
    assert (swin.multiple, scu.multiple) == (16, 16)
    assert swinir_arguments(swin.state_dict()) == SWIN
    assert scunet_arguments(scu.state_dict()) == SCU
    picture = torch.rand(2, 3, 32, 48)
    for network in (swin, scu):
        answer = network(picture)
        assert answer.shape == picture.shape
        torch.testing.assert_close(network(picture[1:]), answer[1:], atol=1e-5, rtol=1e-5)


def test_attention_stays_in_its_window() -> None:
    """A place is told of its window alone; of shifted windows those over the border are told of their own side."""
    draw = torch.Generator().manual_seed(0)
    table = torch.randn(2, 49, generator=draw)
    for shifted, place, seen in ((False, (5, 6), (4, 8, 4, 8)), (True, (5, 6), (2, 6, 6, 10)), (True, (0, 9), (0, 2, 6, 10))):
        qkv = torch.randn(1, 8, 12, 24, generator=draw, requires_grad=True)
        attend(qkv, table, 4, shifted)[0, place[0], place[1]].sum().backward()
        assert qkv.grad is not None
        touched = qkv.grad[0].abs().sum(-1) > 0
        wanted = torch.zeros(8, 12, dtype=torch.bool)
        wanted[seen[0] : seen[1], seen[2] : seen[3]] = True
        assert torch.equal(touched, wanted), (shifted, place)


def test_the_table_is_read_by_relative_position() -> None:
    """With equal logits, what lies right of a place weighs as the table says."""
    table = torch.full((1, 9), -30.0)
    table[0, 1 * 3 + 0] = 30  # the same row, one column to the right: the asking place's column less the other's is -1
    qkv = torch.zeros(1, 2, 2, 3)
    qkv[0, ..., 2] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    told = attend(qkv, table, 2, shifted=False)[0, ..., 0]
    torch.testing.assert_close(told[:, 0], torch.tensor([2.0, 4.0]))
