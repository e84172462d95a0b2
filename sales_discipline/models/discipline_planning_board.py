"""What the plan of one company rests on."""

from collections import defaultdict
from datetime import timedelta

from ..engine.planning import Chain, Cover, Desk

#: periods after the running one into which a plan may reach
PERIODS = {"month": 12, "week": 52}


class Board:
    """Norms, working days, absences and agreements of a company, read once for any number of customers."""

    def __init__(self, env, company):
        self.env = env
        self.company = company
        Calendar = env["discipline.calendar"]
        self.today = Calendar._today(company)
        self._periods = {}
        self._chains = {}
        self._desks = {}
        self._users = {}
        bounds = [Calendar._period_bounds("month", self.today)]
        for _number in range(PERIODS["month"]):
            bounds.append(Calendar._period_bounds("month", bounds[-1][1] + timedelta(days=1)))
        self.horizon = bounds[-1][1]
        monday = Calendar._period_bounds("week", self.today)[0]
        self.calendar_days = list(Calendar._working_days(company, min(bounds[0][0], monday), self.horizon))
        self.days = [day for day in self.calendar_days if day >= self.today]
        self._read_norms()
        self._read_absences()

    def _read_norms(self):
        rows = self.env["discipline.norm"]._norm_rows(self.company, self.today, self.today)
        self._norms = {(row[0], row[1]): (row[6], row[2]) for row in rows if row[3] <= self.today < row[4]}
        self.classes = sorted({row[0] for row in rows})
        classes = self.env["discipline.abc.class"].sudo().with_context(active_test=False).search([])
        self.sequences = {row.id: row.sequence for row in classes}
        self.own, self.blocked = {}, defaultdict(set)
        for partner, kind, goal, first, last in self.env["discipline.exception"]._in_force(
            self.company, self.today, self.horizon, ("own_norm", "pause")
        ):
            if kind == "pause":
                self.blocked[partner].update(day for day in self.days if first <= day <= last)
            elif first <= self.today:
                self.own[partner] = goal
        self.blocked = {partner: frozenset(days) for partner, days in self.blocked.items()}

    def _read_absences(self):
        self.covering, self.uncovered, self._away = [], [], defaultdict(set)
        absences = (
            self.env["discipline.absence"]
            .sudo()
            .search(
                [("approved", "=", True), ("date_from", "<=", self.horizon), ("date_to", ">=", self.today)],
                order="date_from, id",
            )
        )
        for row in absences:
            span = (max(row.date_from, self.today), min(row.date_to, self.horizon))
            self._away[row.user_id.id].update(day for day in self.days if span[0] <= day <= span[1])
            if row.substitute_id.active:
                self.covering.append((row.user_id.id, row.substitute_id.id, *span, row.id))
            else:
                self.uncovered.append((row.user_id.id, *span))

    def read_users(self, ids):
        """Read managers and their substitutes, all at once."""
        missing = {*ids, *self.desks_of(ids)} - self._users.keys()
        users = self.env["res.users"].sudo().with_context(active_test=False).browse(sorted(missing))
        users.fetch(["discipline_capacity_per_day", "sale_team_id"])
        self._users.update((user.id, user) for user in users)

    def user(self, user_id):
        if user_id not in self._users:
            self.read_users([user_id])
        return self._users[user_id]

    def capacity(self, user_id):
        return self.user(user_id)._discipline_capacity(self.company)

    def desks_of(self, user_ids):
        """Return the substitutes of these managers."""
        wanted = set(user_ids)
        return {substitute for user, substitute, *_rest in self.covering if user in wanted}

    def neighbours(self, user_ids):
        """Return, ascending, these managers, their substitutes, and everybody whom any of them stands in for."""
        people = {*user_ids, *self.desks_of(user_ids)}
        return sorted(people | {user for user, substitute, *_rest in self.covering if substitute in people})

    def close(self):
        """Forget the desks: what was planned on them is in the database now."""
        self._desks = {}

    def open(self, loads, user):
        """Open the desks of a manager and his substitutes with what is planned on them."""
        for person in (user.id, *sorted(self.desks_of([user.id]))):
            if person not in self._desks:
                self._desks[person] = Desk(
                    self.capacity(person), loads.get(person), frozenset(self._away.get(person, ()))
                )

    def desk(self, user_id):
        return self._desks[user_id]

    def covers(self, user_id):
        """Return the days on which somebody stands in for a manager."""
        return [
            Cover(frozenset(day for day in self.days if since <= day <= until), self._desks[substitute])
            for user, substitute, since, until, _absence in self.covering
            if user == user_id
        ]

    def doer(self, user_id, day):
        """Return (user id, absence id or False) of who makes a contact of a manager's customer on a day."""
        for user, substitute, since, until, absence in self.covering:
            if user == user_id and since <= day <= until:
                return substitute, absence
        return user_id, False

    def norm(self, abc_class_id, user_id, partner_id=None):
        """Return (contacts, kind of period) that a customer is owed, or None."""
        team = self.user(user_id).sale_team_id.id or 0
        norm = self._norms.get((abc_class_id, team)) or self._norms.get((abc_class_id, 0))
        goal = self.own.get(partner_id)
        if goal:
            return goal, norm[1] if norm else "month"
        return norm

    def chain(self, goal, kind):
        """Return the windows of a norm from the running period on."""
        if (goal, kind) not in self._chains:
            self._chains[goal, kind] = Chain(goal, self._periods_of(kind))
        return self._chains[goal, kind]

    def _periods_of(self, kind):
        if kind not in self._periods:
            Calendar = self.env["discipline.calendar"]
            periods, (first, last) = [], Calendar._period_bounds(kind, self.today)
            while last <= self.horizon and len(periods) <= PERIODS[kind]:
                periods.append([day for day in self.calendar_days if first <= day <= last])
                first, last = Calendar._period_bounds(kind, last + timedelta(days=1))
            self._periods[kind] = periods
        return self._periods[kind]
