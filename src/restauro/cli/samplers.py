"""The ways from noise to a picture, for --sampler."""

from __future__ import annotations

from restauro.cli._listing import Listing
from restauro.core.registry import SAMPLERS


class Samplers(Listing):
    registry, plural = SAMPLERS, "samplers"
