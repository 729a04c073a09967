"""`sijill certificate`: issue, withdraw and find an agency's certificates."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from sijill.cli.acting import add_verbs
from sijill.cli.faults import Unusable, verb
from sijill.cli.options import Cosigners, Desk, Input, Queue
from sijill.cli.output import Output

app = App(name="certificate", help="Issue, withdraw and find certificates.")

Code = Annotated[str, Parameter(help="A public code, as people write it.")]
At = Annotated[int | None, Parameter(help="Answer as after this log index; default: now.")]
Credentialed = Annotated[
    bool,
    Parameter(
        negative="--no-credential",
        help="Sign and record what its QR code says, by the same key, in the same breath.",
    ),
]
Signer = Annotated[
    Path | None,
    Parameter(
        show_default=False,
        help="The key that signs the credential, where it is not the one that orders: one that the "
        "data center holds for the agency, or an officer's.",
    ),
]
Host = Annotated[
    str | None,
    Parameter(
        show_default=False,
        help="Where the QR code leads; by default the host in the ledger's name.",
    ),
]
Anew = Annotated[
    bool,
    Parameter(negative="", show_default=False, help="Make another one, whatever there is already."),
]
State = Literal["in_force", "suspended", "revoked", "superseded", "voided"]
_COLUMNS = {
    "code": "cli.column.code",
    "number": "cli.column.number",
    "date": "cli.column.date",
    "type": "cli.column.type",
    "state": "cli.column.state",
}


@app.command
@verb
def issue(
    file: Input,
    /,
    *,
    cosigner: Cosigners = (),
    credential: Credentialed = True,
    queue: Queue = False,
    desk: Desk,
) -> int:
    """Issue the certificate that a JSON file describes; print its code and the holder's secret.

    The object has `type`, `unit`, `series`, `number`, `date`, `language`, `fields` (values by name)
    and, where wanted, `effective_date`, `expiry_date` and `document` (a file beside it, or a
    SHA-256 in hex). The secret is shown only now. After a crash the same command finishes what it
    began.
    """
    from sijill.cli import outbox
    from sijill.cli.ordering import perform

    order = _order(file, cosigner, act="certificate.issue")
    if queue:
        return outbox.queue(desk, order)
    return perform(desk, order, then=_follow(wanted=credential))


@app.command
@verb
def correct(
    code: Code,
    file: Input,
    /,
    *,
    cosigner: Cosigners = (),
    credential: Credentialed = True,
    queue: Queue = False,
    desk: Desk,
) -> int:
    """Make the next edition of a certificate, under the same number and date, with a new code.

    The JSON object has `reason`, `language`, `fields` (all of them: nothing is taken over) and,
    where wanted, `effective_date`, `expiry_date`, `document` and `legal_basis`.
    """
    from sijill.cli import outbox
    from sijill.cli.ordering import perform

    order = _order(file, cosigner, act="certificate.correct", code=code)
    if queue:
        return outbox.queue(desk, order)
    return perform(desk, order, then=_follow(wanted=credential))


@app.command
@verb
def credential(
    code: Code,
    /,
    *,
    signer: Signer = None,
    host: Host = None,
    anew: Anew = False,
    desk: Desk,
) -> int:
    """Print what stands in a certificate's QR code; sign and record it first where there is none.

    The agency's own key signs: it does not leave this machine. The text is an address with the
    signed values behind a `#`; whoever scans it sees them, with a network or without.
    """
    from sijill.cli.credential import give
    from sijill.cli.reading import normal_code

    return give(desk, normal_code(code), signer=signer, host=host, anew=anew)


@app.command
@verb
def render(
    code: Code,
    /,
    *,
    format_: Annotated[
        Literal["pdf", "png", "svg"], Parameter(name="--format", help="What is written.")
    ] = "pdf",
    into: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The file, or - for standard output; by default the code and the format.",
        ),
    ] = None,
    host: Host = None,
    template: Annotated[
        Path | None, Parameter(help="A Typst file in place of the one that comes with the program.")
    ] = None,
    seal: Annotated[
        Path | None,
        Parameter(help="A key file that `sijill key seal` made: the PDF is sealed with it."),
    ] = None,
    evidence: Annotated[
        bool,
        Parameter(
            negative="",
            help="Also embed the evidence bundle of the newest checkpoint in the PDF; its bytes "
            "are then others each time.",
        ),
    ] = False,
    desk: Desk,
) -> int:
    """Write a certificate as a paper: PDF/A-3 with its credential embedded, PNG or SVG.

    It is made on this machine, and the same certificate has the same bytes wherever it is made; a
    seal is added behind them. A certificate that is not in force is not printed.
    """
    from sijill.cli.reading import normal_code
    from sijill.cli.rendering import draw

    return draw(
        desk,
        normal_code(code),
        form=format_,
        into=into,
        host=host,
        template=template,
        key=seal,
        evidence=evidence,
    )


@app.command
@verb
def prepare(
    file: Input,
    /,
    *,
    into: Annotated[Path, Parameter(help="Folder for body and headers.")] = Path(),
    desk: Desk,
) -> int:
    """Sign an order and write it down instead of sending it; print the curl command that sends it.

    The file is one that `issue` takes, or an object with the `act` and its members. What is written
    holds the values in clear and is valid for an hour, or for 30 days where others must sign too.
    """
    from sijill.cli.preparing import write_order

    return write_order(desk, _order(file, ()), into)


@app.command
@verb
def bulk(
    file: Input,
    /,
    *,
    dry_run: Annotated[
        bool,
        Parameter(
            negative="",
            help="Have every line judged on the ledger as it is, and record nothing; says which "
            "lines depend on others before them.",
        ),
    ] = False,
    atomic: Annotated[
        bool, Parameter(negative="", help="All or none; at most 10,000 lines and 16 MiB.")
    ] = False,
    cosigner: Cosigners = (),
    credential: Annotated[
        bool,
        Parameter(
            negative="",
            help="Then sign and record the credential of every new code that has none yet.",
        ),
    ] = False,
    desk: Desk,
) -> int:
    """Send many acts: one JSON object a line, as `issue` takes it or with its `act`.

    Lines are signed as orders of up to 10,000 lines or 16 MiB. Refused lines are listed by number
    and code, and the rest is recorded. Run again with the same file (or with a corrected one) after
    whatever went wrong, and only what was not recorded yet is sent. With `--output json` every line
    is answered by a JSON object on a line of its own, and the last line sums up.
    """
    from sijill.cli.bulk import Bulk

    with desk.client() as client:
        work = Bulk(client, Output(desk), file, cosigners=cosigner)
        if dry_run:
            return work.rehearse()
        return work.record(atomic=atomic, credential=credential)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which certificates are listed; what is left out lets everything through."""

    type: Annotated[str | None, Parameter(help="A certificate type.")] = None
    unit: Annotated[str | None, Parameter(help="The register unit.")] = None
    series: Annotated[str | None, Parameter(help="The number series.")] = None
    number: Annotated[str | None, Parameter(help="In whatever script of digits.")] = None
    state: Annotated[
        State | None, Parameter(name="--in-state", help="Where the record stands.")
    ] = None
    from_day: Annotated[str | None, Parameter(help="The first date of documents.")] = None
    to_day: Annotated[str | None, Parameter(help="The last date of documents.")] = None
    in_doubt: Annotated[
        bool, Parameter(negative="", help="Those that wait for re-affirmation.")
    ] = False
    at: At = None
    search: Annotated[
        str | None,
        Parameter(
            help="A field and its value, `name=value`, exact but for spelling; with `name=-` the "
            "value is read from standard input, where no other process sees it."
        ),
    ] = None

    def query(self) -> dict[str, Any]:
        """The query that asks for them, without the search."""
        asked = asdict(self)
        del asked["search"]
        return {**asked, "in_doubt": "true" if self.in_doubt else None}

    def body(self) -> dict[str, Any]:
        """The body of the search.

        Raises:
            Unusable: it is no `name=value`, or asks for the past, which no search answers for.
        """
        from sijill.cli.reading import STDIN, read_line

        field, equals, value = (self.search or "").partition("=")
        if not (field and equals and value) or self.at is not None:
            raise Unusable(
                code="input_malformed", detail="name=value, and no --at", path="--search"
            )
        chosen = {name: said for name, said in asdict(self).items() if said is not None}
        del chosen["search"]
        if not self.in_doubt:
            del chosen["in_doubt"]
        return {**chosen, "field": field, "value": read_line() if value == STDIN else value}


@app.command(name="list")
@verb
def list_(
    *,
    chosen: Chosen | None = None,
    limit: Annotated[int, Parameter(help="At most so many.", validator=Number(gte=1))] = 100,
    desk: Desk,
) -> int:
    """List the agency's own certificates, the oldest first.

    An auditor names with `--agency` whose they are, and does not search by value.
    """
    wanted = chosen or Chosen()
    with desk.client() as client:
        if wanted.search is None:
            query = {"agency": desk.agency, **wanted.query()}
            found = client.pages("/v1/certificates", limit=limit, **query)
        else:
            path = "/v1/certificates/search"
            found = client.pages(path, limit=limit, body=wanted.body())
        items = list(found)
    shown = items
    if wanted.in_doubt:
        # What is to be done next is done to each of these codes.
        shown = [{**item, "code": code} for item in items for code in item["doubted"]]
    output = Output(desk)
    output.result({"items": items}, *output.table(_worded(shown, output), _COLUMNS))
    return 0


@app.command
@verb
def show(code: Code, /, *, at: At = None, desk: Desk) -> int:
    """Show one of the agency's certificates, with its values and all its originals."""
    from sijill.cli.reading import normal_code

    output = Output(desk)
    with desk.client() as client:
        found = client.get(f"/v1/certificates/{normal_code(code)}", at=at)
    lines = [
        f"{name}: {value}"
        for name, value in found.items()
        if name not in {"values", "originals", "type_names"} and value is not None
    ]
    lines += [f"  {name}: {value}" for name, value in found["values"].items()]
    columns = {"code": "cli.column.code", "edition": "cli.column.edition"}
    columns |= {"original": "cli.column.original", "state": "cli.column.state"}
    lines += ["", *output.table(_worded(found["originals"], output), columns)]
    output.result(found, *lines)
    return 0


add_verbs(app, "certificate")


def _follow(*, wanted: bool) -> Any:
    """What comes after an act that made a new code, or nothing."""
    from sijill.cli.credential import follow

    return follow if wanted else None


def _worded(items: list[dict[str, Any]], output: Output) -> list[dict[str, Any]]:
    """Rows with their state in words."""
    return [{**one, "state": output.words(f"state.certificate.{one['state']}")} for one in items]


def _order(file: str, cosigners: tuple[Path, ...], **members: str) -> Any:
    """The order that a file asks for."""
    from sijill.cli.ordering import Order
    from sijill.cli.reading import command_class, draft_of, folder_of, read_object, read_text, waits

    item = {**read_object(read_text(file), file), **members}
    act = str(item.setdefault("act", "certificate.issue"))
    return Order(
        act=act,
        said=item,
        draft=lambda agency, until: draft_of(item, agency, folder_of(file), until),
        waits=waits(command_class(act), item),
        cosigners=cosigners,
    )
