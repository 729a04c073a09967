"""Who follows whom: the bodies that answer for what another one did, found in the successions.

A succession is a mapping of `index`, `successor` and, where it is not about the whole of a body,
`unit` and `series`. The steps are the registry's own (decision 30): they begin with the body that
made a record, and each is the first succession after the last step, of those of one index the
narrowest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Succession = Mapping[str, Any]


def step(
    given: Sequence[Succession], unit: str | None, series: str | None, *, after: int
) -> Succession | None:
    """What first gave a series to another body, after a log index; None: nothing did."""
    fitting = (one for one in given if one["index"] > after and _fits(one, unit, series))
    return min(fitting, key=_rank, default=None)


def of(agency: str, given: Mapping[str, Sequence[Succession]]) -> list[dict[str, Any]]:
    """The other bodies that answer or once answered for anything that one did.

    Each with the log index from which on it first did so, in the order of these. `given` holds the
    successions of every body that has any.
    """
    found: dict[str, int] = {}
    for unit, series in _parts(agency, given):
        body, index = agency, -1
        while (taken := step(given.get(body, ()), unit, series, after=index)) is not None:
            body, index = taken["successor"], taken["index"]
            found[body] = min(index, found.get(body, index))
    found.pop(agency, None)
    order = sorted(found.items(), key=lambda one: (one[1], one[0]))
    return [{"agency": body, "since_index": since} for body, since in order]


def _parts(
    agency: str, given: Mapping[str, Sequence[Succession]]
) -> set[tuple[str | None, str | None]]:
    """A series of each kind that the steps tell apart, and one that none of them names."""
    reached = [agency]
    parts: set[tuple[str | None, str | None]] = {(None, None)}
    for body in reached:
        for one in given.get(body, ()):
            parts.add((one.get("unit"), one.get("series")))
            if one["successor"] not in reached:
                reached.append(one["successor"])
    return parts


def _fits(one: Succession, unit: str | None, series: str | None) -> bool:
    about = one.get("unit"), one.get("series")
    return about in {(None, None), (unit, None), (unit, series)}


def _rank(one: Succession) -> tuple[int, bool, bool]:
    return one["index"], one.get("unit") is None, one.get("series") is None
