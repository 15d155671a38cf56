"""The user's folder for measurements and imported weights. Importing this costs nothing."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$RESTAURO_HOME`, else `restauro` in the user's cache folder."""
    home = os.environ.get("RESTAURO_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "restauro"
