"""The weights at hand: list, show, verify, import, export."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._knobs import add_knobs, given
from restauro.cli._print import print_json, print_table, size_in_words
from restauro.core.errors import RecipeError, WeightsError
from restauro.core.knobs import build
from restauro.weights.declared import Declared
from restauro.weights.store import available, find, verify


class Models(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = (
            f"{parser.prog} list | show NAME | verify [NAME] | import FILE [--name NAME] [what it does not tell] | "
            "export NAME --to diffusers|onnx [-o OUT]"
        )
        parser.add_argument("action", choices=["list", "show", "verify", "import", "export"], help="verify without NAME: all")
        what = "the name of weights, or what to import: a file, or a folder as diffusers saves it"
        parser.add_argument("what", nargs="?", metavar="NAME|FILE", help=what)
        group = parser.add_argument_group("export")
        to = (
            "diffusers: a folder that diffusers.DDPMPipeline reads, for priors of the published kind; onnx: a file, for any U-Net"
        )
        group.add_argument("--to", choices=["diffusers", "onnx"], help=to)
        group.add_argument("-o", "--output", metavar="OUT", help="a new folder, or a file (default NAME or NAME.onnx)")
        group = parser.add_argument_group(
            "import",
            "safetensors, and PyTorch files of which nothing is run; what they are is read off the tensors. What these do not "
            "tell is assumed as in the published code, unless it is said:",
        )
        group.add_argument("--name", metavar="NAME", help="the name to keep them under (default: what they are)")
        add_knobs(group, Declared)
        parser.options.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")

    def run(self, args: argparse.Namespace) -> int:
        said = ["name"] if args.name else list(given(args, Declared))
        if said and args.action != "import":
            raise RecipeError(f"--{said[0].replace('_', '-')} belongs to `restauro models import FILE`")
        if (args.to or args.output) and args.action != "export":
            raise RecipeError(f"--{'to' if args.to else 'output'} belongs to `restauro models export NAME`")
        if args.what is None and args.action in ("show", "import", "export"):
            raise RecipeError(f"models {args.action}: name the {'file' if args.action == 'import' else 'weights'}")
        if args.action == "export" and not args.to:
            raise RecipeError("models export: say --to diffusers or --to onnx")
        if args.what and args.action == "list":
            raise RecipeError(f"{args.what!r} is one argument too many: restauro models list")
        actions = {"list": _list, "show": _show, "verify": _verify, "import": _import, "export": _export}
        return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    known = available()
    if args.json:
        print_json(known)
        return 0
    sizes = [size_in_words(find(one.name)[1].stat().st_size) for one in known]
    print_table([(one.name, one.kind, f"{size:>8}", one.what) for one, size in zip(known, sizes, strict=True)])
    return 0


def _show(args: argparse.Namespace) -> int:
    passport, path = find(args.what)
    if args.json:
        print_json({**msgspec.to_builtins(passport), "path": path})
        return 0
    facts = {**msgspec.to_builtins(passport), "path": str(path), "file size": size_in_words(path.stat().st_size)}
    rows = []
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {one}" for name, one in value.items())
        if value not in ("", 0, [], ()):
            rows.append((key.replace("_", " "), str(value)))
    print_table(rows)
    return 0


def _verify(args: argparse.Namespace) -> int:
    """Every file's SHA-256 against its passport; the first damaged one decides the exit code, all are named."""
    names = [args.what] if args.what else [one.name for one in available()]
    results, code = [], 0
    for name in names:
        try:
            passport = verify(name)
            results.append({"name": name, "intact": True, "sha256": passport.sha256})
            if not args.json:
                print(f"{name}: intact, SHA-256 {passport.sha256}")
        except WeightsError as error:
            code = error.exit_code
            results.append({"name": name, "intact": False, "error": str(error)})
            print(f"restauro: {error}", file=sys.stderr)
    if args.json:
        print_json(results)
    return code


def _import(args: argparse.Namespace) -> int:
    from restauro.weights.importing import import_all

    passports = import_all(
        args.what,
        args.name,
        declared=build(Declared, given(args, Declared)),
        tell=lambda text: print(f"licence: {text}", file=sys.stderr),
    )
    places = {passport.name: find(passport.name)[1] for passport in passports}
    if args.json:
        told = [{**msgspec.to_builtins(passport), "path": places[passport.name]} for passport in passports]
        print_json(told[0] if len(told) == 1 else told)
        return 0
    for passport in passports:
        path = places[passport.name]
        print(f"imported {passport.name} ({passport.kind}): {passport.what}; {size_in_words(path.stat().st_size)} in {path}")
    return 0


def _export(args: argparse.Namespace) -> int:
    out = Path(args.output or (args.what if args.to == "diffusers" else f"{args.what}.onnx"))
    if args.to == "diffusers":
        from restauro.systems.ddpm.export import export_diffusers

        passport = export_diffusers(args.what, out)
    else:
        from restauro.weights.onnx import export_onnx

        out = out / f"{args.what}.onnx" if out.is_dir() else out
        passport = export_onnx(args.what, out)
    if passport.licence:
        print(f"licence: {passport.licence}", file=sys.stderr)
    if args.json:
        print_json({"name": passport.name, "to": args.to, "path": out})
    else:
        print(f"exported {passport.name} ({passport.kind}) to {out}")
    return 0
