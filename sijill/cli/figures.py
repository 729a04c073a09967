"""What a benchmark measured, as people read it: cases, ratios, tables and aims."""

from typing import Any

from sijill.cli.output import Output, fold

_COLUMNS = {
    "case": "cli.column.case",
    "rate": "cli.column.rate",
    "p50_ms": "cli.column.p50",
    "p90_ms": "cli.column.p90",
    "p99_ms": "cli.column.p99",
    "max_ms": "cli.column.max",
}
_TABLES = {
    "processes": {
        "process": "cli.column.process",
        "first_quarter_mb": "cli.column.first_quarter",
        "last_quarter_mb": "cli.column.last_quarter",
        "max_mb": "cli.column.max_mb",
    },
    "steps": {
        "step": "cli.column.step",
        "events": "cli.column.events",
        "seconds": "cli.column.seconds",
        "rate": "cli.column.rate",
    },
    "tables": {
        "table": "cli.column.table",
        "heap_bytes_each": "cli.column.heap",
        "index_bytes_each": "cli.column.index",
    },
}
_AIMS = {"aim": "cli.column.aim", "wanted": "cli.column.wanted", "measured": "cli.column.measured"}


def tell(found: dict[str, Any], output: Output) -> int:
    """Print what was measured: all of it as JSON, or its medians, ratios and aims for people."""
    rows = [{"case": case, **taken} for case, taken in found["cases"].items()]
    ratios = [
        line
        for name in ("ratio_to_stock", "ratio_to_copy")
        if found[name] is not None
        for line in fold(output.words(f"cli.bench.{name}", ratio=str(found[name])))
    ]
    lines = output.table(rows, _COLUMNS)
    for name, columns in _TABLES.items():
        if name in found:
            lines += ["", *output.table(found[name], columns)]
    lines += ["", *ratios, "", *_aims(found["aims"], output)]
    output.result(found, *lines)
    return 0


def _aims(aims: list[dict[str, Any]], output: Output) -> list[str]:
    rows = []
    for aim in aims:
        wanted = f">= {aim['at_least']:g}" if "at_least" in aim else f"<= {aim['at_most']:g}"
        met = output.words("cli.bench.met" if aim["met"] else "cli.bench.missed")
        rows.append({**aim, "wanted": wanted, "measured": f"{aim['measured']:g} ({met})"})
    return output.table(rows, _AIMS)


def tell_flat(found: dict[str, Any], output: Output) -> int:
    """Print what has no cases: a figure a line, then the aims."""
    figures = [f"{name}: {value}" for name, value in found.items() if name != "aims"]
    output.result(found, *figures, "", *_aims(found["aims"], output))
    return 0
