"""The trust list over HTTP, and made again from the log's own events as an auditor makes it."""

import base64
from typing import Any

from infrastructure.proofs import jwk, leaf, trust
from infrastructure.proofs.trustreplay import TrustReplay
from tests.api.test_succession import LAW, by_both, merge
from tests.clock import now_seconds
from tests.serving import Agency, Served, act

LIMIT = 500


def fetched(served: Served) -> dict[str, Any]:
    size = served.settle()
    served.anybody().text(f"/log/checkpoint?covers={size - 1}")
    answer: dict[str, Any] = served.anybody().get("/v1/trust")
    assert answer["content"]["size"] >= size
    return answer


def replayed(served: Served, size: int) -> dict[str, Any]:
    """A list from the openings that anybody may have."""
    client, replay, at = served.anybody(), TrustReplay(), 0
    while at < size:
        window: dict[str, Any] = {"from": at, "to": size}
        page = client.get("/v1/log/openings", **window)
        for one in page["openings"]:
            if one.get("body") is None:
                continue
            header = leaf.parse_header(base64.b64decode(one["header"]))
            body = leaf.split_body(base64.b64decode(one["body"]))
            replay.learn(one["index"], header.type, body.parsed, header.keys)
        at = page.get("next") or size
    return replay.content(ledger=client.identity.ledger, size=size)


def test_an_auditor_makes_the_same_list_from_the_log(served: Served) -> None:
    body: Agency = served.agency()
    operator, authority = served.founder("ndc"), served.founder("comsec")
    act(operator, f"/v1/agencies/{body.name}/suspension", "agency.suspend",
        subject=body.name, reason="legal_order")  # fmt: skip
    act(operator, f"/v1/agencies/{body.name}/reinstatement", "agency.reinstate", subject=body.name)
    key = jwk.public_of(body.key).thumbprint
    size = served.settle()
    waiting = act(operator, f"/v1/keys/{key}/compromise", "key.compromise", key=key,
                  as_of=size, reason="stolen", valid_until=now_seconds() + 3600)  # fmt: skip
    authority.approve(waiting["order"])
    gone, torn, heir = (served.agency() for _ in range(3))
    merge(gone, heir)
    share = {"unit": "registry", "series": "degrees", "successor": heir.name}
    split = {"subject": torn.name, "shares": [share], "rest": heir.name, **LAW}
    by_both(served, f"/v1/agencies/{torn.name}/split", "agency.split", **split)

    said = fetched(served)["content"]

    assert {
        one["id"] for one in said["agencies"] if one["standings"][-1]["standing"] == "closed"
    } >= {gone.name, torn.name}
    assert replayed(served, said["size"]) == said
    read = trust.read(trust.encode(said))
    assert read.agencies[gone.name].heirs.keys() == {heir.name}
    assert read.agencies[torn.name].heirs.keys() == {heir.name}
    assert [one.void_from for one in read.keys if one.agency == body.name] != [None]
    standings = [standing for _, standing in read.agencies[body.name].standings]
    assert standings == ["planned", "linked", "suspended", "linked"]


def test_it_may_be_kept_and_asked_for_again(served: Served) -> None:
    fetched(served)
    wire = served.anybody()._http
    first = wire.get("/v1/trust")
    again = wire.get("/v1/trust", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=60"
    assert first.headers["access-control-allow-origin"] == "*"
    # Another worker may have made its own list meanwhile; the same list is not sent twice.
    assert again.status_code == (304 if again.headers["etag"] == first.headers["etag"] else 200)
