"""Every number the originals produced, against ours (`RESTAURO_GOLDENS`, default ../shared/goldens)."""

from __future__ import annotations

import pytest
import torch

from tests.goldens.runner import Case, cases, handler_of, not_offered, reason_not_offered
from tests.shared import GOLDENS, SHARED

ALL = list(cases())
PARAMETERS = [
    pytest.param(case, id=f"{case.source}/{case.name}", marks=[pytest.mark.slow] if case.name.startswith("full_") else [])
    for case in ALL
]


@pytest.mark.parametrize("case", PARAMETERS)
def test_golden(case: Case) -> None:
    handler = handler_of(case)
    if handler is None:
        reason = reason_not_offered(case)
        if reason is None:
            pytest.fail(f"nobody handles {case.source}/{case.name}, and not-offered.toml does not name it")
        pytest.skip(reason)
    torch.manual_seed(0)
    handler(case)


@pytest.mark.skipif(not ALL, reason=f"no goldens in {GOLDENS}")
def test_not_offered_is_current() -> None:
    """A rule whose every file is handled by now is a lie."""
    if GOLDENS != SHARED / "goldens":
        pytest.skip("another folder of goldens")
    whole = [rule for rule in not_offered() if not rule.entry and not rule.where]
    stale = [rule.file for rule in whole if not any(rule.matches(case) and handler_of(case) is None for case in ALL)]
    assert not stale, stale
