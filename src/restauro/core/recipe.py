"""Recipe: everything that decides a result, as one small value. It is printed, stored in the output and replayed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed, build, parse_settings
from restauro.core.registry import PROPERTIES, SAMPLERS, SYSTEMS

VERSION = 1


class Want(Knobbed, frozen=True, kw_only=True):
    """A property to be guided by, how much, and its knobs."""

    property: Annotated[str, Knob("name of the property")]
    weight: Annotated[float, Knob("1 imposes a property that can be met exactly; others: step in units of the noise", ge=0)] = 1.0
    knobs: Annotated[dict[str, Any], Knob("the property's own knobs")] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        PROPERTIES.check(self.property)


class Published(Knobbed, frozen=True, kw_only=True):
    """Settings of PGDiff as published, or of the two methods its paper compares with; they act with `faithful` only."""

    method: Annotated[Literal["pgdiff", "gdp", "ddnm"], Knob("whose algorithm: PGDiff, GDP (2304.01247), DDNM (2212.00490)")] = (
        "pgdiff"
    )
    scale: Annotated[float, Knob("s, the strength of guidance; ddnm: share of the constraint, 0 to 1", ge=0, le=1e6)] = 0.1
    repeats: Annotated[int, Knob("N, evaluations at one timestep inside the window", ge=1, le=20)] = 1
    window: Annotated[tuple[float, float], Knob("(end, start) of the repeats, exclusive, as shares of the schedule")] = (0.7, 1.0)
    respacing: Annotated[
        str, Knob("timesteps to visit: ddpm100 is a whole stride, 10,15,20 so many in equal sections; default ddpm<steps>")
    ] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.repeats > 1 and self.method != "pgdiff":
            raise RecipeError(f"{self.method} looks once at each timestep: repeats are PGDiff's")
        if self.method == "ddnm" and self.scale > 1:
            raise RecipeError(f"scale={self.scale:g}: in ddnm it is the share of the constraint that is imposed, 0 to 1")


class Whole(Knobbed, frozen=True, kw_only=True):
    """How an old photograph is restored as a whole (Old Photos), before its faces or without them."""

    weights: Annotated[str, Knob("weights that do it: NAME-vae-1, NAME-vae-2 and NAME-mapping")] = "old-photo"
    detector: Annotated[str, Knob("weights that find scratches where no mask is given; empty: none are looked for")] = (
        "scratch-detector"
    )
    sensitivity: Annotated[float, Knob("how readily something is taken for a scratch", ge=0, le=1)] = 0.1
    grow: Annotated[int, Knob("how much wider than what was found holes are taken", ge=0, le=32, unit="px")] = 1
    strength: Annotated[float, Knob("how much of the restoration is laid over the photograph; 0: nothing", ge=0, le=1)] = 1.0
    detail: Annotated[float, Knob("how much comes back of fine detail and grain that the networks do not see", ge=0, le=1)] = 0.5
    local: Annotated[float, Knob("how much stays of what was lightened or darkened in parts only", ge=0, le=1)] = 0.0
    only_scratches: Annotated[bool, Knob("repair scratches and leave everything else exactly as it is")] = False
    faces_by: Annotated[str, Knob("system that restores the faces afterwards; empty: none")] = "pgdiff"


class Latent(Knobbed, frozen=True, kw_only=True):
    """How a prior of latents restores (DiffBIR): the networks beside it, what it is shown and told, and what is made of it."""

    autoencoder: Annotated[str, Knob("weights of the autoencoder between pictures and latents")] = "face-latent-autoencoder"
    control: Annotated[str, Knob("weights that show the prior the first stage's answer (IRControlNet)")] = "face-latent-control"
    control_scale: Annotated[float, Knob("how much of what they say the prior hears; 0: nothing", ge=0, le=2)] = 1.0
    text: Annotated[str, Knob("weights that read prompts, for a prior that knows them")] = "sd21-text"
    prompt: Annotated[str, Knob("what the result shows, in English")] = ""
    unlike: Annotated[str, Knob("what it does not look like: the negative prompt")] = ""
    cfg: Annotated[float, Knob("classifier-free guidance: how far from the one prompt to the other", ge=1, le=20)] = 1.0
    rising: Annotated[bool, Knob('cfg rises from 1 to cfg + 1 on the way (the releases\' "rescaled" one)')] = False
    augment: Annotated[
        int, Knob("timestep of the noise laid over what the prior is shown; more: more is invented", ge=0, le=999)
    ] = 0
    guided: Annotated[
        Literal["latent", "picture"], Knob("where region guidance acts: in latents, or in the decoded picture, which is slower")
    ] = "latent"
    tile_size: Annotated[int, Knob("side of the tiles that larger pictures are worked on in", ge=64, unit="px")] = 512
    residual: Annotated[
        float, Knob("how much comes back of what the autoencoder cannot say of the first stage's answer", ge=0, le=1)
    ] = 1.0
    colour_fix: Annotated[
        Literal["wavelet", "adain", "none"], Knob("broad colours, or mean and deviation, taken from the first stage's answer")
    ] = "wavelet"
    background: Annotated[
        Literal["clean", "keep"], Knob("around faces that a face prior restores: the first stage's answer, or the photograph")
    ] = "clean"


class Release(Knobbed, frozen=True, kw_only=True):
    """Settings of DiffBIR as its releases have them; they act with `faithful` only."""

    release: Annotated[Literal["v1", "v2", "v2.1"], Knob("which of them")] = "v2.1"
    walk: Annotated[str, Knob("sampler in the releases' words: spaced, ddim, dpm++_m2, edm_euler:churn=1, ...")] = "spaced"
    pull: Annotated[float, Knob("g_scale, the strength of restoration guidance; 0: none", ge=0, le=1e6)] = 0.0
    pulls: Annotated[int, Knob("g_repeat, how often it pulls at each step", ge=1, le=20)] = 1
    pull_from: Annotated[int, Knob("g_start, the timestep below which it pulls", ge=0, le=1001)] = 1001
    pull_to: Annotated[int, Knob("g_stop, the timestep above which it pulls", ge=-1, le=1000)] = -1
    space: Annotated[Literal["latent", "rgb"], Knob("g_space, where it measures")] = "latent"
    formula: Annotated[Literal["release", "paper"], Knob("whose guidance: the release's, or as the paper writes it")] = "release"
    regions: Annotated[bool, Knob("g_loss w_mse: less where the picture is full of edges; else all of it alike")] = True
    begin: Annotated[Literal["noise", "cond"], Knob("start_point_type: noise alone, or noise over what the prior is shown")] = (
        "noise"
    )
    tiled: Annotated[bool, Knob("cleaner, autoencoder and prior work in tiles")] = False


def visits(respacing: str) -> int:
    """How many timesteps a respacing like "ddpm100", "10,15,20", "karras:10@0.6" or "sr3-linear:20" visits."""
    return sum(int(count) for count in re.findall(r"\d+", respacing.partition("@")[0].rpartition(":")[2]))


class Recipe(Knobbed, frozen=True, kw_only=True):
    """A validated composition of prior, properties, sampler and restorer."""

    task: Annotated[
        Literal["restore", "reference", "enhance", "colorize", "inpaint", "old-photo", "upscale", "translate"],
        Knob("what is done"),
    ] = "restore"
    system: Annotated[str, Knob("which system does it")] = "pgdiff"
    faithful: Annotated[bool, Knob("the published algorithm, defects included")] = False
    prior: Annotated[str, Knob("weights of the prior: a name, or a file")] = "face-prior"
    told: Annotated[bool, Knob("show the damaged picture to a prior that can look at it")] = True
    restorer: Annotated[str, Knob("weights of the first stage: a name, or a file of a one-pass network")] = "face-restorer"
    sampler: Annotated[str, Knob("how to walk from noise to picture")] = "dpmpp-2m"
    sampler_knobs: Annotated[dict[str, Any], Knob("the sampler's own knobs")] = {}
    steps: Annotated[int, Knob("steps, one call of the prior each (heun: two); 0: the first stage alone", ge=0, le=1000)] = 10
    start: Annotated[
        float,
        Knob("noise laid over the first stage's answer at fidelity 0.5; 0: start from pure noise", ge=0, le=200, unit="sigma"),
    ] = 0.4
    fidelity: Annotated[float, Knob("0 prettiest .. 1 most faithful to the input", ge=0, le=1)] = 0.5
    wants: Annotated[tuple[Want, ...], Knob("properties to be guided by")] = ()
    published: Annotated[Published | None, Knob("settings of the published algorithm")] = None
    whole: Annotated[Whole | None, Knob("how an old photograph is restored as a whole")] = None
    latent: Annotated[Latent | None, Knob("how a prior of latents restores")] = None
    released: Annotated[Release | None, Knob("settings of DiffBIR as released")] = None
    seed: Annotated[int, Knob("seed of all noise", ge=0, le=2**32 - 1)] = 0
    upscale: Annotated[Literal[1, 2, 4], Knob("size of the result over that of the photograph")] = 1
    upscaler: Annotated[str, Knob("weights that enlarge the photograph where it becomes larger")] = "super-resolver"
    colorizer: Annotated[str, Knob("weights that colour the whole photograph; empty: only its faces are coloured")] = ""
    dropout: Annotated[bool, Knob("a translator's dropout stays on, its only noise, as the published networks are used")] = False
    cleaning: Annotated[
        float,
        Knob("noise, blur and compression to expect, and to leave out, when enlarging; 0: none", ge=0, le=1),
    ] = 0.0
    aligned: Annotated[bool, Knob("the picture is one aligned face, not a photograph with faces in it")] = False
    faces: Annotated[tuple[int, ...], Knob("only these faces, numbered from left to right; none: all that need it")] = ()
    only_center_face: Annotated[bool, Knob("only the face nearest the middle")] = False
    min_face: Annotated[float, Knob("faces with eyes closer than this are left alone", ge=2, unit="px")] = 8.0
    colour: Annotated[Literal["keep", "invent"], Knob("keep: grey and toned photographs stay so; invent: give them colour")] = (
        "keep"
    )
    mask_sha256: Annotated[str, Knob("SHA-256 of the mask that was used; filled in by the run")] = ""
    reference_sha256: Annotated[tuple[str, ...], Knob("SHA-256 of the reference photographs that were given; filled in")] = ()
    force_reference: Annotated[bool, Knob("use references that do not look like the person in the photograph, too")] = False
    force: Annotated[bool, Knob("restore faces that are good already, too")] = False
    version: Annotated[int, Knob("version of this format", ge=1, le=VERSION)] = VERSION

    def __post_init__(self) -> None:
        super().__post_init__()
        SAMPLERS.check(self.sampler)
        SYSTEMS.check(self.system)
        if self.faithful and self.published is None and self.whole is None and self.released is None:
            raise RecipeError("a faithful recipe needs its published settings")
        respacing = self.published.respacing if self.published else ""
        if respacing and visits(respacing) != self.steps:
            raise RecipeError(f"respacing {respacing!r} visits {visits(respacing)} steps, not {self.steps}")

    def to_json(self) -> str:
        """One line; `from_json` gives an equal recipe."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Recipe:
        try:
            plain = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise RecipeError(f"this is not a recipe: {error}") from None
        if isinstance(plain, dict) and isinstance(plain.get("version"), int) and plain["version"] > VERSION:
            raise RecipeError(
                f"this recipe was written by a newer restauro (format {plain['version']}); update restauro to replay it"
            )
        recipe: Recipe = build(cls, plain if isinstance(plain, dict) else {}, name="recipe")
        return recipe


def parse_want(text: str) -> Want:
    """`"lightness:weight=0.5,weights=luma"`: the word `weight` is the want's own, the others are the property's knobs."""
    name, settings = parse_settings(text)
    name = PROPERTIES.check(name)
    weight = settings.pop("weight", "1")
    return build(Want, {"property": name, "weight": weight, "knobs": settings}, name=name, lax=True)
