"""The student learns from guided answers that are made once, and comes nearer to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restauro.core.errors import OutputError
from restauro.diffusion.contract import Observation
from restauro.restorers.smooth import SmoothRestorer, restorer
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.student import StudentObjective, answered
from restauro.systems.pgdiff.targets import Targets
from restauro.training.data import Pictures
from tests.laws.pictures import waves
from tests.systems.pgdiff.tiny import ours

RECIPE = ours("restore", steps=2)


def pictures(n: int = 5) -> Pictures:
    return Pictures((waves(1, n, 32) * 127.5 + 127.5).to(torch.uint8), [{} for _ in range(n)])


def objective(folder: Path, **knobs: Any) -> StudentObjective:
    tiny = {"first_stage": "tiny-restorer", "prior": "tiny-prior", "steps": 2, "targets": 6}
    return StudentObjective(**{**tiny, "kept": str(folder), **knobs})


def test_targets_are_the_recipes_answers_and_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Targets.of(pictures(), 5, RECIPE, str(tmp_path))
    clean, damaged, answer = made.batch(np.arange(5))
    assert (clean - damaged).abs().mean() > 0.01
    torch.testing.assert_close(engine.run(RECIPE, Observation(damaged)), answer, atol=1 / 255 + 1e-6, rtol=0)
    monkeypatch.setattr(engine, "run", None)
    assert np.array_equal(Targets.of(pictures(), 5, RECIPE, str(tmp_path)).pixels, made.pixels)
    assert np.array_equal(Targets.of(pictures(), 3, RECIPE, str(tmp_path)).pixels, made.pixels[:3])


def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    whole = Targets.of(pictures(), 6, RECIPE, str(tmp_path / "whole")).pixels
    Targets.of(pictures(), 3, RECIPE, str(tmp_path / "cut"))
    (file,) = (tmp_path / "cut").iterdir()
    file.write_bytes(file.read_bytes() + b"half a picture")
    assert np.array_equal(Targets.of(pictures(), 6, RECIPE, str(tmp_path / "cut")).pixels, whole)


def test_other_pictures_other_recipes_other_files(tmp_path: Path) -> None:
    for data, recipe in ((pictures(), RECIPE), (pictures(4), RECIPE), (pictures(), ours("restore", steps=3))):
        Targets.of(data, 1, recipe, str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="targets cannot be kept"):
        Targets.of(pictures(), 1, RECIPE, str(tmp_path / "file" / "below"))


def test_mirrored_pairs_stay_pairs(tmp_path: Path) -> None:
    made = Targets.of(pictures(), 6, RECIPE, str(tmp_path))
    plain, mirrored = made.batch(np.arange(6)), made.batch(np.arange(6), np.random.default_rng(0))
    turned = [not torch.equal(a, b) for a, b in zip(plain.clean, mirrored.clean, strict=True)]
    assert 0 < sum(turned) < 6
    for i, flip in enumerate(turned):
        for a, b in zip(plain, mirrored, strict=True):
            assert torch.equal(a[i].flip(2) if flip else a[i], b[i])


def test_it_begins_as_the_restorer_and_comes_nearer_to_the_guided_answers(tmp_path: Path) -> None:
    goal, data = objective(tmp_path, perceptual=0.0, adversarial=0.0), pictures()
    torch.manual_seed(0)
    network = goal.build(data)
    _, damaged, _ = goal.pairs(data, 6).batch(np.arange(6))
    first = restorer("tiny-restorer", torch.device("cpu"))
    assert isinstance(first, SmoothRestorer)
    torch.testing.assert_close(answered(network, damaged).detach().clamp(-1, 1), first(damaged))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    with torch.no_grad():
        before = goal.scores(network, data)
    for step in range(6):
        optimizer.zero_grad()
        loss = goal.loss(network, data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(step))
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        after = goal.scores(network, data)
    assert after["PSNR to the guided answer"] > before["PSNR to the guided answer"] + 0.5
    assert set(goal.shipped(network).state_dict()) == set(first.network.state_dict())


def test_every_part_of_the_loss_counts(tmp_path: Path) -> None:
    data = pictures()

    def gradients(**knobs: float) -> tuple[float, float]:
        """Their lengths, in the student and in the critic."""
        goal = objective(tmp_path, **knobs)
        torch.manual_seed(0)
        network = goal.build(data)
        goal.loss(network, data.batch(np.arange(2)), np.arange(2), data, np.random.default_rng(0)).backward()
        found = {name: float(one.grad.square().sum()) for name, one in network.named_parameters() if one.grad is not None}
        student, critic = (sum(v for name, v in found.items() if name.startswith(part)) for part in ("student", "critic"))
        return student**0.5, critic**0.5

    alone = gradients(perceptual=0.0, adversarial=0.0)
    assert alone[1] == 0
    seen, judged = gradients(perceptual=5.0, adversarial=0.0), gradients(perceptual=0.0, adversarial=1.0)
    assert len({round(one, 7) for one, _ in (alone, seen, judged)}) == 3
    # the student's wish to please never moves the critic
    assert judged[1] == pytest.approx(gradients(perceptual=0.0, adversarial=0.1)[1], rel=1e-5)
    assert judged[1] != pytest.approx(gradients(perceptual=0.0, adversarial=1.0, penalty=50.0)[1], rel=1e-3)
