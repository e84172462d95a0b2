"""When a customer is withdrawn, and who is spared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from itertools import islice


@dataclass(frozen=True, slots=True)
class Judged:
    """A closed verdict of the present manager on one customer."""

    start: date
    goal: int
    attained: int
    ref: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Withdraw after ``needed`` missed periods of the last ``of`` judged ones.

    A period is missed if attained / goal is at most ``share`` percent; with 100 any goal not attained is missed.
    """

    needed: int = 1
    of: int = 1
    share: int = 100


def is_missed(verdict: Judged, share: int) -> bool:
    """Tell whether a period is held against the manager."""
    return verdict.attained < verdict.goal and 100 * verdict.attained <= share * verdict.goal


def deciding(verdicts: Iterable[Judged], rule: Rule) -> list[Judged]:
    """Return the missed verdicts that withdraw a customer, newest first; empty where he stays.

    :param verdicts: the present manager's closed verdicts in any order; excused ones (goal 0) are skipped. The
        newest judged period must itself be missed: who has mended his ways keeps the customer.
    """
    judged = sorted((v for v in verdicts if v.goal > 0), key=lambda v: v.start, reverse=True)[: rule.of]
    missed = [v for v in judged if is_missed(v, rule.share)]
    if judged and missed and missed[0] is judged[0] and len(missed) >= rule.needed:
        return missed
    return []


def is_newcomer(since: date | None, day: date, months: int) -> bool:
    """Tell whether a manager who began on ``since`` is still in his first ``months`` (of 30 days) on ``day``."""
    return since is not None and day < since + timedelta(days=30 * months)


def newcomer_share(since: date | None, day: date, months: int) -> int:
    """Return how many percent of the capacity a newcomer has on ``day``: 30 in his first month, 60 in the second.

    From the third month (of 30 days) on, or where the policy knows no newcomers any more, it is 100.
    """
    if not is_newcomer(since, day, months):
        return 100
    gone = max(0, (day - since).days)
    return (30, 60)[gone // 30] if gone < 60 else 100


def hashed(*parts: object) -> int:
    """Return a number that depends on nothing but the parts: ties are broken by it, never by an id's size."""
    return int.from_bytes(_digest("|".join(map(str, parts))), "big")


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


def ranked(candidates: Iterable[tuple[int, float]], seed: str) -> Iterator[int]:
    """Yield one manager's customers, the most neglected first; of equally neglected ones a hash decides.

    Where only the first ones are asked for, the others are not hashed.

    :param candidates: (customer, attained share of the goals that decide)
    """
    alike = defaultdict(list)
    for customer, share in candidates:
        alike[share].append(customer)
    for share in sorted(alike):
        # as ``hashed``: bytes of one length are in the order of their numbers
        yield from sorted(alike[share], key=lambda customer: _digest(f"{seed}|{customer}"))


def capped(candidates: Iterable[tuple[int, float]], cap: int, seed: str) -> list[int]:
    """Return the customers that one manager loses at most, the most neglected first.

    :param candidates: (customer, attained share of the goals that decide)
    :param cap: the most that may be taken in the month; 0 means all
    """
    return list(islice(ranked(candidates, seed), cap or None))
