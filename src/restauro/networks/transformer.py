"""Transformer blocks of latent diffusion (Rombach et al. 2022, arXiv 2112.10752): places look at each other, then at a prompt."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn


class CrossAttention(nn.Module):
    """What (N, places, width) asks of (N, tokens, context), in several heads."""

    def __init__(self, width: int, heads: int, context: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = (nn.Linear(context, width, bias=False) for _ in range(2))
        self.to_out = nn.Sequential(nn.Linear(width, width))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        asked = self.to_q(x), self.to_k(context), self.to_v(context)
        q, k, v = (one.unflatten(2, (self.heads, -1)).transpose(1, 2) for one in asked)
        answer: Tensor = self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return answer


class GatedGelu(nn.Module):
    """Half of a linear layer's answer, weighed by the GELU of the other half (GEGLU; Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        weighed: Tensor = value * F.gelu(gate)
        return weighed


class TransformerBlock(nn.Module):
    """Self-attention, attention to the context, and a feed-forward network four times as wide, each added to what came in."""

    def __init__(self, width: int, heads: int, context: int):
        super().__init__()
        self.attn1 = CrossAttention(width, heads, width)
        layers = GatedGelu(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)  # dropout stood between them
        self.ff = nn.Sequential(OrderedDict(net=nn.Sequential(*layers)))
        self.attn2 = CrossAttention(width, heads, context)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        seen = self.norm1(x)
        x = x + self.attn1(seen, seen)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))
