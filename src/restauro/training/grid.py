"""A grid of samples beside the checkpoint, where the objective can make some."""

from __future__ import annotations

import io
import math
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from restauro.core.files import write_atomically
from restauro.training.data import Pictures
from restauro.training.objective import Objective


@torch.no_grad()
def save_grid(objective: Objective, network: nn.Module, held: Pictures, path: Path) -> None:
    """`objective.samples(network, size)` or `objective.answers(network, held)` as one PNG, if there is either."""
    samples, answers = (getattr(objective, name, None) for name in ("samples", "answers"))
    if samples is not None or answers is not None:
        pictures = samples(network.eval(), held.size) if samples is not None else answers(network.eval(), held)  # type: ignore[misc]
        file = io.BytesIO()
        grid(pictures).save(file, "PNG")
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
