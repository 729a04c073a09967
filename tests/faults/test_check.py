"""The end check finds what it is there to find: each promise is broken once, in a copy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import checkpoint
from infrastructure.proofs.checkpoint import Checkpoint
from sijill.folder import Folder
from tests.faults import journal
from tests.faults.check import Broken, accounted, check, compare, placed
from tests.faults.journal import Kept
from tests.faults.load import Load
from tests.faults.service import Service
from tests.faults.soak import Soak
from tests.serving import ORIGIN

Answer = dict[str, Any]


@pytest.fixture(scope="module")
def checked(service: Service, load: Load) -> Load:
    """A load that has run and kept every promise."""
    with load.running():
        load.progress(60)
    check(service, load)
    return load


def planted(service: Service, load: Load, lie: Callable[[Kept, str], None]) -> list[str]:
    """What is found when the journals hold a lie about one of their orders."""
    kept = journal.read(load.journals)
    lie(kept, next(key for key, lines in kept.answered.items() if len(lines) == 1))
    wrong, *_ = compare(service, kept, {body.name for body in load.bodies})
    return wrong


def test_an_acknowledged_event_that_is_not_there(service: Service, checked: Load) -> None:
    def lie(kept: Kept, key: str) -> None:
        kept.sent["lost"] = ("ab" * 32,)
        kept.answered["lost"] = [dict(kept.answered[key][0])]

    assert any(one.startswith("lost: ") for one in planted(service, checked, lie))


def test_an_event_that_nobody_was_told_of(service: Service, checked: Load) -> None:
    def lie(kept: Kept, key: str) -> None:
        del kept.answered[key], kept.sent[key]

    assert any(one.startswith("nobody was told") for one in planted(service, checked, lie))


def test_a_receipt_that_does_not_hold(service: Service, checked: Load) -> None:
    def lie(kept: Kept, key: str) -> None:
        index = kept.answered[key][0]["index"]
        receipt = kept.answered[key][0]["receipt"]
        kept.answered[key][0]["receipt"] = receipt.replace(f"\n{index}\n", f"\n{index + 1}\n")

    assert any("fsck: " in one for one in planted(service, checked, lie))


def test_a_checkpoint_that_contradicts_the_published_ones(service: Service, checked: Load) -> None:
    keys = Folder(service.folder).log_keys(ORIGIN)

    def lie(kept: Kept, key: str) -> None:
        size = kept.answered[key][0]["index"] + 1
        kept.checkpoints.add(checkpoint.sign(Checkpoint(ORIGIN, size, bytes(32)), keys).decode())

    assert any("held_root_mismatch" in one for one in planted(service, checked, lie))


def test_an_error_that_the_service_owns_up_to(service: Service, checked: Load) -> None:
    service.served.talk.append('{"event": "failed", "level": "critical"}')
    try:
        with pytest.raises(Broken, match=r"said: .*failed"):
            check(service, checked)
    finally:
        service.served.talk.pop()


def test_a_soak_tells_what_it_saw_as_json(service: Service, checked: Load, tmp_path: Path) -> None:
    soak = Soak(kills=1, seed=7, check_every=1, folder=tmp_path, output="json", load=checked)
    soak.count("worker", 0.25)
    soak.checks.append(check(service, checked))

    told = json.loads(json.dumps(soak.summary(broken="")))

    assert told["kills_by_kind"]["worker"]["longest_seconds"] == 0.25
    assert told["clients"]["events"] == told["last_check"]["receipts"]
    assert "--seed 7 " in told["command"]


def test_an_event_that_stands_twice() -> None:
    kept = Kept(sent={"key": ("aa",)}, answered={"key": [{"index": 1, "receipt": "…"}]})
    log = {1: ("body-1", "aa"), 2: ("body-1", "aa")}

    assert list(placed(kept, log, {"body-1"})) == [
        "doubled: statement aa stands in the log 2 times"
    ]


@pytest.mark.parametrize("lines", [[], [{"problem": {"code": "number_taken"}}]])
def test_an_order_without_a_receipt(lines: list[Answer]) -> None:
    kept = Kept(sent={"key": ("aa",)}, answered={"key": lines} if lines else {})

    assert len(list(accounted(kept))) == 1
