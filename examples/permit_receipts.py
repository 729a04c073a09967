"""Real input: the permit log of a municipality, recorded in a ledger through its public API.

Every case becomes a case file, opened by the unit of its first step. Each change of unit hands the
file over, with the case's deadline as the due date, and custody passes. The receipt of each case
is confirmed by a certificate of the unit that determined it (T04). Advice between units is asked
for and given by letters and replies, advice from outside by letters on paper. At the end the
custody chains are read back and compared with the file, and the units' inboxes are timed. Each
unit is an agency of its own with a key of its own; the two authorities only register, link and
enrol, and never sign a unit's act.

    python examples/permit_receipts.py --url http://127.0.0.1:8080 --key DIR/keys/ndc.pem \
        --csv permit-receipts.csv --state permit-state --output json

Run it again at any time: what was prepared is sent again as the same bytes, and nothing doubles.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import permit_chains
import permit_inbox
import permit_log
from permit_acts import Acts
from permit_log import Advice, Case, Inquiry
from permit_units import Progress, Units

from infrastructure.keyfiles import KeyFileError
from sijill.cli.codes import FAILED, of_code, of_problem
from sijill.client import Refused, Unreachable

CERTIFICATES = "/v1/certificates/bulk"
TRANSFERS = "/v1/transfers/bulk"
SENDERS = 3
"""So many units send at the same time."""


@dataclass
class Recording:
    """One run over the cases."""

    units: Units
    cases: Sequence[Case]
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.acts = Acts(self.units.secret)
        self.progress = Progress("acts", sum(map(_acts_of, self.cases)))

    def admit(self) -> None:
        """Admit every unit, and announce the parties outside."""
        for unit in permit_log.units_of(self.cases):
            self.units.admit(unit)
        for party in permit_log.parties_of(self.cases):
            self.units.announce(party)

    def record(self) -> None:
        """Everything, unit by unit; files stay by stay, because each waits for the one before."""
        self._confirm()
        longest = max((len(case.stays) for case in self.cases), default=0)
        for number in range(longest):
            staying = [case for case in self.cases if number < len(case.stays)]
            self._bulks(
                f"stay-{number}",
                staying,
                lambda case, at=number: case.stays[at].unit,
                lambda case, at=number: self.acts.stays(case, at),
            )
        acts = self.acts
        advices = [(case, n, one) for case in self.cases for n, one in enumerate(case.advices)]
        self._bulks("ask", advices, _asker, lambda one: acts.ask(*one))
        self._bulks("advise", advices, _asked, lambda one: acts.advise(*one))
        self._bulks("hear", advices, _asker, lambda one: acts.hear(*one))
        inquiries = [(case, n, one) for case in self.cases for n, one in enumerate(case.inquiries)]
        self._bulks("inquire", inquiries, _inquirer, lambda one: acts.inquire(*one))

    def _confirm(self) -> None:
        """Each case's receipt, and what was determined once more."""

        def confirm(unit: str) -> None:
            of_unit = [case for case in self.cases if case.confirmed.unit == unit]
            issued = self._send(unit, CERTIFICATES, "issue", lambda: map(self.acts.issue, of_unit))
            again = [
                (case, str(answer["code"]))
                for case, answer in zip(of_unit, issued, strict=True)
                if case.confirmed_again
            ]
            if again:
                corrected = (self.acts.correct(case, code) for case, code in again)
                self._send(unit, CERTIFICATES, "correct", lambda: corrected)

        self._side_by_side(confirm, {case.confirmed.unit for case in self.cases})

    def _bulks(
        self,
        what: str,
        things: Sequence[Any],
        unit_of: Callable[[Any], str],
        lines_of: Callable[[Any], Iterator[bytes]],
    ) -> None:
        """One bulk for each unit that has something to order."""

        def send(unit: str) -> None:
            own = [one for one in things if unit_of(one) == unit]
            lines = (line for one in own for line in lines_of(one))
            self._send(unit, TRANSFERS, what, lambda: lines)

        self._side_by_side(send, set(map(unit_of, things)))

    def _side_by_side(self, work: Callable[[str], None], units: set[str]) -> None:
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(work, sorted(units)))
        self.progress.tell()

    def _send(
        self, unit: str, path: str, what: str, make: Callable[[], Iterator[bytes]]
    ) -> list[dict[str, Any]]:
        return self.units.send(unit, path, what, make, self.progress.step)


def _asker(one: tuple[Case, int, Advice]) -> str:
    return one[2].asker


def _asked(one: tuple[Case, int, Advice]) -> str:
    return one[2].asked


def _inquirer(one: tuple[Case, int, Inquiry]) -> str:
    return one[2].step.unit


def _acts_of(case: Case) -> int:
    """How many acts a case needs: a receipt, a file, two a hand-over, and its letters."""
    notes = sum(len(stay.notes) for stay in case.stays[1:])
    outside = sum(1 + len(one.parties) + len(one.answers) for one in case.inquiries)
    own = 2 + case.confirmed_again + 2 * case.handovers
    return own + notes + 8 * len(case.advices) + outside


def run(units: Units, cases: Sequence[Case]) -> dict[str, Any]:
    """Record everything, compare the custody chains and time the inboxes; the figures."""
    recording = Recording(units, cases)
    recording.admit()
    recording.record()
    reading = Progress("chains read", len(cases))
    matching, handovers = permit_chains.compare(units, recording.acts, cases, reading.step)
    reading.tell()
    for line in permit_inbox.told(permit_inbox.measure(units)):
        print(line, file=sys.stderr)
    return {
        "cases": len(cases),
        "handovers": handovers,
        "custody_matches": matching,
        "added": units.added,
    }


def main() -> int:
    """Read the options and run; 0 when all is there, or the file is absent (said so).

    Other exit codes are those of the command line (docs/reference/exit-codes.md).
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", type=Path, required=True, help="the operator's key")
    parser.add_argument("--cosigner", type=Path, help="default: comsec.pem beside --key")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--cases", type=int, help="only so many, the first ones")
    parser.add_argument("--state", type=Path, default=Path("permit-state"))
    parser.add_argument("--output", choices=["human", "json"], default="human")
    options = parser.parse_args()
    cosigner = options.cosigner or options.key.with_name("comsec.pem")
    if not options.csv.exists():
        print(f"skipped: {options.csv} is not there", file=sys.stderr)
        print(json.dumps({"skipped": "file_absent"}) if options.output == "json" else "skipped")
        return 0
    cases = permit_log.read(options.csv, options.cases)
    started = time.monotonic()
    try:
        units = Units(options.url, options.state, options.key, cosigner)
        try:
            figures = run(units, cases)
        finally:
            units.close()
    except (Refused, Unreachable, KeyFileError) as error:
        print(error, file=sys.stderr)
        if options.output == "json":
            print(json.dumps({"problem": {"code": error.code, "detail": str(error)}}))
        return of_problem(error.status) if isinstance(error, Refused) else of_code(error.code)
    if options.output == "json":
        print(json.dumps(figures))
    else:
        print(
            "{cases} cases, {handovers} hand-overs, {added} new events; the custody chains of "
            "{custody_matches} cases are those of the file".format_map(figures),
            f"({time.monotonic() - started:.1f} seconds)",
        )
    return 0 if figures["custody_matches"] == figures["cases"] else FAILED


if __name__ == "__main__":
    sys.exit(main())
