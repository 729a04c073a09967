"""`sijill forgery`: papers that look forged, told by anybody, read by issuers and auditors."""

from enum import StrEnum
from typing import Annotated, Any

from cyclopts import App, Parameter

from sijill.cli.faults import verb
from sijill.cli.options import Desk, Reach
from sijill.cli.output import Output

app = App(name="forgery", help="Papers that look forged: report one, read what was reported.")

_COLUMNS = {
    "day": "cli.column.date",
    "code": "cli.column.code",
    "kind": "cli.column.kind",
    "reports": "cli.column.reports",
}


class Looks(StrEnum):
    """What looks wrong, as the ledger takes it; a test holds it against the service's list."""

    CONTENT_DIFFERS = "content_differs"
    PAPER_ALTERED = "paper_altered"
    CODE_COPIED = "code_copied"
    SEAL_OR_SIGNATURE_FALSE = "seal_or_signature_false"
    ISSUER_DENIES = "issuer_denies"
    OFFERED_FOR_SALE = "offered_for_sale"
    OTHER = "other"


@app.command
@verb
def report(
    code: Annotated[str, Parameter(help="The public code on the paper, as people write it.")],
    /,
    *,
    kind: Annotated[Looks, Parameter(help="What looks wrong.")],
    of: Annotated[
        str | None,
        Parameter(
            name="--of", help="Whom the paper names as its issuer; kept where the code is unknown."
        ),
    ] = None,
    reach: Reach,
) -> int:
    """Report a paper that looks forged, to its issuer and to auditors; without a key or a name.

    The answer is the same whether the ledger knows the code or not.
    """
    from sijill.cli.reading import normal_code

    output = Output(reach)
    said: dict[str, Any] = {"kind": kind.value} | ({} if of is None else {"agency": of})
    with reach.anonymous() as client:
        found = client.post(f"/v1/verify/{normal_code(code)}/report", said)
    output.result(found, output.words("page.report.taken"))
    return 0


@app.command(name="list")
@verb
def list_(
    *,
    code: Annotated[str | None, Parameter(help="Only of this code.")] = None,
    from_day: Annotated[str | None, Parameter(help="Only from this day on (ISO).")] = None,
    to_day: Annotated[str | None, Parameter(help="Only up to this day (ISO).")] = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 200,
    desk: Desk,
) -> int:
    """List what was reported of one's own papers, the newest days first; auditors are told all."""
    output = Output(desk)
    with desk.client() as client:
        found = client.get(
            "/v1/forgery-reports", code=code, from_day=from_day, to_day=to_day, limit=limit
        )
    items = [
        {**one, "kind": output.words(f"page.report.kind.{one['kind']}")} for one in found["items"]
    ]
    output.result(found, *(output.table(items, _COLUMNS) if items else ()))
    return 0
