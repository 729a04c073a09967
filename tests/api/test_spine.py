"""The spine over HTTP: an agency issues, anyone verifies, a revocation shows."""

from tests.serving import Served, act


def test_issued_verified_revoked(served: Served) -> None:
    agency = served.agency()
    answer = agency.issue()

    verdict = served.anybody().get(f"/v1/verify/{answer['code']}")
    assert (verdict["outcome"], verdict["reason"]) == ("valid", "in_force_paper_not_compared")
    assert verdict["record"]["agency"] == agency.name

    path = f"/v1/certificates/{answer['code']}/revocation"
    act(agency.client, path, "certificate.revoke", code=answer["code"], reason="right_withdrawn")
    served_index = served.anybody().get(f"/v1/verify/{answer['code']}")["basis"]["index"]
    assert served_index >= answer["index"]
