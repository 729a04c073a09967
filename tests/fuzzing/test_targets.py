"""The targets under hypothesis, a hundred inputs each; `make soak` gives them many more."""

import pytest

from tests.fuzzing.spoiling import attempts
from tests.fuzzing.targets import TARGETS, attempt


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_example_is_accepted(name: str) -> None:
    assert all(attempt(name, seed) for seed in TARGETS[name].seeds)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_read_in_one_way_or_refused(name: str) -> None:
    attempts(name)()
