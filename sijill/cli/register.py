"""`sijill register`: the registers of an agency, of paper and of this ledger."""

from datetime import datetime
from string import Formatter
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from sijill.cli import codes
from sijill.cli.acting import add_verbs
from sijill.cli.faults import Unusable, verb
from sijill.cli.options import Desk, Reach
from sijill.cli.output import Output

app = App(name="register", help="Registers: captured, covered, numbered, closed.")

At = Annotated[int | None, Parameter(help="Answer as after this log index; default: now.")]
Unit = Annotated[str, Parameter(help="The register unit.")]
Series = Annotated[str, Parameter(help="The number series.")]
Year = Annotated[int, Parameter(help="The year of the register.")]
OneUnit = Annotated[str | None, Parameter(help="Only this register unit.")]
OneSeries = Annotated[str | None, Parameter(help="Only this number series.")]
Owner = Annotated[
    str | None, Parameter(help="A body that the agency has succeeded there; default: its own.")
]
Incoming = Annotated[
    bool, Parameter(negative="", help="The book of incoming letters, with numbers of its own.")
]
_TRIES = 50
_BOOKS = {
    "agency": "cli.column.agency",
    "unit": "cli.column.unit",
    "series": "cli.column.series",
    "year": "cli.column.year",
    "coverage": "cli.column.coverage",
    "closed_index": "cli.column.closed",
}
_CLOSED = {
    "unit": "cli.column.unit",
    "series": "cli.column.series",
    "book": "cli.column.book",
    "given": "cli.column.given",
    "voided": "cli.column.voided",
}
_BOOK = {False: "cli.book.register", True: "cli.book.incoming"}
_NUMBERS = {
    "number": "cli.column.number",
    "date": "cli.column.date",
    "kind": "cli.column.kind",
    "index": "cli.column.index",
}


@app.command
@verb
def capture(
    file: Annotated[str, Parameter(help="A CSV file with a head, or NDJSON.")],
    /,
    *,
    mapping: Annotated[str, Parameter(help="What its columns are: a JSON file.")],
    dry_run: Annotated[
        bool,
        Parameter(negative="", help="Have every row judged, and record nothing."),
    ] = False,
    desk: Desk,
) -> int:
    """Take a paper register over: each row becomes a record, with the grade of its evidence.

    The mapping has `columns` and `fields` (members of `register.capture`, and fields of the type,
    to names of columns), `constants`, and `values` (what stands in a column, to what is meant).
    Bad rows are listed by line and reason, and the rest is recorded. Run again with the same file,
    or with a corrected one: what is recorded already is not sent again.
    """
    from sijill.cli.bulk import Bulk
    from sijill.cli.capturing import Table, read_mapping

    table = Table(file, read_mapping(mapping))
    with desk.client() as client:
        work = Bulk(client, Output(desk), file, source=table, path="/v1/registers/bulk")
        return work.rehearse() if dry_run else work.record()


@app.command
@verb
def allocate(
    unit: Unit,
    series: Series,
    /,
    *,
    year: Annotated[int | None, Parameter(help="Default: this year in Baghdad.")] = None,
    count: Annotated[int, Parameter(validator=Number(gte=1), help="How many numbers.")] = 1,
    form: Annotated[
        str, Parameter(help="How a number is written: `{number}` and, if wanted, `{year}`.")
    ] = "{number}",
    owner: Owner = None,
    desk: Desk,
) -> int:
    """Reserve the next free numbers of a register and print each as it is recorded.

    Nobody else of the agency is given them. What is issued under one takes it; what is not is
    voided with `sijill register void`. Where others take too many meanwhile, fewer are reserved:
    that ends with 5. With `--output json` each is a line of its own.
    """
    from domain.values.moments import BAGHDAD

    _number(form, 0, 0)
    chosen = year or datetime.now(BAGHDAD).year
    output = Output(desk)
    with desk.client() as client:
        path = f"/v1/registers/{unit}/{series}/{chosen}"
        ordinal = int(client.get(path, agency=owner)["next"])
        done = 0
        for _ in range(count + _TRIES):
            if done == count:
                break
            number = _number(form, ordinal, chosen)
            members = {"unit": unit, "series": series, "year": chosen, "number": number}
            members |= {"owner": owner}
            answer = _reserve(client, path, members)
            if answer is not None:
                done += 1
                text = output.words("cli.number_reserved", number=number, index=answer["index"])
                output.item({"number": number, "index": answer["index"]}, text)
            ordinal += 1
    if done < count:
        output.say(output.words("cli.numbers_short", done=done, count=count), colour="yellow")
        return codes.REFUSED
    return codes.DONE


@app.command
@verb
def close(
    year: Year,
    /,
    *,
    unit: OneUnit = None,
    series: OneSeries = None,
    owner: Owner = None,
    desk: Desk,
) -> int:
    """Close the agency's registers of a year that is over, and sign what each one holds.

    Every register in which anything was numbered that year, the books of incoming letters included,
    or the ones of a unit or series. Run again after whatever went wrong: what is closed and counted
    is left as it is.
    """
    output = Output(desk)
    with desk.client() as client:
        used = client.get("/v1/registers/used", year=year, agency=owner)["items"]
        chosen = [
            one for one in used if unit in (None, one["unit"]) and series in (None, one["series"])
        ]
        done = [_close(client, one, owner) for one in chosen]
    rows = [{**one, "book": output.words(_BOOK[one["incoming"]])} for one in done]
    output.result({"items": done}, *output.table(rows, _CLOSED))
    return 0


@app.command(name="list")
@verb
def list_(
    *,
    agency: Annotated[str | None, Parameter(name="--of", help="Only this agency's.")] = None,
    year: Annotated[int | None, Parameter(help="Only of this year.")] = None,
    covered: Annotated[bool, Parameter(negative="", help="Only those that are covered.")] = False,
    at: At = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 200,
    reach: Reach,
) -> int:
    """List what agencies declare of their registers: covered, at which grade; closed; counted."""
    output = Output(reach)
    query: dict[str, Any] = {
        "agency": agency,
        "year": year,
        "covered": "true" if covered else None,
        "at": at,
    }
    with reach.anonymous() as client:
        items = list(client.pages("/v1/registers", limit=limit, **query))
    output.result({"items": items}, *output.table([_worded(one, output) for one in items], _BOOKS))
    return 0


@app.command
@verb
def show(
    unit: Unit,
    series: Series,
    year: Year,
    /,
    *,
    owner: Owner = None,
    incoming: Incoming = False,
    at: At = None,
    desk: Desk,
) -> int:
    """Show one of the agency's registers: coverage, counts, the next number."""
    output = Output(desk)
    with desk.client() as client:
        path = f"/v1/registers/{unit}/{series}/{year}"
        found = client.get(path, agency=owner, incoming=_flag(incoming), at=at)
    counts = [f"{name}: {value}" for name, value in found["counts"].items()]
    lines = [*output.table([_worded(found, output)], _BOOKS), "", *counts]
    output.result(found, *lines, f"next: {found['next']}")
    return 0


@app.command
@verb
def report(
    unit: Unit,
    series: Series,
    year: Year,
    /,
    *,
    late_days: Annotated[
        int, Parameter(help="Recorded later than so many days after its date: dated back.")
    ] = 3,
    owner: Owner = None,
    incoming: Incoming = False,
    at: At = None,
    desk: Desk,
) -> int:
    """What is odd in a register: gaps, voids, reservations, dates behind, acts out of hours."""
    output = Output(desk)
    with desk.client() as client:
        path = f"/v1/registers/{unit}/{series}/{year}/report"
        asked: dict[str, Any] = {
            "agency": owner,
            "incoming": _flag(incoming),
            "late_days": late_days,
            "at": at,
        }
        found = client.get(path, **asked)
    gaps = ", ".join(f"{one['first']}-{one['last']}" for one in found["gaps"]) or "-"
    lines = [
        f"given: {found['given']}  at: {found['at']}",
        f"missing: {found['missing']}  {gaps}",
    ]
    for name in ("voided", "reserved", "backdated", "out_of_hours"):
        lines += ["", f"{name}: {found[f'{name}_count']}"]
        lines += output.table(found[name], _NUMBERS) if found[name] else []
    output.result(found, *lines)
    return 0


add_verbs(app, "register")


def _worded(one: dict[str, Any], output: Output) -> dict[str, Any]:
    """A register with its grade in words."""
    grade = one["coverage"]
    return {**one, "coverage": grade and output.words(f"word.registers.grade.{grade}")}


def _order(client: Any, act: str, path: str, **members: Any) -> dict[str, Any]:
    from sijill.client import Draft

    draft = Draft.plain(act, client.agency or "", path, **members)
    answer: dict[str, Any] = client.send(client.prepare(draft.path, [draft.envelope]))
    return answer


def _reserve(client: Any, path: str, members: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a reservation; None where somebody else has the number."""
    from sijill.client import Refused

    try:
        return _order(client, "register.reserve", f"{path}/reservations", **members)
    except Refused as refused:
        if refused.code not in {"number_reserved", "number_taken"}:
            raise
        return None


def _number(form: str, ordinal: int, year: int) -> str:
    """A number as the form has it written.

    Raises:
        Unusable: `input_malformed`; each number would be written the same, or none.
    """
    try:
        asked = {name for _, name, _, _ in Formatter().parse(form) if name is not None}
        number = form.format(number=ordinal, year=year)
    except (AttributeError, LookupError, ValueError):
        asked, number = set(), ""
    # Nothing but the two: a form could else read what they are made of.
    if "number" not in asked or not asked <= {"number", "year"}:
        raise Unusable(code="input_malformed", detail=form, path="--form")
    return number


def _flag(said: bool) -> str | None:  # noqa: FBT001 - the value of an option
    """An option as a query says it; what is not wanted is left out."""
    return "true" if said else None


def _close(client: Any, one: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Close one register and sign its count, as far as that is not done yet."""
    unit, series, year, incoming = one["unit"], one["series"], one["year"], one["incoming"]
    path = f"/v1/registers/{unit}/{series}/{year}"
    about = {"unit": unit, "series": series, "year": year}
    said = {**about, "owner": owner, "incoming": True if incoming else None}
    query = {"agency": owner, "incoming": _flag(incoming)}
    found = client.get(path, **query)
    if found["closed_index"] is None:
        closed = _order(client, "register.close", f"{path}/closure", **said)["index"]
    else:
        closed = found["closed_index"]
    about |= {"incoming": incoming}
    if found["counted_index"] is not None:
        return {**about, "given": found["given"], "voided": found["voided"]}
    counts = client.get(path, **query, at=closed)["counts"]
    signed = {"given": counts["given"], "voided": counts["voided"]}
    _order(client, "register.count", f"{path}/count", **said, **signed)
    return {**about, **signed}
