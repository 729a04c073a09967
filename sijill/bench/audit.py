"""`sijill bench audit`: the whole check of a ledger whose every order was really signed and judged.

Two ledgers are filled over HTTP: one with single orders alone, one of which half came in bulk. Each
is then checked as `sijill log fsck` does it, step by step: chain and tree; everything up to the
rules; the read models, made again and compared. What limits the check is measured beside it.
"""

import multiprocessing
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import postgres
from infrastructure.log.reader import load_head
from infrastructure.log.replaying import connected
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role, Urls
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Trust
from sijill import audit, quick
from sijill.ahead import ahead
from sijill.bench import preparing
from sijill.bench.figures import Aim, OnStep, Sample
from sijill.bench.filling import fill
from sijill.bench.loading import Fire, fire_all
from sijill.bench.machine import describe
from sijill.bench.nation import CERTIFICATE_BYTES
from sijill.bench.processes import resident_bytes
from sijill.bench.servers import Served, founded, require_room, scratch, wal_room
from sijill.bench.stages import Stages, held_back

TREE_RATE: Final = 400_000.0
SINGLE_RATE: Final = 12_000.0
MIXED_RATE: Final = 20_000.0
CONNECTIONS: Final = 64
PIECE: Final = 50_000
"""Single requests that are made before they are sent: their signatures must not expire."""
VERIFIED: Final = 2_000


class NotClean(Exception):
    """A ledger that nobody tampered with did not pass; the text is the first finding."""


def run(events: int, folder: Path | None, on_step: OnStep) -> dict[str, Any]:
    """Fill, seal and check both; rates are events a second of the whole log.

    Raises:
        DiskTooSmall: so many events would not fit.
    """
    with ExitStack() as stack:
        place = stack.enter_context(scratch(folder))
        require_room(place, 2 * events * CERTIFICATE_BYTES + wal_room(place))
        cases: dict[str, Any] = {}
        machine: dict[str, Any] = {}
        for name, bulk in (("single", 0), ("half_bulk", events // 2)):
            (place / name).mkdir()
            cases[name], machine = _case(place / name, events - bulk, bulk, on_step)
    tree = min(case["tree"]["rate"] for case in cases.values())
    return {
        "benchmark": "audit",
        "machine": machine,
        "processes": os.cpu_count() or 1,
        "cases": cases,
        "verify_us": _verify_us(),
        "aims": [
            Aim("tree", TREE_RATE, tree).told,
            Aim("single", SINGLE_RATE, cases["single"]["rate"]).told,
            Aim("half_bulk", MIXED_RATE, cases["half_bulk"]["rate"]).told,
        ],
    }


def _case(
    place: Path, singles: int, bulk: int, on_step: OnStep
) -> tuple[dict[str, Any], dict[str, Any]]:
    with founded(place) as ledger:
        stages = Stages(ledger, os.cpu_count() or 1, on_step)
        with ledger.serving(1):
            pass  # its office is enrolled
        with (
            stages.database() as urls,
            held_back(urls),
            ledger.serving(stages.workers) as served,
        ):
            _fill_singly(served, place, singles, on_step)
            if bulk:
                fill(served, bulk, 0, on_step)
        stages.seal_and_follow()
        with stages.database() as urls:
            return _check(urls, ledger.folder, on_step), describe(place, urls.admin)


def _fill_singly(served: Served, place: Path, count: int, on_step: OnStep) -> None:
    done, started = 0, time.monotonic()
    while done < count:
        piece = min(PIECE, count - done)
        path = place / "requests"
        preparing.singles(served.office, path, max(CONNECTIONS, piece))
        fire_all(Fire(served.url, path, CONNECTIONS))
        path.unlink()
        done += piece
        on_step("issue_singly", done, count, done / (time.monotonic() - started))


def _check(urls: Urls, folder: Path, on_step: OnStep) -> dict[str, Any]:
    """Each step with its rate; `rate` is of all that `log fsck` does."""
    with postgres.connect(urls.service, Role.SERVICE) as connection:
        events = load_head(connection).size
    tree = _tree(urls, folder)
    on_step("tree", events, events, tree.rate)
    walk = _walk(urls, folder, on_step)
    started = time.monotonic()
    summary = Summary(size=events)
    audit.compare_projections(urls.keeper, summary, _refuse)
    models = Sample(events, time.monotonic() - started)
    on_step("read_models", events, events, models.rate)
    whole = Sample(events, walk.seconds + models.seconds)
    return {
        "events": events,
        "rate": round(whole.rate, 1),
        "tree": tree.told,
        "walk": walk.told,
        "read_models": models.told,
    }


def _tree(urls: Urls, folder: Path) -> Sample:
    """Bytes and tree alone, as `log fsck --quick` does it; its processes are there before it."""
    store = TileStore(folder / "log")
    with connected(urls.service, os.cpu_count() or 1) as each:
        started = time.monotonic()
        summary = quick.check(urls.service, each, store, Trust(acts=audit.act_rules()))
        seconds = time.monotonic() - started
    more = {"tiles": summary.tiles, "checkpoints": summary.checkpoints}
    return Sample(summary.leaves, seconds, more=more)


def _walk(urls: Urls, folder: Path, on_step: OnStep) -> Sample:
    """Everything but the read models; with what one event costs the walk's own process."""
    started, processor = time.monotonic(), time.process_time()
    done = 0
    held: list[tuple[int, float]] = []

    def on_leaf() -> None:
        nonlocal done
        done += 1
        if done % PIECE == 1:
            held.append((done, _held_mb()))
        if done % PIECE == 0:
            on_step("walk", done, 0, done / (time.monotonic() - started))

    with (
        audit.database_source(urls.service, folder / "log") as source,
        ahead(os.cpu_count() or 1) as reads,
    ):
        trust = Trust(acts=audit.act_rules(), ahead=reads)
        summary = audit.check(source, trust, _refuse, on_leaf)
    seconds = time.monotonic() - started
    used = time.process_time() - processor
    more = {
        "signatures": summary.signatures,
        "walk_us_each": round(used / done * 1e6, 1),
        "memory_mb": held,
    }
    return Sample(summary.leaves, seconds, more=more)


def _held_mb() -> float:
    """What this process and those that read ahead hold."""
    pids = [os.getpid(), *(one.pid or 0 for one in multiprocessing.active_children())]
    return round(sum(map(resident_bytes, pids)) / 1e6, 1)


def _refuse(finding: Finding) -> None:
    raise NotClean(f"{finding.code} at {finding.index}: {finding.expected} {finding.found}")


def _verify_us() -> float:
    """What one signature costs one processor, in microseconds: no check can cost less."""
    key = Ed25519PrivateKey.generate()
    message = bytes(600)
    signature, public = key.sign(message), key.public_key()
    started = time.process_time()
    for _ in range(VERIFIED):
        public.verify(signature, message)
    return round((time.process_time() - started) / VERIFIED * 1e6, 1)
