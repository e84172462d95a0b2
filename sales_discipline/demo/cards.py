"""Simulates how the managers fill in their customers' cards; no Odoo here.

The files know no phones, addresses or contact persons. Every value is made up from a fixed seed: numbers from the range
that the North American plan keeps for fiction (555-0100 to 555-0199), e-mails under ``.example``.
"""

import random
from dataclasses import dataclass, field
from datetime import date

SEED = 20170301
#: working days of the simulation, today among them
DAYS = 15
#: {how a manager works: (share of his cards that he completes, first and last part of the days in which he does)}
PACE = {
    "diligent": (1.0, 0.0, 0.4),
    "average": (0.75, 0.1, 1.0),
    "late": (0.6, 0.7, 1.0),
    "burster": (0.8, 0.9, 1.0),
    "duplicator": (0.5, 0.3, 0.9),
    "dialler": (0.4, 0.5, 1.0),
    "negligent": (0.2, 0.6, 1.0),
}
#: what people type to get past an empty field
JUNK = {"phone": ("000", "-", "123"), "email": ("test@test", "-", "none"), "street": ("-", "unknown", "xxx")}
CITIES = {
    "United States": ("Chicago", "Denver", "Columbus", "Austin", "Portland"),
    "Kenya": ("Nairobi",),
    "Philippines": ("Manila",),
    "Japan": ("Osaka",),
    "Italy": ("Milan",),
    "Norway": ("Bergen",),
    "South Korea": ("Busan",),
    "Jordan": ("Amman",),
    "Brazil": ("Curitiba",),
    "Germany": ("Leipzig",),
    "Panama": ("Panama City",),
    "Belgium": ("Ghent",),
    "Romania": ("Cluj-Napoca",),
    "Poland": ("Gdansk",),
    "China": ("Suzhou",),
}
AREAS = ("212", "312", "303", "415", "512", "614", "713", "206", "503", "617")
STREETS = ("Main Street", "Oak Avenue", "Station Road", "Market Square", "Harbour Street", "Mill Lane")
FIRST = ("Alex", "Dana", "Jordan", "Kim", "Lee", "Morgan", "Pat", "Robin", "Sam", "Taylor")
LAST = ("Adams", "Baker", "Carter", "Diaz", "Evans", "Foster", "Grant", "Hughes", "Ito", "Jensen")
#: so many cards carry the number of one call centre
CALL_CENTRE = 5
REASONS = (
    "Asked the secretary: they give their address to suppliers only.",
    "Asked the director: he wants to be called, not written to.",
)


@dataclass
class Visit:
    """On ``day`` an agent enters ``values`` (names of fields; ``person`` is an employee's name and phone)."""

    agent: str
    day: date
    values: dict


@dataclass
class CardStory:
    """``before``: what stood on the card when the simulation began; ``visits`` in order of time; ``closed``: a reason
    why the e-mail is not to be had, said by ``agent``."""

    account: str
    agent: str
    before: dict = field(default_factory=dict)
    visits: list = field(default_factory=list)
    closed: str = ""


class _Numbers:
    """Fictitious phone numbers, each once."""

    def __init__(self):
        self.last = -1

    def take(self):
        self.last += 1
        return f"+1 {AREAS[self.last % len(AREAS)]}-555-01{self.last // len(AREAS):02d}"


def simulate(accounts: dict[str, str], holders: dict[str, str], styles: dict[str, str], days: list[date]):
    """Return the :class:`CardStory` of every account, in order of their names.

    :param accounts: {account: country}
    :param holders: {account: the agent who holds it now}; the others are nobody's
    :param styles: {agent: one of PACE}
    :param days: working days, ascending; the last one is today
    """
    rng, numbers = random.Random(SEED), _Numbers()
    shared, stories, reasons = numbers.take(), [], list(REASONS)
    for account in sorted(accounts):
        agent = holders.get(account, "")
        real = _values(rng, numbers, account, accounts[account])
        story = CardStory(account, agent, before=_before(rng, real))
        share, begin, end = PACE.get(styles.get(agent), (0, 0, 1))
        todo = [name for name in real if story.before.get(name) != real[name]]
        if agent and rng.random() < share:
            days_of_visits = sorted(rng.randrange(int(begin * len(days)), max(int(end * len(days)), 1)) for _ in "12")
            half = rng.randrange(len(todo)) if todo else 0
            for index, names in zip(days_of_visits, (todo[:half], todo[half:]), strict=True):
                if names:
                    story.visits.append(Visit(agent, days[index], {name: real[name] for name in names}))
        elif agent:
            if shared and sum(one.before.get("phone") == shared for one in stories) < CALL_CENTRE:
                story.before["phone"] = shared
            if reasons and story.before.get("email") != real["email"]:
                story.before.pop("email", None)
                story.closed = reasons.pop()
        stories.append(story)
    return stories


def _values(rng, numbers, account, country):
    """Return what a complete card of this account holds."""
    slug = "".join(letter for letter in account.lower() if letter.isalnum())
    return {
        "phone": numbers.take(),
        "email": f"{rng.choice(('office', 'purchasing', 'info'))}@{slug}.example",
        "street": f"{rng.randrange(1, 180)} {rng.choice(STREETS)}",
        "city": rng.choice(CITIES[country]),
        "person": (f"{rng.choice(FIRST)} {rng.choice(LAST)}", numbers.take()),
    }


def _before(rng, real):
    """Return what stood on the card at the beginning: some of it right, some of it junk."""
    before = {}
    for name, share in (("phone", 0.4), ("email", 0.3), ("street", 0.35), ("city", 0.7), ("person", 0.15)):
        draw = rng.random()
        if draw < share:
            before[name] = real[name]
        elif draw > 0.85 and name in JUNK:
            before[name] = rng.choice(JUNK[name])
    return before
