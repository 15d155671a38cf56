"""Damage two portraits in four ways, restore them, and show it on one sheet; or try a photograph of yours."""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from restauro.cli._command import Command, Parser
from restauro.cli._photo import add_output_options
from restauro.cli._print import print_json
from restauro.cli._progress import Bar
from restauro.core.errors import InputError, OutputError
from restauro.core.events import Event

if TYPE_CHECKING:
    from PIL import Image

    from restauro.api import Result

SIDE = 400
"""Pixels: the demo's portraits are cropped to head and shoulders and reduced to this."""
CELL = 224
GROWN = 5
"""Pixels: the brush over the old photograph's scratches."""


class Portrait(NamedTuple):
    """A public-domain portrait inside a package. part: left, top, side in its pixels."""

    name: str
    package: str
    file: str
    part: tuple[int, int, int]


PORTRAITS = (
    Portrait("Eileen Collins, 1999", "skimage", "data/astronaut.png", (25, 0, 400)),
    Portrait("Grace Hopper, 1984", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", (0, 20, 512)),
)


OLD = "grey:sepia=0.5+fade:low=0.6+scratches:width=8,most=5,dust=12+blur:high=5+downsample:high=4+noise:high=12+jpeg:low=60"
"""A photograph of the thirties that was kept in a drawer."""


class Way(NamedTuple):
    """A way to damage a portrait and the task that undoes it. seeds: one a portrait, for damage on the face but not total."""

    name: str
    chain: str
    task: str
    seeds: tuple[int, int]


WAYS = (
    Way("blurred, noisy, compressed", "codeformer", "restore", (11, 36)),
    Way("colour lost", "grey", "colorize", (0, 0)),
    Way("torn", "holes:width=50,kind=strokes", "inpaint", (1, 2)),
    Way("old photograph", OLD, "old-photo", (8, 0)),
)


class Demo(Command):
    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} [PHOTO] [-o SHEET]"
        parser.add_argument("photo", nargs="?", metavar="PHOTO", help="show what the tasks make of this photograph instead")
        group = parser.add_argument_group("files")
        group.add_argument("-o", "--output", metavar="SHEET", help="default demo/restauro-demo.png; PHOTO: demo/NAME-demo.png")
        add_output_options(parser.options)

    def run(self, args: argparse.Namespace) -> int:
        made = f"{Path(args.photo).stem}-demo.png" if args.photo else "restauro-demo.png"
        out = Path(args.output or Path("demo") / made)
        files = [] if args.photo else [find_portrait(portrait) for portrait in PORTRAITS]
        from restauro.evaluation.sheets import save_sheet

        _make(out.parent)
        began = time.monotonic()
        with Bar(9 if args.photo else 8, show=not args.quiet) as bar:
            sheet = _own(args.photo, args.device, bar) if args.photo else _portraits(files, args.device, bar)
        save_sheet(sheet, out)
        seconds = round(time.monotonic() - began, 1)
        if args.json:
            print_json({"sheet": out, "seconds": seconds})
        elif not args.quiet:
            print(f"saved {out} ({seconds:g} s)")
        return 0


def find_portrait(portrait: Portrait) -> Path:
    """The portrait's file, without importing its package."""
    spec = importlib.util.find_spec(portrait.package)
    folder = Path(next(iter(spec.submodule_search_locations or [""]))) if spec else Path()
    if spec is None or not (folder / portrait.file).is_file():
        raise InputError("the demo's portraits come inside two packages: pip install 'restauro[demo]'", "missing")
    return folder / portrait.file


def _portraits(files: list[Path], device: str, bar: Bar) -> Image.Image:
    """A row for each way to damage them; both portraits damaged, restored, and as they were."""
    from PIL import ImageFilter

    from restauro import api
    from restauro.evaluation.sheets import contact_sheet

    truths = [_prepared(file, portrait.part) for file, portrait in zip(files, PORTRAITS, strict=True)]
    windows = [_window(api.inspect(truth).faces, truth.size) for truth in truths]
    rows, captions = [], []
    for way in WAYS:
        row: list[Image.Image] = []
        words: list[str] = []
        for portrait, truth, window, seed in zip(PORTRAITS, truths, windows, way.seeds, strict=True):
            bar.begin(f"{portrait.name}: {way.name}")
            damaged, mask, _ = api.degrade(truth, way.chain, seed=seed)
            if mask is not None and way.task == "old-photo":  # as a person paints it: the scratches were blurred afterwards
                mask = mask.filter(ImageFilter.MaxFilter(GROWN))
            result, seconds = _timed(_task(way.task, damaged, mask, device, bar))
            row += [picture.crop(window) for picture in (damaged, result.image, truth)]
            words += ["", f"{seconds:.1f} s", ""]
            bar(Event("done", 1, 1))
        rows.append(row)
        captions.append(words)
    titles = ["damaged", "restored", "original"] * len(truths)
    heading = f"restauro demo: {' and '.join(portrait.name for portrait in PORTRAITS)}"
    return contact_sheet(rows, titles, [way.name for way in WAYS], captions, cell=CELL, heading=heading)


def _task(task: str, damaged: Image.Image, mask: Image.Image | None, device: str, bar: Bar) -> Callable[[], Result]:
    """The restoration, whatever the damage is called; good faces are not left out."""
    from restauro import api

    more: dict[str, Any] = {"force": True} if task in ("restore", "old-photo") else {}
    recipe = api.make_recipe(task, **more)
    return partial(api.run, damaged, recipe, mask=mask, device=device, listener=bar)


def _own(photo: str, device: str, bar: Bar) -> Image.Image:
    """A row a task: the largest face as it is, and at three fidelities."""
    from restauro import api
    from restauro.evaluation.sheets import contact_sheet
    from restauro.photo.read import read

    source = read(photo)
    faces = api.inspect(source).faces
    if not faces:
        raise InputError(f"{source.name}: no face was found in it; the demo shows faces")
    window = _window(faces, source.size)
    before = api.Result(source.pixels, source.pixels[..., 0] > 2, None, None, source).image  # type: ignore[arg-type]
    rows, captions = [], []
    for task in ("restore", "old-photo", "colorize"):
        row, words = [before.crop(window)], ["as it is"]
        for fidelity in (0.0, 0.5, 1.0):
            bar.begin(f"{source.name}: {task}")
            more: dict[str, Any] = {} if task == "colorize" else {"force": True}
            recipe = api.make_recipe(task, fidelity=fidelity, **more)
            result, seconds = _timed(partial(api.run, source, recipe, device=device, listener=bar))
            row.append(result.image.crop(window))
            words.append(f"-w {fidelity:g}, {seconds:.1f} s")
            bar(Event("done", 1, 1))
        rows.append(row)
        captions.append(words)
    names = ["restore", "old-photo", "colorize"]
    return contact_sheet(rows, ["", "prettiest", "in between", "most faithful"], names, captions, cell=CELL, heading=source.name)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    began = time.monotonic()
    return work(), time.monotonic() - began


def _prepared(file: Path, part: tuple[int, int, int]) -> Image.Image:
    """Head and shoulders, SIDE x SIDE."""
    from PIL import Image

    left, top, side = part
    with Image.open(file) as picture:
        head = picture.convert("RGB").crop((left, top, left + side, top + side))
    return head.resize((SIDE, SIDE), Image.Resampling.LANCZOS) if side != SIDE else head


def _window(faces: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around the largest face, as far as the picture goes."""
    x, y, width, height = max((face.box for face in faces), key=lambda box: box[2] * box[3], default=(0, 0, *size))
    side = round(min(1.75 * max(width, height), *size))
    left = round(min(max(x + width / 2 - side / 2, 0), size[0] - side))
    top = round(min(max(y + height / 2 - side / 2, 0), size[1] - side))
    return left, top, left + side, top + side


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from None
