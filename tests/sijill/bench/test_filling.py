"""Filling a ledger by bulk orders."""

import re
from pathlib import Path

import pytest

from infrastructure import keyfiles
from sijill.bench import filling
from sijill.bench.servers import Office


def test_orders_of_a_process_go_on_in_one_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A register for each order ends a nation at 4,096 of them."""
    keyfiles.create_private_key(tmp_path / "key.pem")
    office = Office("health", bytes(32), tmp_path / "key.pem")
    sent: list[bytes] = []

    def post(url: str, request: bytes, count: int) -> list[bytes]:
        assert url
        sent.append(request)
        return [b'{"receipt":"r"}'] * count

    monkeypatch.setattr(filling, "post", post)
    for lines in (3, 2):
        filling._send(filling._Task("http://127.0.0.1:1", office, lines, 1.0))

    said = [re.findall(rb'"number":"(\d+)","series":"([^"]+)"', one) for one in sent]
    [series] = {series for order in said for _, series in order}
    assert series
    assert [[int(number) for number, _ in order] for order in said] == [[1, 2, 3], [4, 5]]
