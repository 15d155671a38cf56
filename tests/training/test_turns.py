"""Adversarial training: one player moves after the other, each with its own optimizer, and sees what the others did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restauro.training.loop import train
from restauro.training.objective import Player
from tests.training.tiny import RUN, Tiny, pictures


class Sides(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 1, 3)


class Game(Tiny):
    """A generator and a critic (Goodfellow et al. 2014), both on one forward pass of the generator."""

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = factor
        self.moved: list[tuple[bool, bool]] = []

    def build(self, data: Any) -> nn.Module:
        return Sides()

    def players(self, network: nn.Module) -> dict[str, Player]:
        assert isinstance(network, Sides)
        return {"generator": Player(network.generator), "critic": Player(network.critic, rate=self.factor)}

    def turns(self, network: nn.Module, prepared: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
        assert isinstance(network, Sides)
        before = [weight.clone() for weight in (network.generator.weight, network.critic.weight)]
        noise = torch.from_numpy(rng.standard_normal(prepared.shape)).float()
        fake = network.generator(prepared + noise)
        yield "critic", network.critic(fake.detach()).square().mean() + (network.critic(prepared) - 1).square().mean()
        now = (network.generator.weight, network.critic.weight)
        self.moved.append((not torch.equal(before[0], now[0]), not torch.equal(before[1], now[1])))
        loss = (network.critic(fake) - 1).square().mean() + (fake - prepared).abs().mean()
        self.curve.append(float(loss.detach()))
        yield "generator", loss

    def scores(self, network: nn.Module, held: Any) -> dict[str, float]:
        return {}


class NoNoise:
    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


HOW = msgspec.structs.replace(RUN, steps=6)


def played(out: Path, game: Game, **settings: Any) -> dict[str, Any]:
    for _ in train(game, pictures(), pictures(4), msgspec.structs.replace(HOW, **settings), out, resume=True):
        pass
    return torch.load(out / "state.pt", weights_only=True)


def test_each_turn_moves_its_own_player_at_once(tmp_path: Path) -> None:
    game = Game()
    stored = played(tmp_path, game)
    assert game.moved == [(False, True)] * 6
    assert set(stored["optimizers"]) == {"generator", "critic"}


def test_the_first_players_loss_is_told(tmp_path: Path) -> None:
    game = Game()
    told = [news.loss for news in train(game, pictures(), pictures(4), HOW, tmp_path)]
    assert told == pytest.approx(game.curve, rel=1e-6)


def test_a_players_rate_is_its_own(tmp_path: Path) -> None:
    stored = played(tmp_path, Game(factor=4), decay="none", warm_up=0)
    rates = {name: optimizer["param_groups"][0]["lr"] for name, optimizer in stored["optimizers"].items()}
    assert rates == {"generator": HOW.rate, "critic": 4 * HOW.rate}


def test_two_parts_play_as_one_batch(tmp_path: Path) -> None:
    """Up to what is drawn: here nothing is, and the losses are means."""

    class Quiet(Game):
        def turns(self, network: nn.Module, prepared: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
            return super().turns(network, prepared, NoNoise())  # type: ignore[arg-type]

    whole, parts = played(tmp_path / "1", Quiet()), played(tmp_path / "2", Quiet(), accumulate=2)
    for key, value in whole["network"].items():
        torch.testing.assert_close(parts["network"][key], value, rtol=1e-4, atol=1e-5)


def test_resumed_it_goes_on_to_the_same_bit(tmp_path: Path) -> None:
    whole = played(tmp_path / "whole", Game(), decay="none")
    played(tmp_path / "parts", Game(), decay="none", steps=3)
    parts = played(tmp_path / "parts", Game(), decay="none")
    assert all(torch.equal(value, parts["network"][key]) for key, value in whole["network"].items())


def test_every_player_computes_where_the_run_does(tmp_path: Path) -> None:
    """A turn calls the players by themselves: each must fetch what it is given (place.py)."""
    seen: list[bool] = []

    class Watched(Game):
        def turns(self, network: nn.Module, prepared: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
            seen.extend("forward" in vars(module) for module in network.children())
            return super().turns(network, prepared, rng)

    played(tmp_path, Watched(), dtype="bfloat16", steps=1)
    assert seen == [True, True]
