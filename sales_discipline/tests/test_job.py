"""Long work: seen, stopped, resumed, and not held up by one spoilt customer."""

from contextlib import contextmanager
from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models import (
    discipline_compliance_judge,
    discipline_period,
    discipline_redistribution,
    discipline_redistribution_apply,
    discipline_redistribution_job,
)
from ..wizards import discipline_redistribution_select
from .common import NOW
from .redistribution_common import RedistributionCommon

#: February may be closed: three working days have passed since its end
FEBRUARY = date(2025, 2, 10)
LOGGERS = (
    "odoo.addons.sales_discipline.models.discipline_redistribution_apply",
    "odoo.addons.sales_discipline.models.discipline_job",
)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestJob(RedistributionCommon):
    def setUp(self):
        super().setUp()
        self.Job = self.env["discipline.job"]
        for module, name, value in (
            (discipline_compliance_judge, "BATCH", 2),
            (discipline_period, "AT_ONCE", 1),
            (discipline_redistribution, "AT_ONCE", 1),
            (discipline_redistribution_apply, "CHUNK", 1),
            (discipline_redistribution_job, "PROPOSED_AT_ONCE", 1),
            (discipline_redistribution_select, "PROPOSED_AT_ONCE", 1),
        ):
            patcher = patch.object(module, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)

    def test_work_that_was_begun_before_dry_mode_goes_no_further(self):
        batch = self._customers_of_anna()
        batch.action_apply()
        self.company.discipline_dry_mode = True
        with mute_logger(*LOGGERS):
            self._work()
        self.assertEqual(self.neglected.user_id, self.anna)
        self.assertIn("dry mode", self._job("apply").message)
        self.company.discipline_dry_mode = False
        batch.action_apply()
        self._work()
        self.assertEqual(self.neglected.user_id, self.clara)

    # ------------------------------------------------------------------
    # What the tests need
    # ------------------------------------------------------------------

    def _work(self, stop_after=None):
        """Run the scheduled action; somebody presses Stop after so many pieces. Return the progress seen."""
        seen = []
        origin = type(self.Job)._show

        def show(job, done, total, **values):
            origin(job, done, total, **values)
            seen.append(job.progress)
            if len(seen) == stop_after:
                job.with_user(self.administrator).action_stop()
                job.env.cr.commit()

        with patch.object(type(self.Job), "_show", show), self.enter_registry_test_mode():
            self.env.ref("sales_discipline.ir_cron_discipline_closing").method_direct_trigger()
        self.env.invalidate_all()
        return seen

    def _job(self, kind):
        return self.Job.search([("kind", "=", kind)], limit=1)

    def _verdicts(self, period):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT customer_ref, manager_ref, goal, attained, state, closed, evidence::text "
            "FROM discipline_compliance WHERE period_id = %s ORDER BY 1, 2",
            [period.id],
        )
        return self.env.cr.fetchall()

    def _customers_of_anna(self):
        """Approve a batch that gives the four neglected customers to Clara."""
        batch = self.Batch._propose(self.company, "selection", self.neglected, reason="Office", receiver=self.clara)
        batch.with_user(self.supervisor).action_approve()
        return batch.with_user(self.supervisor)

    @contextmanager
    def _poison(self, customer):
        """Let the program fail whenever it moves this customer."""
        Partner = type(self.env["res.partner"])
        origin = Partner._discipline_assign

        def assign(partners, *args, **kwargs):
            if customer in partners:
                raise ValueError("poison")
            return origin(partners, *args, **kwargs)

        with patch.object(Partner, "_discipline_assign", assign), mute_logger(*LOGGERS):
            yield

    @contextmanager
    def _unjudgeable(self, customer, method="_verdict_sql"):
        """Let every statement fail that judges this customer."""
        Compliance = type(self.env["discipline.compliance"])
        origin = getattr(Compliance, method)

        def statement(compliance, *args):
            if customer.id in args[-1]:
                raise ValueError("no such day")
            return origin(compliance, *args)

        with patch.object(Compliance, method, statement), mute_logger(*LOGGERS):
            yield

    # ------------------------------------------------------------------
    # Closing
    # ------------------------------------------------------------------

    def test_a_close_in_the_background_is_stopped_and_goes_on_to_the_same_verdicts(self):
        period = self.env["discipline.period"]._open_for(self.company, FEBRUARY, ["month"])
        savepoint = self.env.cr.savepoint()
        period._close()
        expected = self._verdicts(period)
        savepoint.close(rollback=True)
        self.env.invalidate_all()
        self.env["discipline.compliance"]._evaluate(period)
        note = period.with_user(self.administrator).action_close()
        self.assertIn("Long Work", note["params"]["message"])
        job = self._job("close")
        self.assertEqual((period.job_id, period.job_state, job.user_id), (job, "running", self.administrator))
        # 6 customers in 3 batches, judged and then frozen
        self.assertEqual(len(self._work(stop_after=4)), 4)
        self.assertEqual((period.state, period.job_state, job.state), ("open", "stopped", "stopped"))
        self.assertTrue(50 < period.job_progress < 100)
        frozen = [row for row in self._verdicts(period) if row[5]]
        self.assertTrue(0 < len(frozen) < len(expected))
        self.assertFalse(self._work(), "what was stopped stays stopped")
        self.env["discipline.nightly"]._step_closing(self.company)
        self.assertEqual(period.state, "open", "the night leaves it alone, too")
        period.with_user(self.administrator).action_resume_job()
        seen = self._work()
        self.assertEqual(sorted(seen), seen)
        self.assertEqual((period.state, job.state, job.progress), ("closed", "done", 100))
        self.assertFalse(period.job_state)
        self.assertEqual(self._verdicts(period), expected)

    def _check_closed_without(self, period, spoilt, why):
        self.assertEqual(period.state, "closed")
        rows = self._verdicts(period)
        self.assertEqual(len(rows), 5)
        self.assertNotIn(spoilt.id, [row[0] for row in rows])
        self.assertTrue(all(row[5] for row in rows))
        message = self._job("close").message
        self.assertIn(spoilt.name, message)
        self.assertIn(why, message)

    def test_a_customer_who_cannot_be_judged_is_named_and_the_period_closes_for_the_others(self):
        spoilt = self.neglected[2]
        period = self.env["discipline.period"]._open_for(self.company, FEBRUARY, ["month"])
        for method in ("_verdict_sql", "_freeze_sql"):
            with self.subTest(method), self.env.cr.savepoint() as savepoint:
                with self._unjudgeable(spoilt, method):
                    period._close()
                self._check_closed_without(period, spoilt, "no such day")
                savepoint.rollback()
                self.env.invalidate_all()

    def _forbid(self, table, condition):
        """Let the database itself refuse rows of a table, as a constraint that somebody added would."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL("ALTER TABLE %s ADD CONSTRAINT spoilt_check CHECK (%s)", SQL.identifier(table), condition)
        )

    def test_a_customer_whom_the_database_refuses_is_named_and_the_period_closes_for_the_others(self):
        spoilt = self.neglected[2]
        period = self.env["discipline.period"]._open_for(self.company, FEBRUARY, ["month"])
        for step, condition in (
            ("judging", SQL("customer_ref != %s", spoilt.id)),
            ("freezing", SQL("customer_ref != %s OR closed IS NOT TRUE", spoilt.id)),
        ):
            with self.subTest(step), self.env.cr.savepoint() as savepoint:
                self._forbid("discipline_compliance", condition)
                with mute_logger("odoo.sql_db", *LOGGERS):
                    period._close()
                self._check_closed_without(period, spoilt, "spoilt_check")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_what_fails_for_everybody_is_no_matter_of_single_customers(self):
        Compliance = self.env["discipline.compliance"]
        period = Compliance._open_periods(self.company)[-1:]
        with (
            patch("odoo.addons.sales_discipline.models.discipline_compliance_pieces.SPOILT", 2),
            patch.object(type(Compliance), "_verdict_sql", side_effect=ValueError("broken")),
            self.assertRaises(ValueError),
        ):
            Compliance._each_safely("_evaluate", period, self.neglected.ids)

    # ------------------------------------------------------------------
    # The night
    # ------------------------------------------------------------------

    def _night(self):
        with self.enter_registry_test_mode():
            self.env.ref("sales_discipline.ir_cron_discipline_nightly").method_direct_trigger()
        self.env.invalidate_all()

    def test_a_night_over_a_large_base_goes_on_where_it_was_broken_off(self):
        Compliance = self.env["discipline.compliance"]
        job = Compliance._judging_job(self.company)
        judged = []
        origin = type(Compliance)._evaluate

        def evaluate(compliance, period, partner_ids=None, **kwargs):
            judged.append((period.id, tuple(partner_ids)))
            return origin(compliance, period, partner_ids, **kwargs)

        with patch.object(type(Compliance), "_evaluate", evaluate):
            seen = self._work(stop_after=2)
            self.assertEqual((len(seen), job.state), (2, "stopped"))
            first = list(judged)
            job.with_user(self.administrator).action_resume()
            self._work()
        self.assertEqual(job.state, "done")
        self.assertEqual(len(judged), len(set(judged)), "nothing is judged twice")
        self.assertEqual(judged[: len(first)], first)
        everyone = {customer for _period, ids in judged for customer in ids}
        self.assertTrue(set(self.neglected.ids + self.kept.ids) <= everyone)
        self.assertEqual(self.company.discipline_evaluated_at, job.create_date)

    def test_a_night_shows_its_progress_only_where_the_base_is_large(self):
        self._night()
        self.assertTrue(self._job("evaluate"))
        with patch.object(discipline_compliance_judge, "BATCH", 50_000):
            self._job("evaluate").unlink()
            self._night()
        self.assertFalse(self._job("evaluate"))

    def test_a_customer_who_cannot_be_judged_at_night_is_named_and_the_others_are_judged(self):
        spoilt = self.neglected[0]
        with self._unjudgeable(spoilt):
            self.env["discipline.nightly"]._cron_run()
        rows = self.env["discipline.compliance"].search([("customer_ref", "in", (self.neglected | self.kept).ids)])
        self.assertEqual(set(rows.partner_id), set((self.neglected | self.kept) - spoilt))
        failed = self.Job.search([("state", "=", "failed")])
        self.assertTrue(any(spoilt.name in (job.message or "") for job in failed), failed.mapped("message"))

    # ------------------------------------------------------------------
    # Applying and reverting
    # ------------------------------------------------------------------

    def _told(self, batch):
        return self.env["mail.message"].search_count(
            [("model", "=", batch._name), ("res_id", "=", batch.id), ("message_type", "=", "user_notification")]
        )

    def test_applying_in_the_background_is_stopped_and_goes_on_and_everybody_is_told_once(self):
        batch = self._customers_of_anna()
        told = self._told(batch)
        batch.action_apply()
        self.assertEqual(batch.job_state, "running")
        with self.assertRaises(UserError):
            batch.action_apply()
        self._work(stop_after=2)
        self.assertEqual(batch.line_ids.mapped("state"), ["applied", "applied", "approved", "approved"])
        self.assertEqual((batch.job_state, batch.job_progress), ("stopped", 50))
        self.assertEqual(self._told(batch), told)
        batch.action_resume_job()
        self._work()
        self.assertEqual(set(batch.line_ids.mapped("state")), {"applied"})
        self.assertEqual((batch.state, batch.job_state), ("applied", False))
        self.assertEqual(self.neglected.user_id, self.clara)
        # Anna and Clara, once each
        self.assertEqual(self._told(batch), told + 2)
        self._work()
        self.assertEqual(self._told(batch), told + 2)

    def test_reverting_in_the_background_is_stopped_and_goes_on(self):
        batch = self._customers_of_anna()
        batch.sudo().line_ids._apply()
        batch.sudo()._settle()
        batch.action_revert()
        self._work(stop_after=1)
        self.assertEqual(sorted(batch.line_ids.mapped("state")), ["applied"] * 3 + ["reverted"])
        batch.action_resume_job()
        self._work()
        self.assertEqual(set(batch.line_ids.mapped("state")), {"reverted"})
        self.assertEqual((batch.state, self.neglected.user_id), ("reverted", self.anna))

    def test_a_customer_who_cannot_go_back_stays_and_is_named_and_the_others_go(self):
        batch = self._customers_of_anna()
        batch.sudo().line_ids._apply()
        batch.sudo()._settle()
        spoilt = self.neglected[1]
        with self._poison(spoilt), patch.object(discipline_redistribution_apply, "CHUNK", 500):
            batch.action_revert()
            self._work()
        line = batch.line_ids.filtered(lambda row: row.partner_id == spoilt)
        self.assertEqual((line.state, line.error, spoilt.user_id), ("applied", "poison", self.clara))
        self.assertEqual((self.neglected - spoilt).user_id, self.anna)
        self.assertIn(spoilt.name, batch.message_ids[0].body)
        # mended, he goes back as well
        batch.action_revert()
        self._work()
        self.assertEqual((line.state, line.error, spoilt.user_id), ("reverted", False, self.anna))

    def test_a_spoilt_customer_is_shown_with_its_reason_in_the_background_as_well(self):
        batch = self._customers_of_anna()
        with self._poison(self.neglected[0]):
            batch.action_apply()
            self._work()
        line = batch.line_ids.filtered(lambda row: row.partner_id == self.neglected[0])
        self.assertEqual((line.state, line.skip_reason), ("skipped", "error"))
        self.assertIn("poison", line.explanation)
        self.assertEqual(self.neglected[1:].user_id, self.clara)
        self.assertEqual(self._job("apply").state, "done")

    def test_a_customer_whom_the_database_refuses_stays_and_is_named_and_the_others_move(self):
        batch = self._customers_of_anna()
        spoilt = self.neglected[0]
        refused = SQL("customer_ref != %s OR manager_ref != %s", spoilt.id, self.clara.id)
        self._forbid("discipline_assignment", refused)
        with mute_logger("odoo.sql_db", *LOGGERS), patch.object(discipline_redistribution_apply, "CHUNK", 500):
            batch.action_apply()
            self._work()
        line = batch.line_ids.filtered(lambda row: row.partner_id == spoilt)
        self.assertEqual((line.state, line.skip_reason, spoilt.user_id), ("skipped", "error", self.anna))
        self.assertIn("spoilt_check", line.explanation)
        self.assertEqual((self.neglected - spoilt).user_id, self.clara)
        self.assertEqual(self._job("apply").state, "done")

    # ------------------------------------------------------------------
    # Proposing
    # ------------------------------------------------------------------

    def _select(self):
        wizard = (
            self.env["discipline.redistribution.select"]
            .with_user(self.supervisor)
            .create({"customer_ids": [(6, 0, self.neglected.discipline_id.ids)], "reason": "Office closed"})
        )
        return wizard.action_propose()

    def test_a_proposal_that_is_stopped_leaves_nothing_behind_and_is_made_when_it_goes_on(self):
        note = self._select()
        self.assertIn("Long Work", note["params"]["message"])
        job = self._job("propose")
        origin = type(self.Job)._show_apart

        def show_apart(work, percent):
            if percent == 60:
                with work.env.registry.cursor() as cr:
                    cr.execute("UPDATE discipline_job SET state = 'stopped' WHERE id = %s", [work.id])
            origin(work, percent)

        with patch.object(type(self.Job), "_show_apart", show_apart):
            self._work()
        self.assertFalse(self.Line.search([("customer_ref", "in", self.neglected.ids)]))
        # here the rollback took back the stop as well: both are one connection
        job.sudo().state = "stopped"
        job.with_user(self.supervisor).action_resume()
        self._work()
        batch = job.redistribution_id
        self.assertEqual((job.state, batch.state, len(batch.line_ids)), ("done", "proposed", 4))
        self.assertEqual(batch.reason, "Office closed")
        # a process that was killed after the proposal and before it was noted down proposes nothing twice
        job.sudo().write({"state": "running", "redistribution_id": False})
        self._work()
        self.assertEqual((job.redistribution_id, len(self.Batch.search([("cause", "=", "selection")]))), (batch, 1))

    def test_the_night_leaves_large_proposals_to_the_background(self):
        period = self._close()
        self._night()
        jobs = self.Job.search([("kind", "=", "propose")])
        self.assertIn({"cause": "missed", "period": period.id}, [job.params for job in jobs])
        self.assertFalse(self.Batch.search([("period_id", "=", period.id)]))
        self._work()
        self.assertEqual(self.Batch.search([("period_id", "=", period.id)]).line_ids.partner_id, self.neglected)

    # ------------------------------------------------------------------
    # Who steers
    # ------------------------------------------------------------------

    def test_work_is_stopped_by_whoever_asked_for_it_or_an_administrator(self):
        other = self._user("colleague", "sales_team.group_sale_salesman_all_leads")
        batch = self._customers_of_anna()
        batch.action_apply()
        job = self._job("apply")
        with self.assertRaises(AccessError):
            job.with_user(other).action_stop()
        with self.assertRaises(AccessError):
            job.with_user(self.anna).action_stop()
        job.with_user(self.administrator).action_stop()
        with self.assertRaises(UserError):
            job.with_user(self.supervisor).action_stop()
        with self.assertRaises(AccessError):
            job.with_user(other).action_resume()
        job.with_user(self.supervisor).action_resume()
        self.assertEqual(job.state, "running")

    def test_work_that_failed_says_why_and_goes_on_when_the_cause_is_gone(self):
        batch = self._customers_of_anna()
        batch.action_apply()
        with (
            patch.object(type(batch), "_told_applied", side_effect=ValueError("mail server")),
            mute_logger(*LOGGERS),
        ):
            self._work()
        job = self._job("apply")
        self.assertEqual((job.state, job.message), ("failed", "mail server"))
        self.assertEqual(self.neglected.user_id, self.clara, "what moved stays moved")
        batch.action_resume_job()
        with freeze_time(datetime(2025, 3, 10, 12, 0)):
            self._work()
        self.assertEqual((job.state, batch.state), ("done", "applied"))
