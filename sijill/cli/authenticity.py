"""`sijill authenticity`: ask whether a document was issued as it stands, and answer."""

import secrets
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from sijill.cli.acting import add_verbs
from sijill.cli.faults import Unusable, verb
from sijill.cli.options import Desk, Reach
from sijill.cli.output import Output, moment

app = App(name="authenticity", help="Authenticity of issuance: requests and answers.")

At = Annotated[int | None, Parameter(help="Answer as after this log index; default: now.")]
RequestCode = Annotated[str, Parameter(help="The request's code, as people write it.")]
Finding = Literal[
    "genuine",
    "changed",
    "suspended",
    "revoked",
    "voided",
    "not_found",
    "outside_coverage",
    "original_needed",
]
Grade = Literal["born_digital", "original_sighted", "register_only", "paper_reply"]
_COLUMNS = {
    "request": "cli.column.request",
    "about": "cli.column.about",
    "state": "cli.column.state",
    "finding": "cli.column.finding",
    "due_date": "cli.column.due",
}
_REPORT = {
    "agency": "cli.column.agency",
    "answered": "cli.column.answered",
    "waiting": "cli.column.waiting",
    "overdue": "cli.column.overdue",
    "refused": "cli.column.refused",
    "median_seconds": "cli.column.p50",
    "p95_seconds": "cli.column.p95",
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Document:
    """The document that is asked about."""

    code: Annotated[str | None, Parameter(help="Its public code.")] = None
    issuer: Annotated[str | None, Parameter(help="Without a code: who issued it.")] = None
    type: Annotated[str | None, Parameter(help="Without a code: its type.")] = None
    number: Annotated[str | None, Parameter(help="Without a code: its number.")] = None
    date: Annotated[str | None, Parameter(help="Without a code: its date.")] = None


@app.command
@verb
def request(
    *,
    about: Document | None = None,
    field: Annotated[
        tuple[str, ...], Parameter(help="What the paper states, `name=value`; may be repeated.")
    ] = (),
    document: Annotated[str | None, Parameter(help="A scan, or its SHA-256 in hex.")] = None,
    counter: Annotated[
        bool,
        Parameter(
            negative="",
            help="For a holder at the counter: draws a secret that she fetches the answer with.",
        ),
    ] = False,
    due: Annotated[str | None, Parameter(help="A day; default: three working days ahead.")] = None,
    desk: Desk,
) -> int:
    """Ask about a document: by its code, or by issuer, type, number and date.

    A document of this ledger is answered at once, and its authenticity certificate named. Prints
    the request's code and, for a holder at the counter, her secret; it is shown only now.
    """
    from pathlib import Path

    from infrastructure.proofs import codes
    from sijill.cli.reading import check, digest_of
    from sijill.client import Draft

    asked = asdict(about or Document())
    code = asked["code"]
    beside = [name for name, value in asked.items() if name != "code" and value is not None]
    if code is not None and beside:
        raise Unusable(code="input_two_documents", path=f"--{beside[0]}")
    drawn = codes.generate()
    fields = dict(_pair(one) for one in field)
    secret = secrets.token_urlsafe(16) if counter else None
    if secret is not None:
        fields["holder_secret"] = secret
    path = "/v1/authenticity-requests"
    output = Output(desk)
    with desk.client() as client:
        draft = Draft.about(
            "authenticity.request",
            client.agency or "",
            path,
            fields,
            document=None if document is None else digest_of(document, Path.cwd()),
            request=drawn,
            channel="counter" if counter else "agency",
            # The ledger knows the holidays of the year.
            due_date=due or client.get("/v1/calendar", signed=False)["due_date"],
            **{**asked, "code": code and codes.normalise(code)},
        )
        check(draft)
        answer = client.send(client.prepare(draft.path, [draft.envelope]))
        shown = client.get(f"{path}/{drawn}")
    shown["receipt"] = answer["receipt"]
    if secret is not None:
        shown["holder_secret"] = secret
    lines = _lines(shown, output)
    if secret is not None:
        lines.append(output.words("cli.holder_secret", secret=secret))
    output.result(shown, *lines)
    return 0


@app.command
@verb
def answer(
    request_code: RequestCode,
    /,
    *,
    finding: Annotated[Finding, Parameter(help="What was found.")],
    grade: Annotated[Grade | None, Parameter(help="The grade of evidence.")] = None,
    unit: Annotated[str | None, Parameter(help="The register that was searched: unit.")] = None,
    series: Annotated[str | None, Parameter(help="The register that was searched: series.")] = None,
    desk: Desk,
) -> int:
    """Answer a request; a positive answer issues its authenticity certificate first.

    *Not found* needs every known register of that year to be declared covered, *outside coverage*
    one that is not; and what is found in a covered one stands in it. An answer that would be
    refused issues no certificate; one that is refused all the same, as the request has ended or
    was referred meanwhile, voids it again. Run again after whatever went wrong: it is issued once.
    """
    from infrastructure.proofs import codes
    from sijill.cli import proving
    from sijill.client import Draft, Refused

    code = codes.normalise(request_code)
    path = f"/v1/authenticity-requests/{code}"
    output = Output(desk)
    with desk.client() as client:
        asked = client.get(path)
        said: dict[str, Any] = {"request": code, "finding": finding, "grade": grade}
        said |= {"unit": unit, "series": series}
        fields = proving.proved(asked, finding, output)
        number = str(asked["requested_index"])
        act, agency = "authenticity.answer", client.agency or ""
        try:
            proving.rehearse(client, Draft.plain(act, agency, f"{path}/answer", **said), finding)
            if finding in proving.POSITIVE:
                said["certificate"] = proving.certify(client, number, fields)
            else:
                proving.set_right(client, number, fields)
            draft = Draft.plain(act, agency, f"{path}/answer", **said)
            sent = client.send(client.prepare(draft.path, [draft.envelope]))
        except Refused as refused:
            if refused.code in proving.LATE:
                shown = client.get(path)
                proving.strike(client, refused.code, shown, said.get("certificate"), output)
            raise
        shown = {**client.get(path), "receipt": sent["receipt"]}
    output.result(shown, *_lines(shown, output))
    return 0


@app.command(name="list")
@verb
def list_(
    *,
    role: Annotated[
        Literal["requester", "addressee"] | None, Parameter(help="Made, or to be answered.")
    ] = None,
    in_state: Annotated[str | None, Parameter(help="Only in this state: `open`, ….")] = None,
    overdue: Annotated[bool, Parameter(negative="", help="Only those that are late.")] = False,
    at: At = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 200,
    desk: Desk,
) -> int:
    """List the requests that the agency made or is asked; the queue is `--role addressee`."""
    output = Output(desk)
    query: dict[str, Any] = {"role": role, "state": in_state, "at": at}
    query["overdue"] = "true" if overdue else None
    with desk.client() as client:
        items = list(client.pages("/v1/authenticity-requests", limit=limit, **query))
    rows = [_row(one, output) for one in items]
    output.result({"items": items}, *output.table(rows, _COLUMNS))
    return 0


@app.command
@verb
def show(request_code: RequestCode, /, *, at: At = None, desk: Desk) -> int:
    """Show one request: what is asked, and what became of it, index by index."""
    from infrastructure.proofs import codes

    output = Output(desk)
    with desk.client() as client:
        found = client.get(f"/v1/authenticity-requests/{codes.normalise(request_code)}", at=at)
    output.result(found, *_lines(found, output))
    return 0


@app.command
@verb
def ask(
    code: Annotated[str, Parameter(help="The document's public code.")], /, *, reach: Reach
) -> int:
    """As the holder: ask about one's own document; the secret is read from standard input."""
    from sijill.cli.reading import read_line

    return _hold(reach, "online", {"code": code, "secret": read_line()})


@app.command
@verb
def fetch(request_code: RequestCode, /, *, reach: Reach) -> int:
    """As the holder: fetch an answer; the secret is read from standard input."""
    from sijill.cli.reading import read_line

    return _hold(reach, "fetched", {"request": request_code, "secret": read_line()})


@app.command
@verb
def report(
    *,
    agency: Annotated[str | None, Parameter(name="--of", help="Only this agency.")] = None,
    at: At = None,
    reach: Reach,
) -> int:
    """How agencies answer: time (median, 95th percentile), overdue, refusals by reason."""
    output = Output(reach)
    with reach.anonymous() as client:
        found = client.get("/v1/reports/authenticity", agency=agency, at=at)
    lines = output.table(found["items"], _REPORT)
    output.result(found, *lines, f"at: {found['at']}")
    return 0


add_verbs(app, "authenticity")


def _hold(reach: Any, road: str, body: dict[str, str]) -> int:
    output = Output(reach)
    with reach.anonymous() as client:
        found = client.post(f"/v1/authenticity-requests/{road}", body)
    output.result(found, *_lines(found, output))
    return 0


def _pair(text: str) -> tuple[str, str]:
    from sijill.cli.reading import composed, stated

    name, equals, value = text.partition("=")
    if not (name and equals):
        raise Unusable(code="input_malformed", detail="name=value", path="--field")
    try:
        return name, stated({name: composed(value)})[name]
    except ValueError as error:
        raise Unusable(code="input_malformed", detail=str(error), path=name) from None


def _row(one: dict[str, Any], output: Output) -> dict[str, Any]:
    finding = one["finding"]
    return {
        **one,
        "about": one["code"] or f"{one['number']} ({one['date']})",
        "state": output.words(f"state.authenticity.{one['state']}"),
        "finding": finding and output.words(f"word.authenticity.finding.{finding}"),
    }


def _lines(found: dict[str, Any], output: Output) -> list[str]:
    """A request for people: what it says of itself, what came with it, what befell it."""
    from infrastructure.proofs.codes import for_people

    row = _row(found, output)
    lines = [f"{for_people(found['request'])}  {row['about']}"]
    said = row["state"] if row["finding"] is None else f"{row['state']}: {row['finding']}"
    lines.append(said)
    if found["attested"]:
        lines.append(output.words("cli.attested"))
    if found["ended_index"] is None:
        lines.append(output.words("cli.due", day=found["due_date"]))
    if found["certificate"]:
        lines.append(output.words("cli.code", code=for_people(found["certificate"])))
    lines += [f"  {name}: {value}" for name, value in found.get("values", {}).items()]
    lines += [
        f"  {one['index']}  {moment(one['time'])}  {one['event']}  {one['agency']}"
        for one in found["history"]
    ]
    return lines
