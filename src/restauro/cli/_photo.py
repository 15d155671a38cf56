"""The commands that restore photographs: what they share, which is nearly everything."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from restauro.cli._command import Command, Parser
from restauro.cli._files import Job, check_free, jobs, photographs
from restauro.cli._forecast import forecast
from restauro.cli._knobs import add_knobs, given, whole
from restauro.cli._print import note, print_json
from restauro.cli._progress import Bar
from restauro.cli._save import save
from restauro.cli._tally import Tally
from restauro.cli._variants import MOST, Compared, Places, in_words, write_variants
from restauro.cli._words import faces_in_words, reason_for_nothing
from restauro.core.errors import InputError, RecipeError
from restauro.core.knobs import parse_settings
from restauro.core.recipe import Latent, Published, Recipe, Release, parse_want
from restauro.systems._tasks import TASKS
from restauro.systems.pgdiff.recipe import PUBLISHED
from restauro.weights.store import find

INNER = frozenset(
    "task system faithful wants published whole latent released version"
    " sampler sampler_knobs mask_sha256 reference_sha256".split()
)
"""Fields of a recipe that are no options, or that have one of their own kind."""
OF_ONE = frozenset("colorizer dropout".split())
"""Fields that are options of one command, which names them as its own."""
SHORT = {"fidelity": "-w", "upscale": "-s"}


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One photograph's line of --json."""

    input: str
    output: str
    changed: bool
    seconds: float
    report: Any
    recipe: Recipe
    notices: tuple[str, ...] = ()
    variants: Compared | None = None


class PhotoCommand(Command):
    """Photographs in, photographs out, by the recipe of a task."""

    task: ClassVar[str]
    made: ClassVar[str]
    """What a result's name ends in."""
    mask: ClassVar[Literal["", "may", "must"]] = "may"
    reference: ClassVar[bool] = True
    skip: ClassVar[frozenset[str]] = frozenset()
    """Knobs that do nothing in this task."""
    own: ClassVar[frozenset[str]] = frozenset()
    """Knobs that do something in this task only."""
    systems: ClassVar[tuple[str, ...]] = ()
    """Systems of which one does it; the first by default."""

    def arguments(self, parser: Parser) -> None:
        parser.usage = f"{parser.prog} PHOTO... [-o OUT] [options]"
        parser.add_argument("photos", nargs="*", metavar="PHOTO", help="photographs, or folders of photographs")
        self._files(parser.add_argument_group("files"))
        self._knobs(parser.add_argument_group("how"))
        if self.task in PUBLISHED:
            self._published(parser.add_argument_group("as published, instead of ours"))
        if self.systems:
            self._by(parser)
        self._more(parser)
        add_output_options(parser.options, memory=True)

    def _more(self, parser: Parser) -> None:
        """Options that only one of the commands has."""

    def _files(self, group: argparse._ArgumentGroup) -> None:
        group.add_argument("-i", "--input", action="extend", nargs="+", metavar="PHOTO", help="the same as PHOTO")
        where = f"a file, or a folder for several (default: NAME{self.made}.EXT beside each)"
        group.add_argument("-o", "--output", metavar="OUT", help=where)
        named = f"what is added to the names of results (default {self.made}; nothing in another folder)"
        group.add_argument("--suffix", help=named)
        group.add_argument("--ext", metavar="auto|png|jpg|...", help="format of the results (default auto: the photograph's own)")
        group.add_argument("--overwrite", action=argparse.BooleanOptionalAction, help="replace results that are there already")
        group.add_argument(
            "--strip-metadata", action="store_true", help="leave out EXIF, GPS, captions; what was restored stays noted"
        )
        group.add_argument(
            "--quality", type=whole(1, 100), metavar="1..100", help="of JPEG and WebP (default: like the photograph's)"
        )
        group.add_argument("--compare", metavar="FILE", help="write a picture of before and after, too (a folder for several)")
        several = "K results with seeds of their own, OUT-1 to OUT-K, a sheet of them and a map of where they differ"
        group.add_argument("--variants", type=whole(2, MOST), metavar="K", help=several)
        if self.mask:
            where = "white where the picture is missing; a folder of masks by name; or auto, which looks for scratches"
            group.add_argument("--mask", metavar="FILE|auto", help=where)
        if self.reference:
            another = "another photograph of the person; may be given several times"
            group.add_argument("--reference", action="append", metavar="FILE", help=another)

    def _knobs(self, group: argparse._ArgumentGroup) -> None:
        published = PUBLISHED.get(self.task)
        more = {"steps": f"; --faithful: {published.steps}"} if published else {}
        add_knobs(group, Recipe, skip=INNER | self.skip | (OF_ONE - self.own), short=SHORT, defaults=TASKS[self.task], more=more)
        group.add_argument(
            "--want",
            action="append",
            type=parse_want,
            metavar="PROPERTY[:knob=value,...]",
            help="be guided by this property instead of the task's own; may be given several times (`restauro properties list`)",
        )
        walk = f"default {TASKS[self.task].sampler} (`restauro samplers list`)"
        group.add_argument("--sampler", type=parse_settings, metavar="NAME[:knob=value,...]", help=walk)
        group.add_argument("--bg-upsampler", type=_no_upsampler, help=argparse.SUPPRESS)

    def _published(self, group: argparse._ArgumentGroup) -> None:
        group.add_argument("--faithful", action="store_true", help="the algorithm as published, defects included")
        add_knobs(group, Published, defaults=PUBLISHED[self.task].published)

    def _by(self, parser: Parser) -> None:
        group = parser.add_argument_group("with diffbir")
        first, *others = self.systems
        which = f"the system that does it (default {first})"
        group.add_argument("--with", dest="by", choices=[first, *others], help=which)
        add_knobs(group, Latent)
        if self.task == "restore":
            add_knobs(parser.add_argument_group("with diffbir, as released (--faithful)"), Release)

    def run(self, args: argparse.Namespace) -> int:
        words = [*args.photos, *(args.input or [])]
        if not words:
            raise RecipeError(f"name at least one photograph: restauro {self.task} PHOTO...")
        if self.mask == "must" and not args.mask:
            raise RecipeError("inpaint needs --mask FILE, white where the picture is missing")
        if self.reference and args.force_reference and not args.reference:
            raise RecipeError("--force-reference belongs to --reference FILE")
        if args.variants and args.compare:
            raise RecipeError("--compare shows one result; --variants writes a sheet of its own, OUT-variants.png")
        settings = self._settings(args)
        sources, others = photographs(words, args.suffix or self.made)
        ending = "" if (args.ext or "auto") == "auto" else args.ext.lower().lstrip(".")
        planned = jobs(words, sources, args.output, args.suffix, ending, self.made)
        if others and not args.quiet:
            note(f"{others} files that are no pictures were passed over")
        return self._restore_all(args, settings, planned)

    def _settings(self, args: argparse.Namespace) -> dict[str, Any]:
        """What `api.make_recipe` is told; checked without loading torch."""
        settings = given(args, Recipe) | given(args, Published) | {"want": tuple(args.want or ())}
        if self.systems:
            settings |= given(args, Latent) | given(args, Release) | ({"by": [args.by]} if args.by else {})
        if getattr(args, "faithful", False):
            settings["faithful"] = True
        if args.sampler:
            settings["sampler"], knobs = args.sampler
            settings |= {"sampler_knobs": knobs} if knobs else {}
            Recipe(sampler=settings["sampler"])
        return settings

    def _restore_all(self, args: argparse.Namespace, settings: dict[str, Any], planned: list[Job]) -> int:
        from restauro import api
        from restauro.core.device import choose_device
        from restauro.photo.read import read

        references = args.reference or () if self.reference else ()
        recipe = api.make_recipe("reference" if self.task == "restore" and references else self.task, **settings)
        choose_device(args.device)
        beside = (recipe.latent.autoencoder, recipe.latent.control) if recipe.latent else ()
        for name in filter(None, (recipe.prior, recipe.restorer, *beside)):  # once, and not for every photograph
            find(name)
        args.reference = [read(one) for one in references]
        tally, done, told = Tally(), [], set[str]()
        with Bar(len(planned), show=not args.quiet) as bar:
            for job in planned:
                with tally.attempt(str(job.source)):
                    bar.begin(job.source.name)
                    one = self._restore(args, recipe, job, bar, len(planned) > 1, told)
                    done.append(one)
                    if not args.json and not args.quiet:
                        _tell(one, told)
        if args.json:
            print_json({"done": done, "failed": tally.failed})
        return tally.exit_code

    def _restore(self, args: argparse.Namespace, recipe: Recipe, job: Job, bar: Bar, many: bool, told: set[str]) -> Done:
        from restauro import api
        from restauro.evaluation.sheets import save_sheet
        from restauro.photo.read import read
        from restauro.photo.write import container

        began = time.monotonic()
        self._check_places(args, job)
        photo = read(job.source)
        container(job.output, photo)
        if not args.quiet and (said := forecast(recipe, photo.pixels, args.device, args.low_memory)):
            _note_once(said, told)
        seeds = range(recipe.seed, recipe.seed + (args.variants or 1))
        where = {"device": args.device, "low_memory": args.low_memory, "listener": bar}
        results = api.runs(photo, recipe, seeds, mask=self._mask(args, job.source), reference=args.reference, **where)
        compared = None
        if args.variants:
            result, notices, compared = write_variants(results, job, args.variants, args)
        else:
            result = next(results)
            notices = save(result, job, args)
        if args.compare:
            save_sheet(result.compare(), _beside(args.compare, job.source, many))
        return Done(
            input=str(job.source),
            output=compared.files[0] if compared else str(job.output),
            changed=result.changed,
            seconds=round(time.monotonic() - began, 2),
            report=result.report,
            recipe=result.recipe,
            notices=(*photo.notices, *notices),
            variants=compared,
        )

    def _check_places(self, args: argparse.Namespace, job: Job) -> None:
        if args.variants:
            Places.beside(job.output, args.variants).check(bool(args.overwrite))
        else:
            check_free(job.output, bool(args.overwrite))

    def _mask(self, args: argparse.Namespace, source: Path) -> Path | str | None:
        """The mask file; of a folder of masks, the one named like the photograph."""
        if not self.mask or not args.mask:
            return None
        if args.mask in ("auto", "none"):
            return str(args.mask)
        place = Path(args.mask)
        if not place.is_dir():
            return place
        found = sorted(one for one in place.iterdir() if one.stem == source.stem)
        if not found:
            raise InputError(f"{source.name}: there is no mask of this name in {place}", "missing")
        return found[0]


def add_output_options(group: argparse._ArgumentGroup, *, device: bool = True, memory: bool = False) -> None:
    """What every working command has."""
    if device:
        kinds = "auto|cpu|cuda[:N]|mps|xpu"
        group.add_argument("--device", default="auto", metavar=kinds, help="where to compute (default auto)")
    if memory:
        one = "keep one network in memory at a time, read anew whenever it is asked: slower, the result is the same"
        group.add_argument("--low-memory", action="store_true", help=one)
    group.add_argument("--json", action="store_true", help="one JSON document on stdout instead of words")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def _tell(done: Done, told: set[str]) -> None:
    """One line on stdout; what else should be known, once, on stderr."""
    report = done.report
    if done.changed:
        enlarged = f"enlarged {done.recipe.upscale}x" if report.task == "upscale" else ""
        what = enlarged or faces_in_words(report.faces) or f"{report.changed:.0%} of the picture changed"
        if (done.recipe.whole or done.recipe.colorizer) and report.faces:
            what = f"the whole photograph, {what}"
        saved = in_words(done.variants) if done.variants else f"saved {done.output}"
        print(f"{done.input}: {what}; {saved} ({done.seconds:.1f} s)")
    else:
        print(f"{done.input}: nothing to do: {reason_for_nothing(report)}; copied to {done.output}")
    sys.stdout.flush()
    for text in (*done.notices, *(report.notices if done.changed else ())):
        _note_once(text, told)


def _note_once(text: str, told: set[str]) -> None:
    if text not in told:
        told.add(text)
        note(text)


def _beside(wish: str, source: Path, many: bool) -> Path:
    if not many and not Path(wish).is_dir():
        return Path(wish)
    Path(wish).mkdir(parents=True, exist_ok=True)
    return Path(wish) / f"{source.stem}-compare.png"


def _no_upsampler(text: str) -> None:
    if text.lower() != "none":
        raise argparse.ArgumentTypeError("there is no upsampler for the background; only `none` is understood")
