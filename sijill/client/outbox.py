"""The outbox: orders that were written down without a ledger, and are signed when they are sent.

A signature has a time, so what waits is not signed: it is the statement, with all that only the
client draws (nonce, code, salts, secret). When it is sent it is signed and journaled, and from then
on goes out as those bytes until it is answered. Only where the ledger says that those came too late
is it signed anew: an order that is out of its time was recorded in time, and is told again, or
never will be. So nothing is doubled, whenever the power goes.

    outbox/ID.json    what waits, in the order in which it was written down
    refused/ID.json   what the ledger refused, and why; kept until somebody drops or retries it
"""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from infrastructure.proofs import canonical, signing
from infrastructure.proofs.orders import (
    COSIGNED_LIFE_SECONDS,
    LINE_LIMIT_BYTES,
    ORDER_TAG,
    SignedRequest,
    parse_request,
)
from sijill.client.answers import is_open
from sijill.client.connection import Client
from sijill.client.drafts import Draft, drafts_in
from sijill.client.errors import Late, Refused
from sijill.client.prepared import Prepared
from sijill.client.state import QUEUED, State

_MUST_WAIT: Final = "valid_until_missing"
UPLOAD: Final = "attachment.upload"

Upload = Callable[[Client, Path], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that waits: an order, by its envelope, or a file to be uploaded.

    `id` sorts by time. `waits` says that others have to sign it, too. `problem` is why it was
    refused.
    """

    id: str
    act: str
    path: str
    queued: int
    envelope: bytes = field(default=b"", repr=False)
    waits: bool = False
    problem: dict[str, Any] | None = None

    def encode(self) -> bytes:
        """Its file."""
        said = {**asdict(self), "envelope": base64.b64encode(self.envelope).decode()}
        return json.dumps(said).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Entry":
        """Read its file."""
        said = json.loads(data)
        return cls(**{**said, "envelope": base64.b64decode(said["envelope"])})

    def signable(self, now: int) -> bytes:
        """Its envelope; one that waits for others may do so from now on."""
        if not self.waits:
            return self.envelope
        line = canonical.parse_envelope(self.envelope, limit_bytes=LINE_LIMIT_BYTES)
        said = {**line.parsed, "valid_until": now + COSIGNED_LIFE_SECONDS}
        return signing.envelope(canonical.dumps(said), line.disclosures)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an entry, or of a request that a crash had left in the journal.

    `draft` is what such a request says: the crash may have kept what was drawn for it from being
    told. `waits`: it is there still, and may be taken another time. `unread` is why its file was
    not.
    """

    act: str
    entry: Entry | None = None
    answer: dict[str, Any] | list[dict[str, Any]] | None = None
    refused: Refused | None = None
    draft: Draft | None = field(default=None, repr=False)
    unread: OSError | None = None
    waits: bool = False


class Dropped(Enum):
    """What an entry was when it was dropped; `SENT` may have been recorded, nobody knows here."""

    NOTHING = auto()
    UNSENT = auto()
    SENT = auto()


class Outbox:
    """One state folder's outbox; several processes may share it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, act: str, draft: Draft, *, waits: bool) -> Entry:
        """Write an order down; it survives a power cut from here on."""
        return self._put(Entry(_name(), act, draft.path, _now(), draft.envelope, waits))

    def put_file(self, path: Path) -> Entry:
        """Write down that a file is to be uploaded; it is read when it is sent."""
        return self._put(Entry(_name(), UPLOAD, str(path.resolve()), _now()))

    def waiting(self) -> list[Entry]:
        """What waits, oldest first."""
        # Why it was refused still stands in the file of what is retried.
        return [replace(one, problem=None) for one in self._read("outbox")]

    def refused(self) -> list[Entry]:
        """What the ledger refused, oldest first."""
        return self._read("refused")

    def drop(self, name: str) -> Dropped:
        """Forget an entry, waiting or refused, and what it was signed as, so that nobody sends it.

        What was signed for it may have been sent: its answer never came, or was *not now*.
        """
        with self._alone():
            found = [one for one in (*self.waiting(), *self.refused()) if one.id == name]
            for entry in found:
                self._forget(entry)
            signed = self._signed(f"{QUEUED}{name}")
            for prepared in signed:
                self._state.settle(prepared)
        if signed:
            return Dropped.SENT
        return Dropped.UNSENT if found else Dropped.NOTHING

    def retry(self, name: str) -> bool:
        """Have a refused entry wait again, in its old place; whether there was one."""
        found = any(one.id == name for one in self.refused())
        if found:
            # At once: what lay in both could be sent from one, and then from the other.
            file = self._state.folder / "refused" / f"{name}.json"
            file.rename(self._state.folder / "outbox" / file.name)
        return found

    def send(self, client: Client, upload: Upload) -> Iterator[Sent]:
        """Send everything, oldest first: what waits, then what a crash left in the journal.

        A bulk with secrets is left to the command that began it: that one tells them line by line.
        At last it is asked what became of what was sent before and waits for signatures.

        Raises:
            Unreachable: the ledger does not answer; everything that is not told waits on.
            Refused: the same, because something else answers in its place.
        """
        with self._alone():
            entries = self.waiting()
            open_ = self._open({_mark(one) for one in entries})
            for entry in entries:
                yield self._send(client, entry, upload)
            for prepared in self._state.interrupted():
                yield from _again(client, prepared)
            for entry, prepared in open_:
                yield from self._ask(client, entry, prepared)

    def _send(self, client: Client, entry: Entry, upload: Upload) -> Sent:
        try:
            if entry.act == UPLOAD:
                try:
                    answer = upload(client, Path(entry.path))
                except OSError as error:
                    return Sent(entry.act, entry, unread=error, waits=True)
                self._forget(entry)
            else:
                prepared, answer = self._order(client, entry)
                # First what would send it anew, then the bytes that were answered.
                self._forget(entry)
                if not is_open(answer):
                    client.settle(prepared)
        except Refused as refused:
            return self._refuse(entry, refused, over=refused.final)
        return Sent(entry.act, entry, answer)

    def _refuse(self, entry: Entry, refused: Refused, *, over: bool) -> Sent:
        """Keep it apart if it is over; else it waits on where it is.

        Raises:
            Refused: it was not the ledger that answered.
        """
        if refused.foreign:
            raise refused
        if over:
            kept = replace(entry, problem=dict(refused.problem))
            self._state.write(f"refused/{entry.id}.json", kept.encode())
            self._unlink(entry, "outbox")
        return Sent(entry.act, entry, refused=refused, waits=not over)

    def _open(self, marks: set[str]) -> list[tuple[Entry, Prepared]]:
        """What was sent by an entry that is gone since, because it waits for signatures."""
        found = []
        for prepared in self._state.waiting():
            for mark in set(prepared.marks) - marks:
                if mark.startswith(QUEUED):
                    name = mark.removeprefix(QUEUED)
                    queued = int(name.partition("-")[0]) // 1_000_000_000
                    act, body = _act_of(prepared), prepared.body
                    entry = Entry(name, act, prepared.path, queued, body, waits=True)
                    found.append((entry, prepared))
        return found

    def _ask(self, client: Client, entry: Entry, prepared: Prepared) -> Iterator[Sent]:
        """What became of an order that waited for signatures; nothing while it still does.

        One that is over is not signed anew, as `_order` would: others let it be.
        """
        try:
            answer = client.send(prepared, settle=False)
        except Refused as refused:
            yield self._refuse(entry, refused, over=refused.judged)
            return
        if not is_open(answer):
            yield Sent(entry.act, entry, answer)
            client.settle(prepared)

    def _order(self, client: Client, entry: Entry) -> tuple[Prepared, dict[str, Any]]:
        mark = _mark(entry)
        for prepared in self._signed(mark):
            try:
                return prepared, client.send(prepared, settle=False)
            except Refused as refused:
                if not refused.out_of_time:
                    raise
        try:
            return self._sign(client, entry, mark)
        except Refused as refused:
            if refused.code != _MUST_WAIT or entry.waits:
                raise
            return self._sign(client, replace(entry, waits=True), mark)

    def _signed(self, mark: str) -> list[Prepared]:
        """What an entry was signed as, and not answered for good."""
        known = (*self._state.journaled(), *self._state.waiting())
        return [one for one in known if one.marks == (mark,)]

    def _sign(self, client: Client, entry: Entry, mark: str) -> tuple[Prepared, dict[str, Any]]:
        line = entry.signable(_now())
        prepared = client.prepare(entry.path, [line], cosigned=entry.waits, marks=(mark,))
        answer: dict[str, Any] = client.send(prepared, settle=False)
        return prepared, answer

    def _put(self, entry: Entry) -> Entry:
        self._state.write(f"outbox/{entry.id}.json", entry.encode())
        return entry

    def _read(self, folder: str) -> list[Entry]:
        return [Entry.decode(data) for data in self._state.texts(folder)]

    def _forget(self, entry: Entry) -> None:
        # A crash while it was refused may have left it in both: what is sent is never retried.
        self._unlink(entry, "refused", "outbox")

    def _unlink(self, entry: Entry, *folders: str) -> None:
        for folder in folders:
            (self._state.folder / folder / f"{entry.id}.json").unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two that send at once would sign one entry twice."""
        with self._state.locked("outbox.lock"):
            yield


def _again(client: Client, prepared: Prepared) -> Iterator[Sent]:
    """Send a journaled request again; what came too late is signed anew, if it is an order.

    What was signed for an entry is not: that is gone, so somebody dropped it, or was answered.
    """
    act = _act_of(prepared)
    drafts = drafts_in(prepared)
    if prepared.bulk and any(one.holder_secret is not None for one in drafts):
        return
    queued = any(mark.startswith(QUEUED) for mark in prepared.marks)
    try:
        try:
            answer = client.send(prepared, settle=False)
        except Refused as refused:
            head = parse_request("POST", prepared.path, prepared.headers.items())
            if not refused.out_of_time or head.tag != ORDER_TAG or queued:
                raise
            prepared = _anew(client, prepared, head, refused)
            if isinstance(refused, Late) and refused.answered:
                yield Sent(act, answer=refused.answered)
            answer = _as_numbered(client.send(prepared, settle=False), refused)
    except Refused as refused:
        if refused.foreign:
            raise
        later = not refused.final and not (queued and refused.out_of_time)
        if not later:
            client.settle(prepared)
        if refused.out_of_time and later and client.state:
            # The clock here is wrong: nobody was told yet what was drawn for it.
            client.state.journal(prepared)
        yield Sent(act, refused=refused, waits=later)
        return
    yield Sent(act, answer=answer, draft=None if prepared.bulk else next(iter(drafts), None))
    # Only now: a secret that nobody has read yet must be found again after a crash.
    if not is_open(answer):
        client.settle(prepared)


def _anew(client: Client, late: Prepared, head: SignedRequest, refused: Refused) -> Prepared:
    """What came too late, signed anew: of a bulk the lines that were not recorded."""
    lines, marks = late.lines, late.marks
    if isinstance(refused, Late):
        lines = [lines[number] for number in refused.lines]
        marks = tuple(marks[number] for number in refused.lines) if marks else ()
    anew = client.prepare(
        late.path,
        lines,
        bulk=late.bulk,
        atomic=head.atomic,
        cosigned=head.expires - head.created > COSIGNED_LIFE_SECONDS // 2,
        marks=marks,
    )
    # Only now: another is in the journal in its place.
    client.settle(late)
    return anew


def _as_numbered(answer: Any, refused: Refused) -> Any:
    """The answer to lines that were signed anew, each by its number in the list that was late."""
    if not isinstance(refused, Late) or is_open(answer):
        return answer
    return [{**one, "line": refused.lines[one["line"]]} for one in answer]


def _mark(entry: Entry) -> str:
    return f"{QUEUED}{entry.id}"


def _act_of(prepared: Prepared) -> str:
    """The act of a journaled request's first line; its path, where it has none."""
    try:
        line = canonical.parse_envelope(prepared.lines[0], limit_bytes=LINE_LIMIT_BYTES)
    except ValueError:
        return prepared.path
    return str(line.parsed.get("act", prepared.path))


def _name() -> str:
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"


def _now() -> int:
    return int(time.time())
