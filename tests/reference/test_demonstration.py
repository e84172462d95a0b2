"""The honest proof: the real pipeline goes through the real scheduled action, and what comes out is computed twice.

Figures of the pipeline were counted from its files by other programs (see sales_discipline/demo/maven/README.md for
the data). Contacts, verdicts and withdrawals are held against ``recompute.py``, which knows the rules and none of the
addon's code.
"""

from collections import Counter
from datetime import date, datetime, timedelta

from freezegun import freeze_time
from odoo.tests import TransactionCase, tagged

from . import recompute

#: December can be closed: its third working day after the end (2, 3, 4 January) is past
NOW = datetime(2018, 1, 8, 15, 0)
PIPELINE = ("rules", "people", "customers", "opportunities")
FACTS = ("purchases", "classes", "absences", "contacts", "periods")


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestDemonstration(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.loader = cls.env["discipline.demo"]._loader(shift=0)
        cls._take(PIPELINE)
        cls.loader.finish()
        cls.customers = {partner.id: name for name, partner in cls.loader.partners.items()}

    @classmethod
    def _take(cls, steps):
        for step in steps:
            getattr(cls.loader, step)()
        cls.env.flush_all()
        cls.env.invalidate_all()

    def _night(self):
        """Run the nightly scheduled action as Odoo does, and see that no step failed."""
        with self.enter_registry_test_mode():
            self.env.ref("sales_discipline.ir_cron_discipline_nightly").method_direct_trigger()
        self.env.invalidate_all()
        self.assertFalse(self.env["discipline.job"].search([("state", "=", "failed")]).mapped("message"))

    def _rows(self, query, *parameters):
        self.env.flush_all()
        self.env.cr.execute(query, parameters)
        return self.env.cr.fetchall()

    def _months(self):
        return self.env["discipline.period"].search([("company_id", "=", self.company.id), ("kind", "=", "month")])

    # ------------------------------------------------------------------
    # The pipeline's own figures
    # ------------------------------------------------------------------

    def test_the_pipeline_stands_in_odoo_as_in_its_files(self):
        status = dict(self.env["crm.lead"].with_context(active_test=False)._read_group([], ["won_status"], ["__count"]))
        self.assertEqual(status, {"won": 4238, "lost": 2473, "pending": 1589 + 500})
        reached = Counter()
        for stage, won_status, count in (
            self.env["crm.lead"]
            .with_context(active_test=False)
            ._read_group([], ["stage_id", "won_status"], ["__count"])
        ):
            reached["Prospecting"] += count
            if stage.with_context(lang="en_US").name != "Prospecting":
                reached["Engaging"] += count
            if won_status != "pending":
                reached["closed"] += count
            if won_status == "won":
                reached["won"] += count
        self.assertEqual(reached, {"Prospecting": 8800, "Engaging": 8300, "closed": 6711, "won": 4238})
        won, lost = (
            self._rows("SELECT round(avg(day_close)::numeric, 2) FROM crm_lead WHERE won_status = %s", status)[0][0]
            for status in ("won", "lost")
        )
        self.assertEqual([float(won), float(lost)], [51.78, 41.48])
        open_deals = [("won_status", "=", "pending"), ("partner_id", "=", False)]
        self.assertEqual(self.env["crm.lead"].search_count(open_deals), 1425)
        self.assertFalse(self.env["crm.tag"].search([("name", "=", "GTXPro")]))

    def test_the_history_of_opportunities_is_that_of_the_files(self):
        kinds = dict(self._rows("SELECT kind, count(*) FROM discipline_stage_change GROUP BY 1"))
        self.assertEqual(kinds, {"create": 8800, "stage": 8300, "won": 4238, "lost": 2473})
        days = self._rows("SELECT min(day), max(day) FROM discipline_stage_change WHERE kind = 'won'")
        self.assertEqual(days, [(date(2017, 3, 1), date(2017, 12, 31))])
        refusals = self._rows("SELECT count(*), count(DISTINCT lead_ref), min(day), max(day) FROM discipline_refusal")
        lost = self._rows("SELECT min(date_closed)::date, max(date_closed)::date FROM crm_lead WHERE NOT active")
        self.assertEqual(refusals, [(2473, 2473, *lost[0])])

    def test_what_a_deal_was_likely_to_become_is_not_known_from_how_it_ended(self):
        known = self._rows("SELECT status_to, count(probability) FROM discipline_stage_change GROUP BY 1 ORDER BY 1")
        self.assertEqual(known, [("lost", 2473), ("open", 0), ("won", 4238)])

    def test_the_night_makes_purchases_and_classes_that_were_counted_elsewhere(self):
        self._night()
        purchases = self._rows("SELECT count(*), sum(amount) FROM discipline_revenue WHERE voided_at IS NULL")
        self.assertEqual([(count, float(total)) for count, total in purchases], [(4238, 10005534.0)])
        quarters = self._rows(
            "SELECT extract(quarter FROM date)::int, sum(amount)::int FROM discipline_revenue "
            "WHERE voided_at IS NULL AND extract(year FROM date) = 2017 GROUP BY 1 ORDER BY 1"
        )
        self.assertEqual(quarters, [(1, 1134672), (2, 3086111), (3, 2982255), (4, 2802496)])
        classes = self._rows(
            """
            SELECT k.name ->> 'en_US', count(DISTINCT c.partner_id), sum(r.amount)::int
              FROM discipline_customer c
              JOIN discipline_abc_class k ON k.id = c.abc_class_id
              JOIN discipline_revenue r ON r.customer_ref = c.partner_id AND r.voided_at IS NULL
             WHERE c.in_base GROUP BY 1 ORDER BY 1
            """
        )
        self.assertEqual(classes, [("A", 59, 8068447), ("B", 18, 1458818), ("C", 8, 478269)])
        before = self._figures()
        self._night()
        self.assertEqual(self._figures(), before, "a second night changes nothing")

    def _figures(self):
        return self._rows(
            "SELECT (SELECT count(*) FROM discipline_revenue), (SELECT count(*) FROM discipline_abc_change), "
            "(SELECT count(*) FROM discipline_assignment), (SELECT count(*) FROM discipline_compliance)"
        )

    # ------------------------------------------------------------------
    # Contacts, verdicts, redistribution: everything twice
    # ------------------------------------------------------------------

    def test_contacts_and_verdicts_agree_row_by_row_with_a_second_computation(self):
        self._take(FACTS)
        self._night()
        closed = self._months().filtered(lambda period: period.state == "closed")
        self.assertEqual(len(closed), 12)
        self.env.flush_all()
        facts = recompute.read(self.env.cr, self.company.id)
        months = {period.id: (period.date_start, period.date_end) for period in self._months()}
        self._compare_contacts(facts, sorted(months.values()))
        self._compare_verdicts(facts, {period.id: months[period.id] for period in closed})

    def _compare_contacts(self, facts, months):
        expected = {
            contact: (day, reason)
            for customer in self.customers
            for first, last in months
            for contact, day, reason in facts.counted(customer, first, last)
        }
        actual = {
            row[0]: (row[1], None if row[2] else row[3])
            for row in self._rows("SELECT id, day, counted, rejected_reason FROM discipline_contact")
        }
        self.assertGreater(len(actual), 2500)
        reasons = Counter(reason for _day, reason in expected.values())
        # the year has something to say about every rule that a contact can break
        self.assertLessEqual({None, "outcome", "channel", "late", "nobody", "stranger", "gap"}, set(reasons))
        self._agree(expected, actual)

    def _compare_verdicts(self, facts, months):
        expected = {}
        for period, (first, last) in months.items():
            for customer in self.customers:
                for user, row in facts.verdicts(customer, first, last).items():
                    expected[period, customer, user] = tuple(row.values())
        actual = {
            row[:3]: row[3:]
            for row in self._rows(
                "SELECT period_id, customer_ref, manager_ref, goal, attained, excused, counted, rejected, state "
                "FROM discipline_compliance WHERE closed"
            )
        }
        self.assertGreater(len(actual), 900)
        self.assertLessEqual({"met", "missed", "excused"}, {row[-1] for row in actual.values()})
        self._agree(expected, actual)

    def _agree(self, expected, actual):
        """Compare two dicts, and show the rows that differ."""
        different = [
            (key, expected.get(key), actual.get(key))
            for key in sorted(expected.keys() | actual.keys())
            if expected.get(key) != actual.get(key)
        ]
        self.assertFalse(different[:20], f"{len(different)} rows differ: (key, computed here, of the addon)")

    def test_who_is_withdrawn_and_who_receives_agrees_with_the_rules(self):
        self._take(FACTS)
        self._night()
        batch = self.env["discipline.redistribution"].search([("cause", "=", "missed")])
        self.assertEqual(len(batch), 1)
        period = batch.period_id
        self.assertEqual((period.date_start, period.date_end), (date(2017, 12, 1), date(2017, 12, 31)))
        self.env.flush_all()
        facts = recompute.read(self.env.cr, self.company.id)
        verdicts = {
            (customer, user): row
            for customer in self.customers
            for user, row in facts.verdicts(customer, period.date_start, period.date_end).items()
        }
        lines = {line.customer_ref: line for line in batch.line_ids}
        self.assertEqual(
            {customer: line.user_from_id.id for customer, line in lines.items()}, self._withdrawn(facts, verdicts)
        )
        self._check_receivers(facts, period, lines.values(), verdicts)
        before = self._choice(batch)
        batch.action_cancel()
        again = self.env["discipline.redistribution"]._propose_missed(period)
        self.assertEqual(self._choice(again), before, "the same input gives the same result")

    @staticmethod
    def _choice(batch):
        return {line.customer_ref: (line.user_from_id.id, line.user_to_id.id, line.state) for line in batch.line_ids}

    def _withdrawn(self, facts, verdicts):
        """Return {customer: loser} by “As in the article”: any missed month of the present manager."""
        today = date(2018, 1, 8)
        self.assertEqual((facts.policy["missed_needed"], facts.policy["missed_of"]), (1, 1))
        kept = {
            customer
            for customer, rows in facts.exceptions.items()
            if any(kind == "keep" and start <= today <= stop for kind, _goal, start, stop in rows)
        }
        newcomers = {
            user
            for user, since in self._rows(
                "SELECT id, discipline_newcomer_since FROM res_users WHERE discipline_newcomer_since IS NOT NULL"
            )
            if today < since + timedelta(days=30 * facts.policy["newcomer_months"])
        }
        self.assertTrue(kept and newcomers)
        return {
            customer: user
            for (customer, user), row in verdicts.items()
            if row["state"] == "missed"
            and facts.holder(customer, today) == user
            and customer not in kept
            and user not in newcomers
        }

    def _check_receivers(self, facts, period, lines, verdicts):
        """See that nobody received against a hard rule, and that whoever stays had nowhere to go."""
        totals = {}
        for (_customer, user), row in verdicts.items():
            goal, attained = totals.get(user, (0, 0))
            totals[user] = (goal + row["goal"], attained + row["attained"])
        willing = {row[0] for row in self._rows("SELECT id FROM res_users WHERE active AND discipline_takes_more")}
        fit = {
            user
            for user, (goal, attained) in totals.items()
            if user in willing and goal and 100 * attained >= facts.policy["receiver_attainment"] * goal
        }
        self.assertTrue(fit and willing - fit, "some are refused because they do not keep the norm themselves")
        taken = Counter()
        for line in lines:
            receiver = line.user_to_id.id
            if receiver:
                self.assertIn(receiver, fit)
                self.assertNotEqual(receiver, line.user_from_id.id)
                taken[receiver] += line.load
                self.assertEqual(line.load, facts.goal_of(line.customer_ref, period.date_start, period.date_start)[0])
            else:
                self.assertEqual(line.state, "skipped")
        self._check_capacity(facts, taken, lines)

    def _check_capacity(self, facts, taken, lines):
        """See that nobody got more than he can do in the running month's working days."""
        day = date(2018, 1, 8)
        days = len(facts.working_days(date(2017, 12, 1), date(2017, 12, 31)))
        held = Counter()
        for customer in self.customers:
            user = facts.holder(customer, day)
            if user:
                held[user] += facts.goal_of(customer, date(2018, 1, 1), date(2018, 1, 1))[0]
        capacity = dict(self._rows("SELECT id, discipline_capacity_per_day FROM res_users"))
        for user, load in taken.items():
            self.assertLessEqual(held[user] + load, (capacity[user] or self.company.discipline_capacity_per_day) * days)
        self.assertEqual(sum(taken.values()), sum(line.load for line in lines if line.user_to_id))
