"""Whom a redistribution moves, and who may receive: every cause comes through ``_propose``."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import allocation
from .discipline_redistribution import AT_ONCE, OPEN_STATES
from .sets import array, unnested

#: causes in which protection, late deals and the cooldown are not asked for here. An orphan has nobody to lose him.
#: Whoever leaves keeps no customer, protected or not: left behind he would be nobody's the day after. A request asks
#: for them itself, where the present manager has not said yes, and missed norms have been asked for them before.
UNSPARED = ("missed", "orphan", "departure", "request")
#: causes in which the receivers with the fewest customers come first, and no switch or attainment is asked for
FEWEST_FIRST = ("orphan", "unfilled", "departure")
#: what a line is proposed with, and the PostgreSQL types
PROPOSED = {
    "partner_id": "int",
    "user_from_id": "int",
    "user_to_id": "int",
    "abc_class_id": "int",
    "load": "int",
    "room": "int",
    "attainment": "int",
    "customers": "int",
    "verdict_ref": "int",
    "basis": "varchar",
    "state": "varchar",
    "skip_reason": "varchar",
}
#: causes whose customers go to those who keep their norms
EARNED = ("missed", "overload", "unreachable")


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    # ------------------------------------------------------------------
    # The nightly causes
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Propose for closed periods (missed, unreachable twice, overload) and for orphans.

        Then carry out what the policy lets go by itself.
        """
        Period = self.env["discipline.period"]
        for kind in Period._kinds(company):
            period = Period.search(
                [("company_id", "=", company.id), ("state", "=", "closed"), ("kind", "=", kind)],
                order="date_start desc",
                limit=1,
            )
            for cause, propose in self._period_causes():
                if period and not self.search_count([("period_id", "=", period.id), ("cause", "=", cause)], limit=1):
                    propose(period)
        self._propose_orphans(company)
        self._carry_out_automatic(company)

    @api.model
    def _period_causes(self):
        """Return the causes that are looked at once after each closed period, as (cause, method of the period)."""
        return [
            ("missed", self._propose_missed),
            ("unreachable", self._propose_unreachable),
            ("overload", self._propose_overload),
        ]

    @api.model
    def _propose_missed(self, period):
        """Propose other managers for the customers whose norm the policy calls missed in ``period``.

        A draft that a dry run left behind gives way: its customers are judged anew.

        :return: the batch, empty where nobody is to be withdrawn
        """
        company = period.company_id
        self._drop_stale(company, "missed")
        bases = self._withdrawn(period)
        return self._propose(company, "missed", self.env["res.partner"].browse(bases), period=period, bases=bases)

    @api.model
    def _propose_orphans(self, company):
        """Propose managers for customers without one; a single open batch at a time.

        Whom a supervisor left without a manager is left alone for the policy's cooldown. Where nobody can receive,
        there is no batch.
        """
        if self.search_count(
            [("company_id", "=", company.id), ("cause", "=", "orphan"), ("state", "in", OPEN_STATES)], limit=1
        ):
            return self.browse()
        today = self.env["discipline.calendar"]._today(company)
        rules = self.env["discipline.policy"]._policy_on(company, today)
        Line = self.env["discipline.redistribution.line"]
        kept = Line.search(
            [
                ("redistribution_id.cause", "=", "orphan"),
                ("company_id", "=", company.id),
                ("state", "=", "waived"),
                ("write_date", ">=", fields.Datetime.now() - timedelta(days=rules.cooldown_days)),
            ]
        )
        orphans = self.env["discipline.customer"]._partners_of(
            [
                ("company_id", "=", company.id),
                ("in_base", "=", True),
                ("user_id", "=", False),
                ("partner_id", "not in", kept.partner_id.ids),
            ]
        )
        return self._propose(company, "orphan", orphans, only_if_placed=True)

    @api.model
    def _carry_out_automatic(self, company):
        """Approve and apply what the policy lets go by itself once the appeals' time is over."""
        if company.discipline_dry_mode:
            return
        today = self.env["discipline.calendar"]._today(company)
        batches = self.search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "proposed"),
                ("cause", "in", ("missed", "orphan")),
                ("policy_id.approval", "=", "automatic"),
            ]
        )
        for batch in batches.filtered(lambda row: not row.appeal_until or row.appeal_until < today):
            lines = batch._lines_in("proposed", waiting=False)
            lines -= lines._skip_hindered()
            if len(lines) > AT_ONCE:
                lines._set_state("approved")
                batch._in_background("apply", lines)
            elif lines:
                lines._set_state("approved")
                batch._apply(lines)

    # ------------------------------------------------------------------
    # The one way in
    # ------------------------------------------------------------------

    @api.model
    def _propose(
        self,
        company,
        cause,
        customers,
        *,
        reason=None,
        period=None,
        bases=None,
        receiver=None,
        only_if_placed=False,
        quiet=False,
    ):
        """Propose receivers for customers: the one way in, for every cause.

        Customers in an open redistribution are left alone. In dry mode the batch stays a draft and nobody is told.

        :param company: res.company whose policy governs
        :param str cause: key of CAUSES
        :param customers: res.partner, customers of the base
        :param str reason: why, in a person's words; it stands in each line's sentence
        :param period: discipline.period on which a missed norm rests
        :param dict bases: {customer id: ids of the verdicts that decide, the newest first: it withdraws the customer}
        :param receiver: res.users, chosen by a supervisor for all of them; by default the allocation chooses
        :param bool only_if_placed: make no batch where nobody could receive any of them
        :param bool quiet: tell nobody of the proposal; whoever is concerned has agreed already
        :return: the batch, empty where there is nothing to propose
        """
        self = self.sudo()
        today = self.env["discipline.calendar"]._today(company)
        rules = (period and period.policy_id) or self.env["discipline.policy"]._policy_on(company, today)
        facts = self._customer_facts(company, customers.ids)
        if not facts:
            return self.browse()
        self._stage(10)
        seed = f"{company.id}|{cause}|{period.kind if period else ''}|{period.date_start if period else today}"
        spared = self._spared(company, rules, today, list(facts)) if cause not in UNSPARED else {}
        figures = self._manager_figures(company, today, period)
        self._stage(20)
        placements = self._placements(company, cause, rules, facts, spared, figures, seed, receiver)
        self._stage(60)
        if only_if_placed and not any(placement.receiver for placement in placements):
            return self.browse()
        batch = self.create(
            {
                "company_id": company.id,
                "cause": cause,
                "state": "draft",
                "period_id": period.id if period else False,
                "policy_id": rules.id,
                "reason": reason,
                "seed": seed,
                "proposal_job_ref": self.env.context.get("discipline_job_id"),
            }
        )
        batch._insert_lines(facts, placements, figures, bases or {})
        batch._insert_managers(
            figures,
            {placement.receiver for placement in placements} | {fact["user"] for fact in facts.values()},
        )
        self._stage(80)
        if not company.discipline_dry_mode:
            batch._propose_now(quiet)
        return batch

    @api.model
    def _placements(self, company, cause, rules, facts, spared, figures, seed, receiver):
        """Return an ``allocation.Placement`` for every customer of ``facts``."""
        by_count = cause in FEWEST_FIRST
        skipped = [allocation.Placement(pid, None, why) for pid, why in sorted(spared.items())]
        moving = {pid: row for pid, row in facts.items() if pid not in spared}
        if receiver:
            row = figures.get(receiver.id) or self._no_figures()
            return skipped + [
                allocation.Placement(pid, receiver.id, None, row["capacity"] - row["load"])
                if fact["user"] != receiver.id
                else allocation.Placement(pid, None, "same")
                for pid, fact in sorted(moving.items())
            ]
        barred = self._barred(rules, list(moving))
        seats = [
            allocation.Receiver(
                user,
                row["capacity"],
                row["load"],
                max(0, rules.intake_cap - row["received"]) if rules.intake_cap else None,
                row["customers"],
            )
            for user, row in figures.items()
            if self._may_receive(cause, rules, row)
        ]
        kinds = self._kinds_of(moving, len(seats))
        profiles = self._receiver_profiles([seat.id for seat in seats])
        return skipped + allocation.allocate(
            [
                allocation.Customer(pid, fact["load"], fact["user"], kinds[pid], barred.get(pid, frozenset()))
                for pid, fact in moving.items()
            ],
            seats,
            seed,
            by_count=by_count,
            nearness=lambda kind, user: allocation.nearness(kind, profiles[user]),
        )

    @api.model
    def _may_receive(self, cause, rules, row):
        """Tell whether the manager with these figures may receive for this cause (a hook).

        Customers that others looked after, or were to, go to those who keep their norms; a missed norm's only to those
        who said that they take more. Orphans and the like go to whoever has the fewest.
        """
        if not row["active"] or row["absent"]:
            return False
        if cause not in EARNED:
            return True
        kept = row["attainment"] is not None and row["attainment"] >= rules.receiver_attainment
        return kept and (row["takes_more"] or cause != "missed")

    @api.model
    def _barred(self, rules, partner_ids):
        """Return {customer id: users that lost him within the cooldown}: he does not return to them."""
        today = self.env["discipline.calendar"]._today(rules.company_id)
        self._flush_figures()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT l.partner_id, array_agg(DISTINCT l.from_ref)
                  FROM discipline_redistribution_line l
                  JOIN discipline_redistribution b ON b.id = l.redistribution_id
                 WHERE l.partner_id = ANY(%s) AND l.state = 'applied' AND l.applied_on > %s AND b.cause = 'missed'
              GROUP BY l.partner_id
                """,
                array(partner_ids, "int"),
                today - timedelta(days=rules.cooldown_days),
            )
        )
        return {partner: frozenset(users) for partner, users in rows}

    # ------------------------------------------------------------------
    # Writing it down
    # ------------------------------------------------------------------

    def _insert_lines(self, facts, placements, figures, bases):
        """Insert the batch's lines in one statement: a batch may have a hundred thousand of them.

        Who proposed them is told by the batch: a reference that is not there need not be checked for each line.
        """
        self.ensure_one()
        rows = []
        for placement in placements:
            fact = facts[placement.customer]
            receiver = figures.get(placement.receiver) or self._no_figures()
            basis = bases.get(placement.customer, ())
            rows.append(
                (
                    placement.customer,
                    fact["user"],
                    placement.receiver,
                    fact["abc_class"],
                    fact["load"],
                    placement.room,
                    receiver["attainment"],
                    receiver["customers"],
                    basis[0] if basis else None,
                    ",".join(map(str, basis)) or None,
                    "proposed" if placement.receiver else "skipped",
                    placement.reason,
                )
            )
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_redistribution_line
                       (%(names)s, redistribution_id, customer_ref, from_ref, create_date, write_date)
                SELECT %(names)s, %(batch)s, partner_id, user_from_id,
                       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                  FROM %(new)s
                """,
                names=SQL(", ").join(map(SQL.identifier, PROPOSED)),
                batch=self.id,
                new=unnested(rows, PROPOSED, "n"),
            )
        )
        self.env["discipline.redistribution.line"].invalidate_model()
        self.invalidate_recordset(["line_ids"])

    def _insert_managers(self, figures, concerned):
        """Remember the figures of every manager whom the batch concerns.

        :param set concerned: ids of users
        """
        self.ensure_one()
        self.env["discipline.redistribution.manager"].create(
            [
                {
                    "redistribution_id": self.id,
                    "user_id": user,
                    "attainment": figures[user]["attainment"] or 0,
                    "capacity": figures[user]["capacity"],
                    "load_before": figures[user]["load"],
                    "customers_before": figures[user]["customers"],
                }
                for user in sorted(figures)
                if user in concerned
            ]
        )
