"""A trust list made again from the log's own events, by whoever has their statements.

The ledger reads its lists from tables. An auditor makes the same from the bytes of the log: the
agencies and keys after an event are a function of the events up to it, and of nothing else.
"""

from collections.abc import Mapping
from typing import Any, Final

from infrastructure.proofs import heirs
from infrastructure.proofs.jwk import parse_jwk
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.trust import LINKED, content

ALWAYS: Final = "0001-01-01"
"""Since when a name holds that was entered without a day."""
_AGENCY: Final = "sijill.agency."
_STANDINGS: Final = {
    "sijill.agency.linked.v1": LINKED,
    "sijill.agency.suspended.v1": "suspended",
    "sijill.agency.reinstated.v1": LINKED,
    "sijill.agency.closed.v1": "closed",
    "sijill.agency.merged.v1": "closed",
}


class TrustReplay:
    """Learns from the registry's events, in index order; all others are passed over."""

    def __init__(self) -> None:
        self._ring = KeyRing()
        self._agencies: dict[str, dict[str, Any]] = {}
        self._given: dict[str, list[dict[str, Any]]] = {}
        self._keys: dict[str, dict[str, Any]] = {}
        self._founders: list[str] = []
        self._origin = ""

    def learn(self, index: int, topic: str, said: Mapping[str, Any], by: tuple[str, ...]) -> None:
        """One event: its topic, its statement, and the thumbprints in its evidence.

        Raises:
            ProofError, KeyError, TypeError: it is not what the format says.
        """
        match topic:
            case "sijill.ledger.opened.v1":
                self._found(said)
            case "sijill.key.enrolled.v1":
                self._ring.enrol(said, index=index, by=by)
                self._hold(said, said["subject"], index)
            case "sijill.key.retired.v1":
                self._ring.retire(said)
                self._keys[said["key"]]["retired_index"] = index
            case "sijill.key.compromised.v1":
                self._ring.compromise(said)
            case _ if topic.startswith(_AGENCY):
                self._agency(index, topic, said)

    def content(self, *, ledger: bytes, size: int) -> dict[str, Any]:
        """What a list of the log's first `size` events holds, once all of them were learned."""
        return content(
            ledger=ledger,
            origin=self._origin,
            size=size,
            founders=sorted(self._founders),
            agencies=[
                {**one, "heirs": heirs.of(name, self._given) or None}
                for name, one in self._agencies.items()
            ],
            keys=map(self._judged, self._keys.items()),
        )

    def _found(self, said: Mapping[str, Any]) -> None:
        self._ring.found(said)
        self._origin = said["origin"]
        for founder in said["founders"]:
            self._founders.append(founder["id"])
            self._enter(founder["id"], founder, 0, LINKED)
            for part in ("key", "recovery"):
                self._hold(founder[part], founder["id"], 0)

    def _enter(self, agency: str, said: Mapping[str, Any], index: int, standing: str) -> None:
        self._agencies[agency] = {
            "id": agency,
            "kind": said["kind"],
            "added_index": index,
            "names": [],
            "standings": [{"since_index": index, "standing": standing}],
        }
        self._name(agency, said, index)

    def _agency(self, index: int, topic: str, said: Mapping[str, Any]) -> None:
        agency = said["subject"]
        if topic == "sijill.agency.added.v1":
            self._enter(agency, said, index, "planned")
        elif topic == "sijill.agency.renamed.v1":
            self._name(agency, said, index)
        elif topic == "sijill.agency.split.v1":
            for share in said["shares"]:
                self._give(agency, share, index)
            if rest := said.get("rest"):
                self._stand(agency, "closed", index)
                self._give(agency, {"successor": rest}, index)
        elif topic in _STANDINGS:
            self._stand(agency, _STANDINGS[topic], index)
            if topic == "sijill.agency.merged.v1":
                self._give(agency, {"successor": said["successor"]}, index)

    def _give(self, agency: str, what: Mapping[str, Any], index: int) -> None:
        self._given.setdefault(agency, []).append({**what, "index": index})

    def _stand(self, agency: str, standing: str, index: int) -> None:
        standings = self._agencies[agency]["standings"]
        if standings[-1]["standing"] != standing:
            standings.append({"since_index": index, "standing": standing})

    def _name(self, agency: str, said: Mapping[str, Any], index: int) -> None:
        since = said.get("effective_date", ALWAYS)
        names = self._agencies[agency]["names"]
        names.append({"since": since, "index": index, "value": dict(said["names"])})
        names.sort(key=lambda one: (one["since"], one["index"]))

    def _hold(self, said: Mapping[str, Any], agency: str, index: int) -> None:
        named = _thumbprint(said["jwk"])
        self._keys[named] = {
            "thumbprint": named,
            "agency": agency,
            "jwk": dict(said["jwk"]),
            "scopes": sorted(said["scopes"]),
            "not_before": said.get("not_before"),
            "not_after": said.get("not_after"),
            "enrolled_index": index,
        }

    def _judged(self, held: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        name, key = held
        known = self._ring.find(name)
        if known is None:
            return key
        found = {"compromised_as_of": known.compromised_as_of, "void_from": known.void_from}
        return {**key, **found}


def _thumbprint(said: Mapping[str, Any]) -> str:
    return parse_jwk(said).thumbprint
