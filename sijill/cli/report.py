"""`sijill report`: figures as after an event, and those that were published."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from sijill.cli.faults import verb
from sijill.cli.options import Desk, Reach
from sijill.cli.output import Output

app = App(name="report", help="Figures pinned to an index, and the ones that were published.")

At = Annotated[int | None, Parameter(help="As after this log index; default: now.")]
Of = Annotated[str | None, Parameter(name="--of", help="Only what this agency did.")]
Type = Annotated[str | None, Parameter(help="Only certificates of this type.")]
FromDay = Annotated[str | None, Parameter(help="Only from this day on (ISO).")]
ToDay = Annotated[str | None, Parameter(help="Only up to this day (ISO).")]
_FIGURES = {
    "agency": "cli.column.agency",
    "type": "cli.column.type",
    "day": "cli.column.date",
    "issued": "cli.column.issued",
    "withdrawn": "cli.column.withdrawn",
}
_PUBLISHED = {
    "index": "cli.column.index",
    "report": "cli.column.kind",
    "agency": "cli.column.agency",
    "at": "cli.column.at",
    "digest": "cli.column.digest",
}


@app.command
@verb
def issuance(
    *,
    at: At = None,
    of: Of = None,
    type: Type = None,  # noqa: A002 - the public name of the option
    from_day: FromDay = None,
    to_day: ToDay = None,
    reach: Reach,
) -> int:
    """Count issuances and withdrawals by agency, type and day, as after an event; with the digest.

    The same index gives the same figures for ever.
    """
    output = Output(reach)
    asked = _asked(of, type, from_day, to_day)
    with reach.anonymous() as client:
        found = client.get("/v1/reports/issuance", signed=False, at=at, **asked)
    figures = output.table(found["items"], _FIGURES) if found["items"] else []
    output.result(found, *figures, f"at: {found['at']}", f"digest: {found['digest']}")
    return 0


@app.command
@verb
def publish(
    *,
    at: At = None,
    of: Of = None,
    type: Type = None,  # noqa: A002 - the public name of the option
    from_day: FromDay = None,
    to_day: ToDay = None,
    desk: Desk,
) -> int:
    """Publish the report of issuances: put on record which figures, of which index; needs `attest`.

    What is signed is the digest of the figures that the ledger tells; `sijill log fsck` counts them
    again for ever.
    """
    from sijill.cli.ordering import Order, perform
    from sijill.client import Draft

    asked = _asked(of, type, from_day, to_day)
    with desk.client() as client:
        found = client.get("/v1/reports/issuance", signed=False, at=at, **asked)
    narrowed = {"subject" if name == "agency" else name: value for name, value in asked.items()}
    said: dict[str, Any] = {
        "report": "issuance",
        "at": found["at"],
        "digest": found["digest"],
        **narrowed,
    }
    order = Order(
        act="report.publish",
        said=said,
        draft=lambda agency, _until: Draft.plain("report.publish", agency, "/v1/reports", **said),
    )
    return perform(desk, order)


@app.command(name="list")
@verb
def list_(
    *,
    limit: Annotated[int, Parameter(help="At most so many.")] = 200,
    reach: Reach,
) -> int:
    """List the reports that were published, in the order of the log."""
    output = Output(reach)
    with reach.anonymous() as client:
        items = list(client.pages("/v1/reports", limit=limit))
    output.result({"items": items}, *(output.table(items, _PUBLISHED) if items else ()))
    return 0


def _asked(*given: str | None) -> dict[str, Any]:
    names = ("agency", "type", "from_day", "to_day")
    return {name: value for name, value in zip(names, given, strict=True) if value is not None}
