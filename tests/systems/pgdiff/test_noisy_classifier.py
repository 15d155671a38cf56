"""Training the classifier for guidance: it learns to tell, at the noise levels of a walk, and can be shipped and used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import InputError
from restauro.core.recipe import Want
from restauro.properties.classifier import Classifier
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.noisy_classifier import ClassifierObjective
from restauro.training.data import Pictures
from restauro.training.loop import Run, finished, train
from restauro.training.ship import ship
from restauro.weights.store import find, imported_folder
from tests.systems.pgdiff.tiny import faces, ours

OBJECTIVE = ClassifierObjective(field="bright", width=8, mult=(1, 2), patch=4)


def pictures(n: int = 48) -> Pictures:
    """Half of them bright."""
    rng = np.random.default_rng(0)
    bright = rng.permutation(n) % 2
    pixels = torch.from_numpy(
        rng.integers(0, 120, (n, 3, 32, 32)).astype(np.uint8) + (bright * 100).astype(np.uint8)[:, None, None, None]
    )
    return Pictures(pixels, [{"bright": float(value)} for value in bright])


def test_labels_are_the_sides_of_the_median() -> None:
    data = Pictures(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), [{"sharp": value} for value in (900, 10, 20, 500.0)])
    assert ClassifierObjective().labels(data).tolist() == [1, 0, 0, 1]
    with pytest.raises(InputError, match="no number 'sharp'"):
        ClassifierObjective().build(pictures())


def test_it_learns_ships_and_guides(tmp_path: Path) -> None:
    data, run = pictures(), Run(steps=40, batch=16, warm_up=5, rate=1e-2, save_every=0)
    list(train(OBJECTIVE, data, data, run, tmp_path))
    scores = OBJECTIVE.scores(finished(OBJECTIVE, data, tmp_path)[0], data)
    assert scores["accuracy at sigma 0.1"] > 0.9 and scores["accuracy at sigma 2"] >= 0.5
    about = {"about": "waves", "command": "test", "licence": "none"}
    ship(OBJECTIVE, data, data, run, tmp_path, name="brightness", folder=imported_folder(), **about)
    assert find("brightness")[0].kind == "classifier"

    def walked(label: int) -> Tensor:
        """How unlikely the results are bright; the prior is made of random numbers, and hard to bend."""
        want = Want(property="classifier", weight=1e4, knobs={"network": "brightness", "label": str(label)})
        return Classifier(network="brightness", label=1).distance(engine.run(ours("restore", wants=(want,)), faces(16)), 0.0)

    assert walked(1).mean() < walked(0).mean() - 0.005
