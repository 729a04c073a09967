"""Verifying what a QR code says: with no network, or as something to ask the ledger about."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from api.papers import presented
from domain.catalogue import DOCUMENT, TYPES
from domain.values import MICROSECONDS, baghdad_day
from domain.values.comparison import fold_day, fold_presented_number, fold_value, is_no_day
from infrastructure import pictures
from infrastructure.pictures import PictureError
from infrastructure.proofs import codes, offline, statuslist
from infrastructure.proofs.credential import Credential, Signed
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.offline import Listed, Worse
from infrastructure.proofs.qr import code_in_bare
from infrastructure.proofs.trust import Root, Trusted
from infrastructure.proofs.verdict import (
    OUTCOME_OF,
    Outcome,
    Reason,
    Verdict,
    contradictory,
    could_not_check,
)
from infrastructure.proofs.verdict import unreadable as code_malformed
from sijill.cli import embedded
from sijill.cli.output import Output
from sijill.client import trusting

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".pdf"})
_ADDRESS = ("https://", "http://")


class Given(NamedTuple):
    """What was handed over to be verified.

    `text` is what a QR code says; None where it is a code that somebody typed. `agrees` tells
    whether a PDF's picture and its embedded credential are one, and `evidence` is the bundle
    embedded in it. `unread` is why a picture says nothing: `picture_malformed`, `picture_too_large`
    or `picture_without_code`.
    """

    text: str | None
    agrees: bool = True
    evidence: bytes | None = None
    unread: str | None = None


def given(said: str) -> Given:
    """What a code, a QR code's text or the name of a picture or PDF stands for.

    A code of ours goes before others that stand beside it. A picture is read in a process that has
    nothing, with bounds for bytes, pixels, pages and time.

    Raises:
        OSError: what is named as a picture is not there. PictureError: `busy`, it was not read in
            time.
    """
    if _is_picture(said):
        with Path(said).open("rb") as file:
            data = file.read(pictures.LIMIT_BYTES + 1)
        try:
            found = asyncio.run(pictures.read(data))
        except PictureError as error:
            if error.code == "busy":
                raise
            return Given(None, unread=error.code)
        ours = [text for text in found.texts if not isinstance(offline.read(text), Verdict)]
        text = next(iter([*ours, *found.texts]), "")
        if not text:
            return Given(None, unread="picture_without_code")
        agrees = offline.agree(
            found.texts, found.credentials, whole=found.whole, all_files=found.all_files
        )
        return Given(text, agrees, found.evidence)
    # An address, whatever blanks it was copied with, or far too long for a code.
    said = said.strip()
    is_text = said.lower().startswith(_ADDRESS) or len(said) > codes.MAX_TYPED_CHARACTERS
    return Given(said if is_text else None)


def _is_picture(said: str) -> bool:
    """Whether a file is named, of a kind that is not read included: no code has a dot in it."""
    suffix = Path(said).suffix.lower()
    if not suffix or said.lower().startswith(_ADDRESS):
        return False
    try:
        return suffix in PICTURES or Path(said).is_file()
    except OSError:
        # A QR code's text is too long for the name of a file.
        return False


def bare(code: str, given: Given) -> Verdict | None:
    """The verdict with no network on a code that says nothing besides; None for anything else.

    Whoever types a genuine code must not be told that another system made it.
    """
    if given.text is not None:
        return None if code_in_bare(given.text) is None else could_not_check()
    try:
        codes.normalise(code)
    except ProofError:
        return code_malformed()
    return could_not_check()


def judge(
    text: str, trust: bytes, status: Path | None, evidence: bytes | None = None
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict with no network, and what is shown beside it.

    `evidence` is the bundle that a PDF brought along: its word on force counts where it is newer
    than the status list's.

    Raises:
        ProofError: the trust list's file cannot be believed.
    """
    root, trusted = trusting.read(trust)
    reading = offline.read(text)
    if isinstance(reading, Verdict):
        return reading, {}
    said = reading.signed.credential
    kind = TYPES.get(said.type)
    now_us = time.time_ns() // 1000
    now = now_us // MICROSECONDS
    listed = None if status is None else _listed(said, root, status, now)
    proven = None
    if evidence is not None:
        try:
            proven = embedded.proven(evidence, said, root)
        except embedded.Contradictory:
            return contradictory(), {}
    found = offline.assess(
        reading.signed,
        trusted,
        embedded.newer(listed, None if proven is None else proven.listed),
        now=now,
        today=baghdad_day(now_us).isoformat(),
        max_status_age_seconds=0 if kind is None else kind.max_status_age_seconds,
        # What the trust list knows of keys is the newer word where it is of the longer log.
        doubted=proven is not None and proven.doubted and proven.size > trusted.list.size,
    )
    shown = _shown(found, said, trusted)
    if proven is not None and shown["knowledge"] is not None:
        shown["knowledge"]["evidence_size"] = proven.size
    return found, shown


def beside(signed: Signed, told: Mapping[str, Any], trust: bytes) -> Worse | None:
    """What a credential takes from the ledger's verdict, which compared its values.

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
    record = told["record"]
    return offline.beside(
        local,
        said,
        valid=told["outcome"] == Outcome.VALID,
        record=None if record is None else (record["agency"], record["type"], record["index"]),
        compared=True,
    )


def contradicted(said: Mapping[str, str], printed: Mapping[str, Any]) -> list[str]:
    """The values that a paper prints otherwise than its QR code has them."""
    return sorted(
        name
        for name, value in printed.items()
        if name in said and not _same(name, str(value), said[name])
    )


def compared(
    found: Verdict, said: Mapping[str, str] | None, presented: Mapping[str, Any]
) -> tuple[Verdict, dict[str, list[str]]]:
    """The verdict once a paper is compared with what its QR code says, and how each value did.

    `said` is what was signed; None where nobody's signature holds. What the code does not say could
    not be compared with no network: silence would look like a match.
    """
    printed = {k: str(v) for k, v in presented.get("fields", {}).items()}
    printed |= {k: v for k, v in presented.items() if k == DOCUMENT}
    if said is None or not printed:
        return found, {}
    no_day = {k for k, v in printed.items() if is_no_day(k, v) and fold_day(said.get(k, ""))}
    unseen = no_day | (printed.keys() - said.keys())
    differing = contradicted(said, {k: v for k, v in printed.items() if k not in unseen})
    told = {
        "matched": sorted(printed.keys() - unseen - set(differing)),
        "mismatched": differing,
        "not_comparable": sorted(unseen),
    } | ({"no_day": sorted(no_day)} if no_day else {})
    if differing and found.outcome is not Outcome.NOT_VALID:
        found = _as(found, Reason.CONTENT_MISMATCH, "differs")
    elif unseen and found.outcome is Outcome.VALID:
        found = _as(found, Reason.VALUES_NOT_COMPARABLE, "could_not_compare")
    return found, told


def _as(found: Verdict, reason: Reason, unchanged: str) -> Verdict:
    return replace(found, reason=reason, outcome=OUTCOME_OF[reason], unchanged=unchanged)


def _same(name: str, one: str, other: str) -> bool:
    if name == "number":
        return fold_presented_number(one) == fold_presented_number(other)
    days = fold_day(one), fold_day(other)
    return (None not in days and days[0] == days[1]) or fold_value(one) == fold_value(other)


def unread(why: str, output: Output) -> dict[str, Any]:
    """What is told of a picture that says nothing, in the words of the page that reads pictures."""
    if why == "picture_without_code":
        text, advice = "page.file.nothing", "page.file.nothing.advice"
    else:
        text, advice = f"problem.{why}.detail", f"problem.{why}.advice"
    return {"unread": why, "text": output.words(text), "advice": output.words(advice)}


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
        if "evidence_size" in knows:
            lines.append(output.words("cli.offline_evidence", size=knows["evidence_size"]))
    return lines


def _age(seconds: int) -> str:
    """Hours and minutes."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}"


def _listed(said: Credential, root: Root, status: Path, now: int) -> Listed | None:
    """What the status list says; one that cannot be believed says nothing.

    Nor does one past its end say *valid*; what was withdrawn hardly ever comes back.
    """
    path = status / f"{said.status_list}.cwt" if status.is_dir() else status
    try:
        token = statuslist.open_token(
            path.read_bytes(),
            origin=root.origin,
            number=said.status_list,
            ledger=root.ledger,
            log_key=root.log[-1],
        )
        value = token.list.status(said.status_index)
        if value == statuslist.Status.VALID and now >= token.expires:
            return None
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
