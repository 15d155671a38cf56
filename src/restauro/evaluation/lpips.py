"""LPIPS v0.1 with the AlexNet trunk (Zhang et al. 2018, arXiv 1801.03924): a perceptual distance, for measuring only.

The weights are one npz file with the arrays conv0..4.weight, conv0..4.bias and lin0..4; the package ships none.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import InputError, WeightsError

SMALLEST = 32
"""Smaller sides leave nothing after the second pooling."""

_SHAPES = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def lpips(path: str | Path) -> Callable[[Tensor, Tensor], Tensor]:
    """The distance function of one weights file: two batches (N, 3, H, W) in [-1, 1] to (N,), lower is nearer.

    It runs in float32 where the pictures are. Sides of at least 32 px. Raises WeightsError for a file that is not LPIPS-Alex.
    """
    arrays = _read(Path(path))

    def distance(picture: Tensor, reference: Tensor) -> Tensor:
        if picture.shape != reference.shape or picture.ndim != 4:
            raise InputError(f"LPIPS needs two batches of one shape, not {tuple(picture.shape)} and {tuple(reference.shape)}")
        if min(picture.shape[-2:]) < SMALLEST:
            raise InputError(f"LPIPS needs sides of at least {SMALLEST} px, not {picture.shape[-1]} x {picture.shape[-2]}")
        here = {name: array.to(picture.device) for name, array in arrays.items()}
        total = torch.zeros(len(picture), device=picture.device)
        with torch.no_grad():
            for tap, (one, other) in enumerate(zip(_taps(picture, here), _taps(reference, here), strict=True)):
                difference = (_unit(one) - _unit(other)).square()
                total += (difference * here[f"lin{tap}"][:, None, None]).sum(1).mean((1, 2))
        return total

    return distance


def trunk(path: str | Path) -> Callable[[Tensor], list[Tensor]]:
    """The AlexNet of one weights file: pictures (N, 3, H, W) in [-1, 1] to the five layers that LPIPS compares."""
    arrays = _read(Path(path))
    return lambda picture: _taps(picture, {name: array.to(picture.device) for name, array in arrays.items()})


def _taps(picture: Tensor, arrays: dict[str, Tensor]) -> list[Tensor]:
    """The five ReLU outputs of the trunk."""
    x = (picture.float() - picture.new_tensor(_SHIFT)[:, None, None]) / picture.new_tensor(_SCALE)[:, None, None]
    taps = []
    for layer, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
        if layer in (1, 2):
            x = F.max_pool2d(x, 3, 2)
        x = F.relu(F.conv2d(x, arrays[f"conv{layer}.weight"], arrays[f"conv{layer}.bias"], stride, padding))
        taps.append(x)
    return taps


def _unit(features: Tensor) -> Tensor:
    # the official code adds 1e-10 to the norm, outside the root
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _read(path: Path) -> dict[str, Tensor]:
    wanted: dict[str, tuple[int, ...]] = {f"conv{i}.weight": shape for i, shape in enumerate(_SHAPES)}
    wanted |= {f"conv{i}.bias": shape[:1] for i, shape in enumerate(_SHAPES)}
    wanted |= {f"lin{i}": shape[:1] for i, shape in enumerate(_SHAPES)}
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: torch.from_numpy(file[name].astype(np.float32)) for name in wanted if name in file}
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; LPIPS needs its weights as an npz file") from None
    except (OSError, ValueError, zipfile.BadZipFile):
        raise WeightsError(f"{path}: not a readable npz file") from None
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].numel() != int(np.prod(shape)):
            raise WeightsError(f"{path}: not LPIPS-Alex: {name} of shape {shape} is missing")
    return {name: arrays[name].reshape(shape) for name, shape in wanted.items()}
