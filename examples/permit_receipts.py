"""Real input: the confirmations of receipt of a municipality's permit cases, issued into a ledger.

Every case of the file gets one certificate of type `receipt_confirmation`, issued by the unit that
first determined it (step T04) or, where nobody did, by the unit of its first step. Cases that were
determined twice are corrected by the unit that issued. Each unit is an agency of its own with a key
of its own; the two authorities only register, link and enrol, and never sign a unit's act.

    python examples/permit_receipts.py --url http://127.0.0.1:8080 --key DIR/keys/ndc.pem \
        --csv permit-receipts.csv --state permit-state --output json

Run it again at any time: what was prepared is sent again as the same bytes, and nothing doubles.
"""

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.values.identifiers import slug
from infrastructure import keyfiles
from infrastructure.keyfiles import KeyFileError
from infrastructure.proofs.jwk import PrivateKey, public_of
from sijill.cli.codes import of_code, of_problem
from sijill.client import Client, Draft, Prepared, Refused, State, Unreachable

BULK = "/v1/certificates/bulk"
DETERMINED = "T04"
TYPE = "receipt_confirmation"
SCOPES = ["administer", "issue", "revoke"]
WAIT_SECONDS = 86_400
OPENED = "2010-01-01"


@dataclass(frozen=True)
class Case:
    """One case: which unit confirms its receipt, on which day, and whether it was done again."""

    name: str
    unit: str
    day: date
    again: bool


def cases(rows: Iterable[dict[str, str]]) -> list[Case]:
    """The cases of the file in order of appearance; the rows of a case are in order."""
    steps: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        steps[row["case:concept:name"]].append(row)
    found = []
    for name, rows_of_case in steps.items():
        determined = [row for row in rows_of_case if row["concept:name"].startswith(DETERMINED)]
        first = (determined or rows_of_case)[0]
        day = datetime.fromisoformat(first["time:timestamp"]).date()
        found.append(Case(name, first["org:group"], day, again=len(determined) > 1))
    return found


def agency_of(unit: str) -> str:
    """The unit's id as an agency: `EMPTY` is a unit like the others."""
    return f"permit-{slug(unit)}"


class Progress:
    """How far the run is: cases done and how many a second, told once a second and at each end."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._started = self._told = time.monotonic()

    def step(self) -> None:
        """One more case is recorded, or was."""
        self.done += 1
        if time.monotonic() - self._told >= 1:
            self.tell()

    def tell(self) -> None:
        """Say how far it is."""
        self._told = time.monotonic()
        rate = self.done / max(self._told - self._started, 0.001)
        print(f"{self.done} of {self.total} cases, {rate:.0f} a second", file=sys.stderr)


class Example:
    """The run: founders' clients, the units' clients, and the state that makes it repeatable."""

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self.progress = progress
        self.url: str = options.url
        self.state = State(options.state)
        self.operator = self._client("ndc", keyfiles.load_private_key(options.key))
        self.authority = self._client("comsec", keyfiles.load_private_key(options.cosigner))
        self.units: dict[str, Client] = {}
        self.added = 0

    def close(self) -> None:
        """Let all connections go."""
        for client in (self.operator, self.authority, *self.units.values()):
            client.close()

    def admit(self, unit: str) -> None:
        """Register, link and enrol a unit, as far as that has not happened yet.

        Raises:
            KeyFileError: the unit has a key already, and it is not in this state folder.
        """
        agency = agency_of(unit)
        names = dict.fromkeys(("ar", "ckb", "en"), unit)
        self._once(
            "agency.add",
            "/v1/agencies",
            {"agency_exists"},
            subject=agency,
            kind="directorate",
            names=names,
            effective_date=OPENED,
        )
        linked = {"agency_already_linked", "agency_not_planned"}
        self._once("agency.link", f"/v1/agencies/{agency}/linking", linked, subject=agency)
        enrolled = self.operator.get(f"/v1/agencies/{agency}/keys", signed=False)["items"]
        key = self._key(agency, {one["key"] for one in enrolled})
        self.units[unit] = self._client(agency, key)
        if not enrolled:
            self._enrol(agency, key)

    def _key(self, agency: str, enrolled: set[str]) -> PrivateKey:
        """The unit's key, made unless there is one."""
        path = self.state.folder / "keys" / f"{agency}.pem"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists() and not enrolled:
            return keyfiles.create_private_key(path, Ed25519PrivateKey.generate())
        try:
            key = keyfiles.load_private_key(path)
        except KeyFileError as error:
            detail = f"{agency} has a key; is --state the folder of the first run?"
            raise KeyFileError(error.code, path, detail) from error
        if enrolled and public_of(key).thumbprint not in enrolled:
            raise KeyFileError("key_file_malformed", path, f"{agency} has another key")
        return key

    def issue(self, unit: str, wanted: list[Case]) -> dict[str, str]:
        """Issue a unit's confirmations; the public code of each case."""
        drafts = {case.name: self._draft(unit, case) for case in wanted}
        answers = self._send(unit, "issue", drafts, self.progress.step)
        return {name: str(answer["code"]) for name, answer in answers.items()}

    def correct(self, unit: str, again: list[Case], codes: dict[str, str]) -> int:
        """Correct what was determined twice; how many."""
        drafts = {
            case.name: Draft.renew(
                "certificate.correct",
                agency_of(unit),
                BULK,
                {"case_reference": case.name},
                code=codes[case.name],
                reason="data_changed",
                language="en",
            )
            for case in again
        }
        return len(self._send(unit, "correct", drafts)) if drafts else 0

    def _send(
        self,
        unit: str,
        what: str,
        drafts: dict[str, Draft],
        on_line: Callable[[], None] = lambda: None,
    ) -> dict[str, dict[str, Any]]:
        """Send what was prepared under this name, or prepare it now; answers by case."""
        client = self.units[unit]
        name = f"prepared-{what}-{agency_of(unit)}.json"
        names = list(drafts)
        stored = self.state.read(name)
        if stored is None:
            prepared = self._prepare(name, client, [draft.envelope for draft in drafts.values()])
        else:
            prepared = Prepared.decode(stored)
        answers = client.send(prepared, on_line=lambda _: on_line())
        if any(_code(answer) == "order_expired" for answer in answers):
            # Prepared long ago and never recorded: the same lines under a new signature.
            prepared = self._prepare(name, client, prepared.body.splitlines())
            answers = client.send(prepared)
        for case, answer in zip(names, answers, strict=True):
            if "problem" in answer:
                faults = answer["problem"].get("errors", "")
                print(f"{case} was refused {faults}".rstrip(), file=sys.stderr)
                raise Refused(answer["problem"])
        self.added += sum(not answer["replayed"] for answer in answers)
        return dict(zip(names, answers, strict=True))

    def _prepare(self, name: str, client: Client, lines: list[bytes]) -> Prepared:
        """Sign a bulk and keep it before it is sent: what is sent again must be the same bytes."""
        prepared = client.prepare(BULK, lines, bulk=True, journal=False)
        self.state.write(name, prepared.encode())
        return prepared

    def _draft(self, unit: str, case: Case) -> Draft:
        return Draft.issue(
            agency_of(unit),
            {"case_reference": case.name},
            type=TYPE,
            unit="receipts",
            series="permits",
            number=case.name,
            date=case.day.isoformat(),
            language="en",
        )

    def _once(self, act: str, path: str, done: set[str], **members: Any) -> None:
        """Order an act of the operator; a refusal that says it happened before is fine."""
        draft = Draft.plain(act, "ndc", path, **members)
        try:
            self.operator.send(self.operator.prepare(path, [draft.envelope], journal=False))
        except Refused as refused:
            if refused.code not in done:
                raise

    def _enrol(self, agency: str, key: PrivateKey) -> None:
        path = f"/v1/agencies/{agency}/keys"
        draft = Draft.plain(
            "key.enrol",
            "ndc",
            path,
            subject=agency,
            jwk=public_of(key).jwk,
            scopes=SCOPES,
            office="permits",
            officer="officer-1",
            valid_until=int(time.time()) + WAIT_SECONDS,
        )
        prepared = self.operator.prepare(path, [draft.envelope], cosigned=True, journal=False)
        order = self.operator.send(prepared)
        self.operator.send(self.operator.possess(path, draft.envelope, key))
        self.authority.approve(order["order"])

    def _client(self, agency: str, key: PrivateKey) -> Client:
        return Client(
            self.url, agency=agency, key=key, state=self.state.folder / "clients" / agency
        )


def run(example: Example, found: list[Case]) -> dict[str, Any]:
    """Issue and correct everything, unit by unit; the figures."""
    started = time.monotonic()
    units = sorted({case.unit for case in found})
    for unit in units:
        example.admit(unit)
    corrected = 0
    for unit, of_unit in _by_unit(found):
        codes = example.issue(unit, of_unit)
        corrected += example.correct(unit, [case for case in of_unit if case.again], codes)
        example.progress.tell()
    return {
        "cases": len(found),
        "units": len(units),
        "corrected": corrected,
        "added": example.added,
        "seconds": round(time.monotonic() - started, 2),
    }


def _by_unit(found: list[Case]) -> Iterator[tuple[str, list[Case]]]:
    for unit in sorted({case.unit for case in found}):
        yield unit, [case for case in found if case.unit == unit]


def _code(answer: dict[str, Any]) -> str:
    return str(answer.get("problem", {}).get("code", ""))


def main() -> int:
    """Read the options and run; 0 when all is there, or the file is absent (said so).

    Other exit codes are those of the command line (docs/reference/exit-codes.md).
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", type=Path, required=True, help="the operator's key")
    parser.add_argument("--cosigner", type=Path, help="default: comsec.pem beside --key")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path("permit-state"))
    parser.add_argument("--output", choices=["human", "json"], default="human")
    options = parser.parse_args()
    options.cosigner = options.cosigner or options.key.with_name("comsec.pem")
    if not options.csv.exists():
        print(f"skipped: {options.csv} is not there", file=sys.stderr)
        print(json.dumps({"skipped": "file_absent"}) if options.output == "json" else "skipped")
        return 0
    with options.csv.open(encoding="utf-8", newline="") as file:
        found = cases(csv.DictReader(file))
    try:
        example = Example(options, Progress(len(found)))
        try:
            figures = run(example, found)
        finally:
            example.close()
    except (Refused, Unreachable, KeyFileError) as error:
        print(error, file=sys.stderr)
        if options.output == "json":
            print(json.dumps({"problem": {"code": error.code, "detail": str(error)}}))
        return of_problem(error.status) if isinstance(error, Refused) else of_code(error.code)
    if options.output == "json":
        print(json.dumps(figures))
    else:
        print(
            f"{figures['cases']} cases of {figures['units']} units, {figures['corrected']} "
            f"corrected, {figures['added']} new events, {figures['seconds']} seconds"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
