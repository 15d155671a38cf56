"""The golden runner: finds the stored cases, hands each to its handler, compares.

A handler is a function of one `Case`, registered for a source folder and a prefix of the file name; the longest
matching prefix wins. It reads what to do off `case.config` and the names of the arrays, never off the file's name,
calls public functions only, and checks with `close`. Any module of this folder may register handlers.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.shared import GOLDENS, SHARED

HERE = Path(__file__).parent
Handler = Callable[["Case"], None]
_HANDLERS: dict[str, dict[str, Handler]] = {}


@dataclass(frozen=True)
class Case:
    """One `.npz`: `source` is its folder, `name` its file name without the ending."""

    path: Path

    @property
    def source(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files if name != "config"}

    @cached_property
    def config(self) -> Any:
        """The parsed `config`, mostly a dictionary."""
        with np.load(self.path, allow_pickle=False) as stored:
            return json.loads(str(stored["config"])) if "config" in stored.files else {}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def tensor(self, name: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """A stored array as a tensor, in its own or another dtype."""
        tensor = torch.from_numpy(np.array(self.arrays[name]))
        return tensor if dtype is None else tensor.to(dtype)

    def offered(self, entry: str, settings: Mapping[str, Any] | None = None) -> bool:
        """Whether one entry of this file is ours to reproduce; not-offered.toml names the others and says why."""
        return not any(rule.matches(self, entry, settings or {}) for rule in not_offered() if rule.entry or rule.where)


@dataclass(frozen=True)
class Rule:
    """What the project does not offer: a whole file, or the entries of it whose name and settings match."""

    file: str
    reason: str
    entry: str = ""
    where: Mapping[str, Any] | None = None

    def matches(self, case: Case, entry: str = "", settings: Mapping[str, Any] | None = None) -> bool:
        if not fnmatch(f"{case.source}/{case.name}", self.file) or not fnmatch(entry, self.entry or "*"):
            return False
        wanted = (self.where or {}).items()
        return all((settings or {}).get(key) in (value if isinstance(value, list) else [value]) for key, value in wanted)


def handles(source: str, prefix: str) -> Callable[[Handler], Handler]:
    """Registers the handler of every case of `source` whose file name begins with `prefix`."""

    def register(handler: Handler) -> Handler:
        known = _HANDLERS.setdefault(source, {})
        if prefix in known:
            raise ValueError(f"{source}/{prefix}: {known[prefix].__module__} and {handler.__module__} both handle it")
        known[prefix] = handler
        return handler

    return register


@cache
def _load_handlers() -> None:
    for file in sorted(HERE.glob("*.py")):
        if file.stem not in ("__init__", "runner", "conftest") and not file.stem.startswith("test_"):
            importlib.import_module(f"{__package__}.{file.stem}")


def handler_of(case: Case) -> Handler | None:
    _load_handlers()
    known = _HANDLERS.get(case.source, {})
    prefix = max((prefix for prefix in known if case.name.startswith(prefix)), key=len, default=None)
    return None if prefix is None else known[prefix]


@cache
def not_offered() -> tuple[Rule, ...]:
    with (HERE / "not-offered.toml").open("rb") as file:
        return tuple(Rule(**rule) for rule in tomllib.load(file)["rule"])


def reason_not_offered(case: Case) -> str | None:
    """Why a whole file is not offered, or None."""
    return next((rule.reason for rule in not_offered() if not rule.entry and not rule.where and rule.matches(case)), None)


def cases() -> Iterator[Case]:
    for path in sorted(GOLDENS.glob("*/*.npz")):
        yield Case(path)


@cache
def _formula() -> Any:
    place = next(folder / "formula.py" for folder in (GOLDENS, SHARED / "goldens") if (folder / "formula.py").exists())
    spec = importlib.util.spec_from_file_location("golden_formula", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fill(module: Any, keep: tuple[str, ...] = ()) -> Any:
    """The module in eval mode with formula-made weights, by its own keys; keys that contain one of `keep` stay."""
    return _formula().fill(module, keep).eval()


def formula_weights(key: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(_formula().formula_weights(key, shape))


def close(actual: Any, expected: Any, *, abs: float = 0.0, rel: float = 0.0, peak: float = 0.0, what: str = "") -> None:
    """Same shape, NaN where NaN is expected, and |actual - expected| <= abs + rel |expected| + peak max|expected|."""
    a, e = _numbers(actual), _numbers(expected)
    assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
    finite = np.abs(e[np.isfinite(e)])
    if peak and finite.size:
        abs = abs + peak * float(finite.max())
    np.testing.assert_allclose(a, e, rtol=rel, atol=abs, err_msg=what)


def exact(actual: Any, expected: Any, what: str = "") -> None:
    np.testing.assert_array_equal(_numbers(actual), _numbers(expected), err_msg=what)


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)
