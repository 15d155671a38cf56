"""What linear measurements know exactly: the nearest picture that answers them is one subtraction away."""

from __future__ import annotations

from torch import Tensor

from restauro.diffusion.contract import Property, Target


class Linear(Property, frozen=True, kw_only=True):
    """A subclass gives `error`. The distance is that to the nearest picture with the property: mean square of the error."""

    def error(self, clean: Tensor, target: Target) -> Tensor:
        """Of the picture, the part that contradicts what was measured, (N, C, H, W): an orthogonal projection of it, less the
        same part of the picture that was measured."""
        raise NotImplementedError

    def distance(self, clean: Tensor, target: Target) -> Tensor:
        return self.error(clean, target).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Target) -> Tensor:
        return 2 / clean[0].numel() * self.error(clean, target)

    def project(self, clean: Tensor, target: Target) -> Tensor:
        return clean - self.error(clean, target)
