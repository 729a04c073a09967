"""Checkpoints over a log that no ledger founded: the real sealer, with a key of its own."""

import asyncio
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import postgres
from infrastructure.keyfiles import HighWaterMark
from infrastructure.log.lease import Lease
from infrastructure.log.sealer import LEASE, Sealer
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.note import SignerKey
from sijill.bench.figures import OnStep, Sample

ORIGIN = "bench.sijill.example/log"


def seal(url: str, folder: Path, events: int, on_step: OnStep) -> Sample:
    """Seal a log that was never sealed: its tiles into `folder`, its checkpoints published."""
    folder.mkdir()
    mark = HighWaterMark(folder / "high-water")
    mark.create(Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT))
    key = SignerKey(ORIGIN, Ed25519PrivateKey.generate().private_bytes_raw())

    async def work() -> Sample:
        conn = await postgres.connect_async(
            url, Role.KEEPER, autocommit=True, limits=postgres.PATIENT
        )
        async with conn:
            lease = await Lease.take(conn, LEASE, "bench")
            if lease is None:
                raise RuntimeError("somebody else seals this log")
            sealer = await Sealer.open(
                conn, lease, origin=ORIGIN, keys=[key], store=TileStore(folder), mark=mark
            )
            return await seal_all(sealer, events, on_step)

    return asyncio.run(work())


async def seal_all(sealer: Sealer, events: int, on_step: OnStep) -> Sample:
    """Seal until the log holds nothing more."""
    before = sealer.size
    started = time.monotonic()
    while await sealer.seal_once() is not None:
        done = sealer.size - before
        on_step("seal", done, events, done / (time.monotonic() - started))
    return Sample(sealer.size - before, time.monotonic() - started)
