"""The target about paper registers: a mapping and a table, as somebody else has written them."""

import io
import json
from collections.abc import Iterator

from infrastructure.proofs.errors import ProofError
from sijill.cli.capturing import ACT, Table, parse_mapping
from sijill.cli.faults import Unusable

APART = b"\x1e"
_MAPPING = {
    "delimiter": ";",
    "columns": {"number": "رقم", "date": "تاريخ", "entry_state": "حالة"},
    "fields": {"holder_name": "اسم"},
    "constants": {"unit": "archive", "series": "general", "type": "degree"},
    "values": {"entry_state": {"ملغى": "revoked", "": "stands"}},
}
_ROWS = 'رقم;تاريخ;حالة;اسم\n1;١٩٩٨/٧/١;;"علي; حسن"\n\n2;1998-07-02;ملغى;\n'


def _seeds() -> Iterator[bytes]:
    text = json.dumps(_MAPPING, ensure_ascii=False).encode()
    yield text + APART + _ROWS.encode()
    yield b'{"columns":{"number":"n","year":"y"}}' + APART + b"\xef\xbb\xbfn,y\r\n7,1998\r\n"


TABLES = tuple(_seeds())


def table(data: bytes) -> None:
    """A mapping, a separator, a table: each row is an entry that can be told, or is refused."""
    said, _, rows = data.partition(APART)
    lines = [0]
    try:
        found = Table("table.csv", parse_mapping(said, "mapping.json"))
        for line, packed in found.rows_of(io.BytesIO(rows)):
            lines.append(line)
            item = found.item(packed)
            assert item["act"] == ACT
            json.dumps(item, ensure_ascii=False).encode()
    except Unusable as unusable:
        raise ProofError(unusable.code) from unusable
    finally:
        assert lines == sorted(set(lines))
