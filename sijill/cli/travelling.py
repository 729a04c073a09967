"""`sijill log replay` and `sijill log diff`: the past, and what happened since."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sijill.cli import codes
from sijill.cli.faults import Unusable, verb
from sijill.cli.log import Logged
from sijill.cli.options import LEDGER
from sijill.cli.output import Output, Progress

if TYPE_CHECKING:
    from sijill.travel import Deed, Replayed

Size = Annotated[int, Parameter(help="A size: the events before it have happened.")]
_NOWHERE = Logged()


@verb
def replay(
    *,
    at: Annotated[int, Parameter(help="The log index after which the ledger is rebuilt.")],
    keep: Annotated[
        str | None,
        Parameter(
            group=LEDGER,
            help="With `--data`: leave the tables there, in the schema `scratch_NAME`.",
        ),
    ] = None,
    logged: Logged = _NOWHERE,
) -> int:
    """Rebuild the read models as they were after an event, and tell the digest of all their rows.

    The same index gives the same digest on any machine, whatever the log lies in. In a data
    folder's database the read models in use are held against it; one that differs ends this with
    exit 6, and `sijill log fsck` names the rows. From an address or an exported log a database is
    started for as long as it takes; every event must be open to the caller.
    """
    from sijill import travel
    from sijill.cli.checking import material

    output = Output(logged)
    progress = Progress(output, total=at + 1)
    if keep is not None and not (keep.isascii() and keep.isidentifier() and keep.islower()):
        raise Unusable(code="input_name_unusable")
    with material(logged) as given:
        if given.keeper is not None:
            made = travel.replay_database(given.keeper, at, keep=keep, on_events=progress.reach)
        else:
            made = travel.replay_source(given.source, at, progress.reach)
    _tell_replayed(made, output)
    return codes.DONE if made.same else codes.FINDINGS


def _tell_replayed(made: "Replayed", output: Output) -> None:
    said: dict[str, Any] = {
        "at": made.at,
        "digest": made.digest.hex(),
        "in_use": None if made.live is None else made.live.hex(),
        "ahead": list(made.ahead),
        "tables": {name: digest.hex() for name, digest in made.tables.items()},
    }
    lines = [f"{name}: {said[name]}" for name in ("at", "digest", "in_use") if said[name]]
    output.result(said, *lines, *(f"  {name}: {one}" for name, one in said["tables"].items()))
    if made.live is not None:
        word = "cli.replayed_same" if made.same else "cli.replayed_other"
        output.say(output.words(word, index=made.at), colour="green" if made.same else "red")


@verb
def diff(
    old: Size,
    new: Size,
    /,
    *,
    agency: Annotated[
        str | None, Parameter(group=LEDGER, help="Only what this agency ordered.")
    ] = None,
    logged: Logged = _NOWHERE,
) -> int:
    """Say what happened between two sizes of the log, by noun, act and agency.

    What is counted is what the headers say that are open to the caller; `sijill log fsck` judges
    whether it should have happened.
    """
    from sijill.cli.checking import material
    from sijill.travel import happened

    output = Output(logged)
    if not 0 <= old <= new:
        raise Unusable(code="input_sizes_reversed")
    with material(logged) as given:
        deeds, closed = happened(given.source, old, new, agency=agency)
    items = [
        {
            "noun": deed.type.split(".")[1],
            "type": deed.type,
            "agency": deed.agency,
            "count": found.count,
            "first": found.first,
            "last": found.last,
        }
        for deed, found in sorted(deeds.items(), key=lambda one: _rank(one[0]))
    ]
    shown = [
        {
            **item,
            "noun": _named(output, "noun", str(item["noun"])),
            "type": _named(output, "event", ".".join(str(item["type"]).split(".")[1:3])),
        }
        for item in items
    ]
    columns = {
        "noun": "cli.diff.noun",
        "type": "cli.diff.event",
        "agency": "cli.diff.agency",
        "count": "cli.diff.count",
        "first": "cli.diff.first",
        "last": "cli.diff.last",
    }
    said = {"from": old, "to": new, "items": items, "not_open": closed}
    output.result(said, *(output.table(shown, columns) if shown else ()))
    told = {"events": sum(found.count for found in deeds.values()), "closed": closed}
    output.say(output.words("cli.diff", old=old, new=new, **told))
    return 0


def _rank(deed: "Deed") -> tuple[str, str, str]:
    return deed.type.split(".")[1], deed.type, deed.agency


def _named(output: Output, kind: str, word: str) -> str:
    """The word in the reader's language; one that this release has no words for stays as it is."""
    from api.i18n import outline

    return outline(output.language, f"{kind}.{word}") or word
