"""Key lists of official networks at full size."""

from __future__ import annotations

import gzip
import json

from tests.shared import GOLDENS


def shapes(name: str, source: str = "oldphotos_pix2pix") -> dict[str, list[int]]:
    """Key -> shape."""
    with gzip.open(GOLDENS / source / "keys" / f"{name}.json.gz") as stream:
        content = json.load(stream)
    found: dict[str, list[int]] = content.get("keys", content)
    return found
