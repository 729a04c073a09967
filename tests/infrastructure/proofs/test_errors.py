import pickle

import pytest

from infrastructure.proofs.errors import ProofError


@pytest.mark.parametrize(
    "detail, message", [("", "leaf_malformed"), ("no digest", "leaf_malformed: no digest")]
)
def test_an_error_says_its_code_and_its_detail(detail: str, message: str) -> None:
    error = ProofError("leaf_malformed", detail)

    assert (error.code, error.detail, str(error)) == ("leaf_malformed", detail, message)
    assert isinstance(error, ValueError)


def test_an_error_survives_the_way_between_two_processes() -> None:
    error = pickle.loads(pickle.dumps(ProofError("leaf_malformed", "no digest")))  # noqa: S301  our own bytes

    assert (error.code, error.detail) == ("leaf_malformed", "no digest")
