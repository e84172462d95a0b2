"""Missed norms: who is withdrawn from whom, after protection, cooldown and cap."""

from datetime import timedelta
from itertools import groupby, islice
from operator import itemgetter

from odoo import api, models
from odoo.tools import SQL

from ..engine import policy
from .sets import array

#: rows that are read at a time where there may be a million of them
SOME = 10_000
#: of so many customers the deals are looked for one by one; of more, in one reading of all deals
FEW = 1_000


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    # ------------------------------------------------------------------
    # Missed norms: who is withdrawn from whom
    # ------------------------------------------------------------------

    @api.model
    def _withdrawn(self, period):
        """Return whose norm was missed so that the policy withdraws them, after protection, cooldown and cap.

        Of hundreds of thousands who missed theirs the cap leaves few, so whether their earlier periods withdraw them is
        looked up for as many as the cap lets go, the most neglected first, then for twice as many, and so on.

        :return: {customer id: ids of the verdicts that decide, the newest first, which is the one of ``period``}
        """
        company, rules = period.company_id, period.policy_id
        today = self.env["discipline.calendar"]._today(company)
        most = rules.cap_per_manager
        lost = self._lost_this_month(company, today) if most else {}
        seed = str(period.date_start)
        waiting, room = {}, {}
        for manager, rows in groupby(self._missed_rows(period, rules, today), key=itemgetter(0)):
            room[manager] = most - lost.get(manager, 0) if most else len(rows := list(rows))
            if room[manager] > 0:
                waiting[manager] = policy.ranked([row[1:] for row in rows], seed)
        chosen, times = {}, 1
        while waiting:
            asked = {manager: list(islice(queue, times * room[manager])) for manager, queue in waiting.items()}
            bases = self._missed_bases(period, rules, asked)
            for manager, customers in asked.items():
                found = [customer for customer in customers if customer in bases][: room[manager]]
                chosen.update((customer, bases[customer]) for customer in found)
                if len(customers) < times * room[manager] or len(found) == room[manager]:
                    del waiting[manager]
                room[manager] -= len(found)
            times *= 2
        return dict(sorted(chosen.items()))

    def _missed_rows(self, period, rules, today):
        """Yield (manager, customer, attained share) of whose norm was missed in a period, manager after manager."""
        self._flush_withdrawn()
        cr = self.env.cr
        # PostgreSQL expects a few customers who are still their manager's, and would look each of a million up
        cr.execute("SET LOCAL enable_nestloop TO off")
        cr.execute(self._missed_rows_sql(period, rules, today))
        for rows in iter(lambda: cr.fetchmany(SOME), []):
            yield from rows
        cr.execute("SET LOCAL enable_nestloop TO DEFAULT")

    def _flush_withdrawn(self):
        for name in (
            "discipline.compliance",
            "discipline.period",
            "discipline.customer",
            "discipline.appeal",
            "discipline.redistribution.line",
            "discipline.assignment",
            "crm.lead",
        ):
            self.env[name].flush_model()
        self.env["res.users"].flush_model(["discipline_newcomer_since"])
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])

    @api.model
    def _missed_rows_sql(self, period, rules, today):
        """Return SQL of rows (manager, customer, attained share) that may be withdrawn after ``period``, by manager.

        The period's verdict is missed and held by the present manager, who is no newcomer and whom nothing spares.
        """
        return SQL(
            """
            -- counted together, not compared: PostgreSQL expects few of either and would compare each with each; of a
            -- customer there is one verdict, held by his present manager
            SELECT max(x.manager_ref), x.customer_ref, max(x.share)
              FROM (SELECT v.customer_ref, v.manager_ref, v.attained::float / v.goal AS share, FALSE AS spared
                      FROM discipline_compliance v
                      JOIN discipline_period p ON p.id = v.period_id
                      JOIN discipline_customer c ON c.partner_id = v.customer_ref AND c.user_id = v.manager_ref
                 LEFT JOIN res_users u ON u.id = v.manager_ref
                     WHERE v.period_id = %(period)s AND c.in_base AND %(held)s AND %(missed)s
                       AND (u.discipline_newcomer_since IS NULL
                            OR %(today)s >= u.discipline_newcomer_since + 30 * %(newcomer)s)
                 UNION ALL
                    SELECT s.customer_ref, NULL, NULL, TRUE FROM (%(spared)s) s) x
          GROUP BY x.customer_ref HAVING NOT bool_or(x.spared)
          ORDER BY 1
            """,
            held=rules._held_against_sql(),
            missed=rules._missed_sql(),
            spared=self._spared_sql(period.company_id, rules, today),
            period=period.id,
            today=today,
            newcomer=rules.newcomer_months,
        )

    @api.model
    def _missed_bases(self, period, rules, asked):
        """Return {customer id: ids of the verdicts that decide, the newest first} of those whom the policy withdraws.

        The set-based twin of ``engine.policy.deciding``: of the manager's last so many judged periods so many are
        missed.

        :param dict asked: {manager: customers}, who missed the norm of ``period``
        """
        classes = rules.line_ids.abc_class_id
        pairs = [(customer, manager) for manager, customers in asked.items() for customer in customers]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.customer_ref, h.basis
                  FROM unnest(%(customers)s, %(managers)s) AS n(customer, manager)
                  JOIN discipline_compliance c ON c.customer_ref = n.customer AND c.manager_ref = n.manager
                   AND c.period_id = %(period)s
             LEFT JOIN unnest(%(classes)s::int[], %(needed)s::int[], %(of)s::int[]) AS r(abc_class_id, needed, of)
                    ON r.abc_class_id = c.abc_class_id
            CROSS JOIN LATERAL (
                       SELECT array_agg(j.id ORDER BY j.date_start DESC) FILTER (WHERE j.missed) AS basis
                         FROM (SELECT v.id, p.date_start, %(missed)s AS missed
                                 FROM discipline_compliance v
                                 JOIN discipline_period p ON p.id = v.period_id
                            LEFT JOIN res_users u ON u.id = v.manager_ref
                                WHERE v.customer_ref = c.customer_ref AND v.manager_ref = c.manager_ref
                                  AND p.kind = %(kind)s AND p.date_start <= %(start)s AND %(held)s
                             ORDER BY p.date_start DESC LIMIT COALESCE(r.of, %(any_of)s)) j) h
                 WHERE cardinality(h.basis) >= COALESCE(r.needed, %(any_needed)s)
                """,
                customers=array([pair[0] for pair in pairs], "int"),
                managers=array([pair[1] for pair in pairs], "int"),
                classes=classes.ids,
                needed=[rules._rule_for(row)[0] for row in classes],
                of=[rules._rule_for(row)[1] for row in classes],
                any_needed=rules.missed_needed,
                any_of=rules.missed_of,
                held=rules._held_against_sql(),
                missed=rules._missed_sql(),
                period=period.id,
                kind=period.kind,
                start=period.date_start,
            )
        )
        return dict(rows)

    @api.model
    def _spared(self, company, rules, today, partner_ids):
        """Return which of these customers nothing may be withdrawn of: {customer id: why}.

        Why is a key of the lines' ``skip_reason``: ``protected`` (an exception), ``deal`` (an open deal in a late
        stage), ``cooldown`` (moved lately); where several apply, the first of these.
        """
        self._flush_withdrawn()
        rows = self.env.execute_query(
            SQL(
                "SELECT customer_ref, why FROM (%s) s WHERE customer_ref = ANY(%s) ORDER BY rank DESC",
                self._spared_sql(company, rules, today, partner_ids if len(partner_ids) <= FEW else None),
                array(partner_ids, "int"),
            )
        )
        return dict(rows)

    @api.model
    def _spared_sql(self, company, rules, today, partner_ids=None):
        """Return SQL of rows (customer_ref, why, rank) of whoever is spared; the lowest rank is told (a hook).

        :param partner_ids: customers; of the others no exceptions and no deals are read. By default everybody's are.
        """
        since = today - timedelta(days=rules.cooldown_days)
        kept = self.env["discipline.exception"]._in_force(company, today, today, ("keep",), partner_ids=partner_ids)
        parts = [
            SQL("SELECT unnest(%s::int[]) AS customer_ref, 'protected' AS why, 1 AS rank", [row[0] for row in kept]),
            SQL(
                "SELECT partner_id, 'cooldown', 3 FROM discipline_redistribution_line "
                "WHERE state = 'applied' AND applied_on > %s",
                since,
            ),
            SQL(
                "SELECT customer_ref, 'cooldown', 3 FROM discipline_assignment "
                "WHERE origin = 'request' AND date_from > %s",
                since,
            ),
        ]
        if rules.late_stage_probability:
            parts.append(
                SQL(
                    """
                    SELECT COALESCE(m.customer_group_id, m.id), 'deal', 2
                      FROM crm_lead l
                      JOIN res_partner p ON p.id = l.partner_id
                      JOIN res_partner m ON m.id = p.commercial_partner_id
                     WHERE l.active AND l.type = 'opportunity' AND l.won_status = 'pending' AND l.probability >= %s
                           %s
                    """,
                    rules.late_stage_probability,
                    SQL("AND (m.id = ANY(%(i)s) OR m.customer_group_id = ANY(%(i)s))", i=array(partner_ids, "int"))
                    if partner_ids is not None
                    else SQL(),
                )
            )
        return SQL(" UNION ALL ").join(parts)

    @api.model
    def _lost_this_month(self, company, today):
        """Return {user id: how many customers were withdrawn from him this month}."""
        groups = self.env["discipline.redistribution.line"]._read_group(
            [
                ("company_id", "=", company.id),
                ("redistribution_id.cause", "=", "missed"),
                *self._this_month_domain(today),
            ],
            ["user_from_id"],
            ["__count"],
        )
        return {user.id: count for user, count in groups}

    @api.model
    def _this_month_domain(self, today):
        """Return the domain of lines that are open, or were applied in the month of ``today``."""
        first = today.replace(day=1)
        return [
            "|",
            ("state", "in", ("proposed", "approved")),
            "&",
            ("state", "=", "applied"),
            ("applied_on", ">=", first),
        ]
