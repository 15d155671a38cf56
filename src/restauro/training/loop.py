"""The one training loop: AdamW, warm-up, cosine decay, clipping, EMA, channels-last; bounded in time, resumable.

The state is a function of (seed, step) and of what the checkpoint holds, so killing a run loses at most what came
after its last checkpoint and changes nothing of what follows.
"""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import nn

from restauro.core.errors import OutputError, RecipeError
from restauro.core.knobs import Knob, Knobbed
from restauro.training.data import Pictures
from restauro.training.objective import Objective

STATE = "state.pt"
LOG = "log.jsonl"


class Run(Knobbed, frozen=True, kw_only=True):
    """How long and how fast."""

    minutes: Annotated[float, Knob("stop after so many minutes of training, all slices together", ge=0)] = 60.0
    steps: Annotated[int, Knob("stop after so many steps instead of minutes; 0: by minutes", ge=0)] = 0
    batch: Annotated[int, Knob("pictures in a step", ge=1, le=4096)] = 16
    rate: Annotated[float, Knob("largest learning rate", ge=0, le=1)] = 4e-4
    warm_up: Annotated[int, Knob("steps until the rate is reached", ge=0)] = 100
    ema: Annotated[float, Knob("decay of the weights' moving average", ge=0, le=1)] = 0.999
    clip: Annotated[float, Knob("largest norm of the gradient", ge=0)] = 1.0
    seed: Annotated[int, Knob("seed of all draws", ge=0)] = 0
    save_every: Annotated[float, Knob("minutes between checkpoints", ge=0)] = 5.0
    slice_minutes: Annotated[float, Knob("end this process after so many minutes, to be resumed; 0: never", ge=0)] = 0.0


@dataclass
class Progress:
    """One step's news; `scores` only when they were measured."""

    step: int
    seconds: float
    share: float
    loss: float
    pictures_per_second: float
    scores: dict[str, float] | None = None


@dataclass
class State:
    """All that a run is."""

    network: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        names = ("network", "ema", "optimizer")
        return {**{name: getattr(self, name).state_dict() for name in names}, "step": self.step, "seconds": self.seconds}

    def load(self, path: Path) -> None:
        stored = torch.load(path, weights_only=True, map_location="cpu")
        for name in ("network", "ema", "optimizer"):
            getattr(self, name).load_state_dict(stored[name])
        self.step, self.seconds = stored["step"], stored["seconds"]


def train(
    objective: Objective, data: Pictures, held: Pictures, run: Run, out: Path, *, resume: bool = False
) -> Iterator[Progress]:
    """Train in the folder `out`; yields after every step. The EMA network is in its `state.pt` (see `finished`).

    Raises RecipeError when `out` holds a run already and `resume` is False; OutputError when it cannot be written.
    """
    state = _start(objective, data, run, out, resume)
    began, saved, losses = time.monotonic(), time.monotonic(), []
    before = state.seconds
    weights = objective.weights(data)
    share = weights / weights.sum()
    while not _done(run, state):
        rng = np.random.default_rng([run.seed, state.step])
        torch.manual_seed(int(np.random.SeedSequence([run.seed, state.step, 1]).generate_state(1)[0]))  # dropout's draws
        index = rng.choice(len(data), run.batch, p=share)
        loss = objective.loss(state.network, data.batch(index), index, data, rng)
        _update(state, loss, run)
        losses.append(float(loss.detach()))
        state.step += 1
        now = time.monotonic()
        state.seconds = before + now - began
        news = Progress(
            state.step, state.seconds, _share(run, state), float(np.mean(losses[-100:])), state.step * run.batch / state.seconds
        )
        sliced = 0 < run.slice_minutes * 60 <= now - began
        if now - saved >= run.save_every * 60 or _done(run, state) or sliced:
            with torch.no_grad():
                news.scores = objective.scores(state.ema.eval(), held)
            _save(state, out, news)
            saved = time.monotonic()
        yield news
        if sliced:
            return


def finished(objective: Objective, data: Pictures, out: Path) -> tuple[nn.Module, int]:
    """The EMA network of a run and its number of steps."""
    network = objective.build(data)
    stored = torch.load(out / STATE, weights_only=True, map_location="cpu")
    network.load_state_dict(stored["ema"])
    return network.eval(), int(stored["step"])


def _start(objective: Objective, data: Pictures, run: Run, out: Path, resume: bool) -> State:
    if (out / STATE).exists() and not resume:
        raise RecipeError(f"{out} holds a run already; go on with --resume, or name another folder with --out")
    torch.manual_seed(run.seed)
    try:
        fresh = objective.build(data)
    except ValueError as error:
        raise RecipeError(f"no such network: {error}") from None
    network = fresh.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    ema = copy.deepcopy(network).requires_grad_(False)
    state = State(network, ema, torch.optim.AdamW(network.parameters(), lr=run.rate, betas=(0.9, 0.99), weight_decay=0.01))
    if resume and (out / STATE).exists():
        try:
            state.load(out / STATE)
        except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).strip().split("\n")[0]
            raise RecipeError(f"{out / STATE} cannot be resumed: it is damaged, or of another network ({reason})") from None
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}") from None
    return state


def _share(run: Run, state: State) -> float:
    """How much of the budget is spent, 0..1: by steps when they are given, by minutes otherwise."""
    return min(1.0, state.step / run.steps if run.steps else state.seconds / (run.minutes * 60 or 1e-9))


def _done(run: Run, state: State) -> bool:
    return _share(run, state) >= 1


def _update(state: State, loss: torch.Tensor, run: Run) -> None:
    rate = run.rate * min(1.0, (state.step + 1) / max(1, run.warm_up)) * 0.5 * (1 + math.cos(math.pi * _share(run, state)))
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), run.clip)
    if torch.isfinite(norm):  # one bad batch must not end a night's training
        state.optimizer.step()
    decay = min(run.ema, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for average, value in zip(state.ema.state_dict().values(), state.network.state_dict().values(), strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)


def _save(state: State, out: Path, news: Progress) -> None:
    """Beside its place, then renamed: a kill at any moment leaves the older or the newer checkpoint, whole."""
    part = out / f"{STATE}.part"
    try:
        torch.save(state.to_dict(), part)
        os.replace(part, out / STATE)
        with (out / LOG).open("a") as log:
            log.write(
                json.dumps({"step": news.step, "seconds": round(news.seconds, 1), "loss": news.loss, **(news.scores or {})})
                + "\n"
            )
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        part.unlink(missing_ok=True)
        raise OutputError(f"{out / STATE}: checkpoint could not be written ({error}); the previous one is intact") from None
