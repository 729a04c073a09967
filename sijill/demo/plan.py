"""What the demonstration issues: kinds, numbers and issuers as in Iraq, holders who do not exist.

Every holder is a visible placeholder (حامل 0001 …): no name here belongs to a person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_DAY = "2026-01-04"
DAYS = 250


@dataclass(frozen=True, slots=True)
class Lot:
    """Certificates of one type that one agency issues; `values` stand beside the holder's name."""

    agency: str
    type: str
    count: int
    holder_field: str
    values: tuple[tuple[str, str], ...]
    unit: str = "registry"
    officers: int = 1


LOTS: tuple[Lot, ...] = (
    Lot("civil-status", "civil_status_extract", 170, "holder_name", (("birth_place", "بغداد"),)),
    Lot("nationality", "nationality_certificate", 130, "holder_name", (("birth_place", "أربيل"),)),
    Lot(
        "supreme-judicial-council",
        "marriage_contract",
        80,
        "husband_name",
        (("wife_name", "حاملة {number}"), ("marriage_date", "2026-02-01")),
        unit="personal-status",
    ),
    Lot(
        "university-of-baghdad",
        "degree",
        110,
        "holder_name",
        (("qualification", "بكالوريوس"), ("graduation_year", "2026")),
        unit="registrar",
        officers=2,
    ),
    Lot(
        "university-of-mosul",
        "enrolment_confirmation",
        80,
        "holder_name",
        (("academic_year", "2025-2026"),),
        unit="registrar",
    ),
    Lot(
        "education-baghdad-karkh-1",
        "school_transfer",
        80,
        "holder_name",
        (("school_from", "مدرسة أ"), ("school_to", "مدرسة ب")),
    ),
    Lot(
        "higher-education",
        "university_order",
        50,
        "holder_name",
        (("order_subject", "منح شهادة"),),
        unit="legal",
    ),
    Lot(
        "national-pension",
        "pension_confirmation",
        90,
        "holder_name",
        (("pension_number", "م-{number}"),),
    ),
    Lot(
        "real-estate-registration",
        "property_registration",
        60,
        "holder_name",
        (("property_number", "عقار-{number}"), ("district", "الكرخ")),
        officers=2,
    ),
    Lot(
        "notaries",
        "power_of_attorney",
        50,
        "principal_name",
        (("agent_name", "وكيل {number}"), ("powers", "بيع وشراء")),
        officers=2,
    ),
    Lot(
        "forensic-medicine",
        "death_record_extract",
        40,
        "deceased_name",
        (("death_date", "2026-03-01"),),
    ),
    Lot("taxes", "support_letter", 60, "holder_name", (("supported_fact", "براءة ذمة"),)),
)

CERTIFICATES = sum(lot.count for lot in LOTS)


@dataclass(frozen=True, slots=True)
class Planned:
    """One certificate to issue: its place in the demonstration, its number, date and values."""

    place: int
    number: str
    date: str
    fields: dict[str, str]


def holder(place: int) -> str:
    """The placeholder's name."""
    return f"حامل {place:04}"


def planned(lot: Lot) -> Iterator[Planned]:
    """The certificates of a lot, in order."""
    first = 1 + sum(one.count for one in LOTS[: LOTS.index(lot)])
    for place in range(first, first + lot.count):
        day = date.fromisoformat(FIRST_DAY) + timedelta(days=place * DAYS // CERTIFICATES)
        values = {name: value.format(number=f"{place:04}") for name, value in lot.values}
        yield Planned(
            place,
            f"{place - first + 1}",
            day.isoformat(),
            {lot.holder_field: holder(place), **values},
        )
