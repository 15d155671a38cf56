"""Training IRControlNet: a frozen prior of latents learns to listen to what the first stage says (DiffBIR, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed
from restauro.core.noise import PictureNoise
from restauro.degradations.chains import chain
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.losses import training_losses
from restauro.diffusion.samplers.unipc import UniPC
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.unet import UNet
from restauro.properties._look import network_of
from restauro.restorers.smooth import restorer
from restauro.systems._balance import balance
from restauro.systems._prior import precision, read_as_said, trained
from restauro.systems.diffbir.latent_prior import STEPS
from restauro.systems.diffbir.practice import Faces, codec, drawn, held_loss, home
from restauro.systems.diffbir.prompts import read
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator
from restauro.training.pairs import damaged
from restauro.weights.passports import Passport
from restauro.weights.store import find

SHOWN = 4


class Pair(NamedTuple):
    """Pictures (N, 3, H, W), damaged versions of them, and what is told of them."""

    clean: Tensor
    damaged: Tensor
    prompts: Sequence[str]


class ControlObjective(Knobbed, frozen=True, kw_only=True):
    """The prior's own loss, timesteps uniform, while it is shown the first stage's answer to a damaged picture as a latent.

    Only the control learns; it begins as the prior's encoder, blind to what it is shown, and silent.
    """

    better: ClassVar[str] = "lower"

    prior: Annotated[str, Knob("weights of the prior that is steered, which stays as it is")] = "face-latent-prior"
    autoencoder: Annotated[str, Knob("weights of its autoencoder; empty: the one the prior was trained with")] = ""
    restorer: Annotated[str, Knob("weights of the first stage, whose answers are shown")] = "face-restorer"
    chain: Annotated[str, Knob("chain of degradations that damages pictures")] = "difface"
    told_noise: Annotated[int, Knob("noise of a timestep below this lies over what is shown; v2.1: 200", ge=0, le=1000)] = 0
    text: Annotated[str, Knob("weights that read prompts, for a prior that knows them")] = ""
    captions: Annotated[float, Knob("share of pictures whose records' caption is told; of others nothing", ge=0, le=1)] = 0.0
    faces: Faces = "restauro128"

    def __post_init__(self) -> None:
        super().__post_init__()
        chain(self.chain)
        if self.captions and not self.text:
            raise RecipeError("captions need weights that read them: text=...")

    @property
    def about(self) -> Passport:
        """The prior's passport. Raises RecipeError where the knobs do not fit it."""
        passport = find(self.prior)[0]
        if passport.kind != "latent-prior":
            raise RecipeError(f"{self.prior!r} is a {passport.kind}, not a latent-prior; `restauro train latent-prior` makes one")
        if bool(passport.arguments.get("context")) != bool(self.text):
            advice = "no prompts: leave out text" if self.text else "prompts: name text=..., also for the empty one"
            raise RecipeError(f"{self.prior!r} knows {advice}")
        return passport

    @property
    def behind(self) -> str:
        """The autoencoder's name."""
        name = self.autoencoder or self.about.needs.get("autoencoder", "")
        if not name:
            raise RecipeError(f"which autoencoder {self.prior!r} was trained with is not known: name autoencoder=...")
        return name

    def arguments(self) -> dict[str, Any]:
        arguments = {name: value for name, value in self.about.arguments.items() if name != "out_channels"}
        return {**arguments, "hint_channels": arguments["in_channels"]}

    def build(self, data: Pictures) -> IRControlNet:
        control = IRControlNet(**self.arguments())
        control.begin(self.unet(torch.device("cpu")))
        return control

    def unet(self, device: torch.device) -> UNet:
        network, _ = network_of(self.prior, ("latent-prior",), device)
        assert isinstance(network, UNet)
        return network

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Pair:
        shown, clean = damaged(pictures, self.chain, rng)
        said = [str(data.records[i].get("caption", "")) if rng.random() < self.captions else "" for i in index]
        return Pair(clean, shown, said)

    def learn(self, network: nn.Module, prepared: Pair, rng: np.random.Generator) -> Tensor:
        t = rng.integers(len(trained(self.about)), size=len(prepared.clean))
        return self.error(network, prepared, t, torch_generator(rng)).mean()

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def error(self, network: nn.Module, pair: Pair, t: np.ndarray, generator: torch.Generator, heard: float = 1.0) -> Tensor:
        """(N,) squared errors of what the prior predicts at timesteps (N,). heard: how much of the control."""
        there = home(network)
        latents = drawn(codec(self.behind, there), pair.clean.to(there), generator)
        hint = self.hint(pair, generator, there)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        denoiser = self.denoiser(network, hint, self.context(pair.prompts, there), heard)
        return training_losses(denoiser, latents, torch.from_numpy(t), noise).loss

    @torch.no_grad()
    def hint(self, pair: Pair, generator: torch.Generator, device: torch.device) -> Tensor:
        """What the control is shown: the first stage's answer as a latent, the middle of its distribution."""
        answer = restorer(self.restorer, device)(pair.damaged.to(device))
        latents = codec(self.behind, device).encode(answer)
        if not self.told_noise:
            return latents
        t = torch.randint(self.told_noise, (len(latents),), generator=generator)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        return trained(self.about).q_sample(latents, t, noise)

    def context(self, prompts: Sequence[str], device: torch.device) -> Tensor | None:
        """(N, tokens, context), or None for a prior that knows no prompts. What is said twice is read once."""
        if not self.text:
            return None
        said = sorted(set(prompts))
        return read(self.text, said, device)[[said.index(prompt) for prompt in prompts]]

    def denoiser(self, network: nn.Module, hint: Tensor, context: Tensor | None, heard: float = 1.0) -> NetworkDenoiser:
        """The steered prior, of latents like `hint`."""
        unet = self.unet(hint.device)

        def call(x: Tensor, told: Tensor) -> Tensor:
            control = [heard * one for one in network(x, hint, told, context)] if heard else []
            with precision(hint.device):
                return unet(x, told, context=context, control=control).float()

        channels, height, width = hint.shape[1:]
        return read_as_said(self.about, call, (channels, height, width))

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """The loss on held-out pictures, and what it is without the control."""
        pair = self._held(held, len(held))

        def loss(heard: float) -> float:
            def error(index: np.ndarray, t: np.ndarray, generator: torch.Generator) -> Tensor:
                part = Pair(pair.clean[index], pair.damaged[index], [pair.prompts[i] for i in index])
                return self.error(network, part, t, generator, heard)

            return held_loss(held, len(trained(self.about)), error)

        return {"held-out loss": loss(1.0), "held-out loss without it": loss(0.0)}

    def answers(self, network: nn.Module, held: Pictures) -> Tensor:
        """Damaged pictures, each beside the first stage's answer, ours in a few steps, and the truth."""
        pair, there = self._held(held, SHOWN), home(network)
        shown, generator = codec(self.behind, there), torch.Generator().manual_seed(7)
        hint = self.hint(pair, generator, there)
        noise = PictureNoise(7, range(len(hint)), hint.shape[1:], there)
        denoiser, schedule = self.denoiser(network, hint, self.context(pair.prompts, there)), trained(self.about)
        start = schedule.q_sample(hint, len(schedule) - 1, noise(0))
        *_, last = UniPC().steps(denoiser.on(schedule.respace(f"trailing:{STEPS}")), start, Unguided(), noise)
        cleaned, ours = shown.decode(hint).cpu(), shown.decode(last.clean).cpu()
        return torch.stack([pair.damaged, cleaned, ours, pair.clean], 1).flatten(0, 1)

    def _held(self, held: Pictures, most: int) -> Pair:
        index = np.arange(min(most, len(held)))
        return self.prepare(held.batch(index), index, held, np.random.default_rng(7))

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        about = self.about
        needs = {"autoencoder": self.behind, "prior": self.prior, "restorer": self.restorer, "text": self.text}
        return {
            "what": f"shows {self.prior} what {self.restorer} makes of a damaged picture (IRControlNet)",
            "kind": "latent-control",
            "architecture": "ircontrolnet",
            "arguments": self.arguments(),
            "prediction": about.prediction,
            "schedule": about.schedule,
            "steps": about.steps,
            "clip": False,
            "face_template": "" if self.faces == "none" else self.faces,
            "needs": {part: name for part, name in needs.items() if name},
        }
