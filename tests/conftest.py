"""One thread a worker, float32, and a home of its own: tests neither measure this machine nor touch the user's cache.

Slow tests (marker `slow`: the full-size goldens) run by default and in CI; `-m "not slow"` leaves them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# before any test module imports torch or cv2, which read these once
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("RESTAURO_DTYPE", "float32")


@pytest.fixture(scope="session", autouse=True)
def restauro_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache folder of this test process and of the commands it starts."""
    home = tmp_path_factory.mktemp("restauro-home")
    before = os.environ.get("RESTAURO_HOME")
    os.environ["RESTAURO_HOME"] = str(home)
    yield home
    if before is None:
        del os.environ["RESTAURO_HOME"]
    else:
        os.environ["RESTAURO_HOME"] = before
