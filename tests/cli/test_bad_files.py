"""Every odd, damaged and hostile file through `restauro restore`: what its manifest says, and never a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.cli.conftest import Run
from tests.shared import SHARED, needs_shared

FOLDER = SHARED / "data" / "bad-files"


@needs_shared
def test_every_bad_file(run: Run, tmp_path: Path) -> None:
    cases = {case["file"]: case for case in json.loads((FOLDER / "manifest.json").read_text())["files"]}
    album = tmp_path / "album"
    album.mkdir()
    for name, case in cases.items():
        shutil.copy(FOLDER / (case.get("make_from") or name), album / name)
    done = run("restore", *(album / name for name in cases), "-o", tmp_path / "out", "--json")
    assert done.code == 6
    assert "Traceback" not in done.err and "bug" not in done.err
    failed = {Path(one["input"]).name: one for one in done.json["failed"]}
    finished = {Path(one["input"]).name: one for one in done.json["done"]}
    assert failed.keys() | finished.keys() == cases.keys()
    for name, case in cases.items():
        if case["expect"] == "open":
            assert name in finished, failed.get(name)
        elif case["expect"] == "error":
            assert name in failed, name
        if name in failed:
            assert failed[name]["exit_code"] == 3 and name in failed[name]["error"]
        elif not finished[name]["changed"] and Path(name).suffix == Path(finished[name]["output"]).suffix:
            assert Path(finished[name]["output"]).read_bytes() == (album / name).read_bytes()
    assert len([line for line in done.err.splitlines() if line.startswith("restauro: ") and "warning" not in line]) == len(failed)
