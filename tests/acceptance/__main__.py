"""`make acceptance [OF=GROUP]`: official files at full size, imported by the real command, loaded, one step with each.

Weights are made by formula, so nothing is downloaded and nothing looks good; what is tested is that the layouts are
recognised, fit, run and stay within bounds. Prints parameters, seconds and peak memory; exit code 1 when something fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.shared import GOLDENS

if TYPE_CHECKING:
    from tests.acceptance.files import Official


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


def row(
    ok: bool, what: str, parameters: float, load: float | None, step: float | None, peak: int, why: str = "", size: int = 0
) -> bool:
    file = f"{size / 1e6:.0f}" if size else ""
    seconds = "".join(f"{'' if value is None else f'{value:.1f}':>8}" for value in (load, step))
    numbers = f"{parameters / 1e6:>8.1f}{file:>8}"
    print(f"{'ok  ' if ok else 'FAIL'}  {what:<58}{numbers}{seconds}{peak / 1e6:>9.0f}  {why}".rstrip(), flush=True)
    return ok


def imports(folder: Path, files: Sequence[Official]) -> bool:
    """Every file imported by the command a user types; what several of them hold must be the same weights."""
    fine, stored = True, dict[str, str]()
    for number, official in enumerate(files):
        path = folder / official.file
        made = child("-m", "tests.acceptance", "write", official.file, str(folder)) if not path.exists() else None
        size = sum(one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file())
        ended = child("-m", "restauro", "models", "import", str(path), *official.words, "--json")
        if ended.code:
            numbers, problems = 0.0, ((made and made.err.strip()) or ended.err.strip()).splitlines()[-1:]
        else:
            numbers, problems = judged(official, ended, size, stored)
        after = next((later for later in files[number + 1 :] if later.same_as(official)), None)
        if after and path.exists():
            path.rename(folder / after.file)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        ok = not (ended.code or problems)
        fine &= row(ok, f"import {official.file}", numbers, ended.seconds, None, ended.peak, "; ".join(problems), size)
    return fine


def judged(official: Official, ended: Ended, size: int, stored: dict[str, str]) -> tuple[float, list[str]]:
    """How many numbers were imported, and what is wrong with it. stored: name -> SHA-256 of all that were, which is added to."""
    told = json.loads(ended.out)
    passports = {passport["name"]: passport for passport in (told if isinstance(told, list) else [told])}
    again = any(name in stored for name in passports)
    bound = 0.4e9 + (2.3 if again else 1.3) * size  # with what is known it is compared
    problems = [f"recognised as {' '.join(passports)}"] if " ".join(passports) != official.name else []
    problems += [f"no licence notice for {name}" for name in passports if f"licence: {name}: " not in ended.err]
    for name, passport in passports.items():
        if stored.setdefault(name, passport["sha256"]) != passport["sha256"]:
            problems.append(f"other weights than before: {name}")
    problems += [f"more memory than {bound / 1e9:.1f} GB"] if ended.peak > bound else []
    return sum(held(Path(passport["path"])) for passport in passports.values()), problems


def held(path: Path) -> int:
    """Numbers in a safetensors file."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")


def steps(chosen: Sequence[str]) -> bool:
    from tests.acceptance.parts import PARTS

    fine = True
    for name in chosen:
        bound = PARTS[name][2]
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
            print(json.dumps(PARTS[words[1]][1]()))
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    from tests.acceptance.files import FILES, GROUPS
    from tests.acceptance.parts import PARTS

    if words and words[0] not in GROUPS:
        print(f"acceptance of what? {', '.join(GROUPS)}, or nothing for all", file=sys.stderr)
        return 2
    if not (GOLDENS / "pgdiff" / "keys").is_dir():
        print(f"acceptance needs the key lists of official files: {GOLDENS} is not here (RESTAURO_GOLDENS)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="restauro-acceptance-") as folder:
        os.environ["RESTAURO_HOME"] = str(Path(folder) / "home")
        print(f"{'':64}{'million':>8}{'file':>8}{'seconds':>16}{'memory':>9}")
        print(f"{'':64}{'numbers':>8}{'MB':>8}{'load':>8}{'step':>8}{'MB':>9}")
        fine = imports(Path(folder), GROUPS[words[0]] if words else FILES)
        fine &= steps([name for name, (group, _, _) in PARTS.items() if not words or group == words[0]])
    return 0 if fine else 1


sys.exit(main(sys.argv[1:]))
