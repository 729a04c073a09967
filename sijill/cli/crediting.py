"""Credentials for the certificates of a bulk: signed one by one, recorded many at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from domain.errors import Refusal
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.orders import LINES_LIMIT
from sijill.cli.faults import problem_of
from sijill.cli.output import Output
from sijill.client import Client, Draft, credentials

BULK_PATH = "/v1/certificates/bulk"
_IN_FORCE = "in_force"
CHUNK_LINES = min(1_000, LINES_LIMIT)


def credit(client: Client, codes: Sequence[str], output: Output) -> tuple[int, int]:
    """Sign and record the credential of every code that has none; how many were, and were not.

    Run again after whatever went wrong, it makes only what is missing.
    """
    made = refused = 0
    left = iter(codes)
    while chunk := list(islice(left, CHUNK_LINES)):
        drafts: list[Draft] = []
        for code in chunk:
            try:
                drafts.extend(_draft(client, code))
            except (Refusal, ProofError) as error:
                # Signed nowhere: told like one that the ledger refused, and the others go on.
                known = problem_of(error, output)
                if known is None:
                    raise
                refused += 1
                _tell(code, known[0], output)
        for answer in _record(client, drafts) if drafts else ():
            problem = answer.get("problem")
            if problem is None:
                made += 1
                continue
            refused += 1
            _tell(str(drafts[answer["line"]].code), problem, output)
    return made, refused


def _tell(code: str, problem: Mapping[str, Any], output: Output) -> None:
    said = {"code": code, "problem": dict(problem)}
    output.item(said, f"{code}: {problem['title']} ({problem['code']})")


def _draft(client: Client, code: str) -> Iterator[Draft]:
    """The act that records a code's credential; none where it has one, or is not in force."""
    key = client.key
    if key is None:
        raise ValueError("a credential needs a key")
    shown = client.get(f"/v1/certificates/{code}")
    original = next(one for one in shown["originals"] if one["code"] == code)
    withdrawn = not shown["state"] == original["state"] == _IN_FORCE
    if withdrawn or original["credential_index"] is not None:
        # In the same file, or since; or made by an earlier run.
        return
    data = credentials.sign(shown, client.identity.ledger, key)
    yield credentials.draft(data, agency=client.agency or "", code=code, key=public_of(key))


def _record(client: Client, drafts: Sequence[Draft]) -> Sequence[Mapping[str, Any]]:
    lines = [draft.envelope for draft in drafts]
    # Not journaled: what an interrupted run recorded is found again by its code.
    prepared = client.prepare(BULK_PATH, lines, bulk=True, journal=False)
    answers: list[Mapping[str, Any]] = []
    client.send(prepared, on_line=answers.append, settle=False)
    return answers
