"""The targets under hypothesis, a hundred inputs each; `make soak` gives them many more."""

import pytest

from tests.fuzzing import __main__ as fuzzing
from tests.fuzzing.spoiling import attempts
from tests.fuzzing.targets import TARGETS, attempt


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_example_is_accepted(name: str) -> None:
    assert all(attempt(name, seed) for seed in TARGETS[name].seeds)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_read_in_one_way_or_refused(name: str) -> None:
    attempts(name)()


@pytest.mark.parametrize("most,ends,failed", [(fuzzing.PEAK_KIB, 0, 0), (1, 1, 1)])
def test_a_target_that_takes_too_much_memory_fails(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    most: int,
    ends: int,
    failed: int,
) -> None:
    """What this process held before is not looked at: only how the peak is judged."""
    monkeypatch.setattr(fuzzing, "PEAK_KIB", most)
    monkeypatch.setattr(fuzzing, "peak_kib", lambda _: 2)
    monkeypatch.setattr("tests.fuzzing.spoiling.attempt_many", lambda *_: None)

    assert fuzzing._made(sorted(TARGETS)[:2], 1) == ends

    assert f"{failed} targets failed" in capsys.readouterr().out
