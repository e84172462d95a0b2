"""Ten kinds of managers over twelve months: the honest lose nothing they did not neglect, the cheats gain nothing.

Every contact goes through the doors that people have (the dialog, done activities, telephony), the nights through the
scheduled action, redistributions are proposed, approved and applied as a supervisor does it. What was *really* done is
kept beside it: a real contact is a talk that took place, a day and a customer. The table is printed, and written to
the file that ``DISCIPLINE_TABLE`` names:

    DISCIPLINE_TABLE=docs/fairness.md make test ARGS='-s tests/fairness'
"""

import math
import os
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from pathlib import Path

from freezegun import freeze_time
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged

YEAR = 2025
#: customers of each manager by class, and what the shipped norms ask for in a month
PORTFOLIO = {"a": 2, "b": 2, "c": 3}
BUSY = {"a": 3, "b": 4, "c": 6}
NORM = {"a": 4, "b": 2, "c": 1}
HONEST = ("busy", "slow", "ill", "new")
CHEATS = ("backdater", "burster", "duplicator", "no answer", "C only", "notes")
WORDS = {
    "busy": "honest and busy: more norms than his days hold, he does what they hold",
    "slow": "honest and slow: each contact near its last day, logged the day after",
    "ill": "honest, ill for three weeks and for all of September",
    "new": "new in April, grows into his work over three months",
    "backdater": "calls once a month, writes four dates down after its end",
    "burster": "calls on the last two working days, several times a day",
    "duplicator": "one call, written down four times that day",
    "no answer": "dials on seven days a month, talks to nobody, says they cannot be reached",
    "C only": "calls small customers four times, the others never",
    "notes": "writes notes and e-mails, done to-dos and calls them contacts",
}
ILL = [(date(YEAR, 3, 10), date(YEAR, 3, 28)), (date(YEAR, 9, 1), date(YEAR, 9, 30))]
#: his customers come in the middle of the month
ARRIVAL = date(YEAR, 4, 1)


@tagged("post_install", "-at_install")
class TestFairness(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=True, no_reset_password=True, lang="en_US"))
        cls.enterClassContext(freeze_time(datetime(YEAR, 1, 1, 6)))
        cls.company = cls.env.company
        cls.company.resource_calendar_id.tz = "UTC"
        # contacts are judged from January on; the control of cards has not begun
        cls.company.write(
            {
                "discipline_date_start": date(YEAR, 1, 1),
                "discipline_dry_mode": False,
                "discipline_fill_from": date(YEAR + 5, 1, 1),
            }
        )
        cls.env["discipline.policy"].search([("company_id", "=", cls.company.id)]).write(
            {"valid_from": date(YEAR, 1, 1)}
        )
        cls.env["ir.cron"].search([]).active = False
        cls.head = cls._user("head", "sale_manager")
        cls.people = {kind: cls._user(kind, "sale_salesman") for kind in WORDS}
        cls.kinds = {user.id: kind for kind, user in cls.people.items()}
        cls.env["crm.team"].create(
            {
                "name": "Team",
                "user_id": cls.head.id,
                "member_ids": [Command.set([user.id for user in cls.people.values()])],
            }
        )
        cls.people["busy"].sudo().discipline_capacity_per_day = 1
        cls.people["new"].sudo().discipline_newcomer_since = ARRIVAL
        for kind in ("slow", "new", *CHEATS):
            cls.people[kind].with_user(cls.people[kind]).discipline_takes_more = True
        for low, high in ILL:
            cls.env["discipline.absence"].with_user(cls.head).create(
                {"user_id": cls.people["ill"].id, "date_from": low, "date_to": high, "reason": "ill"}
            )
        cls.classes = {}
        for kind in WORDS:
            if kind != "new":
                cls._portfolio(kind, date(YEAR, 1, 1))
        call, talked = "discipline_channel_call", "discipline_outcome_talked"
        cls.call, cls.email, cls.talked, cls.nobody = (
            cls.env.ref(f"sales_discipline.{name}")
            for name in (call, "discipline_channel_email", talked, "discipline_outcome_no_answer")
        )

    def setUp(self):
        super().setUp()
        #: {(kind, customer id): days of real contacts}, and how many entries each kind made
        self.real, self.entries = defaultdict(set), Counter()
        #: calls of the telephone system, and customers about whom the head was asked whether they can be reached
        self.number, self.silent = 0, 0

    @classmethod
    def _user(cls, name, group):
        return new_test_user(
            cls.env,
            f"fair_{name.replace(' ', '_')}",
            groups=f"base.group_user,sales_team.group_{group}",
            name=name.title(),
            tz="UTC",
        )

    @classmethod
    def _portfolio(cls, kind, since):
        """Give a manager his customers, new ones, from ``since`` on."""
        for letter, count in (BUSY if kind == "busy" else PORTFOLIO).items():
            partners = (
                cls.env["res.partner"]
                .with_context(discipline_date=since)
                .create(
                    [
                        {"name": f"{letter.upper()} {n} of {kind}", "is_company": True, "user_id": cls.people[kind].id}
                        for n in range(count)
                    ]
                )
            )
            abc_class = cls.env.ref(f"sales_discipline.discipline_abc_class_{letter}")
            # decided by hand: nobody buys anything in this year
            partners.discipline_id.sudo().write({"abc_class_id": abc_class.id, "abc_since": since, "abc_locked": True})
            cls.classes |= dict.fromkeys(partners.ids, letter)

    # ------------------------------------------------------------------
    # The doors
    # ------------------------------------------------------------------

    def _customers(self, kind):
        """Return the customers whom a manager answers for today, the most important first."""
        rows = self.env["discipline.customer"].search(
            [("user_id", "=", self.people[kind].id), ("in_base", "=", True)], order="partner_id"
        )
        return sorted(rows.partner_id, key=lambda partner: (self.classes[partner.id], partner.id))

    def _really(self, kind, partners, day):
        for partner in partners:
            self.real[kind, partner.id].add(day)

    def _dialog(self, kind, partners, moment, *, outcome=None, channel=None):
        """Log contacts in the dialog, as of ``moment``."""
        if not partners:
            return
        user = self.people[kind]
        self.entries[kind] += len(partners)
        (
            self.env["discipline.contact.log"]
            .with_user(user)
            .create(
                {
                    "partner_ids": [Command.set([partner.id for partner in partners])],
                    "channel_id": (channel or self.call).id,
                    "outcome_id": (outcome or self.talked).id,
                    "date": moment,
                    "note": "We talked",
                }
            )
            .action_log()
        )

    def _telephony(self, kind, partners, moment):
        """Let the telephone system log calls that took place."""
        if not partners:
            return
        self.entries[kind] += len(partners)
        rows = []
        for partner in partners:
            self.number += 1
            rows.append(
                {"source_ref": f"call {self.number}", "partner_id": partner.id, "date": str(moment), "duration": 3}
            )
        self.env["discipline.contact"].with_user(self.people[kind]).log_contacts(rows)

    def _activity(self, kind, partner, xmlid, text):
        """Plan an activity and mark it done."""
        self.entries[kind] += 1
        user = self.people[kind]
        partner.with_user(user).activity_schedule(xmlid, user_id=user.id, summary=text).action_feedback(text)

    # ------------------------------------------------------------------
    # What each kind does on a working day
    # ------------------------------------------------------------------

    def _due(self, kind, visit):
        """Return whom an honest manager calls on his ``visit``-th round of the month (1 to 4)."""
        rounds = {"a": (1, 2, 3, 4), "b": (2, 4), "c": (3,)}
        return [partner for partner in self._customers(kind) if visit in rounds[self.classes[partner.id]]]

    def _visit(self, number, total, late=0):
        """Return the number of the round that is made on the ``number``-th of ``total`` working days, else None."""
        days = [round(total * k / 4) - 3 + late for k in (1, 2, 3, 4)]
        return days.index(number) + 1 if number in days else None

    def _at_work(self, day, number, total, before):
        """Let everybody do what he does on this working day.

        :param number: of the working day in its month, from 1
        :param before: the working day before
        """
        noon = datetime.combine(day, time(12))
        visit, late = self._visit(number, total), self._visit(number, total, late=2)
        for kind in WORDS:
            getattr(self, f"_day_of_{kind.replace(' ', '_').lower()}")(
                kind, day, noon, number, total, visit, late, before
            )

    def _round(self, kind, day, noon, visit, door):
        if visit:
            partners = self._due(kind, visit)
            self._really(kind, partners, day)
            door(kind, partners, noon)

    def _day_of_busy(self, kind, day, noon, number, total, *_rest):
        """One contact a day, the most important first; by activities and by the dialog."""
        plan = []
        partners = self._customers(kind)
        for visit in range(max(NORM.values())):
            plan += [partner for partner in partners if NORM[self.classes[partner.id]] > visit]
        # A four times, then B twice, then C: spread so that nobody is called on two days running
        plan.sort(key=lambda partner: self.classes[partner.id])
        plan = plan[:total]
        order = sorted(range(len(plan)), key=lambda index: (plan[:index].count(plan[index]), index))
        if number <= len(order):
            partner = plan[order[number - 1]]
            self._really(kind, [partner], day)
            if number % 5:
                self._telephony(kind, [partner], noon)
            else:
                self._activity(kind, partner, "mail.mail_activity_data_call", "Called")

    def _day_of_slow(self, kind, day, noon, number, total, visit, late, before):
        """Two days later than the others, and written down on the next working day."""
        if late:
            self._really(kind, self._due(kind, late), day)
            self.pending = (late, day)
        elif getattr(self, "pending", None):
            visit_made, made = self.pending
            self.pending = None
            partners = [p for p in self._due(kind, visit_made) if made in self.real[kind, p.id]]
            self._dialog(kind, partners, datetime.combine(made, time(15)))

    def _day_of_ill(self, kind, day, noon, number, total, visit, late, before):
        """His rounds; on the first day after an illness also everybody whom the program shows as behind."""
        if any(low <= day <= high for low, high in ILL):
            return
        if before and any(low <= before <= high for low, high in ILL):
            rows = self.env["discipline.customer"].search([("user_id", "=", self.people[kind].id)])
            partners = [row.partner_id for row in rows if row.state == "behind"]
            self._really(kind, partners, day)
            self._telephony(kind, partners, noon)
        else:
            self._round(kind, day, noon, visit, self._telephony)

    def _day_of_new(self, kind, day, noon, number, total, visit, late, before):
        """Thirty percent of the work in his first month, sixty in the second, all of it from the third."""
        if day < ARRIVAL or not visit:
            return
        partners = self._due(kind, visit)
        share = {4: 0.3, 5: 0.6}.get(day.month, 1)
        partners = partners[: math.ceil(share * len(partners))]
        self._really(kind, partners, day)
        self._dialog(kind, partners, noon)

    def _day_of_backdater(self, kind, day, noon, number, total, visit, late, before):
        """One call a month to everybody; on the second working day after it he writes four down."""
        if visit == 2:
            self._really(kind, self._customers(kind), day)
        if number == 3 and day.month > 1:
            last = day.replace(day=1) - timedelta(days=1)
            days = [last.replace(day=low) for low in (4, 11, 18, 24)]
            for told in days:
                self._dialog(kind, self._customers(kind), datetime.combine(told, time(11)))

    def _day_of_burster(self, kind, day, noon, number, total, visit, late, before):
        if number > total - 2:
            self._really(kind, self._customers(kind), day)
            for hour in (9, 13):
                self._telephony(kind, self._customers(kind), datetime.combine(day, time(hour)))

    def _day_of_duplicator(self, kind, day, noon, number, total, visit, late, before):
        if visit == 2:
            self._really(kind, self._customers(kind), day)
            for hour in (8, 9, 10, 11):
                self._dialog(kind, self._customers(kind), datetime.combine(day, time(hour)))

    def _day_of_no_answer(self, kind, day, noon, number, total, visit, late, before):
        """He dials everybody on the first seven days: a supervisor could say that they cannot be reached."""
        if number <= 7:
            self._dialog(kind, self._customers(kind), noon, outcome=self.nobody)

    def _day_of_c_only(self, kind, day, noon, number, total, visit, late, before):
        if visit:
            partners = [partner for partner in self._customers(kind) if self.classes[partner.id] == "c"]
            self._really(kind, partners, day)
            self._telephony(kind, partners, noon)

    def _day_of_notes(self, kind, day, noon, number, total, visit, late, before):
        if not visit:
            return
        partners = self._due(kind, visit)
        self._dialog(kind, partners, noon, channel=self.email)
        for partner in partners[:1]:
            self._activity(kind, partner, "mail.mail_activity_data_todo", "Called, all is well")
            partner.with_user(self.people[kind]).message_post(body="Called, all is well")

    # ------------------------------------------------------------------
    # What the house does
    # ------------------------------------------------------------------

    def _night(self):
        with self.enter_registry_test_mode():
            self.env.ref("sales_discipline.ir_cron_discipline_nightly").method_direct_trigger()
        self.env.invalidate_all()
        failed = self.env["discipline.job"].search([("state", "=", "failed")])
        self.assertFalse(failed, failed.mapped("message"))

    def _look_into_silence(self):
        """Of customers who are said to be beyond reach some were reached when the head tried; others he leaves open.

        :return: how many he was asked about
        """
        silent = self.env["discipline.compliance"].search(
            [("unreachable_from", "!=", False), ("unreachable_decision", "=", False), ("closed", "=", False)]
        )
        silent.sorted("customer_ref")[::2].with_user(self.head).action_refuse_unreachable()
        return len(silent)

    def _decide(self):
        """Approve what is proposed, and apply it when the time for appeals is over."""
        today = self.env["discipline.calendar"]._today(self.company)
        for batch in self.env["discipline.redistribution"].search([("state", "in", ("proposed", "approved"))]):
            batch = batch.with_user(self.head)
            if batch.line_ids.filtered(lambda line: line.state == "proposed"):
                batch.action_approve()
            over = not batch.appeal_until or today > batch.appeal_until
            if over and batch.line_ids.filtered(lambda line: line.state == "approved"):
                batch.action_apply()

    def _live(self):
        """Live through the year, and through the first working days of the next, when December is closed."""
        Calendar = self.env["discipline.calendar"]
        days = Calendar._working_days(self.company, date(YEAR, 1, 1), date(YEAR + 1, 1, 15))
        months = defaultdict(list)
        for day in days:
            months[day.year, day.month].append(day)
        before = None
        for day in days:
            month = months[day.year, day.month]
            number = month.index(day) + 1
            with freeze_time(datetime.combine(day, time(4))) as clock:
                # closed on the fourth working day, the appeals' time is over on the eighth
                if number in (1, 4, 9):
                    self._night()
                if number == 2:
                    self.silent += self._look_into_silence()
                if number in (4, 9):
                    self._decide()
                if day == date(YEAR, 4, 14):
                    self._portfolio("new", day)
                if day.year == YEAR:
                    clock.move_to(datetime.combine(day, time(17)))
                    self._at_work(day, number, len(month), before)
            before = day

    # ------------------------------------------------------------------
    # What came of it
    # ------------------------------------------------------------------

    def test_the_honest_lose_nothing_they_did_not_neglect_and_the_cheats_gain_nothing(self):
        rows, verdicts = self._year()
        self._write(rows)
        for kind in CHEATS:
            with self.subTest(kind):
                self.assertGreater(rows[kind]["withdrawn"], 0)
                self.assertLessEqual(rows[kind]["at the end"], rows[kind]["customers"])
        # whoever dials in vain on seven days may be excused by a supervisor only: refused or not said, he owes it all
        dialled = verdicts.filtered("unreachable_from")
        self.assertGreaterEqual(self.silent, rows["no answer"]["customers"])
        self.assertEqual(set(dialled.mapped("manager_ref")), {self.people["no answer"].id})
        self.assertEqual(set(dialled.mapped("unreachable_decision")), {"refused", False})
        self.assertEqual(set(dialled.filtered("goal").mapped("state")), {"missed"})
        self.assertEqual(rows["no answer"]["excused"], 0)
        self.assertEqual(rows["no answer"]["withdrawn"], rows["no answer"]["customers"])

    def _year(self):
        """Live through a year and check what holds of everybody.

        :return: {kind: its row of the table}, and the twelve months' verdicts
        """
        start = {kind: sum((BUSY if kind == "busy" else PORTFOLIO).values()) for kind in WORDS}
        self._live()
        self.env.flush_all()
        verdicts = self.env["discipline.compliance"].search([("closed", "=", True)])
        self.assertEqual(len(verdicts.period_id), 12)
        lines = self.env["discipline.redistribution.line"].search([("state", "=", "applied")])
        rows = {kind: self._row(kind, verdicts, lines, start[kind]) for kind in WORDS}
        print(f"\n{self._table(rows)}", file=sys.__stdout__, flush=True)
        for kind in HONEST:
            with self.subTest(kind):
                self.assertEqual(rows[kind]["withdrawn"], 0)
        for kind in ("busy", "slow", "ill"):
            with self.subTest(kind):
                self.assertEqual(rows[kind]["missed"], 0)
        for verdict in verdicts:
            # nobody was given more than he did, whatever he wrote down
            self.assertLessEqual(
                verdict.attained, min(verdict.goal, self._really_made(verdict)), verdict.partner_id.name
            )
        earned = lines.filtered(lambda line: line.cause in ("missed", "overload", "unreachable"))
        for line in earned:
            self.assertGreaterEqual(self._real_attainment(line), 90, f"received, not earned: {line.user_to_id.name}")
        for line in lines.filtered(lambda line: line.cause == "missed"):
            if self.kinds[line.user_from_id.id] != "backdater":
                self.assertLess(self._really_made(line.verdict_id), line.verdict_id.goal, "kept, and yet withdrawn")
        return rows, verdicts

    def _real_attainment(self, line):
        """Return how much of his goals the receiver of a line had attained by real talks when it was proposed."""
        period = line.redistribution_id.period_id
        rows = self.env["discipline.compliance"].search(
            [("period_id", "=", period.id), ("manager_ref", "=", line.user_to_id.id)]
        )
        goal = sum(rows.mapped("goal"))
        return 100 * sum(min(row.goal, self._really_made(row)) for row in rows) // goal if goal else 0

    def _really_made(self, verdict):
        """Return how many real contacts the customer had in the period, by whomever."""
        period = verdict.period_id
        return sum(
            period.date_start <= day <= period.date_end
            for kind in WORDS
            for day in self.real[kind, verdict.customer_ref]
        )

    def _row(self, kind, verdicts, lines, start):
        user = self.people[kind]
        own = verdicts.filtered(lambda row: row.manager_ref == user.id)
        real = {}
        for verdict in own:
            period = verdict.period_id
            made = sum(period.date_start <= day <= period.date_end for day in self.real[kind, verdict.customer_ref])
            real[verdict.id] = min(made, verdict.goal)
        goal, attained = sum(own.mapped("goal")), sum(own.mapped("attained"))
        return {
            "customers": start,
            "written down": self.entries[kind],
            "real": sum(len(days) for (who, _customer), days in self.real.items() if who == kind),
            "goal": goal,
            "excused": sum(own.mapped("excused")),
            "real, capped": sum(real.values()),
            "attained": attained,
            "attainment, %": 100 * attained // goal if goal else "",
            "missed": len(own.filtered(lambda row: row.state == "missed")),
            "withdrawn": len(lines.filtered(lambda line: line.user_from_id == user and line.cause == "missed")),
            "relieved of": len(lines.filtered(lambda line: line.user_from_id == user and line.cause != "missed")),
            "received": len(lines.filtered(lambda line: line.user_to_id == user)),
            "at the end": len(self._customers(kind)),
        }

    def _table(self, rows):
        heads = ["manager", *next(iter(rows.values()))]
        table = [heads, ["---", *["---:"] * (len(heads) - 1)]]
        table += [[WORDS[kind], *map(str, row.values())] for kind, row in rows.items()]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in table)

    def _write(self, rows):
        """Write the table to the file that the environment names."""
        target = os.environ.get("DISCIPLINE_TABLE")
        if target:
            (Path(__file__).parents[2] / target).write_text(f"{HEAD}\n{self._table(rows)}\n{FOOT}")


HEAD = """# Ten kinds of managers over twelve months

Simulated through the program itself: contacts through the dialog, done activities and telephony, nights by the
scheduled action, each month closed, its redistribution proposed, approved and applied, with the policy as shipped
(“As in the article”: any missed month). Customers per manager: 2 A, 2 B, 3 C (the busy one: 3, 4, 6).
"""
FOOT = """
- *written down*: entries made; *real*: talks that took place, a customer and a day; *real, capped*: of these, no more
  than the goal of each customer and month.
- *goal*, *excused*, *attained*, *missed*: of the twelve closed months. *withdrawn*: for a missed norm; *relieved of*:
  offered to others without blame, because his norms asked for more than his days hold.
- Whoever *received* had attained at least 90 % of his goals by real talks in the month before: a cheat who is left with
  small customers and really calls them is trusted with another one, and loses it if he neglects it.
- What the newcomer missed lies in his three months of adaptation: nothing of it is held against him.
- Whoever dials in vain on seven days could be excused by a supervisor, who says that the customer cannot be reached;
  here he says of some that they could be, and nothing of the others: all of it is owed.
- An invented call that is written down in time, with a talk that never was, looks like a real one to any rule; it is
  left to the eyes of a supervisor.

Made by `DISCIPLINE_TABLE=docs/fairness.md make test ARGS='-s tests/fairness'`.
"""
