"""Where the shared facts, goldens and data lie, when they are there."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("RESTAURO_SHARED", Path(__file__).parents[2] / "shared"))
GOLDENS = Path(os.environ.get("RESTAURO_GOLDENS", SHARED / "goldens"))
needs_shared = pytest.mark.skipif(not (SHARED / "data").exists(), reason="../shared is not here: its tests are skipped")
