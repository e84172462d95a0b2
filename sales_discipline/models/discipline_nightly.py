"""The nightly scheduled action: reconcile, judge, close, propose; each step on its own feet."""

import logging
from contextlib import nullcontext
from datetime import timedelta

import psycopg2
from odoo import api, fields, models

_logger = logging.getLogger(__name__)


class DisciplineNightly(models.AbstractModel):
    _name = "discipline.nightly"
    _description = "Nightly Work"

    @api.model
    def _steps(self):
        """Return the steps of a night, in order, as (key, method name); each method takes the company.

        Other addons and rooms extend it.
        """
        return [
            ("base", "_step_base"),
            ("contacts", "_step_contacts"),
            ("purchases", "_step_purchases"),
            ("classes", "_step_classes"),
            ("verdicts", "_step_verdicts"),
            ("closing", "_step_closing"),
            ("redistribution", "_step_redistribution"),
            ("forecast", "_step_forecast"),
            ("repeat", "_step_repeat"),
            ("plan", "_step_plan"),
        ]

    @api.model
    def _cron_run(self):
        """Run the night for every company with discipline on.

        A step that fails is rolled back, written into the list of long work where an administrator sees it, and the
        next step goes on: one poisoned record must not stop everybody's verdicts.
        """
        companies = self.env["res.company"].sudo().search([("discipline_active", "=", True)], order="id")
        steps = [(company, key, method) for company in companies for key, method in self._steps()]
        at_night = self.env.context.get("cron_id")
        if at_night:
            self.env["ir.cron"]._commit_progress(remaining=len(steps))
        for index, (company, key, method) in enumerate(steps):
            self._run_step(company, key, method)
            if at_night:
                self.env["ir.cron"]._commit_progress(1, remaining=len(steps) - index - 1)

    @api.model
    def _run_step(self, company, key, method):
        Job = self.env["discipline.job"].sudo()
        name = f"{key}: {company.name}"
        # companies' data is theirs: whatever a step creates belongs to this company
        step = self.sudo().with_company(company).with_context(allowed_company_ids=company.ids)
        # a scheduled action commits what is done, so that a step over a large base can be broken off and resumed
        at_night = bool(self.env.context.get("cron_id"))
        try:
            with nullcontext() if at_night else self.env.cr.savepoint():
                getattr(step, method)(company)
                self.env.flush_all()
        except psycopg2.OperationalError:
            # somebody was saving the same customers, or the server is gone: Odoo runs the whole action again
            raise
        except Exception as error:
            _logger.exception("Sales discipline: the nightly step %s failed", name)
            if at_night:
                self.env.cr.rollback()
            else:
                self.env.invalidate_all()
            Job._note_trouble(name, company, str(error))

    def _step_base(self, company):
        """Find customers and managers that changed past the ORM."""
        self.env["discipline.customer"]._reconcile_base()
        self.env["discipline.assignment"]._reconcile()

    def _step_contacts(self, company):
        """Find contacts that a feeder missed."""
        self.env["discipline.contact"]._reconcile_feeders(company)

    def _step_purchases(self, company):
        """Find purchases that a feeder missed."""
        self.env["discipline.revenue"]._reconcile(company)

    def _step_classes(self, company):
        """Let decided classes come into force; run the monthly ABC analysis when it is due."""
        self.env["discipline.abc.run"]._nightly(company)

    def _step_verdicts(self, company):
        """Judge whoever changed since the last night in the open periods, and everyone in a new one.

        The moment of the last full look stays in the company. A customer who cannot be judged is named under
        “Long Work”. A large base is judged batch by batch, with its progress there.
        """
        # working days are remembered; a public holiday may have come past the ORM
        self.env.registry.clear_cache()
        Compliance = self.env["discipline.compliance"]
        if self.env.context.get("cron_id") and Compliance._is_large(company):
            job = Compliance._judging_job(company)
            self.env["ir.cron"]._commit_progress()
            job._run()
            return
        began = fields.Datetime.now()
        troubled = {}
        periods = Compliance._open_periods(company)
        # None means everyone: also where no period is open any more
        judged = set() if periods else None
        for period in periods:
            changed = self._to_judge(company, period)
            if changed is None or changed:
                troubled |= Compliance._each_safely("_evaluate", period, changed)
            judged = None if changed is None or judged is None else judged | set(changed)
            period.evaluated_days = self._days_key(period)
        if periods and judged is None:
            Compliance._take_statistics()
        Compliance._refresh_customers(company, judged)
        company.discipline_evaluated_at = began
        if troubled:
            Job = self.env["discipline.job"]
            Job._note_trouble(f"verdicts: {company.name}", company, Job._name_troubled(troubled))

    @api.model
    def _to_judge(self, company, period):
        """Return the customers whom a night judges in an open period; None means everyone.

        A margin covers transactions that were still open at the last look.
        """
        since = company.discipline_evaluated_at
        known = since and period.create_date < since and period.evaluated_days == self._days_key(period)
        margin = since - timedelta(hours=6) if known else None
        return self.env["discipline.compliance"]._changed_since(company, period, margin)

    @api.model
    def _days_key(self, period):
        """Return what the whole period rests on: when it changes (a new holiday, an absence), everyone is judged."""
        snapshot = period._refresh_snapshot()
        return f"{','.join(snapshot['days'])}|{sorted(snapshot['away'].items())}"

    def _step_closing(self, company):
        """Close the periods whose closing day has come, the oldest first."""
        for period in self.env["discipline.period"]._due_for_closing(company):
            if self.env.context.get("cron_id"):
                period._close_in_pieces()
            else:
                period._close()

    def _step_redistribution(self, company):
        """Propose who should answer for neglected customers and for orphans."""
        self.env["discipline.redistribution"]._nightly(company)

    def _step_forecast(self, company):
        """Find deals that changed past the ORM; freeze the week's pipeline and its forecast."""
        self.env["discipline.deal"]._reconcile()
        self.env["discipline.forecast.snapshot"]._nightly(company)

    def _step_repeat(self, company):
        """Find how customers buy, and measure what came of what was expected of them."""
        self.env["discipline.repeat"]._nightly(company)

    def _step_plan(self, company):
        """Give back what substitutes did not come to, plan every customer's next contact, and the days ahead."""
        Planning = self.env["discipline.planning"]
        self.env["discipline.absence"]._give_back_after(company)
        Planning._follow_managers()
        Planning._plan_company(company)
        Planning._create_activities(company)
