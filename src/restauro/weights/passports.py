"""Passports: what a weights file is, what it was trained on, and how to build its network. JSON beside the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from restauro.core.errors import WeightsError
from restauro.core.files import write_atomically

FORMAT = 1
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Passport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user or a program must know about one weights file.

    Empty strings, zeros and empty collections mean "not known" or "does not apply".
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME)]
    what: str
    """One short sentence."""
    kind: str
    """What it serves as: prior, restorer, upscaler, identity, detector, critic, colorizer, ..."""
    architecture: str = ""
    """A name in `restauro.weights.build.BUILDERS`, and the arguments of its constructor."""
    arguments: dict[str, Any] = {}
    prediction: str = ""
    """A prior's: eps, v, clean or mean. A restorer's: clean, or gated (restorers/smooth.py)."""
    variance: str = ""
    """A prior's, in the words of `restauro.diffusion.denoiser`."""
    schedule: str = ""
    steps: int = 0
    """The noise schedule of the training, by its origin (`restauro.diffusion.betas`), and its length."""
    ends: list[float] = []
    """Its first and last beta, where they are not the customary ones."""
    clip: bool = True
    """Whether a prior's clean estimate is kept within [-1, 1]."""
    rescaled: bool = False
    """Whether a prior is told its timesteps as if there were 1000 (OpenAI's flag rescale_timesteps)."""
    told: str = ""
    """What a prior is told of the noise: its timestep (empty), its level, sqrt(alpha-bar), or gamma, alpha-bar."""
    condition: list[float] = []
    """What a prior with conditions is told when sampling."""
    observes: bool = False
    """A prior's: further input channels may show it the damaged picture (systems/pgdiff/observed.py)."""
    range: tuple[float, float] = (-1.0, 1.0)
    size: int = 0
    """Side of the training pictures in pixels; 0: any size."""
    version: str = ""
    """Of DiffBIR's release whose second stage it is for: files of v1, v2 and v2.1 are alike."""
    needs: dict[str, str] = {}
    """What a latent prior or control was trained with: autoencoder, prior, restorer, text -> the names of their weights."""
    domain: str = ""
    """An autoencoder's: whether it was trained on old (damaged) or on clean pictures."""
    face_template: str = ""
    """How faces must be aligned: restauro128, ffhq512 (photo/faces/align.py) or arcface."""
    training_data: str = ""
    pictures_seen: int = 0
    device: str = ""
    licence: str = ""
    scores: dict[str, float] = {}
    command: str = ""
    """Made by."""
    source: str = ""
    """SHA-256 of the file it was imported from."""
    file: str = ""
    """Name of the weights file beside the passport; default: the passport's name and .safetensors."""
    sha256: str = ""
    format: int = FORMAT

    @property
    def file_name(self) -> str:
        return self.file or f"{self.name}.safetensors"


def read_passport(path: Path) -> Passport:
    """The passport in a JSON file; `WeightsError` if there is none, or if it is of a newer format."""
    try:
        raw = msgspec.json.decode(path.read_bytes())
        newer = isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT
        if newer:
            raise WeightsError(f"{path} was written by a newer restauro (format {raw['format']}); update restauro to use it")
        passport = msgspec.convert(raw, Passport)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not a passport: {error}") from None
    if Path(passport.file_name).name != passport.file_name:
        raise WeightsError(f"{path} names a file outside its folder: {passport.file_name!r}")
    return passport


def write_passport(passport: Passport, path: Path) -> None:
    """Whole or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(passport), indent=2) + b"\n")
