"""One real contact is one row: which contacts that came in different ways are the same."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: people log a talk before it or after it, not at the minute: half an hour lets a hurried one finish his notes, and is
#: shorter than the pause after which somebody calls the same customer for another matter
SLACK = timedelta(minutes=30)
#: a duration beyond it is a mistake, or a meeting that fills the day
LONGEST = timedelta(hours=24)
#: how well a contact is proven, ascending
GRADES = ("note", "one_way", "two_way")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a contact; both sides of a comparison have the same doer and the same customer.

    ``sources``: the ways by which it came (a row that stands may have come by several). ``minutes``: its duration.
    ``attempt``: nobody was reached. Ids are None where nothing is told.
    """

    sources: frozenset[str]
    moment: datetime
    minutes: float = 0
    channel: int | None = None
    is_meeting: bool = False
    attempt: bool = False
    person: int | None = None
    lead: int | None = None
    activity: int | None = None
    event: int | None = None

    @property
    def end(self) -> datetime:
        """When it was over."""
        return self.moment + min(timedelta(minutes=max(self.minutes or 0, 0)), LONGEST)


def pause(one: Told, other: Told) -> timedelta:
    """Return the time between two contacts; zero where they overlap."""
    return max(one.moment - other.end, other.moment - one.end, timedelta(0))


def same(one: Told, other: Told) -> bool:
    """Tell whether two contacts of one doer with one customer are the same real contact.

    They came in different ways, at most :data:`SLACK` lies between them, and nothing that is told of both differs:
    the channel (all channels of meetings are one), the person, the opportunity, the activity, the meeting in the
    calendar, and whether anybody was reached. Two calls of the telephone exchange stay two, and so do two contacts
    logged by hand: whoever tells twice in the same way means two.
    """
    return (
        not one.sources & other.sources
        and pause(one, other) <= SLACK
        and one.attempt == other.attempt
        and (_agree(one.channel, other.channel) or (one.is_meeting and other.is_meeting))
        and _agree(one.person, other.person)
        and _agree(one.lead, other.lead)
        and _agree(one.activity, other.activity)
        and _agree(one.event, other.event)
    )


def _agree(one: int | None, other: int | None) -> bool:
    return not one or not other or one == other


def join(candidates: Iterable[tuple[Hashable, Told, Hashable, Told]]) -> dict:
    """Say which new contacts are rows that stand already, the nearest in time first.

    Each row takes at most one contact, each contact joins at most one row.

    :param candidates: (key of the new contact, what is told of it, key of the row that stands, what is told of it)
    :return: {key of the new contact: key of the row}
    """
    pairs = sorted(
        (
            (pause(told, standing), abs(told.moment - standing.moment), place, new, row)
            for place, (new, told, row, standing) in enumerate(candidates)
            if same(told, standing)
        ),
        key=lambda pair: pair[:3],
    )
    joined, taken = {}, set()
    for _pause, _distance, _place, new, row in pairs:
        if new not in joined and row not in taken:
            joined[new] = row
            taken.add(row)
    return joined
