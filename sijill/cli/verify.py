"""`sijill verify`: what anybody with a document in hand may ask."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from domain.certificates import commands
from sijill.cli.faults import Unusable, problem_of, say, verb
from sijill.cli.options import MaybeReach, Reach
from sijill.cli.output import Output, fold, paint

if TYPE_CHECKING:
    from sijill.cli.offline import Given

# What a state may have been given as its reason; a correction supersedes, too.
_REASONS: dict[str, tuple[type[StrEnum], ...]] = {
    "revoked": (commands.RevocationReason,),
    "original_revoked": (commands.RevocationReason,),
    "suspended": (commands.SuspensionReason,),
    "voided": (commands.VoidingReason,),
    "replaced": (commands.ReplacementReason,),
    "superseded": (commands.SupersessionReason, commands.CorrectionReason),
}
_SECRET = "holder_secret"  # noqa: S105  # the name of a claim, not a secret


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Lists:
    """What there is to verify with where there is no network."""

    offline: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Use no network: judge the QR code by `--trust`, and its force by `--status`.",
        ),
    ] = False
    trust: Annotated[
        Path | None,
        Parameter(show_default=False, help="The trust list that `sijill trust fetch` keeps."),
    ] = None
    status: Annotated[
        Path | None,
        Parameter(show_default=False, help="The status list, or a folder with several."),
    ] = None


@verb
def verify(
    code: Annotated[
        str,
        Parameter(
            help="The public code as people write it; or what the QR code says; or a picture (PNG, "
            "JPEG) or PDF with the QR code in it.",
        ),
    ],
    /,
    *,
    field: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="`name=value` as printed on the paper: `number`, `date`, or a field of its type; "
            "may be given again.",
        ),
    ] = (),
    fields: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The same as a JSON object, in a file or - for standard input.",
        ),
    ] = None,
    document: Annotated[
        Path | None, Parameter(help="The document's file; only its SHA-256 is sent.")
    ] = None,
    receipt: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Also give the verdict as a signed note."),
    ] = False,
    lists: Lists | None = None,
    reach: MaybeReach | None = None,
) -> int:
    """Ask whether the record behind a code is in force, and whether a paper says the same.

    Exits with 0 for the best answer to what was asked (a bare code in force included), 10 for not
    valid, 11 withdrawn, 12 not in its time, 13 unreadable, 14 could not be checked.
    """
    from infrastructure.proofs import verdict as verdicts
    from infrastructure.proofs.codes import normalise
    from infrastructure.proofs.errors import ProofError
    from infrastructure.proofs.qr import code_in_bare
    from sijill.cli import offline

    reach = reach or MaybeReach()
    output = Output(reach)
    presented = _presented(field, fields, document)
    given = offline.given(code)
    text, signed, printed = given.text, None, presented
    apart = _settled(lists, receipt=receipt)
    if (found := _alone(code, given, apart, presented, output)) is not None:
        return _tell(found, output)
    bare = None if text is None else code_in_bare(text)
    if bare is not None:
        # Printed where there is no credential: the code is all that it says.
        code, text = bare, None
    if text is not None:
        read = _read(text, presented)
        if not isinstance(read, tuple):
            return _tell(_local(read, output), output)
        code, presented, signed = read
    if not reach.url:
        raise Unusable(code="address_missing")
    try:
        stored = normalise(code)
    except ProofError:
        return _tell(_local(verdicts.unreadable(), output), output)
    try:
        found = _ask(reach, stored, presented, receipt=receipt)
        if signed is not None:
            found = _beside(reach, found, signed, printed, output)
    except Exception as error:
        known = problem_of(error, output)
        if known is None:
            raise
        say(known[0], output)
        return _tell(_local(verdicts.could_not_check(), output), output)
    return _tell(found, output)


def _read(text: str, presented: Mapping[str, Any]) -> tuple[str, dict[str, Any], Any] | Any:
    """The code, what the credential says, to be compared with the record, and it; or a verdict."""
    from api.papers import presented as said_by
    from infrastructure.proofs import offline as proofs
    from infrastructure.proofs.verdict import Verdict

    reading = proofs.read(text)
    if isinstance(reading, Verdict):
        return reading
    said = said_by(reading.signed.credential)
    said["fields"] |= presented.get("fields", {})
    more = {k: v for k, v in presented.items() if k != "fields"}
    return reading.code, {**said, **more}, reading.signed


def _beside(
    reach: Reach, found: dict[str, Any], signed: Any, printed: Mapping[str, Any], output: Output
) -> dict[str, Any]:
    """The ledger's verdict on what a credential says, where the credential itself holds."""
    from api.papers import presented as said_by
    from infrastructure.proofs.offline import Worse
    from infrastructure.proofs.verdict import OUTCOME_OF, Outcome, Reason
    from sijill.cli import offline
    from sijill.client import trusting

    with reach.anonymous() as client:
        if found["record"] is not None:
            # The list is of the newest checkpoint; it knows no key that came after it.
            client.text(f"/log/checkpoint?covers={found['record']['index']}")
        worse = offline.beside(signed, found, trusting.fetch(client))
    said = said_by(signed.credential)
    differing = offline.contradicted(
        {**said["fields"], **({"document": said["document"]} if "document" in said else {})},
        {**printed.get("fields", {}), **{k: v for k, v in printed.items() if k == "document"}},
    )
    if worse is None and differing and found["outcome"] == Outcome.VALID:
        worse = Worse(Reason.CONTENT_MISMATCH, "differs")
        matched = [name for name in found["compared"]["matched"] if name not in differing]
        found["compared"] |= {"matched": matched, "mismatched": differing}
    if worse is None:
        return found
    reason, outcome = worse.reason, OUTCOME_OF[worse.reason].value
    # A receipt is the ledger's word about the record alone.
    return {name: value for name, value in found.items() if name != "receipt"} | {
        "outcome": outcome,
        "reason": reason.value,
        "headline": output.words(f"verdict.outcome.{outcome}"),
        "text": output.words(f"verdict.reason.{reason.value}"),
        "advice": output.words(f"verdict.advice.{reason.value}"),
        "questions": {
            **found["questions"],
            "unchanged": worse.unchanged,
            "issuer": worse.issuer or found["questions"]["issuer"],
        },
    }


def _settled(lists: Lists | None, *, receipt: bool) -> Lists | None:
    """The lists where no network is to be used, else None.

    Raises:
        Unusable: no trust list was named; or what only a ledger can give is asked for as well.
    """
    if lists is None or not lists.offline:
        return None
    if lists.trust is None:
        raise Unusable(code="trust_missing")
    if receipt:
        raise Unusable(code="input_malformed", detail="only a ledger signs it", path="--receipt")
    return lists


def _alone(
    code: str, given: "Given", lists: Lists | None, printed: Mapping[str, Any], output: Output
) -> dict[str, Any] | None:
    """The verdict for which no ledger is asked: none is wanted, or the file alone decides."""
    from infrastructure.proofs.verdict import contradictory, unreadable_credential
    from sijill.cli import offline

    if given.unread is not None:
        nothing = _local(unreadable_credential(foreign=False), output)
        return nothing | offline.unread(given.unread, output)
    if not given.agrees:
        return _local(contradictory(), output)
    if lists is None or lists.trust is None:
        return None
    if (alone := offline.bare(code, given)) is not None:
        return _local(alone, output)
    text = code if given.text is None else given.text
    found, beside = offline.judge(text, lists.trust.read_bytes(), lists.status, given.evidence)
    found, compared = offline.compared(found, beside.get("credential"), printed)
    return {**_local(found, output), **beside, "compared": compared}


def _presented(pairs: tuple[str, ...], name: str | None, document: Path | None) -> dict[str, Any]:
    """What stands on the paper: `fields` and the `document`'s digest.

    Raises:
        Unusable: a pair that is none, or the holder's secret where others can read it.
    """
    from sijill.cli.reading import composed, read_object, read_text

    said = dict(read_object(read_text(name), name)) if name is not None else {}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals or not field:
            raise Unusable(code="input_malformed", detail="name=value", path=pair)
        if field == _SECRET:
            raise Unusable(code="input_secret_exposed")
        if not value.strip():
            raise Unusable(code="input_malformed", detail="name=value, not empty", path=pair)
        try:
            said[field] = composed(value)
        except ValueError as error:
            raise Unusable(code="input_malformed", detail=str(error), path=field) from None
    presented: dict[str, Any] = {"fields": said} if said else {}
    if document is not None:
        presented["document"] = hashlib.sha256(document.read_bytes()).hexdigest()
    return presented


def _ask(reach: Reach, code: str, presented: Mapping[str, Any], *, receipt: bool) -> dict[str, Any]:
    from domain.values.comparison import is_no_day
    from sijill.client import trust

    with reach.anonymous() as client:
        if not presented and not receipt:
            return dict(client.get(f"/v1/verify/{code}", signed=False))
        found = dict(client.post("/v1/verify", {"code": code, "receipt": receipt, **presented}))
        if "receipt" in found:
            trust.require_verdict(found, client.identity)
    said, compared = presented.get("fields", {}), found["compared"]
    if wrong := [name for name in compared["not_comparable"] if is_no_day(name, said.get(name))]:
        compared["no_day"] = wrong
    return found


def _local(verdict: Any, output: Output) -> dict[str, Any]:
    """A verdict that no ledger was needed, or to be had, for."""
    reason = verdict.reason.value
    return {
        "outcome": verdict.outcome.value,
        "reason": reason,
        "headline": output.words(f"verdict.outcome.{verdict.outcome.value}"),
        "text": output.words(f"verdict.reason.{reason}"),
        "advice": output.words(f"verdict.advice.{reason}"),
        "questions": {
            "unchanged": verdict.unchanged,
            "issuer": verdict.issuer,
            "in_force": verdict.in_force,
        },
        "compared": {},
        "record": None,
        "basis": None,
    }


def _tell(found: Mapping[str, Any], output: Output) -> int:
    from infrastructure.proofs.verdict import EXIT_CODES, Outcome

    output.result(dict(found), *_lines(found, output))
    return EXIT_CODES[Outcome(found["outcome"])]


def _lines(found: Mapping[str, Any], output: Output) -> list[str]:
    import sys

    from sijill.cli import offline

    colour = output.verdict_colour(found["outcome"])
    said = [found["text"]]
    said += [
        output.words(f"verdict.{question}.{answer}")
        for question, answer in found["questions"].items()
    ]
    said += _compared(found, output)
    if found["record"] is not None:
        said += _record(found, output)
    said += offline.lines_of(found, output)
    if found["basis"] is not None:
        said.append(output.words("cli.basis", index=found["basis"]["index"]))
    lines = [paint(found["headline"], colour, sys.stdout)]
    lines += [line for text in said for line in fold(text)]
    if "receipt" in found:
        lines += ["", found["receipt"]]
    return [*lines, *fold(found["advice"])]


def _compared(found: Mapping[str, Any], output: Output) -> list[str]:
    """Which fields were compared and how, each as the reader calls it and as the ledger does."""
    from domain.catalogue import TYPES

    kind = TYPES.get(found["record"]["type"]) if found["record"] else None
    labels = (
        {one.id: one.names.model_dump()[output.language] for one in kind.fields} if kind else {}
    )
    labels |= {name: output.words(f"cli.column.{name}") for name in ("number", "date")}

    def named(name: str) -> str:
        label = labels.get(name, name)
        return name if label == name else f"{label} ({name})"

    return [
        output.words(f"cli.compared.{how}", names=", ".join(map(named, names)))
        for how in ("matched", "mismatched", "not_comparable", "no_day", "not_compared")
        if (names := found["compared"].get(how))
    ]


def _record(found: Mapping[str, Any], output: Output) -> list[str]:
    """Which record it is, who issued it, and why it is withdrawn."""
    from infrastructure.proofs.codes import for_people

    record, language = found["record"], output.language
    lines = [
        output.words(
            "cli.record",
            code=for_people(record["code"]),
            type=record["type_names"][language],
            agency=record["agency_names"][language],
            index=record["index"],
        )
    ]
    if record["withdrawal_reason"] and found["questions"]["in_force"] in _REASONS:
        reason = _reason(found["questions"]["in_force"], record["withdrawal_reason"], output)
        lines.append(output.words("cli.withdrawn", reason=reason, index=record["withdrawn_index"]))
    if record["successor"]:
        lines.append(output.words("cli.successor", code=for_people(record["successor"])))
    if record["custodial"]:
        lines.append(output.words("verdict.custodial"))
    return lines


def _reason(state: str, reason: str, output: Output) -> str:
    """Why a record stands as it does, in words; a word that this release does not know as it is."""
    for kind in _REASONS[state]:
        if reason in set(kind):
            name = re.sub("(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
            return output.words(f"word.certificates.{name}.{reason}")
    return reason
