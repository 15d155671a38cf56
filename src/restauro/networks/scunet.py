"""SCUNet (Zhang et al. 2022, arXiv 2203.13278), a U-Net of transformers beside convolutions, in its authors' key layout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from restauro.networks.windows import attend


class WindowAttention(nn.Module):
    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.window = window
        self.relative_position_params = nn.Parameter(torch.empty(heads, 2 * window - 1, 2 * window - 1))
        nn.init.trunc_normal_(self.relative_position_params, std=0.02)
        self.embedding_layer = nn.Linear(width, 3 * width)
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor, shifted: bool) -> Tensor:
        table = self.relative_position_params.flatten(1)
        answer: Tensor = self.linear(attend(self.embedding_layer(x), table, self.window, shifted))
        return answer


class TransformerHalf(nn.Module):
    """Attention inside windows and a feed-forward network, each added to what came in; (N, H, W, width)."""

    def __init__(self, width: int, heads: int, window: int, shifted: bool):
        super().__init__()
        self.shifted = shifted
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.msa = WindowAttention(width, heads, window)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.msa(self.ln1(x), self.shifted)
        return x + self.mlp(self.ln2(x))


class SwinConvBlock(nn.Module):
    """Half of the channels go through two convolutions, half through a transformer; both are mixed and added to what came in."""

    def __init__(self, width: int, head_width: int, window: int, shifted: bool):
        super().__init__()
        half = width // 2
        self.trans_block = TransformerHalf(half, half // head_width, window, shifted)
        self.conv1_1, self.conv1_2 = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        convs = (nn.Conv2d(half, half, 3, padding=1, bias=False) for _ in range(2))
        self.conv_block = nn.Sequential(next(convs), nn.ReLU(), next(convs))

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.conv1_1(x).chunk(2, 1)
        near = near + self.conv_block(near)
        far = self.trans_block(far.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.conv1_2(torch.cat([near, far], 1))


class SCUNet(nn.Module):
    """(N, 3, H, W) in [0, 1] to the same size, not clamped; H and W are multiples of `multiple`, eight windows.

    width: of the first level, doubled with each of the three below. blocks: of the four levels down and the three up.
    head_width: channels of an attention head, of which half the width of each level is a multiple.
    """

    scale = 1

    def __init__(self, width: int = 64, blocks: Sequence[int] = (4,) * 7, head_width: int = 32, window: int = 8):
        super().__init__()
        self.multiple = 8 * window

        def level(number: int, times: int) -> list[nn.Module]:
            return [SwinConvBlock(times * width, head_width, window, i % 2 == 1) for i in range(blocks[number])]

        def down(times: int) -> nn.Module:
            return nn.Conv2d(times * width, 2 * times * width, 2, 2, bias=False)

        def up(times: int) -> nn.Module:
            return nn.ConvTranspose2d(2 * times * width, times * width, 2, 2, bias=False)

        self.m_head = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False))
        self.m_down1 = nn.Sequential(*level(0, 1), down(1))
        self.m_down2 = nn.Sequential(*level(1, 2), down(2))
        self.m_down3 = nn.Sequential(*level(2, 4), down(4))
        self.m_body = nn.Sequential(*level(3, 8))
        self.m_up3 = nn.Sequential(up(4), *level(4, 4))
        self.m_up2 = nn.Sequential(up(2), *level(5, 2))
        self.m_up1 = nn.Sequential(up(1), *level(6, 1))
        self.m_tail = nn.Sequential(nn.Conv2d(width, 3, 3, padding=1, bias=False))

    def forward(self, picture: Tensor) -> Tensor:
        one = self.m_head(picture)
        two = self.m_down1(one)
        three = self.m_down2(two)
        four = self.m_down3(three)
        h = self.m_up3(self.m_body(four) + four)
        h = self.m_up1(self.m_up2(h + three) + two)
        cleaned: Tensor = self.m_tail(h + one)
        return cleaned


def scunet_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `SCUNet` that made this state dict. `KeyError` if this is none."""
    found = Counter(match[1] for key in state_dict if (match := re.match(r"m_(\w+)\.\d{1,3}\.conv1_1\.weight", key)))
    heads, places, _ = state_dict["m_body.0.trans_block.msa.relative_position_params"].shape
    return {
        "width": state_dict["m_head.0.weight"].shape[0],
        "blocks": [found[name] for name in ("down1", "down2", "down3", "body", "up3", "up2", "up1")],
        "head_width": state_dict["m_body.0.trans_block.ln1.weight"].shape[0] // heads,
        "window": (places + 1) // 2,
    }
