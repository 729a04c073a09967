"""`sijill agency`: the agencies of the ledger."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from sijill.cli.acting import add_verbs
from sijill.cli.faults import Unusable, verb
from sijill.cli.options import Cosigners, Desk, Input, Reach, Sure
from sijill.cli.output import Output, fold

app = App(name="agency", help="The agencies of the ledger.")

At = Annotated[int | None, Parameter(help="Answer as after this log index; default: now.")]
AgencyId = Annotated[str, Parameter(help="The agency's id.")]
_AGENCIES = {
    "agency": "cli.column.agency",
    "standing": "cli.column.standing",
    "kind": "cli.column.kind",
    "parent": "cli.column.parent",
    "name": "cli.column.name",
}


@app.command
@verb
def add(file: Input, /, *, desk: Desk) -> int:
    """Enter one agency, or a list of them, into the ledger as planned; founders only.

    A JSON object has `subject` (the new id), `kind`, `names` (`ar`, `ckb`, `en`) and, where there
    are any, `parent`, `effective_date` and `legal_basis`. Of a list each one is answered on a line
    of its own, and one that is refused does not keep the others out.
    """
    from sijill.cli.ordering import Order, perform, perform_each
    from sijill.cli.reading import draft_of, folder_of, read_json, read_text, require_object

    value = read_json(read_text(file), file)
    listed = isinstance(value, list)
    items = [require_object(one, file) for one in (value if listed else [value])]

    def order_of(item: dict[str, Any]) -> Order:
        whole = {**item, "act": "agency.add"}
        return Order(
            act="agency.add",
            said=whole,
            draft=lambda agency, until: draft_of(whole, agency, folder_of(file), until),
        )

    orders = [order_of(item) for item in items]
    return perform_each(desk, orders) if listed else perform(desk, orders[0])


@app.command(name="list")
@verb
def list_(
    *,
    at: At = None,
    limit: Annotated[int, Parameter(help="At most so many.")] = 2_000,
    reach: Reach,
) -> int:
    """List all agencies in the order in which they were added."""
    output = Output(reach)
    with reach.anonymous() as client:
        items = list(client.pages("/v1/agencies", limit=limit, at=at))
    output.result({"items": items}, *output.table([_row(one, output) for one in items], _AGENCIES))
    return 0


@app.command
@verb
def show(agency: AgencyId, /, *, at: At = None, reach: Reach) -> int:
    """Show one agency: its names, its parents, how it stands, and all its keys."""
    output = Output(reach)
    with reach.anonymous() as client:
        found = client.get(f"/v1/agencies/{agency}", at=at)
        keys = client.get(f"/v1/agencies/{agency}/keys", at=at)["items"]
    lines = output.table([_row(found, output)], _AGENCIES)
    lines += ["", *(f"{language}: {name}" for language, name in found["names"].items())]
    lines += [line for key in keys for line in ("", *_key_lines(key, output))]
    output.result({**found, "keys": keys}, *lines)
    return 0


@app.command
@verb
def split(
    agency: AgencyId,
    /,
    *,
    share: Annotated[
        tuple[str, ...],
        Parameter(
            name="--share",
            negative="",
            help="`unit=body` or `unit/series=body`: who answers for it; may be given again.",
        ),
    ],
    rest: Annotated[
        str | None,
        Parameter(help="The body that has the rest, and the agency ends; else it goes on."),
    ] = None,
    effective_date: Annotated[str, Parameter(help="The day that it counts from.")],
    legal_basis: Annotated[str, Parameter(help="The law, decision or order that it rests on.")],
    cosigner: Cosigners = (),
    yes: Sure = False,
    desk: Desk,
) -> int:
    """Let other bodies answer for parts of an agency, by register unit and number series."""
    from sijill.cli.asking import require_sure
    from sijill.cli.ordering import Order, perform
    from sijill.cli.reading import draft_of

    said: dict[str, Any] = {
        "subject": agency,
        "shares": [_share(one) for one in share],
        "effective_date": effective_date,
        "legal_basis": legal_basis,
    }
    said |= {"rest": rest} if rest else {}
    require_sure(desk, yes, said)
    item = {"act": "agency.split", **said}
    order = Order(
        act="agency.split",
        said=said,
        draft=lambda body, until: draft_of(item, body, Path.cwd(), until),
        waits=True,
        cosigners=cosigner,
    )
    return perform(desk, order)


@app.command
@verb
def successor(
    agency: AgencyId,
    /,
    *,
    unit: Annotated[str | None, Parameter(help="A register unit of it.")] = None,
    series: Annotated[str | None, Parameter(help="A number series of the unit.")] = None,
    at: At = None,
    reach: Reach,
) -> int:
    """Ask who answers for what an agency did: its lawful successor, or the agency itself."""
    with reach.anonymous() as client:
        path = f"/v1/agencies/{agency}/successor"
        found = client.get(path, unit=unit, series=series, at=at)
    Output(reach).result(found, str(found["answered_by"]))
    return 0


add_verbs(app, "agency")


def _share(text: str) -> dict[str, str]:
    """What `unit=body` or `unit/series=body` says.

    Raises:
        Unusable: it is neither.
    """
    part, equals, successor = text.partition("=")
    unit, slash, series = part.partition("/")
    if not (unit and equals and successor and bool(slash) == bool(series)):
        raise Unusable(code="input_malformed", detail="unit/series=body", path="--share")
    return {"unit": unit, "successor": successor, **({"series": series} if series else {})}


def _row(agency: dict[str, Any], output: Output) -> dict[str, Any]:
    """An agency with its words in the reader's language."""
    return {
        **agency,
        "name": agency["names"][output.language],
        "standing": output.words(f"state.agency.{agency['standing']}"),
        "kind": output.words(f"word.agencies.kind.{agency['kind']}"),
    }


def _key_lines(key: dict[str, Any], output: Output) -> list[str]:
    """A key in lines: its name, whose it is, what it may sign, and what ended it."""
    scopes = [output.words(f"word.acts.scope.{scope}") for scope in key["scopes"]]
    ended = [
        f"{output.words(f'state.key.{state}')} ({index})"
        for state, index in (
            ("retired", key["retired_index"]),
            ("compromised", key["compromised_as_of"]),
        )
        if index is not None
    ]
    return [
        key["key"],
        f"  {output.words('cli.column.office')}: {key['office']}, {key['officer']}",
        *(f"  {line}" for line in ended),
        *fold(f"{output.words('cli.column.scopes')}: {', '.join(scopes)}", indent=2),
    ]
