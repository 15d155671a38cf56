"""Say what is damaged in photographs, how much, and where their faces are; nothing is changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._files import photographs
from restauro.cli._photo import add_output_options
from restauro.cli._print import note, print_json, print_table
from restauro.cli._tally import Tally
from restauro.core.errors import RecipeError

BLUR, NOISE, BLOCKS, RANGE = (0.9, 1.5, 3), (2, 4, 10), (1.0, 1.5, 2.5), (0.3, 0.5, 0.7)
"""Limits between the words below; see `restauro.photo.damage.Damage` for what the figures are."""
LEFT = "would be left alone"
VERDICTS = {"restored": "would be restored", "good": LEFT, "unclear": LEFT, "small": LEFT}


class Inspect(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO... [--draw-boxes FILE] [--json]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="photographs, or folders of photographs")
        group = parser.add_argument_group("files")
        group.add_argument("-i", "--input", action="extend", nargs="+", metavar="PHOTO", help="the same as PHOTO")
        group.add_argument("--draw-boxes", metavar="FILE", help="write the photograph with its faces boxed and numbered")
        add_output_options(parser.options, device=False)

    def run(self, args: argparse.Namespace) -> int:
        words = [*args.photos, *(args.input or [])]
        if not words:
            raise RecipeError("name at least one photograph: restauro inspect PHOTO...")
        sources, _ = photographs(words)
        if args.draw_boxes and len(sources) > 1:
            raise RecipeError(f"--draw-boxes draws one photograph; there are {len(sources)}")
        tally, seen = Tally(), []
        for source in sources:
            with tally.attempt(str(source)):
                found = _look(source, args.draw_boxes)
                seen.append({"input": str(source), **msgspec.to_builtins(found), "damage": found.damage._asdict()})
                if not args.json and not args.quiet:
                    _tell(source, found)
        if args.json:
            print_json({"done": seen, "failed": tally.failed})
        return tally.exit_code


def _look(source: Path, boxes: str | None) -> Any:
    from restauro import api
    from restauro.cli._boxes import boxed
    from restauro.evaluation.sheets import save_sheet
    from restauro.photo.read import read

    photo = read(source)
    found = api.inspect(photo)
    if boxes:
        save_sheet(boxed(photo.pixels, found.faces), boxes)
    return found


def _tell(source: Path, found: Any) -> None:
    damage = found.damage
    print(f"{source}: {found.size[0]} x {found.size[1]}, {found.format}, {found.depth} bits")
    sharp = _grade(damage.blur, BLUR, "sharp", "a little soft", "soft", "blurred")
    noise = _grade(damage.noise, NOISE, "none to see", "a little", "noisy", "very noisy")
    blocks = _grade(damage.blockiness, BLOCKS, "none", "a trace", "visible", "strong")
    contrast = _grade(damage.white - damage.black, RANGE, "badly faded", "faded", "a little flat", "full")
    figures = [
        ("  sharpness", sharp, f"edges {damage.blur:.1f} px soft")
        if damage.blur < 100
        else ("  sharpness", "no edges to tell", ""),
        ("  noise", noise, f"{damage.noise:.1f} of 255"),
        ("  JPEG blocks", blocks, f"steps of {damage.blockiness:.1f} of 255 on the grid"),
        ("  contrast", contrast, f"from {damage.black:.0%} to {damage.white:.0%} of the range"),
        ("  colour", {"grey": "none", "toned": "one tone"}.get(damage.tone, "yes"), ""),
    ]
    print_table(figures)
    rows = [(f"  face {face.number}", _box(face), VERDICTS.get(face.verdict, face.verdict), face.why) for face in found.faces]
    print_table(rows)
    if not rows:
        print("  no face was found")
    for text in found.notices:
        note(text)


def _box(face: Any) -> str:
    x, y, width, height = (round(value) for value in face.box)
    return f"{width} x {height} at {x},{y}"


def _grade(value: float, limits: tuple[float, ...], *words: str) -> str:
    return words[sum(value >= limit for limit in limits)]
