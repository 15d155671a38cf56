"""What is published can be trained, and what is trained is a super-resolver; every knob changes what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restauro import api
from restauro.api.parts import presets
from restauro.core.knobs import build
from restauro.systems.sr3.network import paper_arguments
from restauro.systems.sr3.practice import PublishedSr3
from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.store import find, imported_folder
from tests.laws.pictures import waves

TINY: dict[str, Any] = {"width": 16, "mult": (1, 2), "blocks": 1, "attention": (2,), "groups": 4, "factor": 2}


def pictures(n: int = 4, size: int = 16) -> Pictures:
    return Pictures(((waves(3, n, size) + 1) * 127.5).round().byte(), [{} for _ in range(n)])


@pytest.mark.parametrize("network", ["paper", "repository"])
def test_from_training_to_a_larger_photograph(tmp_path: Path, network: str) -> None:
    objective, data = PublishedSr3(network=network, **TINY), pictures()  # type: ignore[arg-type]
    run = Run(steps=2, batch=2, save_every=0, device="cpu")
    list(train(objective, data, data, run, tmp_path))
    about = {"about": "waves", "command": "-", "licence": ""}
    passport = ship(objective, data, data, run, tmp_path, name=f"tiny-{network}", folder=imported_folder(), **about)
    assert passport.scores["held-out loss"] > 0 and find(passport.name)[0].size == 16
    found = api.upscale(np.full((12, 16, 3), 100, np.uint8), 2, device="cpu", prior=passport.name, steps=2, start=0.0)
    assert np.asarray(found.image).shape == (24, 32, 3)


OTHER: dict[str, Any] = {
    "network": "paper",
    "width": 24,
    "mult": (1, 3),
    "blocks": 2,
    "attention": (),
    "groups": 8,
    "dropout": 0.5,
    "level_scale": 1.0,
    "T": 500,
    "domain": "gamma",
    "one_t": True,
    "power": 2,
    "factor": 4,
    "blur": 2.0,
}


def loss(objective: PublishedSr3) -> float:
    data = pictures()
    torch.manual_seed(0)
    network = objective.build(data)
    for name, parameter in network.named_parameters():
        if not parameter.any() and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, 0, 0.05, generator=torch.Generator().manual_seed(len(name)))
    value = objective.loss(network, data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(1))
    value.backward()
    return value.item()


@pytest.mark.parametrize("knob", OTHER)
def test_every_knob_is_alive(knob: str) -> None:
    assert set(OTHER) == set(PublishedSr3.__struct_fields__)
    whole = {"network": "repository", **TINY}
    assert loss(PublishedSr3(**whole)) != loss(PublishedSr3(**{**whole, knob: OTHER[knob]}))


def test_the_presets_are_the_published_networks() -> None:
    made = {name: build(PublishedSr3, presets()[name].objective) for name in ("sr3-paper-16-128", "sr3-repository-16-128")}
    assert made["sr3-paper-16-128"].arguments() == paper_arguments("16-128")
    repository = made["sr3-repository-16-128"]
    data = pictures()
    with torch.device("meta"):
        network = repository.build(data)
    assert sum(one.numel() for one in network.parameters()) == 97_807_491
