"""`sijill log rotate-key`: the new key's file, and the order that both founders sign."""

from collections.abc import Sequence
from pathlib import Path

from sijill.cli.asking import require_sure
from sijill.cli.options import Desk
from sijill.cli.ordering import Order, perform
from sijill.cli.output import Output
from sijill.cli.reading import draft_of
from sijill.folder import Folder
from sijill.identity import NoLedger
from sijill.rotation import make_key

_ACT = "ledger.rotate_key"


def rotate_log_key(desk: Desk, data: Path, cosigners: Sequence[Path], *, sure: bool) -> int:
    """Make the key unless one was made already that the ledger does not know yet, then order."""
    output = Output(desk)
    with desk.signer() as client:
        origin, known = client.identity.origin, client.identity.log.encode()
    here = Folder(data).log_keys(origin)
    if not here:
        raise NoLedger(data)
    made = here[-1].verifier.encode()
    require_sure(desk, sure, {"origin": origin})
    if made == known:
        path, made = make_key(data, origin)
        output.say(output.words("cli.log_key_made", path=str(path)))
    item = {"act": _ACT, "log_key": made}
    order = Order(
        act=_ACT,
        said=item,
        draft=lambda agency, until: draft_of(item, agency, Path(), until),
        waits=True,
        cosigners=cosigners,
    )
    return perform(desk, order)
