"""The critic's practice: what is false, and that it learns to tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from restauro.diffusion.contract import Observation
from restauro.networks.patchgan import PatchGAN
from restauro.systems.pgdiff.critic import CriticObjective, fooling, one_call, steepness
from restauro.training.data import Pictures
from restauro.training.loop import Run, finished, train
from restauro.training.ship import ship
from restauro.weights.store import find, imported_folder, load
from tests.laws.pictures import waves

OBJECTIVE = CriticObjective(
    width=4, layers=2, penalty=0.1, fooled=0.0, first_stage="tiny-restorer", prior="tiny-prior", least_sharp=0.0
)


def pictures(n: int) -> Pictures:
    """Waves with a fine pattern, which no tiny restorer knows of."""
    check = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 0.4 - 0.2
    return Pictures(((waves(1, n, 32) + check) * 127.5 + 127.5).to(torch.uint8), [{} for _ in range(n)])


def test_false_ones_are_of_the_same_faces_and_the_same_every_time() -> None:
    real = pictures(4).batch(np.arange(4))
    (answers, estimates), again = (OBJECTIVE.falsified(real, np.random.default_rng(3)) for _ in range(2))
    assert answers.shape == real.shape and estimates.shape == real[:2].shape
    assert torch.equal(answers, again[0]) and torch.equal(estimates, again[1])
    assert not answers.requires_grad and (answers.abs() <= 1).all() and (answers - real).abs().mean() > 0.01


def test_each_estimate_has_its_own_noise_level() -> None:
    observed = Observation(waves(1, 2, 32).float(), restored=waves(2, 2, 32).float())

    def estimates(*sigma: float) -> torch.Tensor:
        return one_call("tiny-prior", observed, np.array(sigma), torch.Generator().manual_seed(0))

    torch.testing.assert_close(estimates(0.2, 0.8), torch.stack([estimates(0.2, 0.2)[0], estimates(0.8, 0.8)[1]]))
    assert not torch.allclose(estimates(0.2, 0.2), estimates(0.8, 0.8), atol=1e-3)


def test_soft_faces_are_hardly_drawn() -> None:
    data = Pictures(pictures(2).pixels, [{"sharp": 100.0}, {"sharp": 900.0}])
    soft, sharp = CriticObjective().weights(data)
    assert 0 < soft < sharp / 20


def test_steepness_is_the_squared_gradient_of_the_score() -> None:
    network = torch.nn.Conv2d(1, 1, 1, bias=False)
    expected = network.weight.detach().square().sum() / 16
    found = steepness(network, torch.randn(3, 1, 4, 4))
    torch.testing.assert_close(found, expected.reshape(()))
    (gradient,) = torch.autograd.grad(found, network.weight)
    torch.testing.assert_close(gradient, network.weight.detach() / 8)


def test_fooling_goes_uphill_by_strides() -> None:
    """Where the way is straight, all of it: three strides of their root mean square."""
    network, strides = PatchGAN(3, 4, 2, "none"), torch.tensor([0.0, 1e-4, 2e-4])
    start = torch.zeros(3, 3, 32, 32)
    with torch.no_grad():
        before, moved = network.score(start), fooling(network, start, strides)
    assert not moved.requires_grad
    torch.testing.assert_close((moved - start).square().mean((1, 2, 3)).sqrt(), 3 * strides, rtol=0.05, atol=1e-7)
    gain = network.score(moved) - before
    assert gain[0] == 0 and 0 < gain[1] < gain[2]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_learns_to_tell_and_can_be_shipped(tmp_path: Path) -> None:
    run = Run(steps=25, batch=6, rate=5e-3, warm_up=5, ema=0.8)
    data, held = pictures(24), pictures(8)
    news = list(train(OBJECTIVE, data, held, run, tmp_path))
    scores = news[-1].scores
    assert scores is not None and scores["ROC area, answers"] > 0.75 and scores["logit gap, estimates"] > 0, scores
    assert finished(OBJECTIVE, data, tmp_path)[1] == 25
    words = {"about": "waves", "command": "a test", "licence": ""}
    ship(OBJECTIVE, data, held, run, tmp_path, name="wave-critic", folder=imported_folder(), **words)
    assert find("wave-critic")[0].kind == "critic"
    assert load("wave-critic")(data.batch(np.arange(2))).shape == (2, 1, 6, 6)
