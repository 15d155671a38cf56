from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that no test sees or changes the user's weights."""
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
