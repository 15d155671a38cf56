"""Real old photographs to train on: of any size, without clean originals; squares are cut out of them at random."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from restauro.core.errors import InputError
from restauro.training.data import BROKEN, decoded, members

LONGEST = 1024
"""Larger photographs are reduced to this side: what is finer is the grain of the paper."""
TINTED = 3.0
"""Mean difference between the channels, in levels, from which a photograph counts as coloured or toned."""


@dataclass(frozen=True)
class Collection:
    """grey, tinted: photographs (3, H, W) uint8 of any size."""

    grey: list[Tensor]
    tinted: list[Tensor]

    def __len__(self) -> int:
        return len(self.grey) + len(self.tinted)

    def squares(self, n: int, size: int, rng: np.random.Generator) -> Tensor:
        """(n, 3, size, size) float32 in [-1, 1]: half of them grey as published, at any scale from the photograph's own to that
        at which its short side fits; mirrored half of the time. Smaller photographs are enlarged."""
        kinds = [kind for kind in (self.grey, self.tinted) if kind]
        found = []
        for _ in range(n):
            kind = kinds[int(rng.integers(len(kinds)))]
            found.append(_square(kind[int(rng.integers(len(kind)))], size, rng))
        return torch.cat(found)

    def split(self, share: float = 0.2) -> tuple[Collection, Collection]:
        """To train on, and to measure on; a photograph's pixels decide, so that it never changes sides."""
        train, held = (Collection(_part(self.grey, share, held), _part(self.tinted, share, held)) for held in (False, True))
        return (train, held) if len(train) and len(held) else (self, self)


@cache
def collection(source: str) -> Collection:
    """The photographs of a folder, a tar, or a folder of tars. InputError where there is none that can be read."""
    kinds: tuple[list[Tensor], list[Tensor]] = [], []
    for _, _, photograph in decoded(members(Path(source), "*.tar"), _decode):
        try:
            pixels = torch.from_numpy(photograph.result())
        except BROKEN:
            continue
        channels = pixels.float()
        tinted = (channels - channels.mean(0)).abs().mean() > TINTED
        kinds[int(tinted)].append(pixels)
    if not any(kinds):
        raise InputError(f"{source}: no readable photographs", "missing")
    return Collection(*kinds)


def _decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        photograph = ImageOps.exif_transpose(image).convert("RGB")
    photograph.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(photograph).transpose(2, 0, 1))


def _square(photograph: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    short = min(photograph.shape[1:])
    side = round(float(np.exp(rng.uniform(np.log(min(size, short)), np.log(short)))))
    top, left = (int(rng.integers(length - side + 1)) for length in photograph.shape[1:])
    square = photograph[None, :, top : top + side, left : left + side].float() / 127.5 - 1
    square = square.flip(3) if rng.random() < 0.5 else square
    if side == size:
        return square
    return F.interpolate(square, (size, size), mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)


def _part(photographs: list[Tensor], share: float, held: bool) -> list[Tensor]:
    return [one for one in photographs if (zlib.crc32(one.numpy().tobytes()) % 10_000 < share * 10_000) == held]
