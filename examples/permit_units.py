"""The units as agencies: admitted by both authorities, each with its own key, and what they send.

What a unit sends is signed once and kept before it goes out; run again, the same bytes are sent,
which the ledger answers with what it recorded. It knows nothing of cases.
"""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from permit_acts import agency_of

from infrastructure import keyfiles
from infrastructure.keyfiles import KeyFileError
from infrastructure.proofs.jwk import PrivateKey, public_of
from sijill.client import Client, Draft, Late, Prepared, Refused, State

SCOPES = ["administer", "issue", "register", "revoke"]
WAIT_SECONDS = 86_400
OPENED = "2010-01-01"


class Progress:
    """How far the run is: what is done and how much a second, told once a second and at ends."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.done = 0
        self._started = self._told = time.monotonic()
        self._counting = threading.Lock()

    def step(self) -> None:
        """One more is done, or was; told by several threads."""
        with self._counting:
            self.done += 1
            late = time.monotonic() - self._told >= 1
            if late:
                self._told = time.monotonic()
        if late:
            self.tell()

    def tell(self) -> None:
        """Say how far it is."""
        rate = self.done / max(time.monotonic() - self._started, 0.001)
        print(f"{self.done} of {self.total} {self.what}, {rate:.0f} a second", file=sys.stderr)


class Units:
    """Clients of the two authorities and of every unit, over one state folder."""

    def __init__(self, url: str, state: Path, operator: Path, authority: Path) -> None:
        self.url = url
        self.state = State(state)
        self.operator = self._client("ndc", keyfiles.load_private_key(operator))
        self.authority = self._client("comsec", keyfiles.load_private_key(authority))
        self.clients: dict[str, Client] = {}
        self.added = 0
        self._counting = threading.Lock()

    @property
    def secret(self) -> bytes:
        """What ids are drawn from, the same in every run on this folder."""
        return bytes.fromhex(self.state.mark(b"permits"))

    def close(self) -> None:
        """Let all connections go."""
        for client in (self.operator, self.authority, *self.clients.values()):
            client.close()

    def announce(self, party: str) -> None:
        """Register a party outside: a body that nobody has linked, so that it is sent paper."""
        self._once(
            "agency.add",
            "/v1/agencies",
            {"agency_exists"},
            subject=agency_of(party),
            kind="non_ministry_body",
            names=dict.fromkeys(("ar", "ckb", "en"), party),
            effective_date=OPENED,
        )

    def admit(self, unit: str) -> None:
        """Register, link and enrol a unit, as far as that has not happened yet.

        Raises:
            KeyFileError: the unit has a key already, and it is not in this state folder.
        """
        agency = agency_of(unit)
        names = dict.fromkeys(("ar", "ckb", "en"), unit)
        self._once(
            "agency.add",
            "/v1/agencies",
            {"agency_exists"},
            subject=agency,
            kind="directorate",
            names=names,
            effective_date=OPENED,
        )
        linked = {"agency_already_linked", "agency_not_planned"}
        self._once("agency.link", f"/v1/agencies/{agency}/linking", linked, subject=agency)
        enrolled = self.operator.get(f"/v1/agencies/{agency}/keys", signed=False)["items"]
        key = self._key(agency, {one["key"] for one in enrolled})
        self.clients[unit] = self._client(agency, key)
        if not enrolled:
            self._enrol(agency, key)

    def reader(self, unit: str) -> Client:
        """One more connection of a unit, for a thread of its own."""
        client = self.clients[unit]
        return Client(self.url, agency=client.agency, key=client.key)

    def send(
        self,
        unit: str,
        path: str,
        what: str,
        make: Callable[[], Iterable[bytes]],
        on_line: Callable[[], None],
    ) -> list[dict[str, Any]]:
        """Send a unit's bulk of this name: what was prepared before, else what `make` makes now.

        The answers come in the order of the lines.

        Raises:
            Refused: a line was refused. Unreachable: the ledger does not answer.
        """
        kept = self._kept(unit, what, 0)
        lines = list(make()) if kept is None else kept.lines
        answers = self._settle(unit, path, what, lines, on_line)
        with self._counting:
            self.added += sum(not answer["replayed"] for answer in answers)
        return answers

    def _settle(
        self,
        unit: str,
        path: str,
        what: str,
        lines: Sequence[bytes],
        on_line: Callable[[], None],
    ) -> list[dict[str, Any]]:
        """Send until each line is answered for good.

        Lines that were prepared long ago and never recorded are sent under a new signature.
        """
        client = self.clients[unit]
        answers: dict[int, dict[str, Any]] = {}
        waiting = list(range(len(lines)))
        for attempt in itertools.count():
            prepared = self._kept(unit, what, attempt)
            if prepared is None:
                unsent = [lines[at] for at in waiting]
                prepared = client.prepare(path, unsent, bulk=True, journal=False)
                self.state.write(_file(unit, what, attempt), prepared.encode())
            try:
                told = client.send(prepared, on_line=lambda one: "problem" in one or on_line())
            except Late as late:
                told = late.answers
            answers |= zip(waiting, told, strict=True)
            waiting = [at for at in waiting if _code(answers[at]) == "order_expired"]
            if not waiting:
                break
        for at, answer in sorted(answers.items()):
            if "problem" in answer:
                raise Refused({**answer["problem"], "detail": f"{what}, line {at}: {_of(answer)}"})
        return [answers[at] for at in range(len(lines))]

    def _kept(self, unit: str, what: str, attempt: int) -> Prepared | None:
        stored = self.state.read(_file(unit, what, attempt))
        return None if stored is None else Prepared.decode(stored)

    def _key(self, agency: str, enrolled: set[str]) -> PrivateKey:
        """The unit's key, made unless there is one."""
        path = self.state.folder / "keys" / f"{agency}.pem"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists() and not enrolled:
            return keyfiles.create_private_key(path, Ed25519PrivateKey.generate())
        try:
            key = keyfiles.load_private_key(path)
        except KeyFileError as error:
            detail = f"{agency} has a key; is --state the folder of the first run?"
            raise KeyFileError(error.code, path, detail) from error
        if enrolled and public_of(key).thumbprint not in enrolled:
            raise KeyFileError("key_file_malformed", path, f"{agency} has another key")
        return key

    def _once(self, act: str, path: str, done: set[str], **members: Any) -> None:
        """Order an act of the operator; a refusal that says it happened before is fine."""
        draft = Draft.plain(act, "ndc", path, **members)
        try:
            self.operator.send(self.operator.prepare(path, [draft.envelope], journal=False))
        except Refused as refused:
            if refused.code not in done:
                raise

    def _enrol(self, agency: str, key: PrivateKey) -> None:
        path = f"/v1/agencies/{agency}/keys"
        draft = Draft.plain(
            "key.enrol",
            "ndc",
            path,
            subject=agency,
            jwk=public_of(key).jwk,
            scopes=SCOPES,
            office="permits",
            officer="officer-1",
            valid_until=int(time.time()) + WAIT_SECONDS,
        )
        prepared = self.operator.prepare(path, [draft.envelope], cosigned=True, journal=False)
        order = self.operator.send(prepared)
        self.operator.send(self.operator.possess(path, draft.envelope, key))
        self.authority.approve(order["order"])

    def _client(self, agency: str, key: PrivateKey) -> Client:
        return Client(
            self.url, agency=agency, key=key, state=self.state.folder / "clients" / agency
        )


def _file(unit: str, what: str, attempt: int) -> str:
    return f"prepared-{what}-{agency_of(unit)}-{attempt}.json"


def _code(answer: dict[str, Any]) -> str:
    return str(answer.get("problem", {}).get("code", ""))


def _of(answer: dict[str, Any]) -> str:
    return f"{answer['problem'].get('detail', '')} {answer['problem'].get('errors', '')}".rstrip()
