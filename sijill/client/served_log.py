"""What a ledger serves of its log, told apart from what something between says in its place.

What has not the form is a portal's, unless it bears the mark of a ledger's answer: then the ledger
is to answer for it, and whoever asked judges it.
"""

import re
from functools import partial

import httpx2

from infrastructure.proofs import tiles
from infrastructure.proofs.material import text_of
from infrastructure.proofs.tiles import Tile
from sijill.client.connection import Client
from sijill.client.errors import Refused
from sijill.client.wire import media_type

NOT_FOUND = 404
_HEAD = re.compile(rb"[^\n]+\n[0-9]+\n")
"""How every checkpoint begins, and no page: an origin, and a size alone on its line."""
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""What is in every bundle, in the lengths of its leaves, and in no text."""


def newest(client: Client) -> bytes | None:
    """The note of the newest checkpoint, by whatever key; None before the first."""
    request = client.wire.request("GET", "/log/checkpoint")
    try:
        return client.wire.data(request, text_of, own=_is_note)
    except Refused as refused:
        # Whoever may not ask, or not so often, must not take that for an empty log.
        if refused.foreign or refused.status != NOT_FOUND:
            raise
        return None


def bundle(client: Client, number: int, width: int) -> list[bytes]:
    """The leaves of one bundle.

    Raises:
        ProofError: `bundle_malformed`, by the ledger.
    """
    form = partial(tiles.parse_bundle, width=width)
    request = client.wire.request("GET", f"/log/{Tile(None, number, width).path}")
    return form(client.wire.data(request, form, own=_is_bundle))


def _is_note(response: httpx2.Response) -> bool:
    return media_type(response) == "text/plain" and _HEAD.match(response.content) is not None


def _is_bundle(response: httpx2.Response) -> bool:
    octets = media_type(response) == "application/octet-stream"
    return octets and _BINARY.search(response.content) is not None
