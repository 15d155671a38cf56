"""Help, usage errors, and the names other tools use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from restauro.cli import COMMANDS, main
from restauro.cli._command import ALIASES, REFUSED, Parser
from restauro.cli._photo import OF_ONE
from restauro.core.recipe import Recipe
from restauro.systems.pgdiff.recipe import PUBLISHED
from tests.cli.conftest import Run

PHOTO_COMMANDS = ["restore", "enhance", "colorize", "inpaint", "old-photo"]


def test_help_names_every_command(run: Run) -> None:
    for words in ([], ["--help"], ["help"]):
        done = run(*words)
        assert done.code == 0 and not done.err
        for name in COMMANDS:
            assert re.search(rf"^  {name}  +[A-Z]", done.out, re.MULTILINE), name
    assert run("--version").out.startswith("restauro ")


@pytest.mark.parametrize("name", COMMANDS.names())
def test_every_command_has_help(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert done.code == 0 and not done.err
    assert done.out.startswith(f"usage: restauro {name}")
    assert run("help", name).out == done.out


def test_nothing_heavy_answers_help() -> None:
    """Every command's help in one fresh process."""
    code = f"""
import sys
from restauro.cli import main
for name in {COMMANDS.names()}:
    assert main([name, "--help"]) == 0
heavy = {{"torch", "numpy", "cv2", "PIL", "rich", "tifffile"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_help_says_which_way_fidelity_goes(run: Run) -> None:
    text = " ".join(run("restore", "--help").out.split())
    assert "-w, --fidelity 0..1" in text and "1 most faithful" in text
    assert "-s, --upscale 1|2|4" in text


@pytest.mark.parametrize("name", PHOTO_COMMANDS)
def test_every_knob_of_a_recipe_is_an_option(run: Run, name: str) -> None:
    said = run(name, "--help").out
    inner = {
        "task",
        "system",
        "wants",
        "published",
        "whole",
        "latent",
        "released",
        "version",
        "sampler_knobs",
        "mask_sha256",
        "reference_sha256",
    }
    dead = COMMANDS.get(name).skip | ({"faithful"} if name not in PUBLISHED else set()) | (OF_ONE - COMMANDS.get(name).own)
    for field in Recipe.__struct_fields__:
        shown = re.search(rf"--{field.replace('_', '-')}(?![\w-])", said) is not None
        assert shown == (field not in inner | dead), field


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("restor a.jpg", "unknown command 'restor'; did you mean 'restore'?"),
        ("--fidelity 1 restore a.jpg", "the command comes first"),
        ("restore", "name at least one photograph"),
        ("restore a.jpg --fidelty 1", "unknown option --fidelty; did you mean '--fidelity'?"),
        ("restore a.jpg -w 2", "-w/--fidelity: '2' is not a number from 0 to 1"),
        ("restore a.jpg -w -1", "-w/--fidelity: '-1' is not a number from 0 to 1"),
        ("restore a.jpg -w much", "'much' is not a number from 0 to 1"),
        ("restore a.jpg -w nan", "'nan' is not a number from 0 to 1"),
        ("restore a.jpg -s 3", "'3' is not one of 1, 2, 4"),
        ("restore a.jpg --steps 1.5", "'1.5' is not a whole number from 0 to 1000"),
        ("restore a.jpg --min-face 1", "'1' is not a number of at least 2"),
        ("restore a.jpg --faces one", "'one' is not a list of whole numbers like 1,3"),
        ("restore a.jpg --sampler ddmi", "unknown sampler 'ddmi'; did you mean 'ddim'?"),
        ("restore a.jpg --want lightnes", "unknown property 'lightnes'; did you mean 'lightness'?"),
        ("restore a.jpg --want lightness:weight", "expected NAME:knob=value"),
        ("restore a.jpg --quality 0", "'0' is not a whole number from 1 to 100"),
        ("restore a.jpg --fid 1", "unknown option --fid"),
        ("restore a.jpg --faithful -w 0.5", "the published algorithm has no fidelity"),
        ("restore a.jpg --scale 0.1", "use it with faithful"),
        ("restore a.jpg --device abacus", "'abacus' is not available here"),
        ("restore a.jpg --bg_upsampler realesrgan", "only `none` is understood"),
        ("restore a.jpg --face_upsample", "--face-upsample: faces are restored at the photograph's own size"),
        ("restore a.jpg --GPU 0", "say --device"),
        ("restore a.jpg --variants 1", "'1' is not a whole number from 2 to 32"),
        ("restore a.jpg --variants 2 --compare b.png", "--variants writes a sheet of its own"),
        ("restore a.jpg --force-reference", "belongs to --reference FILE"),
        ("enhance a.jpg --faithful", "unknown option --faithful"),
        ("inpaint a.jpg", "inpaint needs --mask FILE"),
        ("colorize a.jpg --force", "unknown option --force"),
        ("recipes lst", "'lst' is not possible; did you mean 'list'?"),
        ("recipes show restroe", "unknown recipe 'restroe'; did you mean 'restore'?"),
        ("properties show", "show which property? `restauro properties list`"),
        ("samplers show eulr", "unknown sampler 'eulr'"),
        ("degrade a.jpg --chain gfpgn", "unknown chain 'gfpgn'; did you mean 'gfpgan'?"),
        ("degrade a.jpg --chain blur+holees", "unknown chain 'holees'; did you mean 'holes'?"),
        ("models show", "name the weights"),
        ("models list x", "'x' is one argument too many"),
        ("models list --heads 4", "--heads belongs to `restauro models import FILE`"),
        ("models import x.pth --qkv-order odd", "'odd' is not one of legacy, new"),
        ("models import x.pth --size small", "--size: 'small' is not a whole number of at least 8"),
        ("train prior", "train needs --data PICTURES"),
        ("train priro --data x --out y", "there is no part 'priro' to train; did you mean 'prior'?"),
        ("train prior --data x --out y --knob widht=3", "there is no knob 'widht'; did you mean 'width'?"),
        ("train prior --data x --out y --ship z", "--ship needs --about TEXT"),
        ("sample -n 0", "'0' is not a whole number from 1 to 1000"),
        ("recipe", "the following arguments are required: OUT"),
    ],
)
def test_a_usage_error_is_one_line(run: Run, words: str, said: str) -> None:
    done = run(*words.split())
    assert done.code == 2
    assert said in done.err and done.err.startswith("restauro: ") and done.err.count("\n") == 1
    assert not done.out


def test_a_photograph_without_a_command_is_told_how(run: Run, plain: Path) -> None:
    done = run(plain)
    assert done.code == 2 and f"restauro restore {plain}" in done.err


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_means_an_option_that_exists(alias: str) -> None:
    known = set()
    for name in COMMANDS:
        parser = Parser(name, "")
        COMMANDS.get(name)().arguments(parser)
        known |= parser._option_string_actions.keys()
    assert ALIASES[alias] in known and alias not in known


def test_what_is_refused_is_no_option_of_ours() -> None:
    parser = Parser("restore", "")
    COMMANDS.get("restore")().arguments(parser)
    assert not REFUSED.keys() & parser._option_string_actions.keys()


def test_a_bug_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restauro.cli.models.available", lambda: 1 / 0)
    monkeypatch.delenv("RESTAURO_DEBUG", raising=False)
    done = run("models", "list")
    assert done.code == 1
    assert done.err == "restauro: this is a bug: ZeroDivisionError: division by zero (RESTAURO_DEBUG=1 shows where)\n"
    monkeypatch.setenv("RESTAURO_DEBUG", "1")
    assert "Traceback" in run("models", "list").err


def test_ctrl_c_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("restauro.cli.models.available", stop)
    done = run("models", "list")
    assert done.code == 130 and done.err == "restauro: stopped; nothing half-written is left\n"


def test_a_closed_pipe_is_quiet() -> None:
    """`restauro properties list | head -0`."""
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    reader.wait()
    command = [sys.executable, "-m", "restauro", "properties", "list"]
    assert reader.stdin
    with reader.stdin:
        done = subprocess.run(command, stdout=reader.stdin, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 141 and not done.stderr


def test_the_module_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "restauro", "recipes", "shw"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "did you mean 'show'?" in done.stderr


def test_main_leaves_the_warnings_as_they_were(run: Run) -> None:
    import warnings

    before = warnings.showwarning
    run("models", "list")
    assert warnings.showwarning is before
    assert main is not None
