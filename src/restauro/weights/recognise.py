"""Whose weights are these? Each system's `checkpoints.py` lists the layouts it knows; the tensors' names decide."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.core.registry import SYSTEMS
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import NOTHING, Declared
from restauro.weights.passports import Passport

StateDict = Mapping[str, Tensor]
Configs = Mapping[str, Mapping[str, Any]]
"""What config files beside the weights say, by the files' names."""
NO_CONFIGS: Configs = {}


@dataclass(frozen=True)
class Layout:
    """One family of checkpoints.

    telling: the few names that only this family has together. passport: reads the architecture's arguments off the
    shapes; it may raise KeyError or ValueError where they contradict each other, or return None for "not mine after all".
    take: where the checkpoint holds more than this network, the beginnings of its tensors' names. network: the tensors of the
    network itself, by its own names, where the checkpoint has others. configured: the passport with what config files say.
    placed: with what the names of the file and its folder say. by: passport and tensors for the class of another
    package, by its name. wanting: its facts that must be known by then, or be declared.
    """

    what: str
    telling: tuple[str, ...]
    passport: Callable[[StateDict], Passport | None]
    take: tuple[str, ...] = ("",)
    network: Callable[[StateDict], dict[str, Tensor]] = dict
    configured: Callable[[Passport, Configs], Passport] | None = None
    placed: Callable[[Passport, str], Passport] | None = None
    wanting: tuple[str, ...] = ()
    by: Mapping[str, Callable[[Passport, StateDict], tuple[Passport, dict[str, Tensor]]]] = field(default_factory=dict)

    def found(self, state_dict: StateDict) -> list[str]:
        return [key for key in self.telling if key in state_dict]

    def tensors(self, state_dict: StateDict) -> dict[str, Tensor]:
        return {key: value for key, value in state_dict.items() if key.startswith(self.take)}


class Unrecognised(WeightsError):
    """No layout fits. `nearest` is the one with the most telling names; `found` and `missing` are its names."""

    def __init__(self, message: str, nearest: str = "", found: Sequence[str] = (), missing: Sequence[str] = ()):
        super().__init__(message)
        self.nearest, self.found, self.missing = nearest, tuple(found), tuple(missing)


def layouts() -> Iterator[Layout]:
    """Every system's `LAYOUTS`, in the order of the systems' names."""
    for module in _checkpoints():
        yield from module.LAYOUTS


def beginnings() -> dict[str, str]:
    """Every system's `PARTS`: what the names of a network begin with in files that hold several -> a word for that network."""
    return {begin: word for module in _checkpoints() for begin, word in getattr(module, "PARTS", {}).items()}


def _checkpoints() -> Iterator[ModuleType]:
    for system in SYSTEMS:
        place = f"{SYSTEMS.package}.{system.replace('-', '_')}"
        if importlib.util.find_spec(place) and importlib.util.find_spec(f"{place}.checkpoints"):
            yield importlib.import_module(f"{place}.checkpoints")


def recognise_all(
    state_dict: StateDict, declared: Declared = NOTHING, said: Mapping[str, Configs] = NO_CONFIGS, place: str = ""
) -> dict[str, tuple[Passport, dict[str, Tensor]]]:
    """As `recognise`, of each network in a file that holds several, by the word for it; of one that is alone, by "".

    said: by these words.
    """
    parts = {
        word: {key.removeprefix(begin): value for key, value in state_dict.items() if key.startswith(begin)}
        for begin, word in beginnings().items()
    }
    parts = {word: part for word, part in parts.items() if part}
    if not parts:
        return {"": recognise(state_dict, declared, said.get("", NO_CONFIGS), place)}
    found = {word: recognise(part, declared, said.get(word, NO_CONFIGS), place, alone=False) for word, part in parts.items()}
    for passport, _ in found.values():
        declared = declared.beside(passport)
    declared.apply(passport)  # refuses what means nothing for any of them
    return found


def recognise(
    state_dict: StateDict, declared: Declared = NOTHING, said: Configs = NO_CONFIGS, place: str = "", alone: bool = True
) -> tuple[Passport, dict[str, Tensor]]:
    """What a state dict is (a passport without SHA-256 and with a suggested name), and those of its tensors that belong.

    Only names and shapes are read; what config files and `place` (the names of the file and its folder) say wins over what is
    assumed, and what is declared over both. Every tensor of the architecture must be there: `Unrecognised` otherwise, or if no
    layout fits. alone: what is declared must be meant for this network; otherwise it may be for another of the same file.
    """
    if not state_dict:
        raise Unrecognised("there are no tensors to recognise")
    known = list(layouts())
    for layout in known:
        if len(layout.found(state_dict)) == len(layout.telling) and (
            answer := _read(layout, state_dict, declared, said, place, alone)
        ):
            return answer
    nearest = max(known, key=lambda layout: len(layout.found(state_dict)) / len(layout.telling), default=None)
    found = nearest.found(state_dict) if nearest else []
    if nearest is None or not found:
        raise Unrecognised(f"these weights are of no kind restauro knows; they hold {', '.join(list(state_dict)[:3])}, ...")
    missing = [key for key in nearest.telling if key not in found]
    raise Unrecognised(
        f"these weights are of no kind restauro knows; nearest is {nearest.what}: "
        f"found {', '.join(found)}; missing {', '.join(missing) or 'nothing, but the shapes contradict it'}",
        nearest.what,
        found,
        missing,
    )


def _read(
    layout: Layout, state_dict: StateDict, declared: Declared, said: Configs, place: str, alone: bool
) -> tuple[Passport, dict[str, Tensor]] | None:
    """The layout's answer, None if it declines; `Unrecognised` if its network and the tensors do not fit each other."""
    tensors = layout.tensors(state_dict)
    try:
        passport = layout.passport(tensors)
    except (LookupError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise Unrecognised(f"this looks like {layout.what}, but {reason}", layout.what, layout.telling) from None
    if passport is None:
        return None
    if said and layout.configured is not None:
        passport = layout.configured(passport, said)
    if place and layout.placed is not None:
        passport = layout.placed(passport, place)
    passport, tensors = (declared if alone else declared.of(passport)).apply(passport), layout.network(tensors)
    if unknown := [f"--{name}" for name in layout.wanting if not getattr(passport, name)]:
        said_by = "neither its tensors nor the name of its file tell all about it"
        raise WeightsError(f"this is {layout.what}; {said_by}: say {' and '.join(unknown)}")
    if run_by := layout.by.get(declared.by or ""):
        passport, tensors = run_by(passport, tensors)
    if problem := misfits(skeleton(passport), tensors):
        raise Unrecognised(f"this looks like {layout.what}, but {problem}", layout.what, layout.telling)
    return passport, tensors
