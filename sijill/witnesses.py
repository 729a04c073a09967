"""Asking witnesses over HTTP: C2SP tlog-witness, from the log's side.

All are asked at the same time and for a short while; one that fails is left alone for a growing
time. So witnesses that are down cost a checkpoint a moment now and then, and an append nothing.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal

import httpx2
import structlog

from infrastructure.log.witnessed import NOBODY, Prove, QuorumMissing, WitnessAhead, Witnesses
from infrastructure.proofs import cosignature, note, policy, witnessing
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.policy import Policy, Witness
from infrastructure.proofs.witnessing import Submission
from sijill.folder import Folder
from sijill.settings import Settings

LOGGER = structlog.get_logger("witnesses")
ASK_SECONDS: Final = 3.0
PAUSES_SECONDS: Final = (1.0, 5.0, 30.0, 60.0)
ANSWER_BYTES: Final = 65_536
SIZE_DIGITS: Final = 19

BelowQuorum = Literal["publish", "wait"]


class Unanswered(Exception):
    """A witness gave no answer that is of use; the text says why."""


@dataclass(slots=True)
class _Peer:
    """One witness, the size that it knows as far as we have heard, and how it answered lately."""

    name: str
    witness: Witness
    size: int = 0
    failures: int = 0
    again_at: float = field(default=0.0)


class HttpWitnesses:
    """The witnesses of a policy that have an address.

    Args:
        named: who they are, and how many are enough.
        origin: the log's name.
        keys: the log's verifier keys, oldest first.
        below: what becomes of a checkpoint that too few cosigned.
    """

    def __init__(
        self,
        named: Policy,
        *,
        origin: str,
        keys: Sequence[VerifierKey],
        below: BelowQuorum = "publish",
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = named
        self._origin = origin
        self._keys = tuple(keys)
        self._below = below
        self._clock = clock
        self._transport = transport
        self._peers = [_Peer(name, one) for name, one in named.witnesses.items() if one.url]
        self._reached: bool | None = None

    async def cosign(self, checkpoint: Checkpoint, signed: bytes, prove: Prove) -> bytes:
        """See :class:`infrastructure.log.witnessed.Witnesses`."""
        asked = [peer for peer in self._peers if peer.again_at <= self._clock()]
        async with self._client() as client:
            lines = await asyncio.gather(
                *(self._ask(client, peer, checkpoint, signed, prove) for peer in asked)
            )
        whole = signed + b"".join(lines)
        keys = [peer.witness.key for peer in self._peers]
        reached = self._policy.satisfied([one.key for one in cosignature.cosigned(whole, keys)])
        self._log(reached=reached, size=checkpoint.size)
        if not reached and self._below == "wait":
            raise QuorumMissing(self._policy.quorum)
        return whole

    async def remembered(self) -> list[Checkpoint]:
        """See :class:`infrastructure.log.witnessed.Witnesses`."""
        async with self._client() as client:
            found = await asyncio.gather(*(self._remembers(client, peer) for peer in self._peers))
        return [one for one in found if one is not None]

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(timeout=ASK_SECONDS, transport=self._transport)

    def _log(self, *, reached: bool, size: int) -> None:
        """Say when it changes, not for each checkpoint; the operator's choice is part of it."""
        if reached == self._reached:
            return
        self._reached = reached
        if reached:
            LOGGER.info("quorum of witnesses", quorum=self._policy.quorum, size=size)
        else:
            LOGGER.warning(
                "below the quorum of witnesses",
                quorum=self._policy.quorum,
                size=size,
                published=self._below == "publish",
                setting="SIJILL_BELOW_QUORUM",
            )

    async def _ask(
        self,
        client: httpx2.AsyncClient,
        peer: _Peer,
        checkpoint: Checkpoint,
        signed: bytes,
        prove: Prove,
    ) -> bytes:
        """The witness's line, or nothing; how it went is remembered."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                line = await self._submit(client, peer, checkpoint, signed, prove)
        except (httpx2.HTTPError, OSError, TimeoutError, Unanswered, ProofError) as error:
            pause = PAUSES_SECONDS[min(peer.failures, len(PAUSES_SECONDS) - 1)]
            peer.failures += 1
            peer.again_at = self._clock() + pause
            LOGGER.warning(
                "witness did not cosign",
                witness=peer.name,
                error=str(error) or type(error).__name__,
                again_in_seconds=pause,
            )
            return b""
        peer.failures, peer.size = 0, checkpoint.size
        return line

    async def _submit(
        self,
        client: httpx2.AsyncClient,
        peer: _Peer,
        checkpoint: Checkpoint,
        signed: bytes,
        prove: Prove,
    ) -> bytes:
        for _ in range(2):
            old = min(peer.size, checkpoint.size)
            proof = tuple(await prove(old))
            body = Submission(old, proof, signed).encode()
            status, answer = await _exchange(client, "POST", _url(peer, "add-checkpoint"), body)
            if status == witnessing.OK:
                return _line(answer, peer, signed)
            if status != witnessing.CONFLICT:
                raise Unanswered(f"status {status}")
            size = _size(answer)
            if size > checkpoint.size:
                # Its word alone proves nothing; our own signature for that size does.
                remembered = await self._remembers(client, peer)
                if remembered is not None and remembered.size > checkpoint.size:
                    raise WitnessAhead(remembered.size)
                raise Unanswered(f"it claims size {size} and cannot show it")
            peer.size = size
        raise Unanswered("it changes its mind about the size")

    async def _remembers(self, client: httpx2.AsyncClient, peer: _Peer) -> Checkpoint | None:
        """The newest checkpoint that this witness shows, if our own key signed it."""
        name = sha256(self._origin.encode()).hexdigest()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                status, data = await _exchange(client, "GET", _url(peer, f"{name}/checkpoint"))
            if status != HTTPStatus.OK:
                return None
            return open_checkpoint(data, origin=self._origin, verifiers=self._keys)
        except (httpx2.HTTPError, OSError, TimeoutError, Unanswered, ProofError) as error:
            LOGGER.warning("witness not asked", witness=peer.name, error=type(error).__name__)
            return None


def _url(peer: _Peer, path: str) -> str:
    return f"{(peer.witness.url or '').rstrip('/')}/{path}"


async def _exchange(
    client: httpx2.AsyncClient, method: str, url: str, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body, of which no more is read than an answer may have."""
    data = b""
    async with client.stream(method, url, content=body) as answer:
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > ANSWER_BYTES:
                raise Unanswered("too long an answer")
        if answer.status_code == witnessing.CONFLICT and not answer.headers.get(
            "content-type", ""
        ).startswith(witnessing.SIZE_TYPE):
            # Some refuse a fork so; to try again would not change it.
            raise Unanswered("a conflict without a size")
        return answer.status_code, data


def _line(answer: bytes, peer: _Peer, signed: bytes) -> bytes:
    """The witness's own line, verified; whatever else it sent is passed over."""
    key = peer.witness.key
    text, _ = note.signatures(signed)
    for line in answer.decode("utf-8", "replace").splitlines():
        name, key_id, signature = note.parse_line(line)
        if (name, key_id) == (key.name, key.key_id):
            key.verify(text, signature)
            return f"{line}\n".encode()
    raise Unanswered("no line by its key")


def _size(answer: bytes) -> int:
    text = answer.removesuffix(b"\n").decode("ascii", "replace")
    if not text.isdecimal() or len(text) > SIZE_DIGITS or str(int(text)) != text:
        raise Unanswered("a size that is none")
    return int(text)


def witnesses_of(data: Path, origin: str, folder: Folder) -> Witnesses:
    """The witnesses that the settings name.

    Raises:
        ProofError: `policy_malformed`. OSError: the file cannot be read.
    """
    settings = Settings(data=data)
    if settings.witnesses is None:
        return NOBODY
    return HttpWitnesses(
        policy.parse(settings.witnesses.read_bytes()),
        origin=origin,
        keys=[key.verifier for key in folder.log_keys(origin)],
        below=settings.below_quorum,
    )


def remembered(data: Path, origin: str, folder: Folder) -> int:
    """The largest size that a witness can show under this log's own signature; 0 without any.

    A witness that cannot be reached is no reason not to serve.
    """
    seen = asyncio.run(witnesses_of(data, origin, folder).remembered())
    return max((one.size for one in seen), default=0)
