"""What Python callers use: paths, bytes, PIL pictures, arrays in; a `Result` out. Nothing is printed or left behind."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image

from restauro import __version__
from restauro.core.device import choose_device
from restauro.core.errors import InputError, RecipeError
from restauro.core.events import Event, Listener, silent
from restauro.core.knobs import build, suggest
from restauro.core.noise import PictureNoise
from restauro.core.recipe import Published, Recipe, Want, parse_want, visits
from restauro.core.registry import SAMPLERS
from restauro.degradations.chains import degrade as apply_chain
from restauro.diffusion.contract import Sampler, Unguided
from restauro.evaluation.sheets import before_after
from restauro.photo.damage import Damage, measure, needs_restoration
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import Face, detect
from restauro.photo.metadata import provenance, read_fact, read_recipe
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.photo.write import write
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.objective import PARTS
from restauro.systems.pgdiff.photograph import OURS, FaceReport, Frame, Report, restore_photograph, to_array, to_tensor
from restauro.systems.pgdiff.recipe import TASKS, baseline
from restauro.training.data import Pictures
from restauro.training.data import load as load_pictures
from restauro.training.loop import Progress, Run
from restauro.training.loop import train as train_loop
from restauro.training.objective import Objective
from restauro.training.ship import ship as ship_run
from restauro.weights.passports import Passport
from restauro.weights.store import find

__all__ = [
    "FaceReport",
    "Inspection",
    "Recipe",
    "Report",
    "Result",
    "colorize",
    "degrade",
    "inpaint",
    "inspect",
    "make_recipe",
    "old_photo",
    "replay",
    "restore",
    "run",
    "sample",
    "ship",
    "train",
]


USES_REFERENCE = {"identity", "colour-statistics"}


@dataclass(frozen=True, eq=False)
class Result:
    """A restored photograph. pixels: (H, W, 3) float32 sRGB in [0, 1]; touched: (H, W), where it was changed."""

    pixels: np.ndarray
    touched: np.ndarray
    report: Report
    recipe: Recipe
    source: Photo
    date: str = ""

    @property
    def image(self) -> Image.Image:
        """The result as an 8-bit PIL picture."""
        return Image.fromarray(np.rint(self.pixels * 255).clip(0, 255).astype(np.uint8))

    @property
    def changed(self) -> bool:
        return bool(self.touched.any()) or self.pixels.shape != self.source.pixels.shape

    def save(self, path: str | Path, *, metadata: bool = True, quality: int | None = None, overwrite: bool = True) -> list[str]:
        """Write in the source's format, depth and colour space, with its metadata and the recipe; returns notices.

        An unchanged photograph is copied byte for byte. Raises OutputError where it cannot be written.
        """
        if not self.changed:
            return write(path, self.source, metadata=metadata, quality=quality, overwrite=overwrite)
        kind = "compositeWithTrainedAlgorithmicMedia" if self.report.invented else "algorithmicallyEnhanced"
        weights = {name: find(name)[0].sha256 for name in (self.recipe.prior, self.recipe.restorer)}
        said = provenance(
            source=self.source.name,
            sha256=self.source.sha256,
            tool=f"restauro {__version__}",
            date=self.date or datetime.date.today().isoformat(),
            recipe=self.recipe.to_json(),
            kind=kind,  # type: ignore[arg-type]
            more={"weights": msgspec.json.encode(weights).decode(), "changed": f"{self.report.changed:.4f}"},
        )
        touched = self.touched if self.pixels.shape == self.source.pixels.shape else None
        return write(
            path,
            self.source,
            self.pixels,
            touched=touched,
            metadata=metadata,
            quality=quality,
            overwrite=overwrite,
            extra_xmp=said,
        )

    def compare(self) -> Image.Image:
        """Before and after, side by side."""
        return before_after(self.source.pixels, self.pixels)


def make_recipe(task: str, *, faithful: bool = False, want: Sequence[str | Want] = (), **settings: Any) -> Recipe:
    """The recipe of a task with changes: any field of `Recipe` by name, and properties to be guided by instead of its own.

    want: `Want`s or strings like "lightness:weight=0.5". With faithful only, the fields of `Published` by name: method
    ("pgdiff", "gdp", "ddnm"), scale (the published s), repeats, window, respacing (which sets the steps).
    """
    if task not in TASKS:
        raise RecipeError(f"unknown task {task!r}{suggest(task, TASKS)}")
    theirs = {name: settings.pop(name) for name in Published.__struct_fields__ if name in settings}
    theirs = {name: value for name, value in theirs.items() if value is not None}
    if faithful and "fidelity" in settings:
        raise RecipeError("the published algorithm has no fidelity; its strength is `scale` (--scale)")
    if theirs and not faithful:
        raise RecipeError(f"{next(iter(theirs))} is the published algorithms' own; use it with faithful, or fidelity without")
    recipe = baseline(theirs.get("method", "pgdiff"), task) if faithful else TASKS[task]
    if want:
        settings["wants"] = tuple(parse_want(one) if isinstance(one, str) else one for one in want)
    if theirs:
        settings["published"] = msgspec.to_builtins(recipe.published) | theirs
    if theirs.get("respacing"):
        settings.setdefault("steps", visits(theirs["respacing"]))
    plain: Mapping[str, Any] = msgspec.to_builtins(recipe) | msgspec.to_builtins(settings)
    made: Recipe = build(Recipe, plain, name="recipe")
    return made


def run(
    source: Source | Photo,
    recipe: Recipe,
    *,
    mask: Any = None,
    reference: Sequence[Source] = (),
    device: str = "auto",
    listener: Listener = silent,
) -> Result:
    """Carry out a recipe on one photograph. mask: any picture of the same size, white where it is missing."""
    photo = source if isinstance(source, Photo) else read(source)
    hidden = None if mask is None else read_mask(mask)
    recipe = msgspec.structs.replace(recipe, mask_sha256="" if hidden is None else hashlib.sha256(hidden.tobytes()).hexdigest())
    if reference and not any(want.property in USES_REFERENCE for want in recipe.wants):
        if recipe.faithful:
            raise RecipeError("a reference acts through a property: add --want identity")
        recipe = msgspec.structs.replace(recipe, wants=(*recipe.wants, Want(property="identity", weight=0.2)))
    references = [_reference(one, Frame.of(recipe.prior)) for one in reference]
    outcome = restore_photograph(
        photo.pixels, recipe, choose_device(device), mask=hidden, reference=references, listener=listener
    )
    return Result(outcome.pixels, outcome.touched, outcome.report, recipe, photo)


def restore(
    source: Source | Photo,
    *,
    device: str = "auto",
    listener: Listener = silent,
    mask: Any = None,
    reference: Sequence[Source] = (),
    **settings: Any,
) -> Result:
    """Sharpen and clean the faces of a photograph; everything else stays as it is.

    settings: fields of `Recipe` by name (fidelity, steps, seed, upscale, ...), `want`, `faithful`, `method`, `scale`.
    Raises InputError, RecipeError or WeightsError, each in one line.

    >>> restauro.restore("grandma.jpg").save("out.jpg")  # doctest: +SKIP
    """
    recipe = make_recipe("restore", **settings)
    return run(source, recipe, device=device, listener=listener, mask=mask, reference=reference)


def colorize(source: Source | Photo, *, device: str = "auto", listener: Listener = silent, **settings: Any) -> Result:
    """Give the faces of a grey photograph colour; their lightness stays exactly as it is."""
    return run(source, make_recipe("colorize", **settings), device=device, listener=listener)


def inpaint(source: Source | Photo, mask: Any, *, device: str = "auto", listener: Listener = silent, **settings: Any) -> Result:
    """Fill what the mask marks (white = missing); all other pixels stay exactly as they are."""
    return run(source, make_recipe("inpaint", **settings), device=device, listener=listener, mask=mask)


def old_photo(
    source: Source | Photo, *, mask: Any = None, device: str = "auto", listener: Listener = silent, **settings: Any
) -> Result:
    """Restore the faces of an old photograph, with or without a mask of its scratches."""
    return run(source, make_recipe("old-photo", **settings), device=device, listener=listener, mask=mask)


def sample(
    count: int = 16,
    *,
    steps: int = 40,
    seed: int = 0,
    prior: str = "face-prior",
    sampler: str = "dpmpp-2m",
    device: str = "auto",
    listener: Listener = silent,
) -> list[Image.Image]:
    """Pictures drawn from a prior alone."""
    where = choose_device(device)
    denoiser = engine.prior(prior, where)
    schedule = denoiser.schedule.respace(f"karras:{steps}")
    noise = PictureNoise(seed, range(count), denoiser.shape, where)
    walk: Sampler = build(SAMPLERS.get(sampler), {})
    x = noise(0)
    for step in walk.steps(denoiser.on(schedule), x, Unguided(), noise):
        x = step.x
        listener(Event("steps", step.index + 1, step.total))
    return [Image.fromarray(np.rint(to_array(one) * 255).astype(np.uint8)) for one in x]


def degrade(
    source: Source | Photo, chain: str = "codeformer", *, seed: int = 0
) -> tuple[Image.Image, Image.Image | None, list[Any]]:
    """A picture damaged by a named chain, the mask of what was destroyed (white), and what was drawn."""
    photo = source if isinstance(source, Photo) else read(source)
    damaged = apply_chain(to_tensor([photo.pixels], torch.device("cpu")), chain, np.random.default_rng(seed))
    picture = Image.fromarray(np.rint(to_array(damaged.picture[0]) * 255).astype(np.uint8))
    mask = None if damaged.mask is None else Image.fromarray((damaged.mask[0, 0].numpy() * 255).astype(np.uint8))
    return picture, mask, damaged.params


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a photograph and where its faces are. faces: number, box, eye distance, what it needs and why."""

    name: str
    size: tuple[int, int]
    format: str
    depth: int
    damage: Damage
    faces: tuple[FaceReport, ...]
    notices: tuple[str, ...]


def inspect(source: Source | Photo) -> Inspection:
    """Look at a photograph; nothing is changed."""
    photo = source if isinstance(source, Photo) else read(source)
    faces = tuple(_seen(photo, face) for face in detect(photo.pixels))
    return Inspection(
        name=photo.name,
        size=photo.size,
        format=photo.format,
        depth=photo.depth,
        damage=measure(photo.pixels),
        faces=faces,
        notices=photo.notices,
    )


def recipe_of(path: str | Path) -> Recipe:
    """The recipe that made a file of ours."""
    text = read_recipe(path)
    if text is None:
        raise InputError(f"{path}: holds no recipe; only pictures written by restauro do")
    return Recipe.from_json(text)


def replay(
    path: str | Path, source: str | Path | None = None, *, mask: Any = None, device: str = "auto", listener: Listener = silent
) -> Result:
    """Make a result of ours again from its recipe and its source; the bytes are the same on the same machine.

    source: where the original photograph is; default: the recorded name beside the result. Another picture than the
    recorded one is an InputError.
    """
    recipe = recipe_of(path)
    name, digest = read_fact(path, "source") or "", read_fact(path, "sourceSHA256") or ""
    place = Path(source) if source else Path(path).parent / name
    if not place.exists():
        raise InputError(f"{place}: the source of {path} is not there; name it with --source", "missing")
    photo = read(place)
    if photo.sha256 != digest:
        raise InputError(
            f"{place} is not the picture that {path} was made from (SHA-256 {photo.sha256[:12]}, recorded {digest[:12]})"
        )
    if recipe.mask_sha256 and mask is None:
        raise InputError(f"{path} was made with a mask: name it with --mask")
    result = run(photo, recipe, mask=mask, device=device, listener=listener)
    if result.recipe.mask_sha256 != recipe.mask_sha256:
        raise InputError(f"this is not the mask that {path} was made with")
    return Result(result.pixels, result.touched, result.report, recipe, photo, date=read_fact(path, "date") or "")


def train(
    part: str,
    data: str | Path,
    *,
    out: str | Path,
    held: str | Path | None = None,
    pattern: str = "*.tar",
    size: int = 128,
    resume: bool = False,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Progress]:
    """Train a part of a system in the folder `out`, on a folder of pictures or of WebDataset tars; yields every step.

    part: prior | restorer | identity. held: held-out pictures; default: a twentieth of `data`. objective: knobs of what
    is trained; settings: knobs of `Run` (minutes, steps, batch, rate, ...). `ship` writes the weights afterwards.
    """
    goal, pictures, kept = _training(part, data, held, pattern, size, objective or {})
    yield from train_loop(goal, pictures, kept, build(Run, settings), Path(out), resume=resume)


def ship(
    part: str,
    data: str | Path,
    *,
    out: str | Path,
    folder: str | Path,
    name: str,
    about: str,
    licence: str,
    command: str,
    held: str | Path | None = None,
    pattern: str = "*.tar",
    size: int = 128,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Passport:
    """Write the weights of a run in `out` into `folder`, with their passport."""
    goal, pictures, kept = _training(part, data, held, pattern, size, objective or {})
    return ship_run(
        goal,
        pictures,
        kept,
        build(Run, settings),
        Path(out),
        name=name,
        folder=Path(folder),
        about=about,
        command=command,
        licence=licence,
    )


def _training(
    part: str, data: str | Path, held: str | Path | None, pattern: str, size: int, settings: Mapping[str, Any]
) -> tuple[Objective, Pictures, Pictures]:
    if part not in PARTS:
        raise RecipeError(f"there is no part {part!r} to train{suggest(part, PARTS)}")
    pictures = load_pictures(data, size, pattern=pattern)
    pictures, kept = pictures.split() if held is None else (pictures, load_pictures(held, size))
    return build(PARTS[part], settings, name=part), pictures, kept


def read_mask(source: Any) -> np.ndarray:
    """(H, W) float32 in [0, 1], 1 = missing, from any picture: one channel, whatever it was stored in."""
    return read(source).pixels.mean(-1).astype(np.float32)


def _seen(photo: Photo, face: Face) -> FaceReport:
    picture, _ = crop(photo.pixels, face.points, 128, OURS)
    needed, why = needs_restoration(picture, face.eye_distance)
    return FaceReport(
        number=face.number,
        box=tuple(round(float(v), 1) for v in face.box),  # type: ignore[arg-type]
        eye_distance=round(face.eye_distance, 1),
        verdict="unclear" if face.doubt else "restored" if needed else "good",
        why=face.doubt or why,
    )


def _reference(source: Source, frame: Frame) -> np.ndarray:
    """The largest face of a reference photograph, aligned."""
    photo = read(source)
    faces = detect(photo.pixels)
    if not faces:
        raise InputError(f"{photo.name}: no face was found in this reference photograph")
    return crop(photo.pixels, max(faces, key=lambda face: face.eye_distance).points, *frame)[0]
