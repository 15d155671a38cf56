"""Say what is damaged in photographs, how much, and where their faces are; nothing is changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._files import photographs
from restauro.cli._knobs import add_knobs, given
from restauro.cli._photo import add_output_options
from restauro.cli._print import note, print_json, print_table
from restauro.cli._tally import Tally
from restauro.core.errors import RecipeError
from restauro.core.recipe import Whole
from restauro.systems.oldphotos.recipe import at_hand
from restauro.weights.store import find

BLUR, NOISE, BLOCKS, RANGE = (0.9, 1.5, 3), (2, 4, 10), (1.0, 1.5, 2.5), (0.3, 0.5, 0.7)
"""Limits between the words below; see `restauro.photo.damage.Damage` for what the figures are."""
SCRATCHED = (0.0005, 0.01, 0.05)
SCRATCHES = {"detector", "sensitivity", "grow"}
"""How scratches are looked for."""
LEFT = "would be left alone"
VERDICTS = {"restored": "would be restored", "good": LEFT, "unclear": LEFT, "small": LEFT}


class Inspect(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO... [--draw-boxes FILE] [--mask-out FILE] [--json]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="photographs, or folders of photographs")
        group = parser.add_argument_group("files")
        group.add_argument("-i", "--input", action="extend", nargs="+", metavar="PHOTO", help="the same as PHOTO")
        group.add_argument("--draw-boxes", metavar="FILE", help="write the photograph with its faces boxed and numbered")
        out = "write the mask of its scratches, for --mask of old-photo and inpaint, to be edited (PNG; a folder for several)"
        group.add_argument("--mask-out", metavar="FILE", help=out)
        add_knobs(parser.add_argument_group("scratches"), Whole, skip=set(Whole.__struct_fields__) - SCRATCHES)
        add_output_options(parser.options, device=False)

    def run(self, args: argparse.Namespace) -> int:
        words = [*args.photos, *(args.input or [])]
        if not words:
            raise RecipeError("name at least one photograph: restauro inspect PHOTO...")
        sources, _ = photographs(words)
        if args.draw_boxes and len(sources) > 1:
            raise RecipeError(f"--draw-boxes draws one photograph; there are {len(sources)}")
        if args.mask_out:
            _check_mask_out(args, len(sources))
        tally, seen = Tally(), []
        for source in sources:
            with tally.attempt(str(source)):
                found = _look(source, args)
                seen.append({"input": str(source), **msgspec.to_builtins(found), "damage": found.damage._asdict()})
                if not args.json and not args.quiet:
                    _tell(source, found)
        if args.json:
            print_json({"done": seen, "failed": tally.failed})
        return tally.exit_code


def _check_mask_out(args: argparse.Namespace, count: int) -> None:
    """A mask for each photograph, without loss; and there is a detector."""
    find(given(args, Whole).get("detector", Whole().detector))
    place = Path(args.mask_out)
    if count > 1 or place.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif place.suffix.lower() != ".png":
        raise RecipeError(f"--mask-out {place}: a mask is kept without loss, as .png")


def _look(source: Path, args: argparse.Namespace) -> Any:
    from PIL import Image

    from restauro import api
    from restauro.cli._boxes import boxed
    from restauro.evaluation.sheets import save_sheet
    from restauro.photo.read import read

    photo, wishes, mask = read(source), given(args, Whole), None
    how = msgspec.structs.replace(Whole(), **wishes)
    if args.mask_out or wishes or at_hand(how.detector):
        mask = api.scratches(photo, how=how)
    found = api.inspect(photo, mask=mask)
    if args.draw_boxes:
        save_sheet(boxed(photo.pixels, found.faces), args.draw_boxes)
    if args.mask_out and mask is not None:
        place = Path(args.mask_out)
        save_sheet(Image.fromarray(mask > 0).convert("L"), place / f"{source.stem}.png" if place.is_dir() else place)
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
        ("  scratches", "not looked for", f"the weights {Whole().detector!r} are not here")
        if found.scratched is None
        else (
            "  scratches",
            _grade(found.scratched, SCRATCHED, "none to see", "a few", "many", "very many"),
            f"{found.scratched:.1%} of the picture",
        ),
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
