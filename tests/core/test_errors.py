"""The class of an error decides the exit code of the command line."""

from __future__ import annotations

import pytest

from restauro.core import errors
from restauro.core.events import Event, silent

CODES = {
    "RestauroError": 1,
    "RecipeError": 2,
    "InputError": 3,
    "OutputError": 4,
    "WeightsError": 5,
    "PartialError": 6,
    "Interrupted": 130,
}


@pytest.mark.parametrize("name", CODES)
def test_exit_codes(name: str) -> None:
    error = getattr(errors, name)("grandma.jpg: what, where, what would work")
    assert isinstance(error, errors.RestauroError)
    assert error.exit_code == CODES[name]
    assert str(error) == "grandma.jpg: what, where, what would work"


def test_every_error_is_listed() -> None:
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.RestauroError)}
    assert found == set(CODES)


def test_an_input_error_has_a_kind() -> None:
    assert errors.InputError("x").kind == "unusable"
    assert errors.InputError("x", "truncated").kind == "truncated"


def test_an_event_can_be_ignored() -> None:
    silent(Event("sampling", 1, 0))
