"""Figures that a benchmark measured, written into the passport of the weights it measured."""

from __future__ import annotations

import msgspec

from restauro.weights.passports import Passport, write_passport
from restauro.weights.store import find, verify


def note(name: str, scores: dict[str, float]) -> Passport:
    """The passport with these scores besides its others, or in place of older ones of the same name; file and hash stay.

    Raises WeightsError when there are no such weights, or when they are not the ones the passport speaks of.
    """
    passport, path = verify(name), find(name)[1]
    rounded = {key: round(float(value), 4) for key, value in scores.items()}
    passport = msgspec.structs.replace(passport, scores=passport.scores | rounded)
    write_passport(passport, path.with_suffix(".json"))
    return passport
