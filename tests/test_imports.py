"""Import is free: nothing heavy is loaded to answer `--help`, to list what exists, or to refuse an argument."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "cv2", "scipy", "tifffile"}
BANNED = {"torchvision", "basicsr", "facexlib", "gfpgan", "xformers", "triton", "insightface", "dlib", "tensorflow"}

REPORT = "import json, sys; print('\\nMODULES ' + json.dumps(sorted(sys.modules)))"
COMMAND = f"""
import runpy, sys
sys.argv = ["restauro", *{{arguments!r}}]
code = 0
try:
    runpy.run_module("restauro", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    code = stop.code
{REPORT}
sys.exit(code)
"""


def run(code: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """The modules a fresh Python has loaded after `code`, and how it ended."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    listed = re.search(r"^MODULES (.*)$", done.stdout, re.MULTILINE)
    assert listed, done.stderr
    return set(json.loads(listed[1])), done


def command(*arguments: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    return run(COMMAND.format(arguments=arguments))


def test_import_restauro_loads_next_to_nothing() -> None:
    bare, _ = run(REPORT)
    loaded, _ = run("import restauro\n" + REPORT)
    assert not loaded & (HEAVY | {"msgspec", "PIL", "rich"})
    assert len(loaded - bare) < 20, sorted(loaded - bare)


def test_public_names_are_there() -> None:
    import restauro

    assert set(restauro.__all__) <= set(dir(restauro))
    with pytest.raises(AttributeError, match="no attribute 'restor'"):
        _ = restauro.restor
    for name in restauro.__all__:
        assert getattr(restauro, name) is not None


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), ("restore", "--help")], ids=" ".join)
def test_help_is_light(arguments: tuple[str, ...]) -> None:
    loaded, done = command(*arguments)
    assert not loaded & HEAVY
    assert "restauro" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "listing", ["properties list", "samplers list", "degradations list", "models list", "recipes list", "properties list --json"]
)
def test_listing_is_light(listing: str) -> None:
    loaded, done = command(*listing.split())
    assert done.returncode == 0, done.stderr
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "wrong",
    [
        "restor photo.jpg",
        "restore",
        "restore photo.jpg --fidelty 1",
        "restore photo.jpg -w much",
        "restore no-such-photo.jpg -w 2",
    ],
)
def test_a_refused_argument_is_light(wrong: str) -> None:
    loaded, done = command(*wrong.split())
    assert done.returncode == 2
    assert not loaded & HEAVY
    assert "Traceback" not in done.stderr


def test_dependencies_bring_no_trouble() -> None:
    """What `pip install restauro[heic,demo]` pulls in: no second torch world, nothing that wants a compiler or a GPU."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    todo, seen = [*project["dependencies"], *extras["heic"], *extras["demo"]], set()
    while todo:
        name = re.split(r"[^\w.-]", todo.pop())[0].lower().replace("_", "-")
        if name in seen or name == "torch":  # its own needs depend on the build; tools/install.sh picks that
            continue
        seen.add(name)
        try:
            todo += [line for line in requires(name) or [] if "extra ==" not in line]
        except PackageNotFoundError:  # another platform's
            continue
    assert not seen & BANNED
    assert not [name for name in seen if name.startswith("nvidia")]
