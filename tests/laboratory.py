"""A prior whose every answer is known: Gaussian pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from restauro.diffusion.contract import Estimate
from restauro.diffusion.schedule import NoiseSchedule, Time


@dataclass(frozen=True)
class GaussianDenoiser:
    """The exact denoiser of pictures N(mean, basis diag(spectrum) basis^T): no clipping, no learned variance.

    mean: `shape`; basis: (D, D) with orthonormal columns; spectrum: (D,); D = C H W.
    """

    schedule: NoiseSchedule
    mean: Tensor
    basis: Tensor
    spectrum: Tensor

    @classmethod
    def of(cls, schedule: NoiseSchedule, mean: Tensor, covariance: Tensor) -> GaussianDenoiser:
        spectrum, basis = torch.linalg.eigh(covariance)
        return cls(schedule, mean, basis, spectrum.clamp_min(0))

    @classmethod
    def random(cls, schedule: NoiseSchedule, shape: tuple[int, int, int] = (3, 4, 4), seed: int = 0) -> GaussianDenoiser:
        """Correlated pictures with standard deviations near 0.3."""
        generator, size = torch.Generator().manual_seed(seed), shape[0] * shape[1] * shape[2]
        factor = torch.randn(size, size, generator=generator, dtype=torch.float64) * (0.3 / size**0.5)
        mean = torch.randn(shape, generator=generator, dtype=torch.float64) * 0.3
        return cls.of(schedule, mean, factor @ factor.T)

    @classmethod
    def photographic(cls, schedule: NoiseSchedule, side: int = 12) -> GaussianDenoiser:
        """Pictures (3, side, side) with a photograph's statistics: neighbours alike, channels mostly grey, sd 0.4 and no data
        needed."""
        place = torch.cartesian_prod(torch.arange(side), torch.arange(side)).double()
        space = torch.exp(-torch.cdist(place, place) / (0.4 * side))
        tint = torch.full((3, 3), 0.8).double() + torch.diag(torch.full((3,), 0.2).double())
        mean = torch.tensor([0.0, -0.15, -0.25], dtype=torch.float64)[:, None, None].expand(3, side, side)
        return cls.of(schedule, mean, 0.4**2 * torch.kron(tint, space))

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """(count, C, H, W) pictures of the prior."""
        normal = torch.randn(count, len(self.spectrum), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return self.mean + ((normal * self.spectrum.sqrt()) @ self.basis.T).view(-1, *self.shape)

    def given(self, matrix: Tensor, values: Tensor, noise: float = 1e-4) -> tuple[Tensor, Tensor]:
        """Mean (N, C, H, W) and covariance (D, D) of the pictures x with matrix x = values + N(0, noise^2).

        matrix: (K, D); values: (N, K).
        """
        across = self.covariance @ matrix.T
        inside = matrix @ across + noise**2 * torch.eye(len(matrix), dtype=torch.float64)
        gain = torch.linalg.solve(inside, across.T).T
        mean = self.mean.flatten() + (values - matrix @ self.mean.flatten()) @ gain.T
        return mean.view(-1, *self.shape), self.covariance - gain @ across.T

    def surprise(self, x: Tensor) -> Tensor:
        """(N,) squared Mahalanobis distance over D: 1 for the prior's own pictures, 0 for its mean."""
        along = (x - self.mean).flatten(1).double() @ self.basis
        return (along.square() / self.spectrum.clamp_min(1e-9)).mean(1)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.mean.shape[0], self.mean.shape[1], self.mean.shape[2])

    @property
    def covariance(self) -> Tensor:
        return (self.basis * self.spectrum) @ self.basis.T

    def on(self, schedule: NoiseSchedule) -> GaussianDenoiser:
        return replace(self, schedule=schedule)

    def __call__(self, x: Tensor, t: Time) -> Estimate:
        """E[x_0 | x_t] = m + sqrt(a) S (a S + (1 - a))^-1 (x_t - sqrt(a) m)."""
        a = torch.as_tensor(self.schedule.alpha_bar(t.cpu().numpy() if isinstance(t, Tensor) else t)).to(x).flatten()
        rest = 1 - a
        mean, basis, spectrum = (part.to(x.dtype) for part in (self.mean.flatten(), self.basis, self.spectrum))
        along = (x.flatten(1) - a.sqrt()[:, None] * mean) @ basis
        gain = a.sqrt()[:, None] * spectrum / (a[:, None] * spectrum + rest[:, None])
        clean = (mean + (along * gain) @ basis.T).view_as(x)
        return Estimate(clean=clean, noise=self.schedule.noise_from_clean(x, t, clean))

    def exact(self, x: Tensor) -> Tensor:
        """The end at sigma 0 of the probability-flow ODE that starts from x at the schedule's last index.

        Along each axis of the covariance the ODE keeps the standard score: x_0 = m + sqrt(S / (a S + 1 - a)) (x - sqrt(a) m).
        """
        a = float(self.schedule.alphas_cumprod[-1])
        mean, basis, spectrum = (part.to(x.dtype) for part in (self.mean.flatten(), self.basis, self.spectrum))
        along = (x.flatten(1) - a**0.5 * mean) @ basis
        return (mean + (along * (spectrum / (a * spectrum + 1 - a)).sqrt()) @ basis.T).view_as(x)
