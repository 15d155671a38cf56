"""Old Photos' networks, tiny and with random weights, in a store of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restauro.networks.latent_mapping import LatentMapping, ScratchMapping
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.scratch_detector import ScratchDetector
from restauro.weights import store
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

VAE: dict[str, Any] = {"width": 8, "latent": 8}
MAPPING: dict[str, Any] = {"latent": 8, "width": 16, "blocks": 1}
DETECTOR: dict[str, Any] = {"width": 8, "depth": 2}


def put(name: str, kind: str, architecture: str, network: nn.Module, arguments: dict[str, Any]) -> None:
    passport = Passport(name=name, what="a test", kind=kind, architecture=architecture, arguments=arguments)
    save(network.state_dict(), passport, imported_folder(), half=False)


def hide(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """As if Old Photos' networks had not been shipped."""
    shipped, rest = store.shipped_folder(), home / "shipped"
    rest.mkdir(parents=True)
    for file in shipped.iterdir():
        if not file.name.startswith(("old-photo-", "scratch-detector")):
            (rest / file.name).symlink_to(file)
    monkeypatch.setattr(store, "shipped_folder", lambda: rest)


def stock(monkeypatch: pytest.MonkeyPatch, home: Path, *, detector: bool = True, holes: bool = True) -> None:
    """Weights under their usual names, in a home of their own."""
    hide(monkeypatch, home)
    monkeypatch.setenv("RESTAURO_HOME", str(home))
    torch.manual_seed(5)
    for name in ("old-photo-vae-1", "old-photo-vae-2"):
        put(name, "autoencoder", "photo-vae", PhotoVAE(**VAE), VAE)
    kind, mapping = ("scratch-mapping", ScratchMapping) if holes else ("latent-mapping", LatentMapping)
    put("old-photo-mapping", "mapping", kind, mapping(**MAPPING), MAPPING)
    if detector:
        put("scratch-detector", "detector", "scratch-detector", ScratchDetector(**DETECTOR), DETECTOR)


class Thin(nn.Module):
    """Finds what is lighter than both of its neighbours, as a perfect detector of lines one pixel wide would."""

    multiple = 16

    def forward(self, x: Tensor) -> Tensor:
        over = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
        middle = over[..., 1:-1, 1:-1]
        across = torch.minimum((middle - over[..., 1:-1, :-2]), (middle - over[..., 1:-1, 2:]))
        down = torch.minimum((middle - over[..., :-2, 1:-1]), (middle - over[..., 2:, 1:-1]))
        return 40 * (torch.maximum(across, down) - 0.5)


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft shapes in colour, (H, W, 3) in [0.1, 0.9]."""
    y, x = np.mgrid[:height, :width] / 17.0
    waves = np.stack([np.sin(x + seed), np.sin(y * 1.3 + x), np.cos(x - y)], -1)
    return (0.5 + 0.3 * waves + 0.1 * np.sin(3 * x * y / 17)[..., None]).clip(0.1, 0.9).astype(np.float32)
