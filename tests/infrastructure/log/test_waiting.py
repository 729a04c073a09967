import asyncio

import pytest

from infrastructure.log.refusals import LogBehind, StorageFull, StoreUnavailable
from infrastructure.log.waiting import Waiting, WaitingLine
from tests.infrastructure.log.making import a_request, an_event

pytestmark = pytest.mark.anyio


def someone(events: int = 1) -> Waiting:
    request = a_request(None, *(an_event() for _ in range(events)))
    return Waiting(request, asyncio.get_running_loop().create_future())


def a_line(*everybody: Waiting, max_events: int = 3, max_bytes: int = 10**6) -> WaitingLine:
    line = WaitingLine(max_events=max_events, max_bytes=max_bytes)
    for each in everybody:
        line.append(each)
    return line


async def test_first_come_first_served_by_batches() -> None:
    everybody = [someone() for _ in range(4)]
    line = a_line(*everybody)
    assert (line.events, line.bytes) == (4, 4 * everybody[0].bytes)
    assert line.take() == everybody[:3]
    assert (line.events, line.bytes) == (1, everybody[3].bytes)
    assert line.take() == everybody[3:]
    assert not line
    assert line.take() == []


async def test_whoever_is_larger_than_a_batch_goes_alone() -> None:
    small, large, last = someone(), someone(7), someone()
    line = a_line(small, large, last)
    assert [line.take(), line.take(), line.take()] == [[small], [large], [last]]
    assert line.events == 0


async def test_bytes_end_a_batch_too() -> None:
    first, second = someone(), someone()
    line = a_line(first, second, max_bytes=first.bytes + 1)
    assert line.take() == [first]


async def test_who_was_deferred_goes_before_who_came_since() -> None:
    first, second, later = someone(), someone(), someone()
    line = a_line(later, max_events=9)
    line.put_back([first, second])
    assert (line.events, line.bytes) == (3, 3 * later.bytes)
    assert line.take() == [first, second, later]


async def test_who_has_gone_is_not_taken() -> None:
    first, second = someone(), someone()
    line = a_line(first, second)
    first.answer.cancel()
    assert line.take() == [second]
    assert line.events == line.bytes == 0


@pytest.mark.parametrize("why", [StoreUnavailable, StorageFull, LogBehind])
async def test_everybody_can_be_sent_home(why: type[StoreUnavailable]) -> None:
    everybody = [someone(), someone()]
    line = a_line(*everybody)
    line.fail(why("away"))
    assert not line
    assert line.events == line.bytes == 0
    for each in everybody:
        with pytest.raises(why, match="away"):
            await each.answer
