"""Every cell of the ablations can be trained, and what is trained is a prior like any other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.diffusion.betas import KINDS
from restauro.diffusion.denoiser import Predicts, Variance
from restauro.diffusion.losses import Kind
from restauro.systems._prior import prior
from restauro.systems.ddpm.objective import DdpmObjective
from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.store import imported_folder

TINY: dict[str, Any] = {"width": 8, "mult": (1, 2), "blocks": 1, "attention": (2,), "T": 50}


def pictures(n: int = 8, size: int = 8) -> Pictures:
    """Smooth ones."""
    coarse = torch.rand(n, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    fine = torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear")
    return Pictures((fine * 255).byte(), [{} for _ in range(n)])


def loss(objective: DdpmObjective, seed: int = 0) -> float:
    """Of a fresh network that is not zero."""
    data = pictures()
    torch.manual_seed(0)
    network = objective.build(data)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    network.train()
    value = objective.loss(network, data.batch(np.arange(8)), np.arange(8), data, np.random.default_rng(seed))
    value.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    return value.item()


@pytest.mark.parametrize("predicts", get_args(Predicts))
def test_every_cell_can_be_trained(predicts: str) -> None:
    for variance, minimises in itertools.product(get_args(Variance), get_args(Kind)):
        if minimises == "rescaled_mse" and not variance.startswith("learned"):
            continue
        assert np.isfinite(loss(DdpmObjective(predicts=predicts, variance=variance, minimises=minimises, **TINY)))


@pytest.mark.parametrize("schedule", KINDS)
def test_every_schedule_can_be_trained(schedule: str) -> None:
    assert np.isfinite(loss(DdpmObjective(schedule=schedule, predicts="v", **{**TINY, "T": 100})))


OTHERS: dict[str, Any] = {
    "predicts": "v",
    "variance": "learned_range",
    "minimises": "kl",
    "schedule": "cosine",
    "T": 60,
    "ends": (1e-3, 0.03),
    "weighting": "edm",
    "levels": (-1.2, 1.2),
    "drawn": "second-moments",
    "width": 16,
    "mult": (1, 1),
    "blocks": 2,
    "attention": (1,),
    "dropout": 0.5,
    "patch": 2,
}


@pytest.mark.parametrize("knob", DdpmObjective.__struct_fields__)
def test_every_knob_is_alive(knob: str) -> None:
    base = DdpmObjective(**TINY)
    assert loss(msgspec.structs.replace(base, **{knob: OTHERS[knob]})) != loss(base)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"schedule": "ho-jsd"}, "noise alone"),
        ({"schedule": "linear"}, "unknown noise schedule"),
        ({"minimises": "rescaled_mse"}, "learned variance"),
        ({"minimises": "kl", "weighting": "edm"}, "itself"),
        ({"minimises": "rescaled_kl", "levels": (-1.2, 1.2)}, "itself"),
    ],
)
def test_what_makes_no_sense_is_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        DdpmObjective(**knobs)


def test_levels_are_drawn_uniformly_or_normally() -> None:
    rng = np.random.default_rng(0)
    uniform = DdpmObjective(**TINY).timesteps(5000, rng)
    assert uniform.min() == 0 and uniform.max() == 49 and abs(uniform.mean() - 24.5) < 1
    normal = DdpmObjective(levels=(-1.2, 0.5), schedule="openai-linear")
    sigma = np.log(normal.process.sigma(normal.timesteps(5000, rng).astype(float)))
    assert abs(sigma.mean() + 1.2) < 0.05 and abs(sigma.std() - 0.5) < 0.05


@pytest.mark.parametrize(("predicts", "variance"), [("eps", "learned_range"), ("mean", "fixed_large"), ("v", "learned")])
def test_what_was_trained_is_a_prior_like_any_other(tmp_path: Path, predicts: str, variance: str) -> None:
    objective = DdpmObjective(predicts=predicts, variance=variance, schedule="openai-linear", **TINY)
    data, run = pictures(), Run(steps=3, batch=4, save_every=0)
    news = list(train(objective, data, data, run, tmp_path))
    assert news[-1].scores is not None and news[-1].scores.keys() == {"bits/dim", "L_0"}
    facts = {"name": f"ddpm-{predicts}", "about": "smooth squares", "licence": "", "command": "test"}
    passport = ship(objective, data, data, run, tmp_path, folder=imported_folder(), **facts)
    assert (passport.kind, passport.size, passport.prediction, passport.variance) == ("prior", 8, predicts, variance)
    denoiser = prior(passport.name, torch.device("cpu"))
    assert denoiser.shape == (3, 8, 8) and len(denoiser.schedule) == 50
    estimate = denoiser(torch.randn(2, 3, 8, 8), 30)
    assert estimate.clean.shape == (2, 3, 8, 8) and estimate.clean.isfinite().all()
    assert (estimate.log_variance is not None) and (estimate.mean is not None) == (predicts == "mean")


def test_the_sampler_of_timesteps_learns_and_stays_behind(tmp_path: Path) -> None:
    """Its losses are stored with the run; what ships is the network alone."""
    objective = DdpmObjective(drawn="second-moments", **{**TINY, "T": 2})
    how = Run(steps=6, batch=8)
    for _ in train(objective, pictures(), pictures(2), how, tmp_path / "run"):
        pass
    stored = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["network"]
    assert (stored["sampler.counts"] == 10).all() and stored["sampler.losses"].min() > 0
    facts: dict[str, Any] = {"folder": tmp_path, "about": "noise", "command": "", "licence": ""}
    passport = ship(objective, pictures(), pictures(2), how, tmp_path / "run", name="toy", **facts)
    assert passport.pictures_seen == 48
    with pytest.raises(RecipeError, match="either"):
        DdpmObjective(drawn="second-moments", levels=(0, 1))
