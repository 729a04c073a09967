"""The drill's table for a document, in the documentation's language."""

from collections.abc import Sequence

from api.i18n import translate
from sijill.drill import Row

HEAD = """\
| Attack | Needs | Found by, as |
|---|---|---|
"""
_LANGUAGE = "en"


def document(rows: Sequence[Row]) -> str:
    """A Markdown table: every attack, what it needs, and every eye that found it."""
    return HEAD + "".join(f"| {' | '.join(_cells(row))} |\n" for row in rows)


def _cells(row: Row) -> tuple[str, str, str]:
    found = [
        f"{translate(_LANGUAGE, f'drill.eye.{eye}')}: {', '.join(f'`{one}`' for one in codes)}"
        for eye, codes in row.found.items()
    ]
    return (
        translate(_LANGUAGE, f"drill.attack.{row.attack.name}"),
        translate(_LANGUAGE, f"drill.right.{row.attack.right}"),
        "; ".join(found) or translate(_LANGUAGE, "drill.unseen"),
    )
