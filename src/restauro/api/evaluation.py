"""What a prior says of pictures it has not drawn: bits per dimension, rate and distortion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from restauro.core.device import choose_device
from restauro.core.events import Listener, silent
from restauro.diffusion.likelihood import Bits
from restauro.systems._prior import prior as load_prior
from restauro.systems.ddpm.measure import measure
from restauro.training.data import Pictures, load
from restauro.weights.store import find


class Mean(NamedTuple):
    """Over the pictures, with its standard error, which knows of the timesteps that were drawn; NaN for one picture."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Tensor) -> Mean:
        return cls(float(values.mean()), float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan"))


class Coding(NamedTuple):
    """What a receiver has after index t: rate in bits per dimension, and the RMSE of its clean estimate in levels of 255."""

    t: float
    rate: float
    rmse: float


@dataclass(frozen=True)
class Evaluation:
    """A folder's likelihood under a prior, in bits per dimension: total = L_0 + L_between + L_T."""

    prior: str
    pictures: int
    broken: list[str]
    timesteps: int
    of: int
    total: Mean
    decoder: Mean
    between: Mean
    last: Mean
    progressive: list[Coding]


def evaluate(
    data: str | Path,
    *,
    prior: str = "face-prior",
    timesteps: int | None = None,
    count: int = 0,
    pattern: str = "*.tar",
    seed: int = 0,
    device: str = "auto",
    listener: Listener = silent,
) -> Evaluation:
    """Bits per dimension of a folder of pictures or of WebDataset tars, brought to the prior's size.

    timesteps: so many of the schedule's, drawn in strata; None: all. count: only the first pictures; 0: all.
    """
    where = choose_device(device)
    denoiser = load_prior(prior, where)
    pictures = load(data, find(prior)[0].size, pattern=pattern)
    kept = Pictures(pictures.pixels[: count or None], pictures.records[: count or None])
    found = measure(denoiser, kept, timesteps, seed=seed, device=where, listener=listener)
    last = found.prior.double()
    return Evaluation(
        prior=prior,
        pictures=len(kept),
        broken=pictures.broken,
        timesteps=len(found.terms),
        of=len(denoiser.schedule),
        total=Mean.of(found.total),
        decoder=Mean.of(found.decoder),
        between=Mean.of(found.total - found.decoder - last),
        last=Mean.of(last),
        progressive=_coding(found),
    )


def _coding(found: Bits) -> list[Coding]:
    rate, rmse = found.progressive()
    times = (float(term.t.double().mean()) for term in found.terms)
    return [Coding(*row) for row in zip(times, rate.mean(0).tolist(), rmse.mean(0).tolist(), strict=True)]
