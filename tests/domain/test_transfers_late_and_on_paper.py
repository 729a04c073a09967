"""Files that name nobody, what is entered late, and letters on paper."""

from tests.domain.test_transfers import OFFICES, record_of, reference, started, state_of
from tests.given_when_then import add, digest, given, on_agency
from tests.letter_orders import (
    case_file,
    dispatch,
    letter,
    name_of,
    on,
    on_paper,
    onward,
    paper_in,
    register,
)


def test_what_is_entered_late_may_have_been_due_since_its_own_day() -> None:
    scenario = started(letter(date="2026-10-01"), case_file(to=[], date="2026-10-01"))
    scenario.when(dispatch(due_date="2026-09-30")).refused("due_date_not_later")
    scenario.when(dispatch(due_date="2026-10-01")).then("sijill.transfer.dispatched.v1")
    scenario.given(dispatch("f", due_date="2026-10-20"), register("f-moh"))
    late = onward("f-moh", "moh", "mof", "f2", due_date="2026-10-20")
    scenario.when(late).then("sijill.transfer.referred_onward.v1")
    later = on("set_due_date", agency="moj", due_date="2026-10-20")
    scenario.given(letter("n"), dispatch("n"))
    scenario.when(dispatch("n", name="again", due_date="2026-10-20")).refused("addressee_served")
    scenario.when(later).refused("due_date_standing")
    now = on("set_due_date", "n-moh", agency="moj", due_date="2026-10-20")
    scenario.when(now).refused("due_date_not_later")


def test_a_case_file_may_name_nobody_and_goes_where_it_is_handed() -> None:
    scenario = started(case_file(to=[]))
    file = record_of(scenario, "letter", "moj", "f")
    assert file.holder == "moj"
    scenario.when(case_file("g", to=[], copy_to=["mof"])).refused("recipients_missing")
    scenario.when(dispatch("f", to="moj")).refused("addressed_to_itself")
    scenario.when(dispatch("f", to="mof", name="f1")).then("sijill.transfer.dispatched.v1")
    scenario.when(dispatch("f", to="moh", name="f2")).refused("handover_open")
    scenario.given(on("return", "f1", "mof", reason="not_competent"))
    scenario.given(dispatch("f", to="moh", name="f2"), register("f2"))
    assert record_of(scenario, "letter", "moj", "f").holder == "moh"
    scenario.when(dispatch("f", to="mof", name="f3")).refused("not_the_holder")


def test_an_answer_on_paper_names_what_was_sent_on_paper() -> None:
    scenario = given(*OFFICES).given(add("old-body")).given(letter(to=["old-body", "moh"]))
    scenario.given(on_paper(to="old-body"), dispatch())
    asked = {"sender": "moj", "consignment": name_of("l-old-body")}
    scenario.when(paper_in("a", agency="mof", answers=asked)).refused("transfer_unknown")
    sent = {**asked, "consignment": name_of("l-moh")}
    scenario.when(paper_in("a", agency="moj", answers=sent)).refused("reply_misdirected")
    scenario.when(paper_in("a", agency="moj", answers=asked)).then(
        "sijill.transfer.received_on_paper.v1"
    )


def test_paper_in_and_out_is_registered_too() -> None:
    scenario = started(paper_in())
    assert state_of(scenario, "p", "moh") == ("paper_in", "registered_incoming")
    scenario.when(paper_in()).refused("transfer_repeated")
    scenario.when(paper_in("q", number="١")).then("sijill.transfer.received_on_paper.v1")
    scenario.when(paper_in("r", number="1")).refused("incoming_number_taken")
    scenario.when(paper_in("s", claims={"subject": digest("s")})).refused("claim_missing")
    scenario.when(paper_in("s", originator="moj")).refused("statement_invalid")
    scenario.when(on("remind", "p", "moh", "moh")).refused("road_on_paper")
    claims = {"subject": digest("s"), "correspondent_name": digest("n")}
    reply = letter(
        "r", "moh", to=None, correspondent="citizen", answers=reference("p", "moh"), claims=claims
    )
    scenario.given(reply)
    scenario.when(on_paper("r", "moh")).then("sijill.transfer.sent_on_paper.v1")
    scenario.when(dispatch("r", "moh", "moj")).refused("not_an_addressee")


def test_a_body_without_the_network_is_sent_paper() -> None:
    scenario = started(add("wasit"), letter(to=["wasit"]))
    scenario.when(dispatch(to="wasit")).refused("addressee_not_linked")
    scenario.when(on_paper(to="wasit")).then("sijill.transfer.sent_on_paper.v1")
    scenario.when(on_paper(to="wasit")).refused("transfer_repeated")
    scenario.when(on("remind", "l-wasit", "moj")).refused("road_on_paper")
    scenario.given(on_agency("close", "mof", reason="abolished"))
    scenario.given(letter("m", to=["mof"]))
    scenario.when(dispatch("m", to="mof")).refused("agency_closed")
