"""All that a run is, and its files: `state.pt` (everything), `light.safetensors` (the moving average), `log.jsonl`.

Noise, order of the pictures and dropout are functions of (seed, step): no generator has to be stored.
"""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from restauro.core.errors import OutputError, RecipeError
from restauro.core.files import write_atomically
from restauro.training.objective import Player
from restauro.training.parted import Parted
from restauro.training.run import Run

STATE = "state.pt"
LIGHT = "light.safetensors"
LOG = "log.jsonl"
DAMAGED = (OSError, RuntimeError, ValueError, KeyError, EOFError, TypeError, pickle.UnpicklingError, SafetensorError)
MODULES = ("network", "ema", "ema2")
TOLD = ("step", "pictures", "seconds", "machines")
"""What the light checkpoint tells beside its weights."""


@dataclass
class State:
    """A run after `step` steps, in which it saw so many pictures. fresh: the step at which the optimizers were new. recent: the
    last losses. machines: where it was trained, in words. unsaved: lines of the log that wait for the next checkpoint.
    """

    network: nn.Module
    ema: nn.Module
    ema2: nn.Module | None
    optimizers: dict[str, torch.optim.Optimizer]
    step: int = 0
    pictures: int = 0
    fresh: int = 0
    seconds: float = 0.0
    recent: list[float] = field(default_factory=list)
    machines: list[str] = field(default_factory=list)
    unsaved: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def new(cls, network: nn.Module, players: Mapping[str, Player], run: Run) -> State:
        """Before the first step; the averages are copies, each player's optimizer knows its parameters."""
        ema = copy.deepcopy(network).requires_grad_(False)
        optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(
                [{"params": list(player.module.parameters()), "factor": player.rate}],
                lr=run.rate,
                betas=(run.beta1, run.beta2),
                weight_decay=run.weight_decay,
            )
            for name, player in players.items()
        }
        return cls(network, ema, copy.deepcopy(ema) if run.ema2 else None, optimizers)

    def to_dict(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in MODULES if getattr(self, name) is not None}
        parts["optimizers"] = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        return {**parts, **{name: getattr(self, name) for name in (*TOLD, "fresh", "recent")}}

    def resume(self, out: Path) -> None:
        """Go on from the newer checkpoint in `out`; where it is the light one, the optimizers start anew.

        Raises RecipeError of one line where it is damaged or of another network.
        """
        try:
            stored, weights, told = newest(out)
            if stored is not None:
                self._take(stored)
            else:
                self.fresh = told["step"]
                for module in (self.network, self.ema, self.ema2):
                    if module is not None:
                        module.load_state_dict(weights["ema"])
            for name in TOLD:
                setattr(self, name, told[name])
        except DAMAGED as error:
            reason = str(error).strip().split("\n")[0]
            raise RecipeError(f"the run in {out} cannot be resumed: it is damaged, or of another network ({reason})") from None
        trim_log(out / LOG, self.step)

    def _take(self, stored: dict[str, Any]) -> None:
        self.network.load_state_dict(stored["network"])
        self.ema.load_state_dict(stored["ema"])
        if self.ema2 is not None:  # a second average that begins later begins where the first one is
            self.ema2.load_state_dict(stored.get("ema2", stored["ema"]))
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(stored["optimizers"][name])
        self.fresh, self.recent = stored["fresh"], stored["recent"]

    def save(self, out: Path, run: Run) -> None:
        """The log first: lines after the checkpoint are cut off when it is resumed. OutputError where the disk is full."""
        limit = int(run.part_mb * 1e6)
        try:
            append_log(out / LOG, self.unsaved)
            self.unsaved = []
            Parted(out / STATE).write(lambda file: torch.save(self.to_dict(), file), generation=self.step, limit=limit)
            if run.light:
                content = self._light()
                Parted(out / LIGHT).write(lambda file: file.write(content), generation=self.step, limit=limit)
        except (OSError, RuntimeError, OutputError) as error:  # torch reports a full disk as RuntimeError
            reason = str(error).split("cannot be written: ")[-1]
            raise OutputError(f"{out}: the checkpoint could not be written ({reason}); the previous one is intact") from None

    def _light(self) -> bytes:
        weights = {
            name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for name, value in self.ema.state_dict().items()
        }
        return save_safetensors(weights, {"run": json.dumps({name: getattr(self, name) for name in TOLD})})


def exists(out: Path) -> bool:
    """Whether the folder holds a run that can be resumed."""
    return Parted(out / STATE).exists() or Parted(out / LIGHT).exists()


def newest(out: Path) -> tuple[dict[str, Any] | None, dict[str, Mapping[str, Tensor]], dict[str, Any]]:
    """The full checkpoint, unless the light one is newer or alone; moving averages by name ("ema", "ema2"); what TOLD names."""
    full, light = Parted(out / STATE), Parted(out / LIGHT)
    found = torch.load(full.read(), weights_only=True, map_location="cpu") if full.exists() else None
    if found is None or light.exists():
        weights, told = read_light(out)
        if found is None or told["step"] > found["step"]:
            return None, {"ema": weights}, told
    return found, {name: found[name] for name in MODULES[1:] if name in found}, {name: found[name] for name in TOLD}


def read_light(out: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights in float32, and what TOLD names."""
    data = Parted(out / LIGHT).read().getvalue()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    weights = load_safetensors(data)
    full = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    return full, json.loads(header["run"])


def append_log(path: Path, lines: list[dict[str, Any]]) -> None:
    with path.open("a") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that a kill cut off is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def trim_log(path: Path, step: int) -> None:
    """Cut off what came after the checkpoint."""
    if path.exists():
        kept = "".join(json.dumps(line) + "\n" for line in read_log(path) if line["step"] <= step)

        def write(file: BinaryIO) -> None:
            file.write(kept.encode())

        write_atomically(path, write)
