"""Which contacts count, and by which rule the others do not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from .workdays import deadline, distance

#: the rules, in the order in which they are asked; the first that rejects is the one that is named
REASONS = ("voided", "closed", "outcome", "channel", "late", "nobody", "stranger", "gap")


@dataclass(frozen=True, slots=True)
class Contact:
    """What the counting rule knows of a contact.

    ``entitled``: the doer was responsible that day, his assistant, or the substitute in his approved absence.
    ``answered``: the outcome is no mere attempt. ``after_closing``: logged after the period's facts were fixed.
    """

    id: int
    day: date
    moment: datetime
    logged_day: date
    voided: bool = False
    after_closing: bool = False
    outcome_counts: bool = True
    channel_counts: bool = True
    channel_counts_if_answered: bool = False
    answered: bool = True
    has_responsible: bool = True
    entitled: bool = True


def rejection(contact: Contact, backdating: int, working_days: list[date]) -> str | None:
    """Return the code of the rule that rejects a contact by itself, or None; the gap is asked afterwards."""
    if contact.voided:
        return "voided"
    if contact.after_closing:
        return "closed"
    if not contact.outcome_counts:
        return "outcome"
    if not contact.channel_counts and not (contact.channel_counts_if_answered and contact.answered):
        return "channel"
    if contact.logged_day > deadline(contact.day, backdating, working_days):
        return "late"
    if not contact.has_responsible:
        return "nobody"
    if not contact.entitled:
        return "stranger"
    return None


def classify(
    contacts: Iterable[Contact], *, min_gap: int, backdating: int, working_days: list[date]
) -> dict[int, str | None]:
    """Say of each contact of one customer and period whether it counts.

    In order (day, moment, id) a contact counts if no rule rejects it and it comes at least ``min_gap`` working days
    after the last one that counted in the period.

    :param working_days: ascending, from the period's first day to ``backdating`` working days beyond its last
    :return: contact id -> None where it counts, else the code of the rule (one of REASONS)
    """
    verdicts: dict[int, str | None] = {}
    last: date | None = None
    for contact in sorted(contacts, key=lambda c: (c.day, c.moment, c.id)):
        reason = rejection(contact, backdating, working_days)
        if reason is None and last is not None and distance(last, contact.day, working_days) < min_gap:
            reason = "gap"
        if reason is None:
            last = contact.day
        verdicts[contact.id] = reason
    return verdicts
