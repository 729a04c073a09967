"""`sijill bundle`: the evidence for one record, fetched once and verified anywhere, for ever."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from sijill.cli import codes
from sijill.cli.faults import Unusable, verb
from sijill.cli.options import LEDGER, Reach, Talk
from sijill.cli.output import Output, moment, paint

if TYPE_CHECKING:
    from infrastructure.proofs.bundle import Bundle, Report, Told, Trust
    from sijill.client import Client

app = App(name="bundle", help="The evidence for one record, as a file.")
QUIET = Talk()


@app.command
@verb
def create(
    code: Annotated[str | None, Parameter(help="The certificate's public code.")] = None,
    *,
    transfer: Annotated[
        str | None,
        Parameter(help="Instead: `SENDER/ID` of a letter or a consignment."),
    ] = None,
    request: Annotated[
        str | None, Parameter(help="Instead: the code of an authenticity request.")
    ] = None,
    entry: Annotated[
        str | None,
        Parameter(help="Instead: `UNIT/SERIES/YEAR/NUMBER` of an entry in the agency's register."),
    ] = None,
    to: Annotated[
        Path | None, Parameter(help="The file to write; by default named after the record.")
    ] = None,
    form: Annotated[
        Literal["bundle", "tlog-proof"],
        Parameter(
            name="--format",
            help="`bundle`: all that decides about the record; `tlog-proof`: that the log holds "
            "its first event, for any C2SP tool.",
        ),
    ] = "bundle",
    key: Annotated[
        Path | None,
        Parameter(
            group=LEDGER,
            env_var="SIJILL_KEY",
            help="A key that opens the bodies: the agency's, or an auditor's. Only a certificate "
            "is shown without one.",
        ),
    ] = None,
    reach: Reach,
) -> int:
    """Fetch the evidence for one record, verify it, and write it to a file.

    Of a certificate anybody may have it; of a letter, a request or an entry of a register whoever
    is party to it, and auditors. What does not verify is not written, and ends this with exit 6.
    """
    from infrastructure.keyfiles import load_private_key, write_durably

    output = Output(reach)
    place, name, query = _place(code, transfer, request, entry)
    stored = name if code is not None else None
    path = to or Path(f"{name}.{'sijill-bundle.json' if form == 'bundle' else 'tlog-proof'}")
    with reach.anonymous() as client:
        client.key = load_private_key(key) if key else None
        made, report = fetched(client, place, stored, query)
    if not report.findings:
        write_durably(path, made.encode() if form == "bundle" else made.tlog_proof().encode())
    return _tell(report, output, str(path))


def _place(
    code: str | None, transfer: str | None, request: str | None, entry: str | None
) -> tuple[str, str, dict[str, Any]]:
    """Where the bundle is, what its file is named after, and what is asked beside.

    Raises:
        Unusable: not exactly one record is named, or not as it must be.
    """
    from infrastructure.proofs.codes import normalise

    [*given] = [one for one in (code, transfer, request, entry) if one is not None]
    if len(given) != 1:
        raise Unusable(code="input_malformed", detail="one record", path="bundle create")
    if code is not None:
        stored = normalise(code)
        return f"certificates/{stored}", stored, {}
    if request is not None:
        stored = normalise(request)
        return f"authenticity-requests/{stored}", stored, {}
    parts = given[0].split("/", 1 if transfer is not None else 3)
    if len(parts) != (2 if transfer is not None else 4) or not all(parts):
        raise Unusable(code="input_malformed", detail="parts missing", path=given[0])
    if transfer is not None:
        return f"transfers/{transfer}", parts[1], {}
    *register, number = parts
    return (
        f"registers/{'/'.join(register)}",
        "-".join([*register, _named(number)]),
        {"number": number},
    )


def _named(number: str) -> str:
    """A number as a part of a file's name: others share the register, and no file has its `/`."""
    return number.replace("%", "%25").replace("/", "%2F")


def fetched(
    client: "Client", place: str, code: str | None = None, query: dict[str, Any] | None = None
) -> tuple["Bundle", "Report"]:
    """The bundle of the record there, and what comes out when it is verified."""
    from infrastructure.proofs import bundle, canonical
    from infrastructure.proofs.findings import Finding

    # Written again it is the same bytes: a bundle is its own canonical form.
    data = canonical.dumps(client.get(f"/v1/{place}/bundle", **(query or {})))
    parsed = bundle.parse(data)
    report = bundle.verify(parsed, trust_in(client.identity.ledger))
    if parsed.code != code:
        report.findings.append(Finding("code_other", None, code or "", parsed.code or ""))
    return parsed, report


@app.command
@verb
def verify(
    file: Annotated[Path, Parameter(help="The bundle.")],
    *,
    trust: Annotated[
        Path,
        Parameter(
            group=LEDGER,
            help="File that says which ledger is trusted: `ledger.json` of a state folder or an "
            "export.",
        ),
    ],
    policy: Annotated[
        Path | None,
        Parameter(
            group=LEDGER, help="File that says whose cosignatures are enough (C2SP tlog-policy)."
        ),
    ] = None,
    talk: Talk = QUIET,
) -> int:
    """Verify a bundle with no network and no database, and say in words what it proves.

    Exits with 0 when everything fits, whatever the certificate's standing, and with 6 when anything
    does not.
    """
    import json

    from infrastructure.proofs import bundle

    output = Output(talk)
    try:
        ledger = bytes.fromhex(json.loads(trust.read_bytes())["ledger"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable(code="input_malformed", detail=str(error), path=str(trust)) from None
    report = bundle.verify(
        bundle.parse(file.read_bytes()), trust_in(ledger, policy.read_bytes() if policy else None)
    )
    return _tell(report, output, str(file))


def trust_in(ledger: bytes, policy: bytes | None = None) -> "Trust":
    """What a bundle is verified by: which ledger it is of, and whose cosignatures it needs."""
    from infrastructure.proofs import policy as policies
    from infrastructure.proofs.bundle import Trust
    from sijill.acting import act_rules, two_officers

    return Trust(
        ledger=ledger,
        policy=policies.parse(policy) if policy else None,
        acts=act_rules(),
        two_officers=two_officers(),
    )


def _tell(report: "Report", output: Output, path: str) -> int:
    import sys

    lines = list(_words(report, output))
    colour = "red" if report.findings else "green"
    said = {"file": path, **_said(report)}
    verdict = output.words("cli.bundle.broken" if report.findings else "cli.bundle.holds")
    output.result(said, paint(verdict, colour, sys.stdout), *lines)
    return codes.FINDINGS if report.findings else codes.DONE


def _said(report: "Report") -> dict[str, Any]:
    return {
        "ledger": report.ledger.hex(),
        "code": report.code,
        "origin": report.checkpoint.origin,
        "size": report.checkpoint.size,
        "root": report.checkpoint.root.hex(),
        "events": [
            {
                "index": one.index,
                "time": one.time,
                "type": one.header.type,
                "agency": one.header.agency,
                "keys": list(one.header.keys),
                "doubtful": one.doubtful,
            }
            for one in report.told
        ],
        "outcome": report.outcome,
        "reason": report.reason,
        "cosigned": {one.key.name: one.time for one in report.cosigned},
        "signatures": report.summary.signatures,
        "findings": [
            {"code": one.code, "index": one.index, "expected": one.expected, "found": one.found}
            for one in report.findings
        ],
        "unchecked": sorted(report.summary.unchecked),
    }


def _words(report: "Report", output: Output) -> Iterator[str]:
    """What was proven, event by event, and what was not."""
    from infrastructure.proofs.findings import MEANINGS
    from sijill.cli.output import fold

    head = report.checkpoint
    yield from fold(output.words("cli.bundle.ledger", ledger=report.ledger.hex()))
    yield from fold(output.words("cli.bundle.size", origin=head.origin, size=head.size))
    if report.code is not None:
        yield from fold(output.words("cli.bundle.code", code=report.code))
    for one in report.cosigned:
        when = datetime.fromtimestamp(one.time, UTC).isoformat()
        yield from fold(output.words("cli.bundle.witness", name=one.key.name, time=when))
    for told in report.told:
        yield from fold(_event(told, output))
    signatures = report.summary.signatures
    yield from fold(output.words("cli.bundle.signatures", signatures=signatures))
    if report.reason is not None:
        text = output.words(f"verdict.reason.{report.reason}")
        yield from fold(output.words("cli.bundle.status", size=head.size, text=text))
    for code in sorted(report.summary.unchecked):
        yield from fold(output.words(f"unchecked.{code}"), indent=2)
    for found in report.findings:
        place = "-" if found.index is None else found.index
        yield f"{place}  {found.code}  {found.expected} {found.found}".rstrip()
        known = f"finding.{found.code}" if found.code in MEANINGS else "finding.malformed"
        yield from fold(output.words(known), indent=2)
    yield from fold(output.words("cli.bundle.later", size=head.size))


def _event(told: "Told", output: Output) -> str:
    text = output.words(
        "cli.bundle.event",
        index=told.index,
        time=moment(told.time),
        type=told.header.type,
        agency=told.header.agency,
    )
    return f"{text} {output.words('cli.bundle.doubtful')}" if told.doubtful else text
