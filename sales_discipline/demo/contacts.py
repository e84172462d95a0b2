"""A year of contacts, simulated from a fixed seed: calls and meetings that the pipeline's agents might have made.

Nothing here is real, and every note says so. What an agent does depends on the seed, the account and the month only,
not on the order of entry. How agents work:

    diligent    one contact in nearly every window of the month, logged at once
    average     misses some windows
    negligent   misses most windows
    burster     does nothing until the last four working days, then everything at once
    duplicator  logs a month's contacts on one or two days
    dialler     often dials without reaching anybody
    late        calls in time, and logs it many days later
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from random import Random

from .portfolios import Stint

SEED = "sales discipline"
#: the share of windows in which an agent makes his contact
KEPT = {"diligent": 0.98, "average": 0.95, "negligent": 0.35, "dialler": 0.9, "late": 0.95}
UNREACHED = {"dialler": 0.6, "negligent": 0.2}
TOPICS = ("prices", "delivery", "the next order", "a replacement", "a trial", "new models", "an invoice", "service")
NOTES = {
    "talked": "Simulated contact: talked about {topic}.",
    "next_step": "Simulated contact: talked about {topic}, agreed on the next step.",
    "held": "Simulated meeting about {topic}.",
    "no_answer": "Simulated contact: no answer.",
    "wrong_number": "Simulated contact: wrong number.",
    "written": "Simulated message about {topic}.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One simulated contact; minutes count from the doer's midnight. ``channel`` and ``outcome`` are XML id endings."""

    account: str
    agent: str
    day: date
    minute: int
    channel: str
    outcome: str
    logged_day: date
    logged_minute: int
    duration: int
    note: str


@dataclass(slots=True)
class _Month:
    """What the simulation knows of one stint and month."""

    stint: Stint
    days: list[date]
    windows: list[list[date]]
    calendar: Sequence[date]
    rng: Random
    style: str

    def later(self, day: date, count: int) -> date:
        following = [other for other in self.calendar if other > day]
        return following[min(count, len(following)) - 1] if count and following else day

    def call(self, day: date, agent: str = "", channel: str = "", reached: bool = True) -> Call:
        """Return a contact of ``day`` with its ordinary particulars."""
        rng = self.rng
        channel = channel or rng.choices(("call", "meeting"), (85, 15))[0]
        if not reached:
            channel, outcome = "call", rng.choices(("no_answer", "wrong_number"), (95, 5))[0]
        elif channel == "meeting":
            outcome = "held"
        elif channel == "call":
            outcome = rng.choices(("talked", "next_step"), (60, 40))[0]
        else:
            outcome = "talked"
        # some late calls belong to another day in UTC
        minute = rng.randrange(8 * 60 + 30, 17 * 60) if rng.random() < 0.9 else rng.randrange(18 * 60, 20 * 60)
        duration = {"meeting": rng.randrange(30, 75, 5), "call": rng.randrange(2, 16)}.get(channel, 0)
        delay = 0
        if self.style == "late" and rng.random() < 0.6:
            delay = rng.randrange(3, 7)
        elif rng.random() < 0.08:
            delay = 1
        key = outcome if channel in ("call", "meeting") else "written"
        return Call(
            self.stint.account,
            agent or self.stint.agent,
            day,
            minute,
            channel,
            outcome,
            self.later(day, delay),
            9 * 60 if delay else minute + duration + rng.randrange(1, 20),
            duration if reached else 0,
            NOTES[key].format(topic=rng.choice(TOPICS)),
        )


def cut(days: Sequence[date], goal: int) -> list[list[date]]:
    """Divide a month's working days into ``goal`` stretches of about the same length."""
    parts = min(goal, len(days))
    return [list(days[k * len(days) // parts : (k + 1) * len(days) // parts]) for k in range(parts)]


def _steady(month: _Month) -> list[Call]:
    rng, calls = month.rng, []
    for window in month.windows:
        if not window or rng.random() >= KEPT[month.style]:
            continue
        day = rng.choice(window)
        if rng.random() < UNREACHED.get(month.style, 0.04):
            calls.append(month.call(day, reached=False))
            if month.style != "diligent" or day == window[-1]:
                continue
            day = window[-1]
        calls.append(month.call(day))
    if month.style in ("diligent", "average") and month.days and rng.random() < 0.4:
        # some talk more than they must
        calls += [month.call(day) for day in rng.sample(month.days, min(2, len(month.days)))]
    return calls


def _burst(month: _Month) -> list[Call]:
    last = month.days[-4:]
    return [month.call(month.rng.choice(last)) for _window in month.windows] if last else []


def _duplicates(month: _Month) -> list[Call]:
    if not month.days:
        return []
    chosen = month.rng.sample(month.days, min(len(month.days), month.rng.choice((1, 2))))
    return [month.call(chosen[number % len(chosen)]) for number, _window in enumerate(month.windows)]


def _around(month: _Month, colleagues: Sequence[str]) -> list[Call]:
    """Return what happens besides: messages, which do not count, and colleagues, who are not responsible."""
    rng, calls = month.rng, []
    if month.days and rng.random() < 0.35:
        calls.append(month.call(rng.choice(month.days), channel=rng.choice(("email", "messenger", "video"))))
    if month.days and colleagues and rng.random() < 0.04:
        calls.append(month.call(rng.choice(month.days), agent=rng.choice(colleagues)))
    return calls


def simulate(
    stints: Sequence[Stint],
    months: Sequence[Sequence[date]],
    *,
    goals: Mapping[str, int],
    styles: Mapping[str, str],
    away: Mapping[str, set[date]],
    substitutes: Mapping[str, Mapping[date, str]],
    assistants: Mapping[str, str],
    colleagues: Mapping[str, Sequence[str]],
    until: date,
) -> list[Call]:
    """Return the contacts of all months, in order of time, up to the day before ``until``.

    :param months: the working days of each month
    :param goals: {account: contacts that its norm asks for in a month}
    :param styles: {agent: one of the words above}; others do nothing
    :param away: {agent: days of his absences}
    :param substitutes: {agent: {day of his absence: who stands in}}
    """
    calendar = sorted(day for days in months for day in days)
    calls = []
    for number, days in enumerate(months):
        for stint in stints:
            style = styles.get(stint.agent, "negligent")
            gone = away.get(stint.agent, set())
            held = [day for day in days if stint.start <= day and (stint.stop is None or day < stint.stop)]
            if not held:
                continue
            present = [day for day in held if day not in gone]
            month = _Month(
                stint,
                present,
                [[day for day in window if day in present] for window in cut(days, goals.get(stint.account, 1))],
                calendar,
                Random(f"{SEED}|{stint.account}|{stint.agent}|{number}"),
                style,
            )
            made = {"burster": _burst, "duplicator": _duplicates}.get(style, _steady)(month)
            made += _around(month, colleagues.get(stint.agent, ()))
            made += [
                month.call(day, agent=substitute)
                for day, substitute in sorted(substitutes.get(stint.agent, {}).items())
                if day in held and month.rng.random() < 0.25
            ]
            calls += _delegated(month, made, assistants)
    return sorted(
        (call for call in calls if call.day < until and call.logged_day < until),
        key=lambda call: (call.day, call.minute, call.account, call.agent),
    )


def _delegated(month: _Month, calls: list[Call], assistants: Mapping[str, str]) -> list[Call]:
    """Let the agent's assistant make some of his calls."""
    assistant = assistants.get(month.stint.agent)
    if not assistant:
        return calls
    return [
        replace(call, agent=assistant) if call.agent == month.stint.agent and month.rng.random() < 0.2 else call
        for call in calls
    ]


def orphan_calls(accounts: Sequence[str], agents: Sequence[str], days: Sequence[date], until: date) -> list[Call]:
    """Return a few contacts with customers that are nobody's: they are shown, and count for nobody."""
    rng = Random(f"{SEED}|orphans")
    calls = []
    for account in accounts:
        stint = Stint(account, rng.choice(agents), days[0])
        month = _Month(stint, list(days), [], days, rng, "average")
        calls += [month.call(day) for day in rng.sample(list(days), min(3, len(days)))]
    return [call for call in calls if call.day < until and call.logged_day < until]
