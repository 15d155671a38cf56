"""What a result can be asked to have: the properties for --want."""

from __future__ import annotations

from restauro.cli._listing import Listing
from restauro.core.registry import PROPERTIES


class Properties(Listing):
    registry, plural = PROPERTIES, "properties"
