"""A log's folder and its sealer, for the tests, and an independent reading of what was signed.

Run as a program it seals once and kills itself at the fault point named by its argument.
"""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import sql

from infrastructure import faults
from infrastructure.keyfiles import HighWaterMark
from infrastructure.log.lease import Lease
from infrastructure.log.sealer import LEASE, Sealer
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role, Urls, connect, connect_async
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.note import SignerKey

ORIGIN = "ledger.example/iq"
SEED = sha256(b"the log key of the sealer's tests").digest()


@dataclass(frozen=True, eq=False)
class RecordingKey(SignerKey):
    """A key that leaves every text it signs in a file, whatever becomes of the signature."""

    record: Path = field(default=Path("signed"))

    def sign(self, text: str) -> str:
        with self.record.open("a") as file:
            file.write(json.dumps(text) + "\n")
        return super().sign(text)


@dataclass
class SealedLog:
    """Where one test's log keeps its tiles and its mark."""

    urls: Urls
    folder: Path
    origin: str = ORIGIN

    @property
    def store(self) -> TileStore:
        return TileStore(self.folder / "log")

    @property
    def mark(self) -> HighWaterMark:
        return HighWaterMark(self.folder / "high-water")

    @property
    def key(self) -> RecordingKey:
        return RecordingKey(self.origin, SEED, self.folder / "signed")

    @property
    def signed(self) -> dict[int, str]:
        """Root by size of everything the key ever signed; fails on a contradiction."""
        found: dict[int, str] = {}
        record = self.folder / "signed"
        for line in record.read_text().splitlines() if record.exists() else []:
            _, size, root, end = json.loads(line).split("\n")
            assert end == ""
            assert found.setdefault(int(size), root) == root, f"two roots were signed for {size}"
        return found

    def create(self) -> "SealedLog":
        self.mark.create(Checkpoint(self.origin, 0, merkle.EMPTY_ROOT))
        return self

    @asynccontextmanager
    async def sealer(self, *keys: SignerKey) -> AsyncIterator[Sealer]:
        conn = await connect_async(self.urls.keeper, Role.KEEPER, autocommit=True)
        async with conn:
            lease = None
            while lease is None:  # the server notices a killed holder in its own time
                lease = await Lease.take(conn, LEASE, f"test {os.getpid()}")
            yield await Sealer.open(
                conn,
                lease,
                origin=self.origin,
                keys=keys or [self.key],
                store=self.store,
                mark=self.mark,
            )

    async def seal(self) -> int:
        """Seal whatever there is; the size of the newest checkpoint."""
        async with self.sealer() as sealer:
            while await sealer.seal_once():
                pass
            return sealer.size

    def notes(self) -> dict[int, bytes | None]:
        """Every row of the checkpoints' table."""
        with connect(self.urls.keeper, Role.KEEPER) as conn:
            return dict(conn.execute("SELECT size, note FROM ledger.checkpoints").fetchall())

    def leaf_hashes(self) -> list[bytes]:
        """Leaf hashes as the record format writes them, from the rows' parts alone."""
        with connect(self.urls.keeper, Role.KEEPER) as conn:
            rows = conn.execute(
                "SELECT index, time, header_salt, header, body_salt, body FROM ledger.events"
                " ORDER BY index"
            ).fetchall()
        hashes: list[bytes] = []
        prev = bytes(32)
        for index, time, header_salt, header, body_salt, body in rows:
            leaf = {
                "body": sha256(b"sijill/body/v1\0" + body_salt + body).hexdigest(),
                "header": sha256(b"sijill/header/v1\0" + header_salt + header).hexdigest(),
                "index": index,
                "prev": prev.hex(),
                "time": time,
                "v": 1,
            }
            text = json.dumps(leaf, separators=(",", ":"), sort_keys=True)
            prev = sha256(b"\0" + text.encode()).digest()
            hashes.append(prev)
        return hashes


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def check_note(note: bytes, origin: str, seed: bytes = SEED) -> tuple[int, bytes]:
    """Size and root of a checkpoint, its one signature checked as C2SP signed-note describes it."""
    text, _, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    (line,) = signatures.splitlines()
    dash, name, blob = line.split(" ")
    assert (dash, name) == ("\N{EM DASH}", origin)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    raw = base64.b64decode(blob, validate=True)
    key_id = sha256(name.encode() + b"\n\x01" + public.public_bytes_raw()).digest()[:4]
    assert raw[:4] == key_id
    public.verify(raw[4:], text.encode())
    first, size, root = text.splitlines()
    assert first == origin
    return int(size), base64.b64decode(root, validate=True)


def as_superuser(log: SealedLog, *statements: str | sql.Composed, **values: int) -> None:
    """What no role of ours may do: change what is recorded."""
    with connect(log.urls.admin, Role.OWNER) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace"
            " AND relkind IN ('r', 'p')"
        ).fetchall()
        for switch in ("DISABLE", "ENABLE"):
            for (table,) in tables:
                conn.execute(f"ALTER TABLE ledger.{table} {switch} TRIGGER USER")
            for statement in statements if switch == "DISABLE" else ():
                conn.execute(statement, values or None)


def restore_to(log: SealedLog, size: int) -> None:
    """What restoring an older backup comes to: events and checkpoints beyond it are gone."""
    as_superuser(
        log,
        "DELETE FROM ledger.events WHERE index >= %(size)s",
        "DELETE FROM ledger.orders WHERE first_index >= %(size)s",
        "DELETE FROM ledger.order_lines WHERE first_index >= %(size)s",
        "DELETE FROM ledger.order_keys WHERE first_index >= %(size)s",
        "DELETE FROM ledger.checkpoints WHERE size > %(size)s",
        "UPDATE ledger.head SET (size, time, leaf_hash) = (SELECT index + 1, time, leaf_hash"
        " FROM ledger.events WHERE index = %(size)s - 1)",
        size=size,
    )


def _die_at(point: str) -> None:
    def reach(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def reach_async(name: str) -> None:
        reach(name)

    faults.point, faults.point_async = reach, reach_async


if __name__ == "__main__":
    _die_at(sys.argv[1])
    asyncio.run(SealedLog(Urls("", sys.argv[2], ""), Path(sys.argv[3])).seal())
