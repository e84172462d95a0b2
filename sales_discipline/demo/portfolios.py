"""Who holds which account, and what kind of manager he is; no Odoo here.

The files know no responsible managers. An account's manager is the agent who won most from it; a few accounts are
left to nobody, and a few changed hands during the year, so that every rule has something to do.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from ..engine import abc
from .maven import Deal, best_agents, by_won_value, won_values

#: places in the list of accounts by won value
ORPHANS = (12, 27, 58, 70, 81)
#: held by his manager until a day, by nobody since: (place, month of the year of data, day)
LEFT = ((44, 8, 18),)
#: held by the agent who won second most until a day: (place, month, day, days of nobody between both)
HANDOVERS = ((4, 3, 12, 0), (20, 6, 20, 0), (36, 8, 10, 14), (9, 11, 16, 0), (50, 11, 9, 0))

#: how each agent with customers works; contacts.py says what the words mean
BEHAVIOUR = {
    "Darcel Schlecht": "average",
    "Donn Cantrell": "diligent",
    "Cassey Cress": "negligent",
    "Reed Clapper": "diligent",
    "Corliss Cosme": "burster",
    "Zane Levy": "duplicator",
    "Elease Gluck": "diligent",
    "Kary Hendrixson": "dialler",
    "James Ascencio": "late",
    "Markita Hansen": "average",
    "Rosalina Dieter": "diligent",
    "Vicki Laflamme": "negligent",
    "Daniell Hammack": "diligent",
    "Boris Faz": "average",
    "Maureen Marcano": "negligent",
    "Versie Hillebrand": "diligent",
    "Jonathan Berthelot": "diligent",
    "Garret Kinder": "late",
    "Kami Bicknell": "average",
}
TAKES_MORE = (
    "Donn Cantrell",
    "Reed Clapper",
    "Elease Gluck",
    "Daniell Hammack",
    "Versie Hillebrand",
    "Jonathan Berthelot",
    "Cassey Cress",
    "Kami Bicknell",
)
#: {agent: assistant whose contacts count as his}
ASSISTANTS = {"Darcel Schlecht": "Marty Freudenburg"}
#: {agent: contacts that he can make on a day}; others follow the company
CAPACITY = {"Darcel Schlecht": 6, "Daniell Hammack": 1, "Versie Hillebrand": 1}
COMPANY_CAPACITY = 3
#: he got his customers on the first day of this month, from whoever won second most from them
NEWCOMER, NEWCOMER_MONTH = "Maureen Marcano", 11


@dataclass(frozen=True, slots=True)
class Absence:
    """``month`` counts from 0, the first month of the year of data; days count the month's working days from 0."""

    agent: str
    month: int
    first: int
    last: int
    substitute: str
    approved: bool
    reason: str


ABSENCES = (
    Absence("Elease Gluck", 4, 0, 22, "", True, "Illness"),
    Absence("Daniell Hammack", 7, 5, 9, "Boris Faz", True, "Vacation"),
    Absence("Rosalina Dieter", 11, 0, 11, "", True, "Vacation"),
    Absence("Markita Hansen", 12, 15, 18, "", False, "Vacation"),
)


@dataclass(frozen=True, slots=True)
class Stint:
    """``agent`` held ``account`` from ``start`` until the day before ``stop`` (None: he still does)."""

    account: str
    agent: str
    start: date
    stop: date | None = None


def month_start(first: date, months: int) -> date:
    """Return the first day of the month ``months`` after the month of ``first``."""
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def stints(deals: list[Deal], first: date) -> list[Stint]:
    """Return who held which account since ``first``, the first day of the year of data, in order of time."""
    best = best_agents(deals)
    places = by_won_value(deals)
    orphans = {places[place] for place in ORPHANS}
    left = {places[place]: month_start(first, month) + timedelta(days=day - 1) for place, month, day in LEFT}
    moved = {
        places[place]: (month_start(first, month) + timedelta(days=day - 1), gap)
        for place, month, day, gap in HANDOVERS
    }
    for account, agents in best.items():
        if agents[0] == NEWCOMER:
            moved[account] = (month_start(first, NEWCOMER_MONTH), 0)
    result = []
    for account in sorted(best):
        if account in orphans:
            continue
        agent = best[account][0]
        if account in moved:
            day, gap = moved[account]
            result.append(Stint(account, best[account][1], first, day))
            result.append(Stint(account, agent, day + timedelta(days=gap)))
        else:
            result.append(Stint(account, agent, first, left.get(account)))
    return sorted(result, key=lambda stint: (stint.start, stint.account))


def goals(deals: list[Deal]) -> dict[str, int]:
    """Return {account: contacts a month} by the shipped classes and norms: agents work by the rules they know."""
    places = {account: number for number, account in enumerate(sorted(won_values(deals)), start=1)}
    classes = abc.classify(
        [(places[account], value) for account, value in won_values(deals).items()], [("A", 80), ("B", 95), ("C", 100)]
    )
    return {account: {"A": 4, "B": 2, "C": 1}[classes[place]] for account, place in places.items()}
