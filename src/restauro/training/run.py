"""How long, how fast and with what a run goes: its knobs, and what it says after each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from restauro.core.knobs import Knob, Knobbed


class Run(Knobbed, frozen=True, kw_only=True):
    """How long and how fast."""

    minutes: Annotated[float, Knob("stop after so many minutes of training, all slices together", ge=0)] = 60.0
    steps: Annotated[int, Knob("stop after so many steps instead of minutes; 0: by minutes", ge=0)] = 0
    begin: Annotated[str, Knob("name of the weights to begin from, of the same shape; empty: drawn at random")] = ""
    batch: Annotated[int, Knob("pictures in a step, of all devices together", ge=1, le=65536)] = 16
    accumulate: Annotated[int, Knob("parts of a device's batch that go through the network one by one", ge=1)] = 1
    rate: Annotated[float, Knob("largest learning rate", ge=0, le=1)] = 4e-4
    warm_up: Annotated[int, Knob("steps until the rate is reached", ge=0)] = 100
    decay: Annotated[Literal["cosine", "linear", "none"], Knob("how the rate falls until the end")] = "cosine"
    flat: Annotated[float, Knob("share of the run before it begins to fall", ge=0, le=1)] = 0.0
    beta1: Annotated[float, Knob("Adam's memory of gradients", ge=0, le=1)] = 0.9
    beta2: Annotated[float, Knob("Adam's memory of squared gradients", ge=0, le=1)] = 0.99
    weight_decay: Annotated[float, Knob("share of the rate by which weights shrink in a step", ge=0, le=1)] = 0.01
    ema: Annotated[float, Knob("decay of the weights' moving average", ge=0, le=1)] = 0.999
    ema2: Annotated[float, Knob("decay of a second one; the better on held-out pictures ships; 0: none", ge=0, le=1)] = 0.0
    clip: Annotated[float, Knob("largest norm of the gradient", ge=0)] = 1.0
    flip: Annotated[float, Knob("share of the pictures that are mirrored, before what the objective does", ge=0, le=1)] = 0.0
    colour: Annotated[float, Knob("spread of brightness, contrast and saturation", ge=0, le=1)] = 0.0
    seed: Annotated[int, Knob("seed of all draws", ge=0)] = 0
    device: Annotated[str, Knob("auto, cpu, cuda, cuda:N, mps or xpu: where the network computes")] = "auto"
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], Knob("of its convolutions; auto: what is faster here")] = "auto"
    workers: Annotated[int, Knob("processes that make batches ready ahead of their steps; 0: none", ge=0, le=256)] = 0
    compile: Annotated[bool, Knob("torch.compile: a minute at the start; did not pay on a CPU")] = False
    save_every: Annotated[float, Knob("minutes between checkpoints", ge=0)] = 5.0
    samples_every: Annotated[float, Knob("minutes between sample grids, where there are any; 0: none", ge=0)] = 30.0
    log_every: Annotated[int, Knob("steps between lines of the log, and over which the loss is averaged", ge=1)] = 50
    slice_minutes: Annotated[float, Knob("end this process after so many minutes, to be resumed; 0: never", ge=0)] = 0.0
    part_mb: Annotated[float, Knob("largest file of a checkpoint, which is cut into several; 0: one file", ge=0, unit="MB")] = 0.0
    light: Annotated[bool, Knob("beside each checkpoint the moving average alone, in float16")] = False

    def share(self, step: int, seconds: float) -> float:
        """How much of the budget is spent, 0..1: by steps when they are given, by minutes otherwise."""
        return min(1.0, step / self.steps if self.steps else seconds / (self.minutes * 60 or 1e-9))

    def remaining(self, step: int, seconds: float) -> float:
        """Seconds until the end, at the pace so far."""
        return seconds / step * max(0, self.steps - step) if self.steps else max(0.0, self.minutes * 60 - seconds)

    def rate_at(self, done: int, share: float) -> float:
        """The learning rate of the step that is the `done`-th since the optimizer was new, at this share of the run."""
        share = max(0.0, share - self.flat) / ((1 - self.flat) or 1)
        fallen = {"cosine": 0.5 * (1 + math.cos(math.pi * share)), "linear": 1 - share, "none": 1.0}[self.decay]
        return self.rate * warmed(done, self.warm_up) * fallen


def warmed(done: int, warm_up: int) -> float:
    """Linear warm-up (Ho et al. 2020). They count steps from 0, so that their first does nothing; the loop counts from 1."""
    return min(1.0, done / max(1, warm_up))


@dataclass
class Progress:
    """One step's news; `loss` is the mean of the last `log_every` steps; `scores` only when they were measured."""

    step: int
    seconds: float
    share: float
    loss: float
    pictures_per_second: float
    remaining: float
    rate: float
    scores: dict[str, float] | None = None
