"""DiffBIR in little memory: the same results, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from restauro import api
from restauro.core.recipe import Want
from restauro.systems.diffbir import denoiser, prompts
from restauro.weights import build, lending
from restauro.weights.passports import Passport
from tests.systems.diffbir.latent_weights import ours, stock
from tests.systems.oldphotos.old_weights import photograph

TILED: dict[str, Any] = {"tile_size": 64, "prompt": "a face", "cfg": 3.0}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("restore", TILED),
    ("restore", {"wants": (Want(property="total-variation"),)}),
    ("colorize", {}),
    ("inpaint", {}),
]


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    return stock("any-told", face_template="", context=16)


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many networks lie there with their weights, whenever one is called."""
    found: list[int] = []
    desks: list[lending.Desk] = []

    class Watched(lending.Desk):
        def __init__(self) -> None:
            super().__init__()
            desks.append(self)

    def count(layer: nn.Module, *_: Any) -> None:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            found.extend(sum(map(has_weights, desk._networks.values())) for desk in desks)

    monkeypatch.setattr("restauro.api.tasks.Desk", Watched)
    handle = nn.modules.module.register_module_forward_hook(count)
    yield found
    handle.remove()


def has_weights(network: nn.Module) -> bool:
    return next(network.parameters()).untyped_storage().nbytes() > 4


@pytest.mark.parametrize(("task", "changes"), CASES)
def test_the_result_is_the_same_to_the_bit(
    names: dict[str, str], most: list[int], task: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several tiles, with prompts, with guidance through the decoder; and one network at a time has weights."""
    monkeypatch.setattr(prompts, "_pairs", lambda word: [len(word)])
    monkeypatch.setattr(denoiser, "TOGETHER", 2)
    pixels, recipe, mask = photograph(40, 72), ours(names, task, steps=2, **changes), np.zeros((40, 72), np.float32)
    mask[10:20, 30:60] = 1
    hidden = mask if task == "inpaint" else None
    kept = api.run(pixels, recipe, mask=hidden)
    assert not most
    little = api.run(pixels, recipe, mask=hidden, low_memory=True)
    assert np.array_equal(kept.pixels, little.pixels) and set(most) == {1}


def test_the_control_and_the_prior_take_turns_seldom(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read once for each group of tiles, not for each tile."""
    read: list[str] = []
    real = build.network_from

    def counted(passport: Passport, *others: Any) -> nn.Module:
        read.append(passport.kind)
        return real(passport, *others)

    monkeypatch.setattr(build, "network_from", counted)
    recipe = ours(names, steps=2, tile_size=64)
    api.run(photograph(40, 128), recipe, low_memory=True)
    assert read.count("latent-control") == read.count("latent-prior") == 3  # once to know it, then once a step
