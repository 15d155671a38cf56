"""A grid of samples beside the checkpoint, where the objective can make some."""

from __future__ import annotations

import io
import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from restauro.core.files import write_atomically
from restauro.training.objective import Objective


@torch.no_grad()
def save_grid(objective: Objective, network: nn.Module, size: int, path: Path) -> None:
    """`objective.samples(network, size)` as one PNG; nothing where there is no such method."""
    samples = getattr(objective, "samples", None)
    if samples is not None:
        file = io.BytesIO()
        grid(samples(network.eval(), size)).save(file, "PNG")
        write_atomically(path, file.getvalue())


def grid(pictures: Tensor, gap: int = 2) -> Image.Image:
    """(N, 3, H, W) in [-1, 1] side by side, as square as N allows."""
    n, _, height, width = pictures.shape
    columns = math.ceil(math.sqrt(n))
    sheet = Image.new("RGB", (columns * (width + gap) - gap, math.ceil(n / columns) * (height + gap) - gap))
    levels = ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    for i, picture in enumerate(levels):
        sheet.paste(Image.fromarray(picture), (i % columns * (width + gap), i // columns * (height + gap)))
    return sheet
