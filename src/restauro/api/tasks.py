"""The tasks: a photograph and a recipe in, a `Result` out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from restauro.api.latent import LATENT, by_diffbir, not_by_diffbir
from restauro.api.result import Result
from restauro.api.whole import FACES, faces_only, with_whole
from restauro.core.device import choose_device
from restauro.core.errors import InputError, RecipeError
from restauro.core.events import Listener, silent
from restauro.core.knobs import build, suggest
from restauro.core.recipe import Latent, Published, Recipe, Release, Want, Whole, parse_want, visits
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.photo.recall import read_fact, read_recipe
from restauro.systems._report import Outcome
from restauro.systems._tasks import TASKS, way
from restauro.systems.oldphotos.scratches import as_mask, find_scratches
from restauro.systems.pgdiff.palette import explicit
from restauro.systems.pgdiff.recipe import baseline
from restauro.systems.pgdiff.references import looks_at_reference
from restauro.weights.importing import named
from restauro.weights.lending import Desk
from restauro.weights.store import available, find, lending

WEIGHTS = ("prior", "restorer", "upscaler", "colorizer")
"""The fields of a recipe that name weights."""
BY_REFERENCE = next(want for want in TASKS["reference"].wants if looks_at_reference(want))
"""How a reference acts in a recipe that does not look at it by itself."""


def make_recipe(
    task: str, *, faithful: bool = False, want: Sequence[str | Want] = (), by: Sequence[str] | None = None, **settings: Any
) -> Recipe:
    """The recipe of a task with changes: any field of `Recipe` by name, and properties to be guided by instead of its own.

    prior and restorer may also be weights files, which are then imported, once, under their own name.
    want: `Want`s or strings like "lightness:weight=0.5"; the palette of "colour-statistics:palette=FILE or FOLDER" becomes
    numbers. With faithful only, the fields of `Published` by name: method ("pgdiff", "gdp", "ddnm"), scale (the published
    s), repeats, window, respacing (which sets the steps). by: which system does it, by default "pgdiff". "diffbir": then the
    fields of `Latent` by name, with faithful those of `Release`. Of old-photo, the fields of `Whole` by name, and by:
    "old-photos" (the whole photograph), "pgdiff" (its faces); default: both, if the weights for the whole are at hand.
    """
    if task not in TASKS:
        raise RecipeError(f"unknown task {task!r}{suggest(task, TASKS)}")
    settings |= {part: named(str(settings[part])) for part in WEIGHTS if part in settings}
    theirs = {name: settings.pop(name) for name in Published.__struct_fields__ if name in settings}
    theirs = {name: value for name, value in theirs.items() if value is not None}
    latent, released = (
        {name: settings.pop(name) for name in one.__struct_fields__ if name in settings} for one in (Latent, Release)
    )
    wishes = {name: settings.pop(name) for name in Whole.__struct_fields__ if name in settings}
    if faithful and "fidelity" in settings:
        raise RecipeError("the published algorithm has no fidelity; its strength is `scale` (--scale)")
    if theirs and not faithful:
        raise RecipeError(f"{next(iter(theirs))} is the published algorithms' own; use it with faithful, or fidelity without")
    if tuple(by or ()) == (LATENT,):
        if theirs:
            raise RecipeError(
                f"{next(iter(theirs))} is of the algorithms that {FACES} has; {LATENT}'s own are those of `Release`"
            )
        recipe, by = by_diffbir(task, faithful, latent, released, {*settings, *(["wants"] if want else [])}), None
    else:
        not_by_diffbir(latent | released)
        recipe = baseline(theirs.get("method", "pgdiff"), task) if faithful else TASKS[task]
    if want:
        settings["wants"] = tuple(explicit(parse_want(one) if isinstance(one, str) else one) for one in want)
    if theirs:
        settings["published"] = msgspec.to_builtins(recipe.published) | theirs
    if theirs.get("respacing"):
        settings.setdefault("steps", visits(theirs["respacing"]))
    plain: Mapping[str, Any] = msgspec.to_builtins(recipe) | msgspec.to_builtins(settings)
    made: Recipe = build(Recipe, plain, name="recipe")
    return with_whole(made, by, wishes, settings)


def run(
    source: Source | Photo,
    recipe: Recipe,
    *,
    mask: Any = None,
    reference: Sequence[Source | Photo] = (),
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
) -> Result:
    """Carry out a recipe on one photograph.

    mask: any picture of the same size, white where it is missing; "auto": scratches are looked for. reference: other
    photographs of the people in it; one that does not look like the person is not used, which the report says
    (`force_reference` uses it). low_memory: networks are read when they are asked and forgotten when another one is, so
    that one of them lies on the device at a time: slower, and the same to the bit.
    """
    more: dict[str, Any] = {"mask": mask, "reference": reference, "device": device, "low_memory": low_memory}
    return next(runs(source, recipe, [recipe.seed], **more, listener=listener))


def runs(
    source: Source | Photo,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    mask: Any = None,
    reference: Sequence[Source | Photo] = (),
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
) -> Iterator[Result]:
    """The same with each of the seeds, one result after the other; each equals what `run` makes of its recipe."""
    photo = source if isinstance(source, Photo) else read(source)
    where = choose_device(device)
    recipe, hidden = _hidden(photo, recipe, mask, where)
    references = [one if isinstance(one, Photo) else read(one) for one in reference]
    recipe = _filled_in(recipe, hidden, references)
    outcomes = way(recipe)(photo.pixels, recipe, seeds, where, mask=hidden, reference=references, listener=listener)
    for seed, outcome in zip(seeds, _one_network_at_a_time(outcomes) if low_memory else outcomes, strict=True):
        own = msgspec.structs.replace(recipe, seed=seed)
        report = msgspec.structs.replace(outcome.report, notices=(*faces_only(recipe), *outcome.report.notices))
        yield Result(outcome.pixels, outcome.touched, report, own, photo)


def _one_network_at_a_time(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """While an outcome is made, not while somebody looks at it."""
    desk = Desk()
    while True:
        with lending(desk):
            found = next(outcomes, None)
        if found is None:
            return
        yield found


def _hidden(photo: Photo, recipe: Recipe, mask: Any, device: torch.device) -> tuple[Recipe, np.ndarray | None]:
    """The mask, if one is given. Old Photos finds scratches by itself, and does not where the mask is "none"."""
    word = mask if isinstance(mask, str) else ""
    whole = recipe.whole or Whole()
    if word == "auto":
        find(whole.detector)
        if recipe.whole is None:
            return recipe, as_mask(find_scratches(photo.pixels, whole.detector, device), whole.sensitivity, whole.grow)
    elif word == "none" and recipe.whole:
        recipe = msgspec.structs.replace(recipe, whole=msgspec.structs.replace(whole, detector=""))
    elif mask is not None and word != "none":
        return recipe, read_mask(mask)
    return recipe, None


def _filled_in(recipe: Recipe, mask: np.ndarray | None, references: Sequence[Photo]) -> Recipe:
    """The recipe with what only the run knows: which mask, which references, that a reference acts at all, and whether there is
    a colorizer."""
    here = {passport.name for passport in available()}
    if recipe.aligned or (recipe.colorizer == TASKS["colorize"].colorizer and recipe.colorizer not in here):
        recipe = msgspec.structs.replace(recipe, colorizer="")  # as before there was one: its faces alone
    if references and not any(looks_at_reference(want) for want in recipe.wants):
        if recipe.faithful:
            raise RecipeError("a reference acts through a property: add --want identity")
        recipe = msgspec.structs.replace(recipe, wants=(*recipe.wants, BY_REFERENCE))
    return msgspec.structs.replace(
        recipe,
        mask_sha256="" if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
        reference_sha256=tuple(one.sha256 for one in references),
    )


def restore(
    source: Source | Photo,
    *,
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
    mask: Any = None,
    reference: Sequence[Source | Photo] = (),
    **settings: Any,
) -> Result:
    """Sharpen and clean the faces of a photograph; everything else stays as it is.

    reference: other photographs of the same people, by which it becomes more like them (the recipe "reference").
    low_memory: one network in memory at a time, as in `run`; so everywhere below.
    settings: fields of `Recipe` by name (fidelity, steps, seed, upscale, ...), `want`, `faithful`, `method`, `scale`.
    Raises InputError, RecipeError or WeightsError, each in one line.

    >>> restauro.restore("grandma.jpg").save("out.jpg")  # doctest: +SKIP
    """
    recipe = make_recipe("reference" if reference else "restore", **settings)
    return run(source, recipe, device=device, low_memory=low_memory, listener=listener, mask=mask, reference=reference)


def colorize(
    source: Source | Photo, *, device: str = "auto", low_memory: bool = False, listener: Listener = silent, **settings: Any
) -> Result:
    """Give a grey photograph colour; its lightness stays exactly as it is. Without the weights `colorizer`: its faces alone."""
    return run(source, make_recipe("colorize", **settings), device=device, low_memory=low_memory, listener=listener)


def inpaint(
    source: Source | Photo,
    mask: Any,
    *,
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
    **settings: Any,
) -> Result:
    """Fill what the mask marks (white = missing); all other pixels stay exactly as they are."""
    return run(source, make_recipe("inpaint", **settings), device=device, low_memory=low_memory, listener=listener, mask=mask)


def old_photo(
    source: Source | Photo,
    *,
    mask: Any = None,
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
    **settings: Any,
) -> Result:
    """Restore an old photograph as a whole, scratches and all (Old Photos), and its faces (PGDiff).

    by: ("old-photos",) or ("pgdiff",) for one of them alone. mask: where it is scratched; "auto" (found, as by default) or
    "none". settings: fields of `Whole` (strength, only_scratches, sensitivity, ...) and of `Recipe` (fidelity, steps, ...).
    """
    return run(source, make_recipe("old-photo", **settings), device=device, low_memory=low_memory, listener=listener, mask=mask)


def enhance(
    source: Source | Photo, *, device: str = "auto", low_memory: bool = False, listener: Listener = silent, **settings: Any
) -> Result:
    """Make faces crisper that are fairly good already; the report says how much detail was invented."""
    return run(source, make_recipe("enhance", **settings), device=device, low_memory=low_memory, listener=listener)


def upscale(
    source: Source | Photo,
    factor: int = 2,
    *,
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
    **settings: Any,
) -> Result:
    """Enlarge a photograph of any size two or four times; reduced again, the result is the photograph."""
    return run(
        source, make_recipe("upscale", upscale=factor, **settings), device=device, low_memory=low_memory, listener=listener
    )


def translate(
    source: Source | Photo,
    model: str | Path,
    *,
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
    **settings: Any,
) -> Result:
    """Put a photograph of any size through a generator, as pix2pix trains them: a name of weights, or a file."""
    return run(
        source, make_recipe("translate", restorer=str(model), **settings), device=device, low_memory=low_memory, listener=listener
    )


def recipe_of(path: str | Path) -> Recipe:
    """The recipe that made a file of ours."""
    text = read_recipe(path)
    if text is None:
        raise InputError(f"{path}: holds no recipe; only pictures written by restauro do")
    return Recipe.from_json(text)


def replay(
    path: str | Path,
    source: str | Path | None = None,
    *,
    mask: Any = None,
    reference: Sequence[Source] = (),
    device: str = "auto",
    low_memory: bool = False,
    listener: Listener = silent,
) -> Result:
    """Make a result of ours again from its recipe and its source; the bytes are the same on the same machine.

    source: where the original photograph is; default: the recorded name beside the result. mask, reference: as they were
    given then, references in any order. Another picture than the recorded one is an InputError.
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
    references = _same_references(path, recipe, reference)
    more: dict[str, Any] = {"mask": mask, "reference": references, "device": device, "low_memory": low_memory}
    result = run(photo, recipe, **more, listener=listener)
    if result.recipe.mask_sha256 != recipe.mask_sha256:
        raise InputError(f"this is not the mask that {path} was made with")
    return Result(result.pixels, result.touched, result.report, recipe, photo, date=read_fact(path, "date") or "")


def _same_references(path: str | Path, recipe: Recipe, given: Sequence[Source]) -> list[Photo]:
    """The references in the order of the recipe."""
    known = {photo.sha256: photo for photo in map(read, given)}
    missing = sum(digest not in known for digest in recipe.reference_sha256)
    if missing:
        one = "a reference photograph" if missing == 1 else f"{missing} reference photographs"
        raise InputError(f"{path} was made with {one} that is not here: name it with --reference")
    if len(known) > len(set(recipe.reference_sha256)):
        raise InputError(f"{path} was not made with all of these reference photographs")
    return [known[digest] for digest in recipe.reference_sha256]


def read_mask(source: Any) -> np.ndarray:
    """(H, W) float32 in [0, 1], 1 = missing, from any picture: one channel, whatever it was stored in."""
    return read(source).pixels.mean(-1).astype(np.float32)
