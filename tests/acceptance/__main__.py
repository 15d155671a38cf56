"""`make acceptance`: official files at full size, imported by the real command, loaded, one guided step with each.

Weights are made by formula, so nothing is downloaded and nothing looks good; what is tested is that the layouts are
recognised, fit, run and stay within bounds. Prints parameters, seconds and peak memory; exit code 1 when something fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from tests.shared import GOLDENS


class Ended(NamedTuple):
    """peak: of the process' memory in bytes, files that are mapped included."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int


def child(*words: str) -> Ended:
    """Another Python on `words`, measured."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([sys.executable, *words], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return Ended(process.returncode, *texts, time.monotonic() - began, peak)


def row(ok: bool, what: str, parameters: float, load: float | None, step: float | None, peak: int, why: str = "") -> bool:
    seconds = "".join(f"{'' if value is None else f'{value:.1f}':>8}" for value in (load, step))
    print(
        f"{'ok  ' if ok else 'FAIL'}  {what:<58}{parameters / 1e6:>8.1f}{seconds}{peak / 1e6:>9.0f}  {why}".rstrip(), flush=True
    )
    return ok


def imports(folder: Path) -> bool:
    """Every file imported by the command a user types; where one is known already, it must be the same weights."""
    from tests.acceptance.files import FILES

    fine, stored = True, dict[str, str]()
    for official in FILES:
        made = child("-m", "tests.acceptance", "write", official.file, str(folder))
        name = official.name if official.name not in stored else f"{official.name}-again"
        path = folder / official.file
        ended = child("-m", "restauro", "models", "import", str(path), "--name", name, "--json")
        numbers, why = 0.0, ended.err.strip().splitlines()[-1:] or [made.err.strip()]
        ok = ended.code == 0
        if ok:
            passport = json.loads(ended.out)
            numbers, why = Path(passport["path"]).stat().st_size / 4, []
            if not ended.err.startswith(f"licence: {name}: "):
                ok, why = False, ["no licence notice"]
            elif stored.setdefault(official.name, passport["sha256"]) != passport["sha256"]:
                ok, why = False, ["other weights than those of the file before"]
            elif (bound := 0.4e9 + 1.3 * path.stat().st_size) < ended.peak:
                ok, why = False, [f"more than {bound / 1e9:.1f} GB"]
            if name != official.name:
                Path(passport["path"]).unlink()
        path.unlink(missing_ok=True)
        fine &= row(ok, f"import {official.file}", numbers, ended.seconds, None, ended.peak, *why)
    return fine


def steps() -> bool:
    from tests.acceptance.parts import PARTS

    fine = True
    for name, (_, bound) in PARTS.items():
        ended = child("-m", "tests.acceptance", "run", name)
        if ended.code:
            fine &= row(False, name, 0, None, None, ended.peak, (ended.err.strip().splitlines() or ["?"])[-1])
            continue
        said: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
        why = "" if ended.peak <= bound * 1e9 else f"more than {bound:g} GB"
        fine &= row(not why, name, said["parameters"], said["load"], said["step"], ended.peak, why)
    return fine


def main(words: list[str]) -> int:
    if words[:1] == ["write"]:
        from tests.acceptance.files import FILES

        next(official for official in FILES if official.file == words[1]).write(Path(words[2]))
        return 0
    if words[:1] == ["run"]:
        from tests.acceptance.parts import PARTS

        try:
            print(json.dumps(PARTS[words[1]][0]()))
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    if not (GOLDENS / "pgdiff" / "keys").is_dir():
        print(f"acceptance needs the key lists of official files: {GOLDENS} is not here (RESTAURO_GOLDENS)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="restauro-acceptance-") as folder:
        os.environ["RESTAURO_HOME"] = str(Path(folder) / "home")
        print(f"{'':64}{'million':>8}{'seconds':>16}{'memory':>9}")
        print(f"{'':64}{'numbers':>8}{'load':>8}{'step':>8}{'MB':>9}")
        fine = imports(Path(folder))
        fine &= steps()
    return 0 if fine else 1


sys.exit(main(sys.argv[1:]))
