"""The ceremonies of keys: enrolment, proof of possession, rotation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.acts import Scope
from domain.values.moments import BAGHDAD
from infrastructure.keyfiles import load_private_key
from infrastructure.proofs import canonical, signing
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PrivateKey, parse_jwk, public_of
from sijill.cli.faults import Unusable
from sijill.cli.key import New
from sijill.cli.options import Desk
from sijill.cli.ordering import Order, execute, lines_of, settle, warn_of_interrupted
from sijill.cli.output import Output
from sijill.cli.reading import draft_of, read_object, read_text
from sijill.client import Client, Refused
from sijill.client.answers import is_open
from sijill.client.trust import read_order

_ENROL = "key.enrol"


@dataclass(frozen=True, slots=True)
class Subject:
    """The public key to enrol, and its private half if it is at hand."""

    jwk: dict[str, str]
    private: PrivateKey | None = None

    @classmethod
    def of(cls, new: New) -> "Subject":
        """The key that the options name.

        Raises:
            Unusable: none, or two. KeyFileError, OSError, ProofError: it cannot be used.
        """
        if (new.new_key is None) == (new.jwk is None):
            raise Unusable(code="input_key_ambiguous")
        if new.new_key is not None:
            private = load_private_key(new.new_key)
            return cls(public_of(private).jwk, private)
        name = str(new.jwk)
        return cls(parse_jwk(read_object(read_text(name), name)).jwk)


def enrol_key(desk: Desk, new: New, scopes: Sequence[Scope], cosigners: Sequence[Path]) -> int:
    """Order an enrolment and bring whatever signatures are at hand."""
    subject = Subject.of(new)
    said = {
        "jwk": subject.jwk,
        "scopes": sorted({scope.value for scope in scopes}),
        "office": new.office,
        "officer": new.officer,
        "not_before": seconds_of(new.not_before),
        "not_after": seconds_of(new.not_after),
        "acting_for": new.acting_for,
    }
    output = Output(desk)
    with _orderer(desk) as client:
        said["subject"] = desk.agency or client.agency
        done = execute(client, _enrolment(said, subject.private, cosigners), output)
        output.result(done.answer, *lines_of(done.answer, output))
        settle(client, done)
        warn_of_interrupted(client, output)
    return 0


def prove_possession(desk: Desk, order: str) -> int:
    """Sign a pending enrolment with the key that it enrols."""
    output = Output(desk)
    with desk.signer() as client:
        shown = client.order(order)
        read_order(shown, shown["statements"])
        key = desk.private_key()
        statement = shown["statements"][0]
        if statement.get("act") != _ENROL or statement.get("jwk") != public_of(key).jwk:
            raise ProofError("possession_mismatch", "the order enrols another key")
        envelope = signing.envelope(canonical.dumps(statement))
        answer = client.send(client.possess(shown["path"], envelope, key))
    output.result({"act": _ENROL, **answer}, *lines_of(answer, output))
    return 0


def rotate_key(desk: Desk, new: Path, old: str | None, cosigners: Sequence[Path]) -> int:
    """Enrol a successor, then retire the old key."""
    successor = load_private_key(new)
    output = Output(desk)
    with _orderer(desk) as client:
        replaced = old or public_of(desk.private_key()).thumbprint
        known = client.get(f"/v1/keys/{replaced}", signed=False)
        names = ("scopes", "office", "officer", "acting_for")
        said = {name: known[name] for name in names if known[name] is not None}
        said |= {"subject": known["agency"], "jwk": public_of(successor).jwk}
        answers = []
        if not _enrolled(client, successor):
            done = execute(client, _enrolment(said, successor, cosigners), output)
            answers.append(done.answer)
            settle(client, done)
        if not answers or not is_open(answers[-1]):
            administers = Scope.ADMINISTER.value in known["scopes"]
            order = _retirement(replaced, successor if administers else None)
            done = execute(client, order, output)
            answers.append(done.answer)
            settle(client, done)
    lines = [
        line for answer in answers for line in (f"{answer['act']}:", *lines_of(answer, output))
    ]
    output.result({"items": answers}, *lines)
    return 0


def seconds_of(text: str | None) -> int | None:
    """Seconds since 1970 UTC, from themselves or from ISO 8601; without a zone, Baghdad's time.

    Raises:
        Unusable: `input_malformed`.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unusable(code="input_malformed", detail=str(error), path=text) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=BAGHDAD)
    return int(aware.timestamp())


def _orderer(desk: Desk) -> Client:
    """A client in the name of the key's own agency, whatever agency the order is about."""
    client = desk.signer()
    name = public_of(desk.private_key()).thumbprint
    client.agency = str(client.get(f"/v1/keys/{name}", signed=False)["agency"])
    return client


def _enrolment(
    said: Mapping[str, Any], possession: PrivateKey | None, cosigners: Sequence[Path]
) -> Order:
    item = {"act": _ENROL, **{name: value for name, value in said.items() if value is not None}}
    return Order(
        act=_ENROL,
        said=item,
        draft=lambda agency, until: draft_of(item, agency, Path(), until),
        waits=True,
        possession=possession,
        cosigners=cosigners,
    )


def _retirement(key: str, signer: PrivateKey | None) -> Order:
    item = {"act": "key.retire", "key": key, "reason": "rotated"}
    return Order(
        act="key.retire",
        said=item,
        draft=lambda agency, until: draft_of(item, agency, Path(), until),
        key=signer,
    )


def _enrolled(client: Client, key: PrivateKey) -> bool:
    try:
        client.get(f"/v1/keys/{public_of(key).thumbprint}", signed=False)
    except Refused as refused:
        if refused.code != "key_not_found":
            raise
        return False
    return True
