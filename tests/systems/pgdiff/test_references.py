"""Which reference guides which face. The embedder is replaced by one that reads a person off the mean colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Literal

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Recipe, Want
from restauro.core.registry import PROPERTIES
from restauro.diffusion.contract import Property
from restauro.photo.faces.detect import Face
from restauro.photo.photo import Photo
from restauro.photo.read import read
from restauro.systems.pgdiff import references
from restauro.systems.pgdiff.faces import Frame, Job
from restauro.systems.pgdiff.recipe import TASKS
from restauro.systems.pgdiff.references import Group, grouped

CPU, FRAME = torch.device("cpu"), Frame(16, "restauro128")
RED, GREEN, ORANGE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.4, 0.0)
"""Two strangers, and the first one in another light."""
WITH_REFERENCE = TASKS["reference"]


@pytest.fixture(autouse=True)
def plain_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column block of a picture is a face; a face is its mean colour; strangers have likeness 0."""
    monkeypatch.setattr(references, "detect", blocks)
    monkeypatch.setattr(
        references, "crop", lambda pixels, points, *frame: (pixels[:, int(points[0, 0]) : int(points[0, 0]) + 16], None)
    )
    monkeypatch.setattr(references, "embed", lambda pictures, template, embedder: F.normalize((pictures + 1).mean((2, 3))))
    monkeypatch.setattr(references, "restorer", lambda name, device: lambda picture, mask: picture)
    monkeypatch.setattr(references, "STRANGER", 0.3)
    monkeypatch.setattr(references, "DOUBTFUL", 0.5)


def blocks(pixels: np.ndarray) -> list[Face]:
    found = range(pixels.shape[1] // 16) if pixels.any() else range(0)
    return [Face((16.0 * i, 0.0, 16.0, 16.0), np.full((5, 2), 16.0 * i), 1.0, i + 1) for i in found]


def picture(*people: Sequence[float]) -> np.ndarray:
    """(16, 16 n, 3): one block a person."""
    return np.concatenate([np.full((16, 16, 3), person, np.float32) for person in people], 1)


def photo(name: str, *people: Sequence[float]) -> Photo:
    return replace(read(picture(*people)), name=name)


def job(number: int, person: Sequence[float], verdict: str = "restored") -> Job:
    face = Face((0.0, 0.0, 16.0, 16.0), np.zeros((5, 2)), 1.0, number)
    return Job(face, picture(person), np.eye(2, 3), None, verdict, "as it was")  # type: ignore[arg-type]


def sort(jobs: list[Job], photos: list[Photo], recipe: Recipe = WITH_REFERENCE) -> tuple[list[Group], list[str]]:
    said: list[str] = []
    return grouped(jobs, photos, recipe, FRAME, CPU, said), said


def test_the_right_person_is_used_without_a_word() -> None:
    (group,), said = sort([job(1, RED)], [photo("a.jpg", ORANGE)])
    assert said == [] and group.recipe == WITH_REFERENCE and group.jobs[0].references == ("a.jpg",)
    np.testing.assert_array_equal(group.references[0], picture(ORANGE))


def test_a_stranger_is_refused_and_the_face_restored_plainly() -> None:
    (group,), said = sort([job(1, RED)], [photo("b.jpg", GREEN)])
    assert said == [
        "reference b.jpg does not look like the person in face 1 (likeness 0.00): not used; --force-reference uses it"
    ]
    assert group.recipe.task == "restore" and group.references == [] and group.jobs[0].references == ()
    assert group.recipe.wants == TASKS["restore"].wants


def test_a_stranger_is_used_when_forced() -> None:
    forced = msgspec.structs.replace(WITH_REFERENCE, force_reference=True)
    (group,), said = sort([job(1, RED)], [photo("b.jpg", GREEN)], forced)
    assert said[0].endswith("used as asked") and len(group.references) == 1


def test_of_several_people_the_one_who_is_meant() -> None:
    (group,), said = sort([job(1, RED)], [photo("party.jpg", GREEN, GREEN, ORANGE, GREEN)])
    np.testing.assert_array_equal(group.references[0], picture(ORANGE))
    assert said == ["reference party.jpg shows 4 faces: the one most like face 1 is used (likeness 0.93)"]


def test_each_reference_belongs_to_the_face_it_resembles() -> None:
    groups, said = sort([job(1, RED), job(2, GREEN), job(3, (0.0, 0.0, 1.0))], [photo("g.jpg", GREEN), photo("r.jpg", RED)])
    assert [([one.face.number for one in group.jobs], len(group.references)) for group in groups] == [
        ([1], 1),
        ([2], 1),
        ([3], 0),
    ]
    assert groups[0].jobs[0].references == ("r.jpg",) and groups[1].jobs[0].references == ("g.jpg",) and said == []
    groups, said = sort([job(1, RED), job(2, GREEN)], [photo("x.jpg", (0.0, 0.0, 1.0))])
    assert len(groups) == 1 and "does not look like anybody in the photograph" in said[0]


def test_references_of_one_face_are_checked_against_each_other() -> None:
    half = (0.7, 0.7, 0.0)  # a blurred face may look like both
    (group,), said = sort([job(1, half)], [photo("g.jpg", GREEN), photo("r.jpg", RED), photo("o.jpg", (1.0, 0.25, 0.0))])
    assert group.jobs[0].references == ("o.jpg", "r.jpg") and len(group.references) == 2
    (refused,) = said
    assert refused.startswith("reference g.jpg does not look like the person in reference o.jpg (likeness 0.24): not used")


def test_a_doubt_is_said() -> None:
    (group,), said = sort([job(1, (1.0, 0.0, 0.0))], [photo("d.jpg", (0.45, 1.0, 0.0))])
    assert len(group.references) == 1 and said == ["reference d.jpg may show somebody else than face 1 (likeness 0.41)"]


def test_a_face_that_is_left_alone_keeps_its_reference_from_others() -> None:
    groups, said = sort([job(1, RED, "good"), job(2, GREEN)], [photo("r.jpg", RED)])
    assert [group.recipe.task for group in groups] == ["restore"]
    assert said == ["reference r.jpg looks most like face 1, which is left alone (as it was)"]
    groups, _ = sort([job(1, RED, "not-chosen"), job(2, ORANGE)], [photo("r.jpg", RED)])
    assert groups[0].jobs[0].references == ("r.jpg",), "who was not chosen is not asked"


def test_what_cannot_work_is_said() -> None:
    with pytest.raises(RecipeError, match="needs a reference photograph"):
        sort([job(1, RED)], [])
    with pytest.raises(InputError, match=r"empty\.jpg: no face was found in this reference"):
        sort([job(1, RED)], [photo("empty.jpg", (0, 0, 0))])
    assert sort([job(1, RED, "good")], [photo("r.jpg", RED)])[0] == []


def test_a_palette_may_be_anybodys() -> None:
    palette = msgspec.structs.replace(
        TASKS["colorize"], wants=(Want(property="colour-statistics", knobs={"style": "reference"}),)
    )
    (group,), said = sort([job(1, RED), job(2, GREEN)], [photo("b.jpg", (0.0, 0.0, 1.0))], palette)
    assert len(group.jobs) == 2 and len(group.references) == 1 and said == []


class Lookalike(Property, frozen=True, kw_only=True):
    """A plug-in's property whose target is the person in the reference."""

    def of_reference(self) -> Literal["nothing", "look", "person"]:
        return "person"


def test_a_property_of_a_plug_in_says_itself_whom_its_reference_must_show(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("lookalike", f"{__name__}:Lookalike", PROPERTIES.package)
    monkeypatch.setitem(PROPERTIES._places, "lookalike", point)
    recipe = msgspec.structs.replace(WITH_REFERENCE, wants=(Want(property="lookalike"),))
    with pytest.raises(RecipeError, match="needs a reference photograph"):
        sort([job(1, RED)], [], recipe)
    (group,), said = sort([job(1, RED)], [photo("b.jpg", GREEN)], recipe)
    assert "does not look like the person" in said[0] and group.recipe.wants == ()
