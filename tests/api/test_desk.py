"""The desk seals what was decided, unless the record has moved on since."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from api.desk import Desk
from infrastructure import vault
from infrastructure.log.refusals import Conflict
from infrastructure.vault import ValuesErased, Vault


def test_a_record_that_was_erased_since_it_was_judged_is_judged_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process erased it: the copy that said yes is too old to say what is wrong."""

    def erased(*_: object) -> bytes:
        raise ValuesErased

    monkeypatch.setattr(vault, "record_key", erased)
    pool: Any = SimpleNamespace(connection=lambda: nullcontext(None))
    fact: Any = SimpleNamespace(originator_id=uuid4(), originator_version=2, agency="moj")
    line: Any = SimpleNamespace(disclosures=(), raw=b"{}", digest=bytes(32))

    with pytest.raises(Conflict) as caught:
        Desk(Vault(bytes(32)), pool, lambda *_: [])._seal(fact, line, ())

    assert caught.value.stream == fact.originator_id
