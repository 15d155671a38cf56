"""A convolution whose weight is divided by its largest singular value (Miyato et al. 2018, arXiv 1802.05957).

In the key layout of torch's older `spectral_norm`: weight_orig, weight_u, weight_v. Unlike that, it can be copied at any time.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-12


class SpectralConv2d(nn.Module):
    """In training each call takes one step of the power iteration; in eval mode the estimated vectors stay as they are."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0, *, bias: bool = True):
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, kernel, bias=bias)
        self.stride, self.padding = stride, padding
        self.bias, self.weight_orig = plain.bias, plain.weight
        for name, size in (("weight_u", out_channels), ("weight_v", plain.weight[0].numel())):
            self.register_buffer(name, F.normalize(torch.randn(size), dim=0, eps=EPS))

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.weight_orig.flatten(1)
        if self.training:
            with torch.no_grad():
                v = F.normalize(matrix.T @ self.weight_u, dim=0, eps=EPS)
                self.weight_v.copy_(v)
                self.weight_u.copy_(F.normalize(matrix @ v, dim=0, eps=EPS))
        # cloned: a later call steps the vectors in place while this one's gradient may still want them
        sigma = self.weight_u.clone() @ matrix @ self.weight_v.clone()
        return F.conv2d(x, self.weight_orig / sigma, self.bias, self.stride, self.padding)
