"""The collector looks seldom for as long as it is told to."""

import gc

from sijill.collecting import THRESHOLDS, seldom_meanwhile


def test_the_collector_is_left_as_it_was_found() -> None:
    before = gc.get_threshold()
    with seldom_meanwhile():
        assert gc.get_threshold() == THRESHOLDS
    assert gc.get_threshold() == before
    assert gc.isenabled()
