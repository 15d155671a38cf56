"""The forward models of damage that training and `degrade` are made of."""

from __future__ import annotations

from restauro.cli._listing import Listing
from restauro.core.registry import DEGRADATIONS


class Degradations(Listing):
    registry, plural = DEGRADATIONS, "degradations"
