"""The restorer that also sees the noisy state (defects 16 and 24): anew at every step as published, once for us."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.noise import PictureNoise
from restauro.core.recipe import Published
from restauro.networks.rrdb import TimedRestorer
from restauro.restorers.timed import LAST, Timed
from restauro.systems.pgdiff import engine
from tests.systems.pgdiff.tiny import faces, ours, published


class Watched(Timed):
    """Remembers what it was asked."""

    def __init__(self, network: TimedRestorer):
        super().__init__(network)
        self.asked: list[tuple[float, Tensor]] = []

    def at(self, picture: Tensor, x: Tensor, t: float) -> Tensor:
        assert not torch.is_grad_enabled()
        self.asked.append((t, x))
        return super().at(picture, x, t)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    torch.manual_seed(3)
    found = Watched(TimedRestorer(mid_channels=4, num_blocks=1, growth_channels=2).eval().requires_grad_(False))
    monkeypatch.setattr(engine, "restorer", lambda name, device: found)
    return found


@pytest.mark.parametrize("task", ["restore", "old-photo"])
def test_as_published_it_is_asked_once_a_step_with_the_state_and_its_original_time(watched: Watched, task: Any) -> None:
    out = engine.run(published(task), faces())
    assert [t for t, _ in watched.asked] == [900.0, 800.0, 700.0, 600.0, 500.0, 400.0, 300.0, 200.0, 100.0, 0.0]
    first = watched.asked[0][1]
    assert torch.equal(first, PictureNoise(0, range(2), first.shape[1:])(0)), "from pure noise"
    assert not torch.equal(first, watched.asked[1][1])
    assert out.isfinite().all()


def test_repeats_ask_no_more(watched: Watched) -> None:
    engine.run(published("restore", published=Published(scale=0.1, repeats=3)), faces())
    assert len(watched.asked) == 10


def test_where_its_answer_is_not_used_it_is_not_asked(watched: Watched) -> None:
    engine.run(published("inpaint"), faces())
    assert not watched.asked


@pytest.mark.parametrize("task", ["restore", "inpaint"])
def test_ours_asks_once_with_a_state_that_says_nothing(watched: Watched, task: str) -> None:
    out = engine.run(ours(task), faces())
    ((t, x),) = watched.asked
    assert t == LAST and torch.equal(x, PictureNoise(0, range(2), x.shape[1:])(0, 1))
    assert out.isfinite().all()
