from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from restauro.core.errors import WeightsError
from restauro.weights.passports import FORMAT, Passport, read_passport, write_passport

FULL = Passport(
    name="a-prior",
    what="A prior.",
    kind="prior",
    architecture="unet",
    arguments={"in_channels": 3, "channel_mult": [1, 1.5]},
    condition=[0.0, 1.5],
    range=(0.0, 1.0),
    scores={"FID": 12.5},
)


def test_round_trip(tmp_path: Path) -> None:
    write_passport(FULL, tmp_path / "a-prior.json")
    assert read_passport(tmp_path / "a-prior.json") == FULL
    assert [file.name for file in tmp_path.iterdir()] == ["a-prior.json"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": FORMAT + 1, "new": 1}, "newer restauro"),
        ({"nmae": "x"}, "is not a passport"),
        ({"name": "../x"}, "is not a passport"),
        ({"file": "../../etc/passwd"}, "outside its folder"),
        ({"what": 3}, "is not a passport"),
    ],
)
def test_bad_passports_are_refused(tmp_path: Path, change: dict, problem: str) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(FULL), **change}))
    with pytest.raises(WeightsError, match=problem):
        read_passport(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'"x"'])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(WeightsError, match="is not a passport"):
        read_passport(tmp_path / "p.json")


def test_listing_does_not_import_torch() -> None:
    code = "import sys, restauro.weights.store as s; s.available(); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0
