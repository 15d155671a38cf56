"""What Pillow does to pictures of 8 bits, done to tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def through(picture: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Each of (N, 3, H, W) rounded to 8 bits and changed; there is no gradient."""
    levels = ((picture.detach().cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    done = [np.array(change(Image.fromarray(np.ascontiguousarray(one)))) for one in levels]
    return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2).contiguous().to(picture) / 127.5 - 1
