"""Verifying what a QR code says: with no network, or as something to ask the ledger about."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.catalogue import DOCUMENT, TYPES
from domain.values import MICROSECONDS, baghdad_day
from domain.values.comparison import fold_day, fold_presented_number, fold_value
from infrastructure import pictures
from infrastructure.pictures import PictureError
from infrastructure.proofs import codes, offline, statuslist
from infrastructure.proofs.credential import Credential, Signed
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.offline import Listed
from infrastructure.proofs.trust import Root, Trusted
from infrastructure.proofs.verdict import Outcome, Reason, Verdict, unreadable_credential
from sijill.cli.output import Output
from sijill.client import trusting

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".pdf"})
_UNSURE = frozenset(
    {
        Reason.LEDGER_FOREIGN,
        Reason.ISSUER_NOT_KNOWN_YET,
        Reason.TRUST_LIST_OLD,
    }
)
_FALLEN = frozenset({Reason.ISSUER_KEY_COMPROMISED, Reason.LOG_PROOF_NEEDED})
_ADDRESS = ("https://", "http://")


def is_picture(given: str) -> bool:
    """Whether a picture or a PDF was named."""
    return Path(given).suffix.lower() in PICTURES and Path(given).is_file()


def is_text(given: str) -> bool:
    """Whether it is what stands in a QR code rather than a code: an address, or far too long."""
    return given.lower().startswith(_ADDRESS) or len(given) > codes.MAX_TYPED_CHARACTERS


def text_in(path: Path) -> str | None:
    """What the QR code of a certificate in a picture or a PDF says; None without one.

    A code of ours goes before others that stand beside it. The picture is read in a process that
    has nothing, with bounds for bytes, pixels, pages and time.
    """
    try:
        texts = asyncio.run(pictures.read(path.read_bytes()))
    except PictureError:
        return None
    ours = [text for text in texts if not isinstance(offline.read(text), Verdict)]
    return next(iter([*ours, *texts]), None)


def presented(said: Credential) -> dict[str, Any]:
    """What a credential says, as something to compare with the record."""
    names = _names(said)
    fields = {"number": said.number, "date": said.date}
    fields |= {names[place]: value for place, value in said.fields.items() if place in names}
    found: dict[str, Any] = {"fields": fields}
    if said.document is not None:
        found[DOCUMENT] = said.document
    return found


def judge(text: str, trust: bytes, status: Path | None) -> tuple[Verdict, dict[str, Any]]:
    """The verdict with no network, and what is shown beside it.

    Raises:
        ProofError: the trust list's file cannot be believed.
    """
    root, trusted = trusting.read(trust)
    reading = offline.read(text) if text else unreadable()
    if isinstance(reading, Verdict):
        return reading, {}
    said = reading.signed.credential
    kind = TYPES.get(said.type)
    now_us = time.time_ns() // 1000
    found = offline.assess(
        reading.signed,
        trusted,
        None if status is None else _listed(said, root, status),
        now=now_us // MICROSECONDS,
        today=baghdad_day(now_us).isoformat(),
        max_status_age_seconds=0 if kind is None else kind.max_status_age_seconds,
    )
    return found, _shown(found, said, trusted)


def beside(signed: Signed, told: Mapping[str, Any], trust: bytes) -> tuple[str, str] | None:
    """What a credential takes from the ledger's verdict: a reason, and whether it is unchanged.

    None where its signature holds and it is about the act that the ledger has under its code; as
    the page judges it. `trust` is a trust list's file.

    Raises:
        ProofError: the list cannot be believed.
    """
    said, now_us = signed.credential, time.time_ns() // 1000
    local = offline.assess(
        signed,
        trusting.read(trust)[1],
        None,
        now=now_us // MICROSECONDS,
        today=baghdad_day(now_us).isoformat(),
        max_status_age_seconds=0,
    )
    if local.reason in _FALLEN and told["outcome"] == Outcome.VALID:
        # Whoever has the key can sign any index: by whom this paper was, only the log can prove.
        return Reason.LOG_PROOF_NEEDED, local.unchanged
    if local.reason is Reason.ISSUER_KEY_COMPROMISED:
        return None
    if local.outcome is Outcome.NOT_VALID or local.reason in _UNSURE:
        return local.reason, local.unchanged
    record = told["record"]
    other = record is not None and (record["agency"], record["type"], record["index"]) != (
        said.agency,
        said.type,
        said.index,
    )
    return (Reason.CREDENTIAL_FORGED, "differs") if other else None


def contradicted(said: Mapping[str, str], printed: Mapping[str, Any]) -> list[str]:
    """The values that a paper prints otherwise than its QR code has them."""
    return sorted(
        name
        for name, value in printed.items()
        if name in said and not _same(name, str(value), said[name])
    )


def _same(name: str, one: str, other: str) -> bool:
    if name == "number":
        return fold_presented_number(one) == fold_presented_number(other)
    days = fold_day(one), fold_day(other)
    return (None not in days and days[0] == days[1]) or fold_value(one) == fold_value(other)


def unreadable() -> Verdict:
    """The verdict about a picture that shows no code, or that nobody needs to read one from."""
    return unreadable_credential(foreign=False)


def lines_of(found: Mapping[str, Any], output: Output) -> list[str]:
    """What the credential says, and how old everything is that the verdict rests on."""
    lines = []
    said, knows = found.get("credential"), found.get("knowledge")
    if said is not None:
        lines += [f"{name}: {value}" for name, value in said.items()]
    if knows is not None:
        age = _age(knows["trust_age_seconds"])
        lines.append(output.words("cli.offline_trust", size=knows["trust_size"], age=age))
        if knows["status_age_seconds"] is None:
            lines.append(output.words("cli.offline_no_status"))
        else:
            age = _age(knows["status_age_seconds"])
            lines.append(output.words("cli.offline_status", size=knows["status_size"], age=age))
    return lines


def _age(seconds: int) -> str:
    """Hours and minutes."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}"


def _listed(said: Credential, root: Root, status: Path) -> Listed | None:
    """What the status list says; one that cannot be believed says nothing."""
    path = status / f"{said.status_list}.cwt" if status.is_dir() else status
    try:
        token = statuslist.open_token(
            path.read_bytes(),
            origin=root.origin,
            number=said.status_list,
            ledger=root.ledger,
            log_keys=root.log,
        )
        value = token.list.status(said.status_index)
    except (OSError, ProofError):
        return None
    return Listed(value, token.issued, token.size)


def _shown(found: Verdict, said: Credential, trusted: Trusted) -> dict[str, Any]:
    """The record as the credential has it, where its signature holds."""
    facts, knows = found.credential, found.knowledge
    shown: dict[str, Any] = {"knowledge": None}
    if knows is not None:
        shown["knowledge"] = {
            "trust_size": knows.trust_size,
            "trust_age_seconds": knows.trust_age_seconds,
            "status_size": knows.status_size,
            "status_age_seconds": knows.status_age_seconds,
        }
    if facts is None or found.unchanged != "signed":
        return shown
    kind, agency = TYPES.get(said.type), trusted.list.agencies.get(said.agency)
    plain = dict.fromkeys(("ar", "ckb", "en"), said.type)
    own = dict.fromkeys(("ar", "ckb", "en"), said.agency)
    shown["record"] = {
        "code": said.code,
        "agency": said.agency,
        "agency_names": {**own, **(agency.names_on(said.date) if agency else {})},
        "type": said.type,
        "type_names": kind.names.model_dump() if kind else plain,
        "index": said.index,
        "custodial": facts.custodial,
        "successor": None,
        "withdrawal_reason": None,
        "withdrawn_index": None,
    }
    shown["credential"] = {**presented(said)["fields"]}
    if said.document is not None:
        shown["credential"][DOCUMENT] = said.document
    return shown


def _names(said: Credential) -> dict[int, str]:
    kind = TYPES.get(said.type)
    return {} if kind is None else {place: one.id for place, one in enumerate(kind.fields)}
