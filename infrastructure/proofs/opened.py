"""Openings as they are written in JSON, on the network and in an export: section 15 of the format.

Whoever gives them is not trusted: what is not written as it must be is a finding at its index.
"""

from collections.abc import Mapping
from typing import Any, Final

from infrastructure.proofs import base64text
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.ordering import OrderMaterial

_CODE: Final = "json_malformed"


def parse_opening(item: Mapping[str, Any], order: object = None) -> Opening:
    """One opening, with its order where that is given.

    Raises:
        ProofError: ``json_malformed``.
    """
    header, header_salt = _part(item, "header")
    body, body_salt = _part(item, "body")
    material = None if order is None else _order(order)
    return Opening(_index(item), header, header_salt, body, body_salt, material)


def read_opening(index: int, item: object, order: object) -> Opening:
    """The opening at an index; where it is written otherwise, what is wrong with it."""
    try:
        opening = parse_opening(item if isinstance(item, Mapping) else {}, order)
    except ProofError as error:
        return Opening(index, error=error)
    if opening.index != index:
        return Opening(index, error=ProofError(_CODE, "an opening of another index"))
    return opening


def read_page(page: object, start: int, size: int) -> tuple[list[Opening], int | None]:
    """The openings of one answer, and where to go on.

    An event that is left out is not open: the answer has all of its range.

    Raises:
        ProofError: ``json_malformed`` where the answer has not the form of one.
    """
    said: Mapping[str, Any] = page if isinstance(page, Mapping) else {}
    items, orders, onwards = said.get("openings"), said.get("orders"), said.get("next")
    grows = onwards is None or (type(onwards) is int and start < onwards <= size)
    if not isinstance(items, list) or not isinstance(orders, Mapping) or not grows:
        raise ProofError(_CODE, "openings and orders, and a next that grows")
    end = size if onwards is None else int(onwards)
    given = {_index(item): item for item in items}
    if not given.keys() <= set(range(start, end)):
        raise ProofError(_CODE, "openings of other indexes")
    return [_read(index, given, orders) for index in range(start, end)], onwards


def _read(index: int, given: Mapping[int, Any], orders: Mapping[str, Any]) -> Opening:
    item = given.get(index, {"index": index})
    return read_opening(index, item, orders.get(str(item.get("order"))))


def _index(item: object) -> int:
    index = item.get("index") if isinstance(item, Mapping) else None
    if type(index) is not int:
        raise ProofError(_CODE, "an opening has an index")
    return index


def _part(item: Mapping[str, Any], name: str) -> tuple[bytes | None, bytes]:
    if name not in item:
        return None, b""
    return _bytes(item[name]), _hex(item.get(f"{name}_salt"))


def _order(order: object) -> OrderMaterial:
    said: Mapping[str, Any] = order if isinstance(order, Mapping) else {}
    statements = said.get("statements")
    if not isinstance(statements, list):
        raise ProofError(_CODE, "an order has a list of statements")
    return OrderMaterial(_bytes(said.get("evidence")), tuple(map(_hex, statements)))


def _bytes(said: object) -> bytes:
    return base64text.decode(said if isinstance(said, str) else "*", code=_CODE)


def _hex(said: object) -> bytes:
    try:
        return bytes.fromhex(said if isinstance(said, str) else "*")
    except ValueError:
        raise ProofError(_CODE, "hex is expected") from None
