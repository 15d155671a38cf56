"""CLIP's text tower as Stable Diffusion 2 uses it: all its blocks but the last (Radford et al. 2021, arXiv 2103.00020)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class TextBlock(nn.Module):
    """Attention to what came before, and a feed-forward network four times as wide, each added to what came in."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        layers = (("c_fc", nn.Linear(width, 4 * width)), ("gelu", nn.GELU()), ("c_proj", nn.Linear(4 * width, width)))
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.ln_1(x)
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        x = x + self.attn(seen, seen, seen, need_weights=False, attn_mask=later)[0]
        return x + self.mlp(self.ln_2(x))


class TextTower(nn.Module):
    """(N, length) tokens of a vocabulary of so many to (N, length, width), in OpenCLIP's key layout.

    blocks: those that are used; OpenCLIP's ViT-H/14 has one more, which Stable Diffusion 2 skips.
    """

    def __init__(self, width: int = 1024, blocks: int = 23, heads: int = 16, length: int = 77, vocabulary: int = 49408):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(length, width))
        row = nn.Sequential(*(TextBlock(width, heads) for _ in range(blocks)))
        self.transformer = nn.Sequential(OrderedDict(resblocks=row))
        self.ln_final = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        told: Tensor = self.ln_final(self.transformer(self.token_embedding(tokens) + self.positional_embedding))
        return told


UNUSED = ("text_projection", "logit_scale", "attn_mask")


def used(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of OpenCLIP's text tower what Stable Diffusion 2 uses: neither the last block nor the way to pictures."""
    last = f"transformer.resblocks.{max(_blocks(state_dict))}."
    return {key: value for key, value in state_dict.items() if key not in UNUSED and not key.startswith(last)}


def text_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `TextTower` for OpenCLIP's text tower: heads of 64 channels. `KeyError` if this is none."""
    length, width = state_dict["positional_embedding"].shape
    vocabulary = state_dict["token_embedding.weight"].shape[0]
    return {
        "width": width,
        "blocks": max(_blocks(state_dict)),
        "heads": width // 64,
        "length": length,
        "vocabulary": vocabulary,
    }


def _blocks(state_dict: Mapping[str, Tensor]) -> set[int]:
    return {int(match[1]) for key in state_dict if (match := re.match(r"transformer\.resblocks\.(\d{1,3})\.", key))}
