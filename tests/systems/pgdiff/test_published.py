"""The published algorithm through the public recipe, against a transcription of its description in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro import api
from restauro.core.errors import RecipeError
from restauro.core.noise import PictureNoise
from restauro.core.recipe import Published, Recipe
from restauro.diffusion.contract import Observation
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.rrdb import TimedRestorer
from restauro.networks.unet import UNet
from restauro.properties.identity import Identity
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import PUBLISHED, SCALES
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, load, save
from tests.laws.pictures import waves
from tests.systems.pgdiff.conftest import SMALL, calm

T = 1000
BASE = NoiseSchedule.named("openai-linear")
STYLES = {
    "celeba-hq": ([0.03202754, -0.16308397, -0.26475719], [0.53549316, 0.47539538, 0.46814889]),
    "celeba-hq-00896": ([0.05546914, -0.22203779, -0.48434922], [0.60425657, 0.53711116, 0.45434347]),
    "celeba-hq-00917": ([-0.43500257, -0.65664947, -0.7156179], [0.47355509, 0.29044732, 0.2357967]),
    "celeba-hq-00439": ([-0.35427222, -0.41545531, -0.36199731], [0.42282647, 0.33328968, 0.36431086]),
}


@pytest.fixture(scope="module", autouse=True)
def published_networks(tiny_weights: None) -> None:
    """ "tiny-ffhq12" and "tiny-ffhq16" as the published prior: noise and its range of variance; "tiny-timed"."""
    torch.manual_seed(1)
    prior = {**SMALL, "in_channels": 3, "out_channels": 6}
    for size in (12, 16):
        about: dict[str, Any] = {
            "prediction": "eps",
            "variance": "learned_range",
            "schedule": "openai-linear",
            "steps": T,
            "size": size,
        }
        passport = Passport(
            name=f"tiny-ffhq{size}", what="A tiny prior.", kind="prior", architecture="unet", arguments=prior, **about
        )
        save(calm(UNet(**prior)), passport, imported_folder())
    timed = {"mid_channels": 8, "num_blocks": 1, "growth_channels": 4}
    passport = Passport(name="tiny-timed", what="A tiny restorer.", kind="restorer", architecture="rrdb-timed", arguments=timed)
    weights = {name: 3 * value for name, value in TimedRestorer(**timed).state_dict().items()}
    save(weights, passport, imported_folder())


# -- the transcription: facts of the published program, nothing of ours but the networks and the noise


def kept_steps(respacing: str) -> list[int]:
    if respacing.startswith("ddpm"):
        return next(list(range(0, T, i)) for i in range(1, T) if len(range(0, T, i)) == int(respacing[4:]))
    counts, kept, begin = [int(part) for part in respacing.split(",")], [], 0
    for number, count in enumerate(counts):
        size = T // len(counts) + (1 if number < T % len(counts) else 0)
        stride = (size - 1) / (count - 1) if count > 1 else 1
        kept += [begin + round(i * stride) for i in range(count)]
        begin += size
    return kept


def adain_gradient(x: Tensor, style: str) -> Tensor:
    mean, std = (torch.tensor(part, dtype=torch.float64)[None, :, None, None] for part in STYLES[style])
    n = x[0, 0].numel()
    m = x.mean((2, 3), keepdim=True)
    v = x.var((2, 3), correction=1, keepdim=True) + 1e-5
    k = std / v.sqrt()
    a = (x - m) * k + mean
    r = x - a.clamp(-1, 1)
    q = torch.where(a.abs() <= 1, r, torch.zeros_like(r))
    back = (q * (x - m)).sum((2, 3), keepdim=True)
    return 2 * r - 2 * k * (q - q.mean((2, 3), keepdim=True) - (x - m) * back / ((n - 1) * v))


class Upstream:
    """One run: `weights` and `style` as the released code's arguments, `window` in its original steps."""

    def __init__(
        self,
        task: str,
        y: Tensor,
        mask: Tensor | None,
        ref: Tensor | None,
        restorer: Callable[[Tensor, float], Tensor],
        **more: Any,
    ):
        self.task, self.y, self.ref, self.restorer, self.more = task, y.double(), ref, restorer, more
        self.hole = torch.zeros_like(self.y) if mask is None else (mask > 0).double().expand_as(self.y)

    def gradient(self, x: Tensor, target: Tensor) -> Tensor:
        weights, style = self.more["weights"], self.more.get("style", "celeba-hq")
        if self.task in ("restore", "reference"):
            g = 2 * weights[0] * (x - target)
            return g + weights[1] * self.identity(x) if self.task == "reference" else g
        if self.task == "inpaint":
            return 2 * weights[0] * (x - self.y) * (1 - self.hole)
        aim = (target if self.task == "old-photo" else self.y).mean(1, keepdim=True)
        known = (1 - self.hole).mean(1, keepdim=True)
        g = 2 * weights[0] * (x.mean(1, keepdim=True) - aim) * known + weights[1] * adain_gradient(x, style)
        return g * (1 - self.hole) if self.task == "old-photo" else g

    def identity(self, x: Tensor) -> Tensor:
        assert self.ref is not None
        network = load(Identity().embedder)
        side = int(network.size)  # type: ignore[arg-type]

        def embedding(picture: Tensor) -> Tensor:
            small = F.interpolate(picture.float(), (side, side), mode="bilinear", antialias=True, align_corners=False)
            out: Tensor = network(small)
            return out

        leaf = x.detach().requires_grad_()
        found, wanted = embedding(leaf), embedding(self.ref)
        if self.more.get("cosine"):
            loss = -F.cosine_similarity(found, wanted.expand_as(found), eps=1e-6).sum()
        else:
            loss = (found - wanted).square().sum()
        return torch.autograd.grad(loss, leaf)[0]

    def run(self, network: Callable[[Tensor, Tensor], Tensor], respacing: str, scale: float, noise: PictureNoise) -> Tensor:
        kept = kept_steps(respacing)
        abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64), 0)[kept]
        before = torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])
        beta = 1 - abar / before
        small = beta * (1 - before) / (1 - abar)
        log_small = torch.log(torch.cat([small[1:2], small[1:]]))
        repeats, (end, start) = self.more.get("repeats", 1), self.more.get("window", (700, 1000))
        x = noise(0).double()
        for t in reversed(range(len(kept))):
            target = self.restorer(x.float(), float(kept[t])).double().clamp(-1, 1)
            for k in range(repeats if end < kept[t] < start else 1):
                with torch.no_grad():
                    eps, v = network(x.float(), torch.full((len(x),), float(kept[t]))).double().chunk(2, 1)
                clean = (x / abar[t].sqrt() - (1 / abar[t] - 1).sqrt() * eps).clamp(-1, 1)
                mu = (beta[t] * before[t].sqrt() * clean + (1 - before[t]) * (1 - beta[t]).sqrt() * x) / (1 - abar[t])
                share = (v + 1) / 2
                variance = (share * beta[t].log() + (1 - share) * log_small[t]).exp()
                z = noise(len(kept) - t, k).double() if t else torch.zeros_like(x)
                g, moved = self.gradient(clean, target), mu + variance.sqrt() * z
                if self.task in ("restore", "reference"):
                    x = moved - scale * variance * g
                else:
                    over = (0, 1, 2, 3) if self.task == "inpaint" else (0, 2, 3)
                    length = torch.linalg.vector_norm(x - moved, dim=over, keepdim=True)
                    x = moved - scale * length / torch.linalg.vector_norm(g, dim=over, keepdim=True) * g
        return x


# -- which timesteps


def test_every_whole_stride_and_no_other() -> None:
    possible = {len(range(0, T, i)) for i in range(1, T)}
    assert len(possible) == 62
    for count in (1, 7, 37, 101, 250, 499, 1001):
        if count not in possible and count > 1:
            with pytest.raises(RecipeError, match=f"no whole stride gives {count} of 1000 steps"):
                BASE.respace(f"ddpm{count}")
    for count in possible:
        assert BASE.respace(f"ddpm{count}").original_index.tolist() == kept_steps(f"ddpm{count}"), count


@pytest.mark.parametrize("sections", ["1000", "100", "6", "1", "10,15,20", "1,3,5", "7,2", "5,1,1,9", "33,2,40"])
def test_sections_have_both_their_ends(sections: str) -> None:
    kept = BASE.respace(sections).original_index.tolist()
    assert kept == kept_steps(sections)
    for number, count in enumerate(map(int, sections.split(","))):
        parts = len(sections.split(","))
        begin = number * (T // parts) + min(number, T % parts)
        end = begin + T // parts + (number < T % parts) - 1
        assert begin in kept and (count == 1 or end in kept)


# -- cases


def holes(n: int, size: int, channels: int = 1) -> Tensor:
    """Grey levels from 0 to 1 with a wide known part; with three channels each has its own."""
    place = torch.linspace(-1, 1, size)
    mask = (place[:, None] + place).clamp(0, 1).expand(n, size, size)
    return torch.stack([mask.roll(5 * c, 1) for c in range(channels)], 1)


SMOOTH, BY_LIGHT = "smooth-semantics", "lightness:weights=mean"
CASES: dict[str, dict[str, Any]] = {
    "restore": {"task": "restore"},
    "restore repeated": {"task": "restore", "repeats": 3, "window": (0.35, 0.9), "n": 2},
    "restore in sections": {"task": "restore", "respacing": "3,2,4", "size": 12},
    "restore weighted": {"task": "restore", "want": [f"{SMOOTH}:weight=2.5"], "weights": [2.5], "respacing": "7"},
    "reference": {"task": "reference", "respacing": "ddpm5"},
    "reference by cosine": {
        "task": "reference",
        "want": [SMOOTH, "identity:weight=1e4,align=false,mirror=false,blur=0"],
        "weights": [1.0, 1e4],
        "cosine": True,
        "respacing": "ddpm5",
        "n": 2,
    },
    "colorize": {"task": "colorize", "n": 3},
    "colorize repeated": {"task": "colorize", "repeats": 2, "respacing": "10"},
    "inpaint": {"task": "inpaint", "mask": 1, "n": 2, "respacing": "ddpm11"},
    "inpaint repeated": {"task": "inpaint", "mask": 3, "repeats": 2, "window": (0.0, 0.5), "size": 12},
    "old-photo": {"task": "old-photo", "mask": 1},
    "old-photo whole": {"task": "old-photo", "respacing": "ddpm10", "n": 2},
    "old-photo by channels": {"task": "old-photo", "mask": 3, "repeats": 2, "respacing": "5,4"},
}
for style, (light, colour) in zip(STYLES, [(1, 0.05), (2, 0.3), (0.5, 1), (1, 3)], strict=True):
    palette = f"colour-statistics:weight={colour},style={style},region=all"
    want = {"want": [f"{BY_LIGHT},weight={light}", palette], "weights": [light, colour], "style": style}
    CASES[f"colorize {style}"] = {"task": "colorize", "scale": 0.2, **want}
    want["want"] = [f"{BY_LIGHT},weight={light},of=restored", palette]
    CASES[f"old-photo {style}"] = {"task": "old-photo", "mask": 1, "scale": 0.1, **want}
DEFAULT_WEIGHTS = {"restore": [1], "reference": [1, 25], "colorize": [1, 0.05], "inpaint": [1], "old-photo": [1, 0.5]}


@pytest.fixture
def exact_embedder() -> Iterator[None]:
    """It computes in double precision: it is steep, and what float32 rounds in it differs from machine to machine."""
    network = load(Identity().embedder)
    before = network.register_forward_pre_hook(lambda _, shown: (shown[0].double(),))
    behind = network.register_forward_hook(lambda _, __, out: out.float())
    network.double()
    yield
    before.remove()
    behind.remove()
    network.float()


@pytest.mark.parametrize(
    ("name", "asked_anew"), [*((name, True) for name in CASES), ("restore repeated", False), ("old-photo", False)]
)
def test_the_recipe_is_the_published_algorithm(name: str, asked_anew: bool, request: pytest.FixtureRequest) -> None:
    case = {"n": 1, "size": 16, "respacing": "ddpm8", "mask": 0, "want": [], **CASES[name]}
    n, size, task = case["n"], case["size"], case["task"]
    y, ref = waves(1, n, size).float(), waves(9, 1, size).float()
    mask = holes(n, size, case["mask"]) if case["mask"] else None
    first = waves(5, n, size).float()
    if task == "reference":
        request.getfixturevalue("exact_embedder")
    settings = {name: case[name] for name in ("scale", "repeats", "window", "respacing") if name in case}
    recipe = api.make_recipe(task, faithful=True, prior=f"tiny-ffhq{size}", restorer="tiny-timed", want=case["want"], **settings)
    observed = Observation(y, mask=mask, reference=ref, restored=None if asked_anew else first)
    found = engine.run(recipe, observed)

    timed = load("tiny-timed")

    def restorer(x: Tensor, t: float) -> Tensor:
        with torch.no_grad():
            return timed(x, y, torch.full((len(x),), t)) if asked_anew else first

    more = {name: case[name] for name in ("repeats", "style", "cosine") if name in case}
    if "window" in case:
        more["window"] = tuple(T * share for share in case["window"])
    theirs = Upstream(task, y, mask, ref, restorer, weights=case.get("weights", DEFAULT_WEIGHTS[task]), **more)
    noise = PictureNoise(0, range(n), (3, size, size))
    network = load(f"tiny-ffhq{size}")
    expected = theirs.run(network, case["respacing"], case.get("scale", SCALES["pgdiff"][task]), noise)
    error = (found - expected.clamp(-1, 1)).abs()
    assert error.max() < 1e-4
    assert found.abs().mean() > 0.05


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_recipe_says_everything(task: str) -> None:
    """Rule, sum of losses and strength are in the recipe; what `--faithful` alone does is what `recipes show` prints."""
    made = api.make_recipe(task, faithful=True)
    assert made == PUBLISHED[task] == Recipe.from_json(made.to_json())
    assert [want.weight for want in made.wants] == DEFAULT_WEIGHTS[task]
    assert made.published == Published(scale=SCALES["pgdiff"][task]) and (made.steps, made.start) == (100, 0.0)


def test_its_settings_are_read_and_guarded() -> None:
    made = api.make_recipe("colorize", faithful=True, repeats=3, window=[0.2, 0.9], respacing="10,15,20", scale=0.3)
    assert made.published == Published(scale=0.3, repeats=3, window=(0.2, 0.9), respacing="10,15,20") and made.steps == 45
    for wrong, said in (
        ({"repeats": 2}, "repeats is the published algorithms' own"),
        ({"respacing": "ddpm8"}, "use it with faithful"),
        ({"faithful": True, "respacing": "ddpm8", "steps": 10}, "visits 8 steps, not 10"),
        ({"faithful": True, "fidelity": 0.3}, "has no fidelity"),
        ({"faithful": True, "scale": -1.0}, "scale"),
        ({"faithful": True, "method": "dps"}, "unknown method 'dps'"),
    ):
        with pytest.raises(RecipeError, match=said):
            api.make_recipe("colorize", **wrong)
    with pytest.raises(RecipeError, match="pgdiff was not published for 'enhance'"):
        api.make_recipe("enhance", faithful=True)
    with pytest.raises(RecipeError, match="unknown task 'colorise'; did you mean 'colorize'"):
        api.make_recipe("colorise")
    nowhere = api.make_recipe("restore", faithful=True, prior="tiny-ffhq12", repeats=2, window=(0.01, 0.02), steps=10)
    with pytest.raises(RecipeError, match="no step lies in the window"):
        engine.run(nowhere, Observation(waves(1, 1, 12).float(), restored=waves(1, 1, 12).float()))


def test_every_published_knob_is_alive() -> None:
    observed = Observation(waves(1, 1, 12).float(), restored=waves(5, 1, 12).float())
    base: dict[str, Any] = {"repeats": 2, "window": (0.3, 0.9), "steps": 8}
    changes: list[dict[str, Any]] = [
        {},
        {"scale": 0.4},
        {"repeats": 3},
        {"window": (0.1, 0.9)},
        {"window": (0.3, 0.7)},
        {"respacing": "8"},
        {"method": "gdp", "repeats": 1},
        {"method": "ddnm", "repeats": 1},
    ]
    recipes = [api.make_recipe("restore", faithful=True, prior="tiny-ffhq12", **{**base, **change}) for change in changes]
    found = [engine.run(recipe, observed) for recipe in recipes]
    for i, one in enumerate(found):
        assert not any(torch.allclose(one, other, atol=1e-4) for other in found[:i]), changes[i]
