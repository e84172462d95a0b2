"""The rules of contacts, verdicts and withdrawal told a second time, in plain Python, from raw facts.

It shares no code with the addon: it reads tables and applies what the rules say in words, one customer and one day
after another. Where both disagree, one of them is wrong.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass
class Facts:
    """Raw rows, as they stand in the database."""

    zone: ZoneInfo
    weekdays: set
    holidays: list
    zones: dict
    contacts: dict = field(default_factory=lambda: defaultdict(list))
    intervals: dict = field(default_factory=lambda: defaultdict(list))
    absences: dict = field(default_factory=lambda: defaultdict(list))
    assistants: set = field(default_factory=set)
    classes: dict = field(default_factory=lambda: defaultdict(list))
    norms: list = field(default_factory=list)
    teams: dict = field(default_factory=dict)
    exceptions: dict = field(default_factory=lambda: defaultdict(list))
    policy: dict = field(default_factory=dict)

    # -- days ----------------------------------------------------------

    def local_day(self, moment, user):
        """Return the date of a naive UTC moment where ``user`` lives."""
        zone = ZoneInfo(self.zones[user]) if self.zones.get(user) else self.zone
        return moment.replace(tzinfo=UTC).astimezone(zone).date()

    def is_working(self, day):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=self.zone)
        return day.weekday() in self.weekdays and not any(start <= noon < stop for start, stop in self.holidays)

    def working_days(self, first, last):
        return [day for day in _days(first, last) if self.is_working(day)]

    def latest_logging(self, day):
        """Return the last day on which a contact of ``day`` may be logged."""
        left, there = self.policy["backdating"], day
        while left:
            there += timedelta(days=1)
            left -= self.is_working(there)
        return there

    def steps_between(self, earlier, later):
        """Return how many working days later a contact came: a weekend's work is one step after the day before."""
        if earlier == later:
            return 0
        return 1 + sum(self.is_working(day) for day in _days(earlier + timedelta(1), later - timedelta(1)))

    # -- people --------------------------------------------------------

    def holder(self, customer, day):
        """Return who was responsible on a day: its last holder."""
        found = None
        for user, start, stop in self.intervals[customer]:
            if start <= day and (stop is None or day < stop):
                found = user
        return found

    def is_away(self, user, day):
        return any(start <= day <= stop for start, stop, _substitute in self.absences[user])

    def stands_in(self, doer, user, day):
        """Tell whether ``doer`` is the substitute of ``user`` on a day of his approved absence."""
        return any(start <= day <= stop and substitute == doer for start, stop, substitute in self.absences[user])

    # -- contacts ------------------------------------------------------

    def counted(self, customer, first, last):
        """Return [(contact id, day, reason)] of a customer's contacts in a period; reason None: it counts."""
        rows = []
        for row in self.contacts[customer]:
            day = self.local_day(row["date"], row["doer"])
            if first <= day <= last:
                rows.append((day, row["date"], row["id"], row))
        result, previous = [], None
        for day, _moment, contact, row in sorted(rows, key=lambda r: r[:3]):
            reason = self._own_reason(customer, day, row)
            if not reason and previous and self.steps_between(previous, day) < self.policy["min_gap"]:
                reason = "gap"
            if not reason:
                previous = day
            result.append((contact, day, reason))
        return result

    def _own_reason(self, customer, day, row):
        """Return why a contact does not count, whatever the others are."""
        if row["voided"]:
            return "voided"
        if not row["outcome_counts"]:
            return "outcome"
        if not (row["channel"] == "always" or (row["channel"] == "answered" and not row["attempt"])):
            return "channel"
        if self.local_day(row["logged_at"], row["doer"]) > self.latest_logging(day):
            return "late"
        holder = self.holder(customer, day)
        if not holder:
            return "nobody"
        doer = row["doer"]
        if doer != holder and (holder, doer) not in self.assistants and not self.stands_in(doer, holder, day):
            return "stranger"
        return None

    # -- verdicts ------------------------------------------------------

    def goal_of(self, customer, day, first):
        """Return (norm contacts of a month, paused) of a customer whose first judged day in it is ``day``."""
        kinds = {kind: goal for kind, goal, start, stop in self.exceptions[customer] if start <= first <= stop}
        ranks = [class_id for start, class_id in sorted(self.classes[customer]) if start <= day]
        paused = "pause" in kinds
        if not ranks:
            return 0, paused
        team = self.teams.get(self.holder(customer, day))
        norms = [norm for norm in self.norms if norm["class"] == ranks[-1] and norm["from"] <= day]
        own = [norm for norm in norms if norm["team"] and norm["team"] == team]
        general = [norm for norm in norms if not norm["team"]]
        for chain in (own, general):
            if chain:
                return kinds.get("own_norm") or max(chain, key=lambda norm: norm["from"])["goal"], paused
        return 0, paused

    def verdicts(self, customer, first, last):
        """Return {user: dict(goal, attained, excused, counted, rejected, state)} of a customer in a closed month."""
        days = self.working_days(first, last)
        held = [
            (user, max(start, first), min(stop or date.max, last + timedelta(1)))
            for user, start, stop in self.intervals[customer]
            if start <= last and (stop is None or (stop > first and stop > start))
        ]
        if not held or not days:
            return {}
        goal, paused = self.goal_of(customer, held[0][1], first)
        if not goal:
            return {}
        contacts = self.counted(customer, first, last)
        spans = [
            {
                "user": user,
                "goal": 0,
                "excused": 0,
                "counted": sum(1 for _id, day, reason in contacts if start <= day < stop and not reason),
                "rejected": sum(1 for _id, day, reason in contacts if start <= day < stop and reason),
                "start": start,
                "stop": stop,
            }
            for user, start, stop in held
        ]
        for window in self._windows(days, goal):
            self._give(window, spans, paused)
        carried = 0
        for span in spans:
            available = carried + span["counted"]
            span["attained"] = min(available, span["goal"])
            carried = available - span["attained"]
        return self._summed(spans)

    @staticmethod
    def _windows(days, goal):
        """Deal the working days out to n stretches: day i of T belongs to stretch ceil(i n / T)."""
        n, total = min(goal, len(days)), len(days)
        stretches = defaultdict(list)
        for i, day in enumerate(days, start=1):
            quotient, remainder = divmod(i * n, total)
            stretches[quotient + (remainder > 0)].append(day)
        return [stretches[k] for k in sorted(stretches)]

    def _give(self, window, spans, paused):
        """Give a window to whoever held the customer on most of its days (tie: the later one), or excuse it.

        During a pause that was agreed for the customer every window is excused.
        """
        mine = defaultdict(list)
        for day in window:
            for span in spans:
                if span["start"] <= day < span["stop"]:
                    mine[span["user"]].append((day, span))
        if not mine:
            return
        user = max(mine, key=lambda person: (len(mine[person]), mine[person][-1][0]))
        there = sum(1 for day, _span in mine[user] if not self.is_away(user, day))
        # of his stretches of holding, the one with most of these days
        best = max(
            (span for span in spans if span["user"] == user),
            key=lambda span: (sum(1 for _day, s in mine[user] if s is span), span["start"]),
        )
        if paused or there < len(window) / 2:
            best["excused"] += 1
        else:
            best["goal"] += 1

    @staticmethod
    def _summed(spans):
        result = {}
        for span in spans:
            row = result.setdefault(
                span["user"], dict.fromkeys(("goal", "attained", "excused", "counted", "rejected"), 0)
            )
            for key in row:
                row[key] += span[key]
        result = {
            user: row
            for user, row in result.items()
            if row["goal"] or row["excused"] or row["counted"] or row["rejected"]
        }
        for row in result.values():
            if not row["goal"]:
                row["state"] = "excused"
            else:
                row["state"] = "met" if row["attained"] >= row["goal"] else "missed"
        return result


def _days(first, last):
    while first <= last:
        yield first
        first += timedelta(days=1)


def read(cr, company_id):
    """Read the raw facts of a company by plain SQL.

    :param cr: a database cursor; everything must have been flushed
    """

    def rows(query, *parameters):
        cr.execute(query, parameters)
        return cr.fetchall()

    calendar, zone = rows(
        "SELECT c.id, c.tz FROM res_company o JOIN resource_calendar c ON c.id = o.resource_calendar_id "
        "WHERE o.id = %s",
        company_id,
    )[0]
    utc = UTC
    facts = Facts(
        zone=ZoneInfo(zone),
        weekdays={
            int(row[0])
            for row in rows("SELECT dayofweek FROM resource_calendar_attendance WHERE calendar_id = %s", calendar)
        },
        holidays=[
            (start.replace(tzinfo=utc), stop.replace(tzinfo=utc))
            for start, stop in rows(
                "SELECT date_from, date_to FROM resource_calendar_leaves WHERE resource_id IS NULL "
                "AND (calendar_id IS NULL OR calendar_id = %s)",
                calendar,
            )
        ],
        zones=dict(rows("SELECT u.id, p.tz FROM res_users u JOIN res_partner p ON p.id = u.partner_id")),
    )
    for contact, customer, doer, moment, logged, voided, channel, counts, attempt in rows(
        """
        SELECT c.id, c.customer_ref, c.doer_ref, c.date, c.logged_at, c.voided_at IS NOT NULL, k.counts,
               o.counts, o.is_attempt
          FROM discipline_contact c
     LEFT JOIN discipline_channel k ON k.id = c.channel_id
     LEFT JOIN discipline_outcome o ON o.id = c.outcome_id
         WHERE c.company_id = %s
        """,
        company_id,
    ):
        facts.contacts[customer].append(
            {
                "id": contact,
                "doer": doer,
                "date": moment,
                "logged_at": logged,
                "voided": voided,
                "channel": channel,
                "outcome_counts": counts is not False,
                "attempt": attempt,
            }
        )
    for customer, user, start, stop in rows(
        "SELECT customer_ref, manager_ref, date_from, date_to FROM discipline_assignment WHERE company_id = %s "
        "ORDER BY customer_ref, date_from, id",
        company_id,
    ):
        facts.intervals[customer].append((user, start, stop))
    for user, start, stop, substitute in rows(
        "SELECT user_id, date_from, date_to, substitute_id FROM discipline_absence WHERE approved"
    ):
        facts.absences[user].append((start, stop, substitute))
    facts.assistants = set(rows("SELECT user_id, assistant_id FROM discipline_assistant_rel"))
    for customer, start, class_id in rows(
        "SELECT customer_ref, date_effective, class_to_id FROM discipline_abc_change "
        "WHERE voided_at IS NULL AND company_id = %s ORDER BY id",
        company_id,
    ):
        facts.classes[customer].append((start, class_id))
    facts.norms = [
        {"class": class_id, "team": team, "from": start, "goal": goal}
        for class_id, team, start, goal in rows(
            "SELECT abc_class_id, team_id, valid_from, goal FROM discipline_norm WHERE period = 'month'"
        )
    ]
    facts.teams = dict(
        rows("SELECT user_id, crm_team_id FROM crm_team_member WHERE active ORDER BY create_date DESC, id DESC")
    )
    for customer, kind, goal, start, stop in rows(
        "SELECT partner_id, kind, goal, date_from, date_until FROM discipline_exception WHERE state = 'approved'"
    ):
        facts.exceptions[customer].append((kind, goal, start, stop))
    names = (
        "min_gap", "backdating", "missed_share", "missed_needed", "missed_of", "receiver_attainment",
        "cap_per_manager", "intake_cap", "cooldown_days", "newcomer_months",
    )  # fmt: skip
    cr.execute(f"SELECT {', '.join(names)} FROM discipline_policy WHERE company_id = %s", (company_id,))
    facts.policy = dict(zip(names, cr.fetchone(), strict=True))
    return facts
