"""A policy run over past periods: whom it would have moved, and who bought anyway."""

from datetime import date, datetime
from itertools import product
from unittest.mock import patch

from freezegun import freeze_time
from lxml import etree
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine import verdicts
from ..engine.policy import Judged, Rule, capped, deciding
from ..wizards import discipline_policy_replay
from .common import NOW
from .verdict_common import VerdictCommon

MONTHS = [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1), date(2025, 4, 1)]


@tagged("post_install", "-at_install")
@freeze_time("2025-09-01 09:00:00")
class TestPolicyReplay(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policies = cls.env["discipline.policy"]
        cls.balanced = cls.policies.create(
            {"company_id": cls.company.id, "valid_from": date(2026, 1, 1), "preset": "balanced"}
        )
        # attained of 4 in four months
        cls.histories = {
            "Always": (4, 4, 4, 4),
            "Once": (4, 0, 4, 4),
            "Twice": (0, 4, 1, 4),
            "Mended": (0, 0, 0, 4),
            "Never": (0, 0, 0, 0),
            "Half": (2, 2, 4, 4),
            "Almost": (3, 3, 3, 3),
        }
        cls.customers = {name: cls._customer(name, cls.anna, cls.class_a) for name in cls.histories}
        for name, history in cls.histories.items():
            for month, attained in zip(MONTHS, history, strict=True):
                cls._contacts(cls.customers[name], cls.anna, *(3 + 7 * n for n in range(attained)), month=month)
        cls.periods = cls.Period
        for month in MONTHS:
            with freeze_time(datetime(month.year, month.month + 1, 20, 9)):
                period = cls._period(month)
                period._close()
                cls.periods |= period

    def _names(self, policy, periods=None):
        moved = policy._replay(periods or self.periods)
        names = {partner.id: name for name, partner in self.customers.items()}
        starts = {period.id: period.date_start for period in self.periods}
        return {names[row.customer]: starts[row.period].month for row in moved}

    def test_the_articles_policy_moves_after_the_first_missed_month(self):
        self.assertEqual(
            self._names(self.policy), {"Once": 2, "Twice": 1, "Mended": 1, "Never": 1, "Half": 1, "Almost": 1}
        )

    def test_the_balanced_policy_moves_after_two_months_of_half_or_less_of_the_last_three(self):
        self.assertEqual(self._names(self.balanced), {"Twice": 3, "Mended": 2, "Never": 2, "Half": 2})

    def test_the_statement_decides_as_the_engine_does(self):
        for policy in (self.policy, self.balanced):
            found = {(row.customer, row.period) for row in policy._replay(self.periods)}
            expected = set()
            rule = Rule(policy.missed_needed, policy.missed_of, policy.missed_share)
            for name, history in self.histories.items():
                for number, period in enumerate(self.periods, start=1):
                    rows = [Judged(month, 4, attained) for month, attained in zip(MONTHS, history, strict=True)][
                        :number
                    ]
                    if deciding(rows, rule):
                        expected.add((self.customers[name].id, period.id))
                        break
            self.assertEqual(found, expected)

    def test_a_redistribution_withdraws_whom_the_engine_names_and_for_the_same_months(self):
        verdicts = {
            (row.customer_ref, row.period_id.date_start): row.id
            for row in self.env["discipline.compliance"].search([("period_id", "in", self.periods.ids)])
        }
        for policy, cap in product((self.policy, self.balanced), (0, 1, 3)):
            # closed periods rest on it: nobody could write this
            self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = %s WHERE id = %s", [cap, policy.id])
            self.env.cr.execute("UPDATE discipline_period SET policy_id = %s", [policy.id])
            self.env.invalidate_all()
            rule = Rule(policy.missed_needed, policy.missed_of, policy.missed_share)
            for number, period in enumerate(self.periods.sorted("date_start"), start=1):
                expected, shares = {}, []
                for name, history in self.histories.items():
                    months = list(zip(MONTHS, history, strict=True))[:number]
                    if missed := deciding([Judged(month, 4, attained) for month, attained in months], rule):
                        customer = self.customers[name].id
                        expected[customer] = [verdicts[customer, row.start] for row in missed]
                        shares.append((customer, history[number - 1] / 4))
                chosen = sorted(capped(shares, cap, str(period.date_start)))
                # whoever is more neglected and stays lets the next one go
                self.assertEqual(
                    self.env["discipline.redistribution"]._withdrawn(period), {row: expected[row] for row in chosen}
                )

    def test_what_a_newcomer_missed_is_forgiven_later_as_well(self):
        # three months of 30 days: when January was over, they were not
        self.anna.discipline_newcomer_since = date(2024, 11, 20)
        self.assertEqual(self._names(self.balanced), {"Mended": 3, "Never": 3})

    def test_only_chosen_periods_move_but_earlier_ones_are_looked_at(self):
        self.assertEqual(self._names(self.balanced, self.periods[2]), {"Twice": 3, "Mended": 3, "Never": 3})

    def test_newcomers_exceptions_and_the_cap_spare_customers(self):
        # closed periods rest on it: nobody could write this
        self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = 2 WHERE id = %s", [self.policy.id])
        self.env.invalidate_all()
        names = self._names(self.policy)
        # two a month, the most neglected first
        self.assertEqual(names["Almost"], 3)
        self.assertEqual([list(names.values()).count(month) for month in (1, 2)], [2, 2])
        self.anna.discipline_newcomer_since = date(2025, 3, 1)
        self.assertEqual(self._names(self.policy), {})

    def test_what_was_protected_on_the_day_stays(self):
        before = self._names(self.policy)
        self.env["discipline.exception"].with_context(install_mode=True).create(
            {
                "partner_id": self.customers["Never"].id,
                "kind": "keep",
                "date_from": date(2025, 1, 15),
                "date_until": date(2025, 6, 30),
                "reason": "agreed",
            }
        ).sudo().state = "approved"
        self.assertEqual(set(before) - set(self._names(self.policy)), {"Never"})

    def test_a_manager_who_lost_the_customer_meanwhile_is_not_judged(self):
        before = self._names(self.policy, self.periods[1:])
        self._assign(self.customers["Never"], self.boris, date(2025, 2, 1))
        moved = self._names(self.policy, self.periods[1:])
        self.assertEqual(set(before) - set(moved), {"Never"})

    def test_it_says_how_many_bought_anyway_and_writes_nothing(self):
        self.env["discipline.revenue"]._ledger().create(
            [
                {
                    "partner_id": self.customers[name].id,
                    "customer_ref": self.customers[name].id,
                    "date": day,
                    "amount": 500,
                    "kind": "deal",
                    "source_ref": f"test {name}",
                    "company_id": self.company.id,
                }
                for name, day in (
                    ("Once", date(2025, 3, 15)),
                    ("Never", date(2025, 1, 31)),
                    ("Half", date(2025, 5, 31)),
                    ("Always", date(2025, 2, 5)),
                )
            ]
        )
        before = self._rows(self.periods[0])
        wizard = (
            self.env["discipline.policy.replay"]
            .with_user(self.supervisor)
            .create({"policy_id": self.policy.id, "months": 3})
        )
        wizard.action_replay()
        self.assertEqual((wizard.moved_count, wizard.bought_count), (6, 1))
        self.assertEqual(wizard.line_ids.filtered("bought").partner_id, self.customers["Once"])
        self.assertIn("6 customers of 1 managers. 1 of them (17 %)", wizard.summary)
        self.assertEqual(self._rows(self.periods[0]), before)
        self.assertFalse(self.env["discipline.redistribution"].search([]))
        # a second run takes the place of the first
        wizard.policy_id = self.balanced
        wizard.action_replay()
        self.assertEqual((wizard.moved_count, len(wizard.line_ids)), (4, 4))

    def _found(self, replay):
        return {(line.partner_id, line.period_id, line.missed, line.bought) for line in replay.line_ids}

    def _work(self, job, pieces=None):
        """Do a job as the scheduled action does, until Stop is pressed after so many periods; return the progress."""
        seen = []
        origin = type(job)._show

        def show(job, done, total, **values):
            origin(job, done, total, **values)
            seen.append(job.progress)
            if len(seen) == pieces:
                job.action_stop()
                job.env.cr.commit()

        with patch.object(type(job), "_show", show), self.enter_registry_test_mode():
            self.env.ref("sales_discipline.ir_cron_discipline_closing").method_direct_trigger()
        self.env.invalidate_all()
        return seen

    def test_a_large_base_is_replayed_in_the_background_and_can_be_stopped(self):
        # closed periods rest on it: nobody could write this
        self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = 2 WHERE id = %s", [self.policy.id])
        self.env.invalidate_all()
        Replay = self.env["discipline.policy.replay"].with_user(self.supervisor)
        at_once, later = (Replay.create({"policy_id": self.policy.id}) for _number in range(2))
        at_once.action_replay()
        # a lot spares one of the three who had nothing in January: one of them missed nothing in February
        spared_until_march = at_once.line_ids.filtered(lambda line: line.partner_id == self.customers["Twice"])
        of_march = 2 if spared_until_march.period_id == self.periods[2] else 1
        by_month = at_once.line_ids.grouped("period_id")
        self.assertEqual([len(by_month.get(period, ())) for period in self.periods], [2, 2, of_march, 0])
        self.assertFalse(at_once.job_id)
        with patch.object(discipline_policy_replay, "AT_ONCE", 1):
            later.action_replay()
        self.assertEqual((later.job_state, later.summary, self._found(later)), ("running", False, set()))
        with self.assertRaises(UserError):
            later.action_replay()
        job = later.job_id.sudo()
        self.assertEqual(self._work(job, 2), [25, 50])
        self.assertEqual((later.job_state, later.summary), ("stopped", False))
        found = self._found(later)
        self.assertEqual(found, {row for row in self._found(at_once) if row[1] in self.periods[:2]})
        # killed after a period was written and before its progress was: it is looked at anew, and nothing is doubled
        job.position = 1
        later.action_resume_job()
        self.assertEqual(self._work(job), [50, 75, 100])
        self.assertEqual(later.job_state, "done")
        self.assertEqual(self._found(later), self._found(at_once))
        self.assertEqual((later.moved_count, later.summary), (at_once.moved_count, at_once.summary))
        self.assertEqual(job.with_user(self.supervisor).action_open_subject()["res_id"], later.id)
        # what was stopped may be begun anew
        with patch.object(discipline_policy_replay, "AT_ONCE", 1):
            later.action_replay()
            again = later.job_id
            later.action_stop_job()
            later.count = 1
            later.action_replay()
        self.assertFalse(again.exists())
        self.assertEqual(self._work(later.job_id.sudo()), [100])
        # and one that nobody waits for any more says so
        job = later.job_id.sudo()
        later.sudo().unlink()
        with self.assertRaises(UserError):
            job.action_open_subject()

    def test_the_same_comes_of_pieces_of_one_manager_also_where_one_is_done_twice(self):
        # as if some of them had always been another's
        customers = [self.customers[name].id for name in ("Twice", "Mended", "Never")]
        for table in ("assignment", "compliance"):
            self.env.cr.execute(
                f"UPDATE discipline_{table} SET manager_ref = %s, user_id = %s WHERE customer_ref = ANY(%s)",
                [self.boris.id, self.boris.id, customers],
            )
        self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = 2 WHERE id = %s", [self.policy.id])
        self.env.invalidate_all()
        Replay = self.env["discipline.policy.replay"].with_user(self.supervisor)
        at_once, slowly = (Replay.create({"policy_id": self.policy.id}) for _number in range(2))
        at_once.action_replay()
        with (
            patch.object(discipline_policy_replay, "AT_ONCE", 1),
            patch.object(discipline_policy_replay, "PIECE", 1),
        ):
            pieces = slowly._pieces(self.periods.sorted("date_start"))
            slowly.action_replay()
            job = slowly.job_id.sudo()
            seen = self._work(job, len(pieces) - 2)
            job.position -= 1
            slowly.action_resume_job()
            seen += self._work(job)[1:]
        self.assertEqual(len(pieces), 2 * len(self.periods), "two managers in each")
        self.assertEqual(seen, [100 * done / len(pieces) for done in range(1, len(pieces) + 1)])
        self.assertEqual(self._found(slowly), self._found(at_once))
        self.assertEqual((slowly.moved_count, slowly.summary), (at_once.moved_count, at_once.summary))

    def test_only_supervisors_replay_and_only_what_is_closed(self):
        with self.assertRaises(AccessError):
            self.env["discipline.policy.replay"].with_user(self.anna).create({"policy_id": self.policy.id})
        self.env.cr.execute("UPDATE discipline_period SET state = 'open'")
        self.env.invalidate_all()
        wizard = self.env["discipline.policy.replay"].with_user(self.supervisor).create({"policy_id": self.policy.id})
        with self.assertRaises(UserError):
            wizard.action_replay()


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestFiguresOfVerdicts(VerdictCommon):
    def test_a_groups_figures_are_those_of_the_engine(self):
        customers = [self._customer(f"Company {n}", self.anna, self.class_a) for n in range(3)]
        customers.append(self._customer("Without a goal", self.anna, self.class_a, since=date(2025, 3, 31)))
        for customer, days in zip(customers, ((3, 10), (3, 10, 17, 24, 25), (), ()), strict=True):
            self._contacts(customer, self.anna, *days)
        period = self._period()
        self.Compliance._evaluate(period)
        rows = self.Compliance.search([("period_id", "=", period.id)])
        figures = self.Compliance._read_group(
            [("period_id", "=", period.id)],
            ["user_id", "abc_class_id"],
            ["attainment:avg", "reach:avg", "coverage:avg", "frequency:avg"],
        )
        [(user, abc_class, *found)] = figures
        self.assertEqual((user, abc_class), (self.anna, self.class_a))
        engine = [verdicts.attainment(rows), verdicts.reach(rows), verdicts.coverage(rows)]
        for value, expected in zip(found, [*(100 * share for share in engine), verdicts.frequency(rows)], strict=True):
            self.assertAlmostEqual(value, expected)
        # 6 of 12 contacts: what was done beyond one customer's goal hides no other
        self.assertAlmostEqual(found[0], 50)

    FIGURES = ("attainment", "reach", "coverage", "frequency")

    def _of_all(self, period):
        """Return the four figures over all verdicts of a period."""
        specs = [f"{name}:avg" for name in self.FIGURES]
        return self.Compliance._read_group([("period_id", "=", period.id)], [], specs)[0]

    def _of_one(self, verdict):
        """Return the four figures of one verdict as a list shows and an export writes them."""
        [read] = verdict.read(self.FIGURES)
        exported = verdict.export_data(self.FIGURES)["datas"][0]
        return [read[name] for name in self.FIGURES], exported

    def test_nothing_due_has_no_attainment_nothing_attained_has_one_of_0(self):
        late = self._customer("Late", self.anna, self.class_a)
        self._absence(self.anna, date(2025, 3, 1), date(2025, 3, 31))
        period = self._period()
        nothing_due = self._judged(late, period)[self.anna]
        for value in self._of_all(period)[::2]:
            self.assertIs(value, False)
        self.assertEqual(nothing_due.goal, 0)
        shown, exported = self._of_one(nothing_due)
        self.assertEqual([shown[0] is False, shown[1], shown[2] is False, shown[3] is False], [True, 0, True, True])
        self.assertEqual(exported, ["", 0, "", ""])
        idle = self._judged(self._customer("Idle", self.boris, self.class_a), period)[self.boris]
        self.assertEqual([value is False for value in self._of_all(period)], [False, False, False, True])
        shown, exported = self._of_one(idle)
        self.assertEqual([value is False for value in shown], [False, False, False, True])
        self.assertEqual((shown[:3], exported), ([0, 0, 0], [0, 0, 0, ""]))

    def test_a_single_verdicts_figures_are_those_of_the_engine(self):
        customer = self._customer("Company", self.anna, self.class_a)
        self._contacts(customer, self.anna, 3, 10, 17)
        verdict = self._judged(customer)[self.anna]
        self.assertEqual(self._of_one(verdict), ([75, 100, 0, 3], [75, 100, 0, 3]))

    def test_the_lists_of_verdicts_offer_the_figures_of_their_groups(self):
        described = self.Compliance.fields_get(self.FIGURES, ["aggregator", "help"])
        self.assertEqual({field["aggregator"] for field in described.values()}, {"avg"})
        self.assertEqual(
            {name: field["help"] for name, field in described.items()},
            {
                "attainment": "Attained contacts / goal. Nothing beyond a customer's goal counts, so that many "
                "contacts with one customer hide no other; empty where nothing was due.",
                "reach": "Customers with at least one counted contact / customers.",
                "coverage": "Customers whose goal is met / customers with a goal; empty where nothing was due.",
                "frequency": "Counted contacts / customers with at least one counted contact; empty where there is "
                "none.",
            },
        )

    def test_a_bar_of_nothing_is_not_drawn(self):
        for xmlid in ("discipline_compliance_view_list", "discipline_compliance_view_form"):
            view = self.env.ref(f"sales_discipline.{xmlid}")
            arch = etree.fromstring(self.Compliance.get_view(view.id, view.type)["arch"])
            [bar] = [node for node in arch.iter("field") if node.get("name") == "attainment"]
            self.assertEqual(bar.get("invisible"), "not goal", xmlid)
