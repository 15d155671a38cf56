"""The noise schedule: what t means. Tables in float64, gathered there and cast to the picture's dtype last.

Code counts t = 0 .. T-1, where 0 is the cleanest; a is alpha-bar of step t, a' that of the step before (1 at the first).
Ho et al. 2020, sections 2 and 3; Salimans and Ho 2022 for v; sigma = sqrt((1 - a) / a) as Karras et al. 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.betas import betas_of
from restauro.diffusion.spacing import positions

Table = NDArray[np.float64]
Time = int | float | Tensor
"""One t for the whole batch, or (N,) one per picture."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """`betas`, `alphas_cumprod`, `original_index`: (T,) float64. `original_index` is what the network is told; it may
    be fractional. `original_steps`: T of the schedule the network was trained on. `whole`: what it was respaced from."""

    name: str
    betas: Table
    alphas_cumprod: Table
    original_index: Table
    original_steps: int
    whole: NoiseSchedule | None = None

    @classmethod
    def from_betas(cls, betas: ArrayLike, name: str = "betas") -> NoiseSchedule:
        table = np.array(betas, dtype=np.float64)
        return cls(name, table, np.cumprod(1 - table, dtype=np.float64), np.arange(len(table), dtype=np.float64), len(table))

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: ArrayLike, name: str = "alphas") -> NoiseSchedule:
        table = np.array(alphas_cumprod, dtype=np.float64)
        return cls(name, _betas(table), table, np.arange(len(table), dtype=np.float64), len(table))

    @classmethod
    def named(cls, name: str, T: int | None = None, start: float | None = None, end: float | None = None) -> NoiseSchedule:
        """By kind ("openai-linear", "cosine", ...: see betas.py); T, start and end default to the published ones."""
        return cls.from_betas(betas_of(name, T, start, end), name)

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def respace(self, how: str | Sequence[float]) -> NoiseSchedule:
        """The schedule that visits only some steps: a rule ("ddpm100", "karras:10@0.6": see spacing.py; "" keeps all)
        or the positions themselves, fractions allowed. Raises RecipeError where that is impossible."""
        if isinstance(how, str) and not how:
            return self
        kept = positions(self, how) if isinstance(how, str) else np.unique(np.asarray(how, dtype=np.float64))
        if not len(kept) or kept[0] < 0 or kept[-1] > len(self) - 1:
            raise RecipeError(f"steps must lie in 0..{len(self) - 1}, not {how!r}")
        if (np.diff(kept) <= 0).any():
            raise RecipeError(f"{how!r} visits a step twice; take fewer steps")
        abar = np.asarray(self.alpha_bar(kept))
        original = np.interp(kept, np.arange(len(self)), self.original_index)
        label = how if isinstance(how, str) else f"{len(kept)} steps"
        return NoiseSchedule(f"{self.name}, {label}", _betas(abar), abar, original, self.original_steps, self.whole or self)

    # -- tables of this schedule, (T,) each

    @cached_property
    def alphas_cumprod_prev(self) -> Table:
        return np.append(1.0, self.alphas_cumprod[:-1])

    @cached_property
    def alphas_cumprod_next(self) -> Table:
        return np.append(self.alphas_cumprod[1:], 0.0)

    @cached_property
    def sqrt_alphas_cumprod(self) -> Table:
        return np.sqrt(self.alphas_cumprod)

    @cached_property
    def sqrt_one_minus_alphas_cumprod(self) -> Table:
        return np.sqrt(1 - self.alphas_cumprod)

    @cached_property
    def log_one_minus_alphas_cumprod(self) -> Table:
        return np.log(1 - self.alphas_cumprod)

    @cached_property
    def sqrt_recip_alphas_cumprod(self) -> Table:
        with np.errstate(divide="ignore"):
            return np.sqrt(1 / self.alphas_cumprod)

    @cached_property
    def sqrt_recipm1_alphas_cumprod(self) -> Table:
        with np.errstate(divide="ignore"):
            return np.sqrt(1 / self.alphas_cumprod - 1)

    @cached_property
    def posterior_variance(self) -> Table:
        """beta-tilde, the fixed small variance: 0 at t = 0."""
        return self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance_clipped(self) -> Table:
        """OpenAI's convention: entry 0 takes the place of entry 1. A single step has only its beta."""
        return np.log(np.append(self._small_at_0, self.posterior_variance[1:]))

    @cached_property
    def posterior_log_variance_floored(self) -> Table:
        """The convention of the TF release for CelebA-HQ and of the SR3 repository: floored at 1e-20."""
        return np.log(np.maximum(self.posterior_variance, 1e-20))

    @cached_property
    def fixed_large_log_variance(self) -> Table:
        """log beta, with entry 0 as in the small one for a better decoder likelihood."""
        return np.log(np.append(self._small_at_0, self.betas[1:]))

    @cached_property
    def log_betas(self) -> Table:
        return np.log(self.betas)

    @property
    def _small_at_0(self) -> float:
        return float(self.posterior_variance[1] if len(self) > 1 else self.betas[0])

    @cached_property
    def posterior_mean_coef1(self) -> Table:
        """Of the clean picture in mu-tilde."""
        return self.betas * np.sqrt(self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_mean_coef2(self) -> Table:
        """Of x_t in mu-tilde."""
        return (1 - self.alphas_cumprod_prev) * np.sqrt(1 - self.betas) / (1 - self.alphas_cumprod)

    # -- noise levels at any t, interpolated in log-SNR between the steps, and from the last one (len - 1) to that of the whole
    # schedule (len)

    @cached_property
    def _log_sigma(self) -> Table:
        with np.errstate(divide="ignore"):
            levels = 0.5 * (np.log(1 - self.alphas_cumprod) - np.log(self.alphas_cumprod))
        end = levels[-1] if self.whole is None else self.whole._log_sigma[-1]
        return np.append(levels, end) if end > levels[-1] else levels

    def log_snr(self, t: ArrayLike) -> Table:
        """log(a / (1 - a))."""
        return -2 * np.interp(np.asarray(t, dtype=np.float64), np.arange(len(self._log_sigma)), self._log_sigma)

    def sigma(self, t: ArrayLike) -> Table:
        """sqrt((1 - a) / a): the noise's standard deviation when the picture keeps its scale."""
        return np.exp(-0.5 * self.log_snr(t))

    def t_of_sigma(self, sigma: ArrayLike) -> Table:
        """The t at which `sigma(t)` is this; clamped to the ends."""
        steps = np.arange(len(self._log_sigma), dtype=np.float64)
        return np.asarray(np.interp(np.log(np.asarray(sigma, dtype=np.float64)), self._log_sigma, steps))

    def alpha_bar(self, t: ArrayLike) -> Table:
        t = np.asarray(t, dtype=np.float64)
        index = np.minimum(t.astype(np.int64), len(self) - 1)
        between = 1 / (1 + np.exp(np.minimum(-self.log_snr(t), 700.0)))
        return np.where(index == t, self.alphas_cumprod[index], between)  # a step's own value exactly

    def told(self, t: Time) -> Table:
        """What the network is told at t: a step's `original_index`; between two, where the whole schedule is as noisy."""
        if isinstance(t, Tensor) or (t == int(t) and t < len(self)):
            return np.asarray(self.original_index[t.cpu().numpy() if isinstance(t, Tensor) else int(t)])
        whole = self.whole or self
        return np.asarray(np.interp(whole.t_of_sigma(self.sigma(t)), np.arange(len(whole)), whole.original_index))

    def level(self, t: Time) -> Table:
        """sqrt(a): the share of the picture in x_t, as SR3's networks are told."""
        return np.sqrt(self.alpha_bar(t.cpu().numpy() if isinstance(t, Tensor) else t))

    # -- pictures (N, C, H, W) at t

    def gather(self, table: Table, t: Time, like: Tensor) -> Tensor:
        """The table's value at step(s) t, linear between two, in the dtype and device of `like`, ready to broadcast."""
        if isinstance(t, Tensor):
            return _shaped(table[t.cpu().numpy()], like)
        exact = t == int(t) and t < len(table)
        return _shaped(table[int(t)] if exact else np.interp(t, np.arange(len(table)), table), like)

    def _scales(self, t: Time, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(a) and sqrt(1 - a)."""
        a = self.alpha_bar(t.cpu().numpy() if isinstance(t, Tensor) else t)
        return _shaped(np.sqrt(a), like), _shaped(np.sqrt(1 - a), like)

    def q_sample(self, clean: Tensor, t: Time, noise: Tensor) -> Tensor:
        """x_t = sqrt(a) x_0 + sqrt(1 - a) noise."""
        signal, spread = self._scales(t, clean)
        return signal * clean + spread * noise

    def clean_from_noise(self, x: Tensor, t: Time, noise: Tensor) -> Tensor:
        signal, spread = self._scales(t, x)
        return (x - spread * noise) / signal

    def noise_from_clean(self, x: Tensor, t: Time, clean: Tensor) -> Tensor:
        signal, spread = self._scales(t, x)
        return (x - signal * clean) / spread

    def v_target(self, clean: Tensor, t: Time, noise: Tensor) -> Tensor:
        """v = sqrt(a) noise - sqrt(1 - a) x_0."""
        signal, spread = self._scales(t, clean)
        return signal * noise - spread * clean

    def clean_from_v(self, x: Tensor, t: Time, v: Tensor) -> Tensor:
        signal, spread = self._scales(t, x)
        return signal * x - spread * v

    def noise_from_v(self, x: Tensor, t: Time, v: Tensor) -> Tensor:
        signal, spread = self._scales(t, x)
        return signal * v + spread * x

    def posterior_mean(self, clean: Tensor, x: Tensor, t: Time) -> Tensor:
        """mu-tilde: the mean of q(x_{t-1} | x_t, x_0)."""
        return self.gather(self.posterior_mean_coef1, t, x) * clean + self.gather(self.posterior_mean_coef2, t, x) * x

    def clean_from_mean(self, x: Tensor, t: Time, mean: Tensor) -> Tensor:
        """The clean picture whose mu-tilde is `mean`."""
        return (mean - self.gather(self.posterior_mean_coef2, t, x) * x) / self.gather(self.posterior_mean_coef1, t, x)


def _betas(alphas_cumprod: Table) -> Table:
    return 1 - alphas_cumprod / np.append(1.0, alphas_cumprod[:-1])


def _shaped(values: NDArray[np.float64] | float, like: Tensor) -> Tensor:
    tensor = torch.as_tensor(np.asarray(values), dtype=torch.float64).to(device=like.device, dtype=like.dtype)
    return tensor.reshape(-1, *[1] * (like.dim() - 1)) if tensor.dim() else tensor
