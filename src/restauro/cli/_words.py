"""A report in one line: what was done to which face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

VERDICTS = {
    "restored": "restored",
    "unsure": "restored, unsure",
    "good": "good already",
    "small": "too small",
    "not-chosen": "not chosen",
    "unclear": "not seen clearly",
}
FEW = 3
"""So many faces of one verdict are explained one by one; more are counted."""


def faces_in_words(faces: Sequence[Any]) -> str:
    """As in: face 1 restored (blurred: edges are 2 px soft); 2 faces good already: 2, 3."""
    groups: dict[str, list[Any]] = {}
    for face in faces:
        groups.setdefault(face.verdict, []).append(face)
    return "; ".join(_group(VERDICTS.get(verdict, verdict), group) for verdict, group in groups.items())


def reason_for_nothing(report: Any) -> str:
    """Why a photograph was left as it is."""
    return faces_in_words(report.faces) or next(iter(report.notices), "no face was found")


def _group(verdict: str, faces: Sequence[Any]) -> str:
    numbers = ", ".join(str(face.number) for face in faces)
    if len(faces) == 1:
        why = faces[0].why.removeprefix(f"{verdict}: ")
        return f"face {numbers} {verdict}" + (f" ({why})" if why else "")
    reasons = list(dict.fromkeys(face.why for face in faces if face.why))
    why = f" ({reasons[0]})" if len(reasons) == 1 and len(faces) <= FEW else ""
    return f"{len(faces)} faces {verdict}{why}: {numbers}"
