"""Letters as readers see them, against the domain's own records, at every index and page size."""

import itertools
from typing import Any

import pytest

from domain.ledger import EVENTS
from domain.transfers import Conveyance, Letter, Name
from infrastructure.log.follower import Follower
from projections import model, transfers
from projections.model import ReadModel
from projections.transfers import Filter
from tests.given_when_then import Order, Scenario, add, given
from tests.letter_orders import (
    REGISTER,
    case_file,
    dispatch,
    letter,
    name_of,
    note,
    number_of,
    offices,
    on,
    on_letter,
    on_paper,
    onward,
    paper_in,
    register,
)
from tests.projections.conftest import Reading
from tests.wandering_letters import wander_letters

pytestmark = pytest.mark.anyio
SEEDS = (3, 8)


def records(scenario: Scenario) -> dict[str, tuple[Conveyance, str]]:
    """Every consignment's record by its name."""
    claims = scenario.world.claims.items()
    return {
        key: (scenario.world.ledger.repository.get(stream), key)
        for (space, key), stream in claims
        if space == "consignment"
    }


async def test_the_wanderings_have_everything() -> None:
    topics: set[str] = set()
    for seed in SEEDS:
        topics |= {fact.TOPIC for fact in wander_letters(seed, 900).world.recorded}
    assert {one for one in EVENTS if one.startswith("sijill.transfer.")} <= topics


@pytest.mark.parametrize("seed", SEEDS)
async def test_rows_say_what_the_records_say(reading: Reading, seed: int) -> None:
    scenario = wander_letters(seed, 900)
    last = reading.write(scenario)
    keeper = reading.keeper
    for number, size in ((11, 3), (12, 5000)):
        schema = f"read_{number}"
        await model.create(keeper, schema, generation=number)
        await Follower(ReadModel(schema), page_events=size).catch_up(keeper)
    digests = {await model.digest(keeper, at=last, schema=f"read_{one}") for one in (11, 12)}
    assert len(digests) == 1
    await Follower(ReadModel()).catch_up(keeper)
    found = records(scenario)
    assert len(found) > 40
    for key, (record, _) in found.items():
        one = record.consignments[key]
        row = await transfers.consignment(reading.service, key)
        assert row is not None
        shown = row.consignment
        assert (shown.transport, shown.business) == (one.transport, one.business)
        assert shown.addressee == one.addressee
        assert shown.due_date == (one.due and one.due.isoformat())
        assert shown.number == (one.entered and one.entered.number)
        assert shown.stream == record.id
        if isinstance(record, Letter):
            assert row.letter.holder == record.holder
            assert row.letter.held_by == (record.held_by and record.held_by.key)
            assert row.letter.number == record.entered.number
            assert row.letter.cancelled_index == record.cancelled_at


async def test_custody_has_one_holder_at_every_index(reading: Reading) -> None:
    scenario = given(*offices("moj", "moh", "mof")).given(case_file(), dispatch("f"))
    registered = scenario.world.size - 2
    scenario.given(register("f-moh"), onward("f-moh", "moh", "mof", "f2"))
    passed = scenario.world.size - 2
    scenario.given(register("f2", "mof", "moh"))
    last = await reading.follow(scenario)
    name = Name("moj", name_of("f")).key
    holders = {}
    for index in range(registered, last + 1):
        found = await transfers.letter(reading.service, name, at=index)
        assert found is not None
        holders[index] = found.holder
    assert holders == {
        registered: "moj",
        registered + 1: "moj",
        passed: "moh",
        passed + 1: "moh",
        last: "mof",
    }
    assert await transfers.letter(reading.service, name, at=registered - 1) is None


async def test_a_box_begins_with_what_is_most_urgent_and_pages_by_place(reading: Reading) -> None:
    scenario = given(*offices("moj", "moh"))
    for name, due in (("a", None), ("b", "2026-12-20"), ("c", "2026-12-01"), ("d", None)):
        scenario.given(letter(name), dispatch(name, due_date=due))
    scenario.given(register("d-moh"), on("close", "d-moh", reason="done"))
    scenario.given(register("c-moh"))
    await reading.follow(scenario)

    async def ids(**options: Any) -> list[str]:
        found = await transfers.box(reading.service, "moh", incoming=True, **options)
        return [one.consignment.id for one in found]

    expected = [name_of(f"{one}-moh") for one in ("c", "b", "a", "d")]
    assert await ids(chosen=Filter()) == expected
    first = await transfers.box(reading.service, "moh", Filter(), incoming=True, limit=2)
    after = first[-1].consignment.urgency
    assert await ids(chosen=Filter(), after=after) == expected[2:]
    assert await ids(chosen=Filter(business="closed")) == expected[3:]
    assert await ids(chosen=Filter(due_by="2026-12-05")) == expected[:1]
    assert await ids(chosen=Filter(parties=["mof"])) == []
    number = first[1].letter.number.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert await ids(chosen=Filter(number=number)) == [expected[1]]
    sent = await transfers.box(reading.service, "moj", Filter(), incoming=False)
    assert [one.consignment.id for one in sent] == expected


async def test_an_inbox_is_searched_by_whoever_wrote_and_whoever_sent(reading: Reading) -> None:
    scenario = given(*offices("moj", "moh", "mof"))
    scenario.given(letter("a", priority="urgent"), dispatch("a"), register("a-moh"))
    scenario.given(onward("a-moh", "moh", "mof", "a2"))
    scenario.given(letter("b", "moh", to=["mof"], date="2026-10-01"), dispatch("b", "moh", "mof"))
    scenario.given(paper_in("p", "mof", correspondent="public_body", originator="moj"))
    await reading.follow(scenario)

    async def ids(**chosen: Any) -> list[str]:
        found = await transfers.box(reading.service, "mof", Filter(**chosen), incoming=True)
        return [one.consignment.id for one in found]

    onward_, direct, paper = (name_of(one) for one in ("a2", "b-mof", "p"))
    assert await ids(parties=["moj"]) == [onward_, paper]
    assert await ids(parties=["moh"]) == [onward_, direct]
    assert await ids(priority="urgent") == [onward_]
    assert await ids(from_day="2026-10-01", to_day="2026-10-02") == [direct]
    scenario.given(register("b-mof", "mof", "moh"))
    await reading.follow(scenario)
    assert await ids(to_day="2026-10-02") == []
    assert await ids(from_day="2026-11-20", parties=["moh"]) == [onward_, direct]


async def test_a_span_of_days_keeps_the_order_and_its_pages(reading: Reading) -> None:
    """A short span is walked day by day, a long one as one: nobody can tell them apart."""
    scenario = given(*offices("moj", "moh"))
    days = ["2026-10-01", "2026-10-02", "2026-10-05"]
    dues = [None, "2026-12-20", "2026-12-01"]
    for number, (day, due) in enumerate(itertools.product(days, dues)):
        name = f"l{number}"
        scenario.given(letter(name, date=day), dispatch(name, due_date=due))
    await reading.follow(scenario)

    async def found(**chosen: Any) -> list[str]:
        pages, after = [], ""
        while page := await transfers.box(
            reading.service, "moh", Filter(**chosen), incoming=True, after=after, limit=2
        ):
            pages += page
            after = page[-1].consignment.urgency
        return [one.consignment.id for one in pages]

    every = await transfers.box(reading.service, "moh", Filter(), incoming=True)
    assert len(every) == len(days) * len(dues)
    for first, last in itertools.product(["2025-01-01", *days], [*days, "2026-12-31"]):
        expected = [one.consignment.id for one in every if first <= one.consignment.day <= last]
        assert await found(from_day=first, to_day=last) == expected, (first, last)
    assert await found(from_day="2026-02-31", to_day="2026-10-01") == await found(to_day=days[0])


async def test_what_came_on_paper_answers_what_went_on_paper(reading: Reading) -> None:
    scenario = given(*offices("moj"), add("old-body"))
    scenario.given(letter(to=["old-body"]), on_paper(to="old-body"))
    asked = {"sender": "moj", "consignment": name_of("l-old-body")}
    scenario.given(paper_in("a", "moj", answers=asked))
    index = await reading.follow(scenario)
    found = await transfers.consignment(reading.service, Name("moj", name_of("l-old-body")).key)
    assert found is not None
    assert found.consignment.answered_index == index


async def test_a_chain_shows_an_agency_what_it_is_party_to(reading: Reading) -> None:
    scenario = given(*offices("moj", "moh", "mof", "moi"))
    scenario.given(letter(to=["moh", "mof"]), dispatch(), dispatch(to="mof"))
    scenario.given(register(), note(), onward("l-moh", "moh", "moi", "o"))
    scenario.given(register("o", "moi", "moh"))
    index = next(f.at for f in scenario.world.recorded if f.TOPIC.endswith("annotated.v1"))
    await reading.follow(scenario)
    name = Name("moj", name_of("l")).key

    async def kinds(agency: str | None) -> list[str]:
        seeing = None if agency is None else [agency]
        steps = await transfers.chain(reading.service, name, agencies=seeing)
        return [one.kind for one in steps]

    whole = ["registered_outgoing", "dispatched", "dispatched", "registered_incoming", "annotated"]
    whole += ["referred_onward", "registered_incoming"]
    assert await kinds(None) == whole
    assert await kinds("moj") == [one for one in whole if one != "annotated"]
    assert await kinds("mof") == ["registered_outgoing", "dispatched"]
    assert await kinds("moi") == ["registered_outgoing", "referred_onward", "registered_incoming"]
    assert await kinds("ndc") == []
    parties = await transfers.parties_of(reading.service, range(scenario.world.size))
    assert index not in parties
    scenario.given(on("release", note_index=index))
    await reading.follow(scenario)
    assert "annotated" in await kinds("moj")
    parties = await transfers.parties_of(reading.service, range(scenario.world.size))
    assert parties[index] == {"moj", "moh"}


async def notes_told(reading: Reading, agency: str) -> tuple[list[str], set[int]]:
    """What of notes an agency is told in the letter's chain, and may open besides who acted."""
    name = Name("moj", name_of("l")).key
    steps = await transfers.chain(reading.service, name, agencies=[agency])
    notes = [one for one in steps if one.kind in ("annotated", "note_rectified", "referred")]
    parties = await transfers.parties_of(reading.service, [one.log_index for one in notes])
    opened = {index for index, agencies in parties.items() if agency in agencies}
    assert opened == {one.log_index for one in notes}
    return [one.kind for one in notes], opened


def rectified(index: int) -> Order:
    """The receiver puts its note right."""
    return on("rectify_note", note_index=index, claims=note(text="right").statement["claims"])


async def noted(reading: Reading, **members: Any) -> tuple[Scenario, int]:
    """A letter that its receiver has written a note on, and where."""
    scenario = given(*offices("moj", "moh", "mof"))
    scenario.given(letter(to=["moh", "mof"]), dispatch(), dispatch(to="mof"), register())
    scenario.given(note(**members))
    return scenario, await reading.follow(scenario)


@pytest.mark.parametrize("order", ["at once", "release first", "rectify first"])
async def test_a_rectification_is_as_open_as_its_note(reading: Reading, order: str) -> None:
    scenario, index = await noted(reading, **({"released": True} if order == "at once" else {}))
    acts = [on("release", note_index=index), rectified(index)]
    acts = {"at once": acts[1:], "release first": acts, "rectify first": acts[::-1]}[order]
    scenario.given(*acts)
    last = await reading.follow(scenario)

    kinds, opened = await notes_told(reading, "moj")
    assert (kinds, len(opened)) == (["annotated", "note_rectified"], 2)
    assert await notes_told(reading, "mof") == ([], set())
    heard = await transfers.heard(
        reading.service, ["moj"], incoming=False, after=index, last=last, limit=10
    )
    released, right = "note_released", "note_rectified"
    expected = {"at once": [right], "release first": [released, right], "rectify first": [released]}
    assert [one.kind for one in heard] == expected[order]


async def test_a_rectification_of_a_note_inside_stays_inside(reading: Reading) -> None:
    scenario, index = await noted(reading)
    scenario.given(note(text="another", released=True), rectified(index))
    last = await reading.follow(scenario)

    assert await notes_told(reading, "moj") == (["annotated"], {index + 1})
    assert await transfers.parties_of(reading.service, [last]) == {}
    heard = await transfers.heard(
        reading.service, ["moj"], incoming=False, after=index + 1, last=last, limit=10
    )
    assert heard == []


async def test_a_circular_writes_its_letter_once(reading: Reading) -> None:
    bodies = [f"body-{number}" for number in range(50)]
    scenario = given(*offices("moj", *bodies)).given(letter(to=bodies[:49], copy_to=bodies[49:]))
    registered = await reading.follow(scenario)
    scenario.given(*(dispatch(to=one) for one in bodies))
    scenario.given(register("l-body-0", "body-0"), onward("l-body-0", "body-0", "ndc", "o"))
    await reading.follow(scenario)

    rows = await reading.service.execute("SELECT count(*) FROM read.letters")
    assert await rows.fetchone() == (1,)
    name = Name("moj", name_of("l")).key
    for at, count in ((None, 50), (registered, 0), (registered + 7, 7), (registered + 50, 50)):
        assert await transfers.served(reading.service, {name: at}) == {name: count}


async def test_whoever_has_a_letter_hears_that_it_was_rectified_and_cancelled(
    reading: Reading,
) -> None:
    scenario = given(*offices("moj", "moh", "mof", "moi", "moe"))
    scenario.given(letter(to=["moh", "mof", "moi", "moe"], secrecy="secret"))
    scenario.given(dispatch(), dispatch(to="mof"), dispatch(to="moi"), on_paper(to="moe"))
    scenario.given(on("open"), on("withdraw", agency="moj", reason="sent_in_error"))
    scenario.given(on("withdraw", "l-mof", "moj", reason="sent_in_error"))
    place = {**REGISTER, "number": number_of("again")}
    scenario.given(on_letter("rectify_outgoing", **place))
    scenario.given(on("withdraw", "l-moi", "moj", reason="sent_in_error"))
    scenario.given(on_letter("cancel", reason="superseded"))
    last = await reading.follow(scenario)

    async def heard(agency: str, *, incoming: bool = True) -> list[tuple[str, str]]:
        """What is said of the letter itself, and of which consignment an agency takes it to be."""
        found = await transfers.heard(
            reading.service, [agency], incoming=incoming, after=-1, last=last, limit=100
        )
        of_letter = {"registered_outgoing", "outgoing_rectified", "cancelled"}
        return [(one.kind, one.consignment or "") for one in found if one.kind in of_letter]

    both = ("outgoing_rectified", "cancelled")
    assert await heard("moh") == [(one, Name("moj", name_of("l-moh")).key) for one in both]
    assert await heard("moi") == [(both[0], Name("moj", name_of("l-moi")).key)]
    # Taken back unopened, on paper, no party: none of their business.
    assert [await heard(one) for one in ("mof", "moe", "ndc", "moj")] == [[]] * 4
    sent = ("registered_outgoing", *both)
    assert await heard("moj", incoming=False) == [(one, "") for one in sent]
