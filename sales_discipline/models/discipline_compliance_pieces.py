"""Judging very many customers: piece by piece, and one who cannot be judged does not hold up the others."""

import psycopg2
from odoo import api, models
from odoo.tools import SQL

from . import discipline_compliance_judge
from .discipline_job import TRANSIENT

#: more customers than this who cannot be judged are no matter of single customers: the work fails as a whole
SPOILT = 50


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    @api.model
    def _each_safely(self, method, period, partner_ids, spoilt=None):
        """Do ``method`` (``_evaluate`` or ``_freeze``) for customers; if that fails, find who spoils it.

        :param partner_ids: ids of customers; None means everyone in the period
        :return: {customer id: what went wrong} of those for whom it could not be done; it is done for all the others
        """
        spoilt = {} if spoilt is None else spoilt
        try:
            with self.env.cr.savepoint():
                getattr(self, method)(period, partner_ids)
            return spoilt
        except (*TRANSIENT, psycopg2.OperationalError):
            raise
        except Exception as error:
            self.env.transaction.clear()
            if partner_ids is None:
                everyone = [batch for batch, _done, _total in self._batches(period)]
                partner_ids = range(everyone[0][0], everyone[-1][-1] + 1) if everyone else []
            if len(partner_ids) <= 1:
                spoilt.update(dict.fromkeys(partner_ids, str(error)))
            if not partner_ids or len(spoilt) > SPOILT:
                raise
        if len(partner_ids) > 1:
            half = len(partner_ids) // 2
            for part in (partner_ids[:half], partner_ids[half:]):
                self._each_safely(method, period, part, spoilt)
        return spoilt

    @api.model
    def _drop_running(self, period):
        """Remove what is not final when a period is closed: who could not be judged has no verdict."""
        self.env.cr.execute(
            SQL("DELETE FROM discipline_compliance WHERE period_id = %s AND closed IS NOT TRUE", period.id)
        )
        self.invalidate_model()

    @api.model
    def _take_statistics(self):
        """Let PostgreSQL count the verdicts when a period was judged for everybody.

        It would do so by itself only after a tenth of the table has changed. Until then it takes a new period for an
        empty one and reads all of it for each manager who opens My Day.
        """
        self.env.cr.execute("ANALYZE discipline_compliance")

    # ------------------------------------------------------------------
    # A night over a large base
    # ------------------------------------------------------------------

    @api.model
    def _is_large(self, company):
        """Tell whether the base is judged in more than one batch."""
        most = discipline_compliance_judge.BATCH
        return (
            self.env["discipline.customer"]
            .sudo()
            .search_count([("company_id", "=", company.id), ("in_base", "=", True)], limit=most + 1)
            > most
        )

    @api.model
    def _judging_job(self, company):
        """Return the job that judges what a night looks at; one that was broken off is taken up again.

        What is to be judged is fixed when it begins, so that it goes on with the same, however often it is broken
        off. Whatever changes after its beginning is looked at again the next night.
        """
        Job = self.env["discipline.job"].sudo()
        job = Job.search([("kind", "=", "evaluate"), ("company_id", "=", company.id), ("state", "!=", "done")], limit=1)
        if job:
            job.write({"state": "running", "message": False, "finished_at": False})
            return job
        Nightly = self.env["discipline.nightly"]
        plan = []
        for period in self._open_periods(company):
            changed = Nightly._to_judge(company, period)
            plan.append([period.id, changed if changed is None else sorted(changed), Nightly._days_key(period)])
        return Job.create(
            {
                "name": self.env._("Judging: %(company)s", company=company.name),
                "kind": "evaluate",
                "company_id": company.id,
                "params": {"plan": plan},
            }
        )

    @api.model
    def _judging(self, job):
        """Judge what ``job`` names, batch by batch, from where it broke off.

        :return: generator of (done, total, number of the period, position) after each batch; it may be committed
        """
        company, plan = job.company_id, (job.params or {}).get("plan") or []
        begin, after = int(job.step or 0), job.position
        batches = []
        for period_id, ids, _key in plan:
            period = self.env["discipline.period"].browse(period_id).exists()
            if not period or period.state != "open" or period.closing_at:
                batches.append((period.browse(), []))
            else:
                batches.append((period, list(self._batches(period, ids))))
        total, before = sum(rows[-1][2] for _period, rows in batches if rows), 0
        for number, (period, rows) in enumerate(batches):
            for batch, done, _count in rows:
                if number < begin or (number == begin and batch[-1] <= after):
                    continue
                job._add_troubled(self._each_safely("_evaluate", period, batch))
                # with each batch: all rows at one go would make everybody wait who logs a contact meanwhile
                self._refresh_customers(company, batch)
                yield before + done, total, number, batch[-1]
            if period and number >= begin:
                period.evaluated_days = plan[number][2]
            before += rows[-1][1] if rows else 0
        if any(ids is None for _period, ids, _key in plan):
            self._take_statistics()
        self._refresh_customers(company)
        company.discipline_evaluated_at = job.create_date
