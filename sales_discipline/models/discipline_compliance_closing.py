"""How verdicts become final: who cannot be reached, what was beyond anyone's capacity, and the evidence that stays."""

from datetime import timedelta

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .sets import among


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    # ------------------------------------------------------------------
    # Customers who do not answer: excused only if a supervisor says so
    # ------------------------------------------------------------------

    @api.model
    def _mark_unreachable(self, period, partner_ids):
        """Note since when a customer does not answer his manager, where the policy's number of days is reached.

        Looked at are the attempts since the last contact that was answered; each day counts once. It is the day of
        the first of them: ``engine.verdicts.presence`` says why.

        :return: customers who were confirmed as unreachable and whose mark changed: they are judged again
        """
        needed = period.policy_id.unreachable_attempts
        # mostly nobody, or few: only they are worth a look at their contacts
        hopeful = self.env.execute_query(
            SQL(
                """
                SELECT id FROM discipline_compliance
                 WHERE period_id = %(period)s AND closed IS NOT TRUE AND %(among)s
                   AND (attempts >= GREATEST(%(needed)s, 1) OR unreachable_from IS NOT NULL)
                """,
                period=period.id,
                among=among("customer_ref", partner_ids),
                needed=needed,
            )
        )
        if not hopeful:
            return []
        with self._by_sets(len(hopeful)):
            rows = self.env.execute_query(self._unreachable_sql(period, needed, [row[0] for row in hopeful]))
        return sorted({customer for customer, decision in rows if decision == "confirmed"})

    @api.model
    def _unreachable_sql(self, period, needed, verdict_ids):
        """Return the statement that marks these verdicts; its rows are (customer id, decision of the supervisor).

        :param int needed: so many days with attempts in vain
        """
        return SQL(
            """
            WITH hopeful AS (
                SELECT id, customer_ref, manager_ref, unreachable_from, unreachable_decision
                  FROM discipline_compliance WHERE id = ANY(%(verdicts)s)
            ), contact AS (
                SELECT h.id, c.day, o.is_attempt
                  FROM hopeful h
                  JOIN discipline_contact c ON c.partner_id = h.customer_ref
                                           AND c.day BETWEEN %(start)s AND %(end)s AND c.voided_at IS NULL
                                           AND c.rejected_reason IS DISTINCT FROM 'late'
                                           AND c.rejected_reason IS DISTINCT FROM 'closed'
                                           AND c.rejected_reason IS DISTINCT FROM 'stranger'
                  JOIN discipline_outcome o ON o.id = c.outcome_id
                 WHERE EXISTS (SELECT FROM discipline_assignment a
                                WHERE a.customer_ref = h.customer_ref AND a.manager_ref = h.manager_ref
                                  AND a.date_from <= c.day AND (a.date_to IS NULL OR a.date_to > c.day))
            ), answered AS (
                SELECT id, max(day) AS day FROM contact WHERE is_attempt IS NOT TRUE GROUP BY id
            ), silent AS (
                SELECT c.id, min(c.day) AS day FROM contact c LEFT JOIN answered a ON a.id = c.id
                 WHERE c.is_attempt AND (a.day IS NULL OR c.day > a.day)
              GROUP BY c.id HAVING count(DISTINCT c.day) >= %(needed)s AND %(needed)s > 0
            )
            UPDATE discipline_compliance v
               SET unreachable_from = s.day, write_date = now() AT TIME ZONE 'UTC'
              FROM hopeful h LEFT JOIN silent s ON s.id = h.id
             WHERE v.id = h.id AND v.unreachable_from IS DISTINCT FROM s.day
         RETURNING v.customer_ref, v.unreachable_decision
            """,
            verdicts=verdict_ids,
            needed=needed,
            start=period.date_start,
            end=period.date_end,
        )

    def _decide_unreachable(self, decision):
        """Say whether customers who do not answer are beyond reach: a supervisor's word, never the manager's own.

        :raise AccessError: for one's own customers, or those of somebody one does not decide for
        :raise UserError: where the period is closed, or the attempts are too few
        """
        for row in self:
            name = row.partner_id.display_name
            if row.manager_ref == self.env.uid or not self.env.user._discipline_decides_for(row.sudo().user_id):
                raise AccessError(
                    self.env._("Whether %(customer)s cannot be reached is a supervisor's decision.", customer=name)
                )
            if row.closed or row.period_id.closing_at:
                raise UserError(
                    self.env._(
                        "%(period)s is closed: the verdict on %(customer)s never changes.",
                        period=row.period_id.display_name,
                        customer=name,
                    )
                )
            if not row.unreachable_from:
                raise UserError(
                    self.env._(
                        "%(customer)s: the policy asks for attempts without an answer on %(count)s different days.",
                        customer=name,
                        count=row.sudo().period_id.policy_id.unreachable_attempts,
                    )
                )
        rows = self.sudo()
        rows.write({"unreachable_decision": decision, "unreachable_by_id": self.env.uid})
        rows._evaluate_customers(rows.mapped("customer_ref"))

    def action_confirm_unreachable(self):
        """Excuse what follows the first of the attempts in vain."""
        self._decide_unreachable("confirmed")

    def action_refuse_unreachable(self):
        """Hold the norm against the manager all the same."""
        self._decide_unreachable("refused")

    @api.model
    def _unreachable_twice(self, company):
        """Return the final verdicts of customers who could not be reached in their last two judged periods.

        Such a customer moves to another manager without blame, with the task to find another person to talk to.

        :return: the newer verdict of each; its manager still holds the customer
        """
        self.flush_model()
        self.env["discipline.customer"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.id
                  FROM discipline_compliance v
                  JOIN discipline_customer c ON c.partner_id = v.customer_ref AND c.user_id = v.manager_ref
            CROSS JOIN LATERAL (
                       SELECT array_agg(x.id ORDER BY x.date_start DESC) AS ids,
                              bool_and(x.state = 'unreachable') AS silent
                         FROM (SELECT x.id, x.state, p.date_start
                                 FROM discipline_compliance x JOIN discipline_period p ON p.id = x.period_id
                                WHERE x.customer_ref = v.customer_ref AND x.manager_ref = v.manager_ref
                                  AND x.company_id = v.company_id AND x.closed
                             ORDER BY p.date_start DESC LIMIT 2) x) two
                 WHERE v.company_id = %s AND v.closed AND c.in_base AND v.state = 'unreachable'
                   -- few have it, and an index knows them: not all verdicts of all times are read
                   AND v.unreachable_from IS NOT NULL
                   AND two.silent AND cardinality(two.ids) = 2 AND two.ids[1] = v.id
              ORDER BY v.id
                """,
                company.id,
            )
        )
        return self.browse(row[0] for row in rows)

    # ------------------------------------------------------------------
    # Norms beyond what a manager can do
    # ------------------------------------------------------------------

    @api.model
    def _possible(self, period):
        """Return {user id: contacts he could make in the period}: capacity per day x the days he was there.

        A period that is being closed keeps it, with the order of its classes: both may change the day after, and what
        was excused as beyond the possible is derived from them (``engine.verdicts.reliefs``).
        """
        snapshot = period._refresh_snapshot()
        if "possible" in snapshot:
            return {int(user): contacts for user, contacts in snapshot["possible"].items()}
        managers = [
            row[0]
            for row in self.env.execute_query(
                SQL("SELECT DISTINCT manager_ref FROM discipline_compliance WHERE period_id = %s", period.id)
            )
        ]
        users = self.env["res.users"].sudo().with_context(active_test=False).browse(managers).exists()
        days = len(snapshot["days"])
        possible = {
            user.id: user._discipline_capacity(period.company_id) * (days - len(snapshot["away"].get(str(user.id), ())))
            for user in users
        }
        if period.closing_at:
            classes = self.env["discipline.abc.class"].sudo().with_context(active_test=False).search([])
            period.snapshot = {
                **snapshot,
                "possible": {str(user): contacts for user, contacts in possible.items()},
                "classes": classes.sorted(lambda row: (row.sequence, row.id)).ids,
            }
        return possible

    @api.model
    def _relieve_overload(self, period):
        """Excuse what a manager missed beyond the possible, from the lowest class up (``engine.verdicts.reliefs``).

        Looked at are all his verdicts of the period as they were judged, final ones included, so that an interrupted
        close goes on to the same result. Ties are broken by a hash, never by an id's size.
        """
        possible = self._possible(period)
        self.env.cr.execute(
            SQL(
                """
                WITH able AS (SELECT * FROM unnest(%(users)s::int[], %(possible)s::int[]) AS t(manager_ref, possible)),
                sums AS (
                    SELECT v.manager_ref, LEAST(
                               sum(v.goal + v.overload) - min(a.possible), sum(v.goal + v.overload - v.attained)
                           ) AS relief
                      FROM discipline_compliance v JOIN able a USING (manager_ref)
                     WHERE v.period_id = %(period)s
                  GROUP BY v.manager_ref HAVING sum(v.goal + v.overload) > min(a.possible)
                ), ranked AS (
                    SELECT v.id, v.closed, s.relief, v.goal + v.overload - v.attained AS missing,
                           sum(v.goal + v.overload - v.attained) OVER (
                               PARTITION BY v.manager_ref
                               ORDER BY c.sequence DESC, c.id DESC,
                                        md5(concat_ws('|', v.period_id, v.customer_ref)), v.customer_ref
                               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS upto
                      FROM discipline_compliance v
                      JOIN sums s USING (manager_ref)
                 LEFT JOIN discipline_abc_class c ON c.id = v.abc_class_id
                     WHERE v.period_id = %(period)s AND v.goal + v.overload > v.attained
                ), relief AS (
                    SELECT id, LEAST(missing, relief - (upto - missing))::int AS contacts FROM ranked
                     WHERE closed IS NOT TRUE AND relief > upto - missing
                )
                UPDATE discipline_compliance v
                   SET goal = v.goal + v.overload - r.contacts, excused = v.excused - v.overload + r.contacts,
                       overload = r.contacts,
                       state = CASE WHEN v.attained >= v.goal + v.overload - r.contacts THEN 'excused' ELSE v.state END,
                       write_date = now() AT TIME ZONE 'UTC'
                  FROM relief r
                 WHERE v.id = r.id AND v.overload IS DISTINCT FROM r.contacts
                """,
                users=list(possible),
                possible=list(possible.values()),
                period=period.id,
            )
        )
        self.invalidate_model()

    @api.model
    def _overloaded(self, company):
        """Return {user id: surplus in norm contacts} of managers who were overloaded in two closed periods in a row.

        Their surplus is offered to free managers, without blame: the smaller of both periods' reliefs.
        """
        self.flush_model()
        self.env["discipline.period"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT manager_ref, min(relief)::int FROM (
                    SELECT v.manager_ref, sum(v.overload) AS relief,
                           row_number() OVER (PARTITION BY v.manager_ref ORDER BY p.date_start DESC) AS n
                      FROM discipline_compliance v JOIN discipline_period p ON p.id = v.period_id
                     WHERE v.company_id = %s AND v.closed AND p.state = 'closed'
                  GROUP BY v.manager_ref, p.id, p.date_start
                ) x WHERE n <= 2 GROUP BY manager_ref HAVING count(*) = 2 AND min(relief) > 0 ORDER BY manager_ref
                """,
                company.id,
            )
        )
        return dict(rows)

    # ------------------------------------------------------------------
    # Closing: what the verdict rests on stays with it
    # ------------------------------------------------------------------

    @api.model
    def _freeze(self, period, partner_ids):
        """Make the verdicts of these customers in a period final, with their evidence.

        The evidence names the norm and the policy, the intervals of assignment, every contact with the reason why it
        did not count, pauses and days without an answer; working days and absences stay with the period.
        ``engine.verdicts.recompute`` makes the verdict from it.
        """
        self._flush_facts()
        pauses = [row for row in self._exceptions_in_force(period) if row[1] == "pause"]
        self.env.cr.execute(self._freeze_sql(period, pauses, partner_ids))
        self.invalidate_model()

    @api.model
    def _freeze_sql(self, period, pauses, partner_ids):
        """Return the statement that makes the verdicts of a batch final."""
        return SQL(
            """
            WITH pause AS (SELECT * FROM unnest(%(x_partner)s::int[], %(x_from)s::date[], %(x_until)s::date[])
                                      AS t(partner_id, since, until))
            UPDATE discipline_compliance v
               SET closed = TRUE, due_next = NULL,
                   state = CASE WHEN v.state IN ('behind', 'on_track') THEN 'missed' ELSE v.state END,
                   write_date = now() AT TIME ZONE 'UTC',
                   evidence = jsonb_build_object(
                       'norm', v.norm_id, 'class', v.abc_class_id, 'team', v.team_id, 'policy', %(policy)s,
                       'n', v.asked, 'manager', v.manager_ref, 'overload', v.overload,
                       'paused', (SELECT COALESCE(jsonb_agg(jsonb_build_array(x.since, x.until) ORDER BY x.since), '[]')
                                    FROM pause x WHERE x.partner_id = v.customer_ref),
                       'unreachable', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(o.manager_ref, o.unreachable_from)
                                                     ORDER BY o.manager_ref), '[]')
                             FROM discipline_compliance o
                            WHERE o.period_id = v.period_id AND o.customer_ref = v.customer_ref
                              AND o.unreachable_from IS NOT NULL AND o.unreachable_decision = 'confirmed'),
                       'intervals', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(
                                      a.manager_ref, GREATEST(a.date_from, %(start)s), LEAST(a.date_to, %(after)s))
                                      ORDER BY a.date_from, a.id), '[]')
                             FROM discipline_assignment a
                            WHERE a.customer_ref = v.customer_ref AND a.company_id = v.company_id
                              AND a.date_from <= %(end)s
                              AND (a.date_to IS NULL OR (a.date_to > %(start)s AND a.date_to > a.date_from))),
                       'contacts', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(
                                      c.id, c.day, c.counted IS TRUE, c.rejected_reason, c.doer_ref)
                                      ORDER BY c.day, c.date, c.id), '[]')
                             FROM discipline_contact c
                            WHERE c.partner_id = v.customer_ref AND c.day BETWEEN %(start)s AND %(end)s))
             WHERE v.period_id = %(period)s AND v.closed IS NOT TRUE AND %(among)s
            """,
            policy=period.policy_id.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            period=period.id,
            among=among("v.customer_ref", partner_ids),
            x_partner=[row[0] for row in pauses],
            x_from=[row[3] for row in pauses],
            x_until=[row[4] for row in pauses],
        )
