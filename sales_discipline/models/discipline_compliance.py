"""Verdicts: was the norm of contacts kept, by whom, and in what words; which customers are judged anew, and when.

How they are judged is in ``discipline_compliance_judge.py``, how they become final in
``discipline_compliance_closing.py``; ``engine/verdicts.py`` says the same for one customer in plain Python.
"""

from collections import Counter, defaultdict

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from .discipline_customer import STATES
from .sets import among, array


class DisciplineCompliance(models.Model):
    _name = "discipline.compliance"
    _inherit = "discipline.grouped"
    _description = "Verdict on the Norm of Contacts"
    _order = "period_id desc, state, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    period_id = fields.Many2one("discipline.period", readonly=True, required=True, ondelete="cascade", index=True)
    period_start = fields.Date(related="period_id.date_start", string="Period From")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True, ondelete="set null")
    norm_id = fields.Many2one("discipline.norm", readonly=True, ondelete="set null", index="btree_not_null")
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    goal = fields.Integer(readonly=True, help="Contacts that this manager owed the customer in the period.")
    attained = fields.Integer(
        readonly=True, help="Counted contacts that serve the goal, those carried over from the holder before included."
    )
    counted = fields.Integer(readonly=True, help="All counted contacts made while he held the customer.")
    rejected = fields.Integer(readonly=True, help="Contacts made while he held the customer that did not count.")
    excused = fields.Integer(
        readonly=True,
        help="Contacts not asked of him: for at least half the time he was absent, did not hold the customer, the "
        "customer was paused or could not be reached, or the norms were beyond what he can do.",
    )
    asked = fields.Integer(
        "Asked by the Norm", readonly=True, help="Contacts that the customer was owed in the period, by all holders."
    )
    attempts = fields.Integer(readonly=True, help="Contacts without an answer, made while he held the customer.")
    overload = fields.Integer(
        "Beyond Capacity",
        readonly=True,
        help="Contacts excused at closing because his customers' norms asked for more than his working days hold.",
    )
    unreachable_from = fields.Date(
        "No Answer Since",
        readonly=True,
        help="The first of so many days without an answer that the policy lets a supervisor excuse what follows.",
    )
    unreachable_decision = fields.Selection(
        [("confirmed", "Confirmed"), ("refused", "Refused")], "Unreachable?", readonly=True
    )
    unreachable_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    due_next = fields.Date("Next Due", readonly=True)
    state = fields.Selection([state for state in STATES if state[0] != "none"], readonly=True, required=True)
    closed = fields.Boolean(readonly=True, help="The verdict is final.")
    evidence = fields.Json(readonly=True)

    _open_uniq = models.UniqueIndex("(period_id, customer_ref, manager_ref) WHERE closed IS NOT TRUE")
    _final_uniq = models.UniqueIndex("(period_id, customer_ref, manager_ref) WHERE closed")
    _customer_idx = models.Index("(customer_ref, period_id)")
    _manager_idx = models.Index("(manager_ref, period_id)")
    # of a new period PostgreSQL may believe that it has no rows: with an index on it alone it would read all of them
    _period_idx = models.Index("(period_id, customer_ref)")
    _due_idx = models.Index("(due_next) WHERE closed IS NOT TRUE AND state = 'on_track'")
    _unreachable_idx = models.Index("(period_id) WHERE unreachable_from IS NOT NULL")

    explanation = fields.Text("In Words", compute="_compute_explanation")

    @api.depends("goal", "attained", "rejected", "excused", "state")
    @api.depends_context("lang")
    def _compute_explanation(self):
        reasons = self._rejected_reasons()
        for row in self:
            row.explanation = row._explain(reasons.get(row.id, {}))

    def _explain(self, reasons=None):
        """Return the verdict as a sentence in the reader's language, with the rules that rejected contacts.

        :param reasons: {rule: number of contacts it rejected}; read from the facts where it is not given
        """
        self.ensure_one()
        if reasons is None:
            reasons = self._rejected_reasons().get(self.id, {})
        parts = [
            self.env._(
                "%(attained)s of %(goal)s contacts in %(period)s",
                attained=self.attained,
                goal=self.goal,
                period=self.period_id._in_a_sentence(),
            )
        ]
        if self.overload:
            parts.append(self.env._("%(count)s excused: beyond what he can do", count=self.overload))
        if self.state == "unreachable":
            parts.append(
                self.env._(
                    "no answer since %(day)s, a supervisor confirmed it", day=self._format_day(self.unreachable_from)
                )
            )
        elif self.excused > self.overload:
            parts.append(
                self.env._(
                    "%(count)s excused: away, not yet responsible, or a pause", count=self.excused - self.overload
                )
            )
        if reasons:
            parts.append(self._not_counted(reasons))
        return "; ".join(parts) + "."

    def _not_counted(self, reasons):
        """Return in words how many contacts did not count, and by which rules.

        :param dict reasons: {rule: number of contacts it rejected}
        """
        labels = dict(self.env["discipline.contact"]._fields["rejected_reason"]._description_selection(self.env))
        words = []
        for reason, count in sorted(reasons.items()):
            label = labels.get(reason, reason)
            label = label[:1].lower() + label[1:]
            words.append(label if len(reasons) == 1 else f"{label} ({count})")
        return self.env._("%(count)s not counted: %(reason)s", count=sum(reasons.values()), reason=", ".join(words))

    def _format_day(self, day):
        return format_date(self.env, day) if day else ""

    def _rejected_reasons(self):
        """Return {verdict id: {rule: number}} of the contacts that did not count, made while its manager held it.

        A final verdict says what its evidence says, whatever became of the contacts since.
        """
        found = {}
        running = self.browse()
        for row in self:
            if not row.closed:
                running |= row
                continue
            spans = [
                (low, high) for user, low, high in (row.evidence or {}).get("intervals", []) if user == row.manager_ref
            ]
            for _id, day, counted, reason, _doer in (row.evidence or {}).get("contacts", []):
                if not counted and reason and any(low <= day and (not high or day < high) for low, high in spans):
                    found.setdefault(row.id, Counter())[reason] += 1
        if running:
            running.flush_recordset()
            self._flush_facts()
            for verdict, reason, count in self.env.execute_query(
                SQL(
                    """
                    SELECT v.id, c.rejected_reason, count(*)
                      FROM discipline_compliance v
                      JOIN discipline_period p ON p.id = v.period_id
                      JOIN discipline_contact c ON c.partner_id = v.customer_ref
                                               AND c.day BETWEEN p.date_start AND p.date_end
                     WHERE v.id = ANY(%s) AND c.counted IS NOT TRUE AND c.rejected_reason IS NOT NULL
                       AND EXISTS (SELECT FROM discipline_assignment a
                                    WHERE a.customer_ref = v.customer_ref AND a.manager_ref = v.manager_ref
                                      AND a.date_from <= c.day AND (a.date_to IS NULL OR a.date_to > c.day))
                  GROUP BY v.id, c.rejected_reason
                    """,
                    running.ids,
                )
            ):
                found.setdefault(verdict, Counter())[reason] = count
        return found

    # ------------------------------------------------------------------
    # Which customers, and when
    # ------------------------------------------------------------------

    @api.model
    def _evaluate_customers(self, partner_ids, also=()):
        """Judge these customers anew in all open periods of their companies, at once.

        Called after whatever may change a running verdict: a contact logged or voided, a new holder, a class. The
        number of statements does not depend on the number of customers.

        :param partner_ids: ids of customers (``res.partner``)
        :param also: what else of the customers' rows changes with it, see :meth:`_refresh_customers`
        """
        ids = sorted(set(partner_ids))
        if not ids:
            return
        self.env["discipline.customer"].flush_model()
        # of two people who log for one customer at the same moment the later one waits here, and is retried: the rows
        # are written at the end, see ``_refresh_customers``
        theirs = defaultdict(list)
        for company, customer in self.env.execute_query(
            SQL(
                "SELECT company_id, partner_id FROM discipline_customer WHERE partner_id = ANY(%s) ORDER BY id "
                "FOR NO KEY UPDATE",
                array(ids, "int"),
            )
        ):
            theirs[company].append(customer)
        # each by his own company's rules: another one's policy and exceptions say nothing of his contacts
        for company in self.env["res.company"].sudo().browse(sorted(filter(None, theirs))):
            own = sorted(theirs[company.id])
            for period in self._open_periods(company):
                self._evaluate(period, own)
            self._refresh_customers(company, own, touch=True, also=also)

    @api.model
    def _evaluate_managers(self, user_ids):
        """Judge anew the customers that these managers hold, or held in an open period."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT a.customer_ref FROM discipline_assignment a
                  JOIN discipline_period p ON p.company_id = a.company_id AND p.state = 'open'
                 WHERE a.manager_ref = ANY(%s) AND a.date_from <= p.date_end
                   AND (a.date_to IS NULL OR a.date_to > p.date_start)
                """,
                list(user_ids),
            )
        )
        self._evaluate_customers([row[0] for row in rows])

    @api.model
    def _evaluate_companies(self, companies):
        """Judge all customers of these companies anew in their open periods."""
        for company in companies.sudo():
            for period in self._open_periods(company):
                self._evaluate(period)
            self._refresh_customers(company)

    @api.model
    def _open_periods(self, company):
        """Return the company's periods whose verdicts still run; the current one is opened if need be."""
        if not company.discipline_active:
            return self.env["discipline.period"]
        today = self.env["discipline.calendar"]._today(company)
        Period = self.env["discipline.period"].sudo()
        periods = Period.search(
            [("company_id", "=", company.id), ("state", "=", "open"), ("closing_at", "=", False)], order="date_start"
        )
        current = periods.filtered(lambda period: period.date_start <= today <= period.date_end)
        if set(Period._kinds(company)) <= set(current.mapped("kind")):
            return periods
        return periods | Period._open_for(company, today)

    @api.model
    def _changed_since(self, company, period, moment):
        """Return the customers of whom something changed since ``moment``, or whose due day has passed.

        What repeats nightly looks only at these: a new or voided contact, another holder or class, a due day gone by.
        A changed absence or calendar is judged when it is entered.

        :param datetime moment: naive UTC; None means everyone
        """
        if moment is None:
            return None
        today = self.env["discipline.calendar"]._today(company)
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT partner_id AS customer_ref FROM discipline_contact
                     WHERE write_date >= %(moment)s AND partner_id IS NOT NULL AND day BETWEEN %(start)s AND %(end)s
                     UNION SELECT customer_ref FROM discipline_assignment WHERE write_date >= %(moment)s
                     UNION SELECT customer_ref FROM discipline_abc_change WHERE write_date >= %(moment)s
                     UNION SELECT partner_id FROM discipline_exception WHERE write_date >= %(moment)s
                     UNION SELECT customer_ref FROM discipline_compliance
                            WHERE period_id = %(period)s AND closed IS NOT TRUE AND state = 'on_track'
                              AND due_next < %(today)s
                    """,
                    moment=moment,
                    start=period.date_start,
                    end=period.date_end,
                    period=period.id,
                    today=today,
                )
            )
        ]

    # ------------------------------------------------------------------
    # Where each customer stands today
    # ------------------------------------------------------------------

    @api.model
    def _refresh_customers(self, company, partner_ids=None, *, touch=False, also=()):
        """Bring the customers' rows in line with the running verdicts of their present managers.

        A row is written only where it differs, so that a passing day rewrites nothing.

        :param partner_ids: ids, or a range of ids, of customers; None means everyone
        :param bool touch: write the rows that do not differ, too
        :param also: (column, its value as SQL that names the row ``c``) that are written in the same statement:
            PostgreSQL looks up all references of a row anew that is written twice in a transaction
        """
        today = self.env["discipline.calendar"]._today(company)
        everyone = SQL("TRUE")
        self.flush_model()
        self.env["discipline.customer"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer c
                   SET goal = n.goal, attained = n.attained, due_next = n.due_next, state = n.state
                       %(touched)s %(written)s
                  FROM (
                      SELECT c.id, COALESCE(v.goal, 0) AS goal, COALESCE(v.attained, 0) AS attained, v.due_next,
                             COALESCE(v.state, 'none') AS state %(read)s
                        FROM discipline_customer c
                   LEFT JOIN (discipline_compliance v JOIN discipline_period p
                                ON p.id = v.period_id AND %(today)s BETWEEN p.date_start AND p.date_end
                               AND %(among_judged)s)
                          ON v.customer_ref = c.partner_id AND v.manager_ref = c.user_id AND c.in_base
                         AND v.closed IS NOT TRUE
                       WHERE c.company_id = %(company)s AND %(among)s
                  ) n
                 WHERE n.id = c.id
                   AND (%(touch)s OR (c.goal, c.attained, c.due_next, c.state) IS DISTINCT FROM
                                     (n.goal, n.attained, n.due_next, n.state))
                """,
                touch=touch,
                touched=SQL(", write_date = now() AT TIME ZONE 'UTC'") if touch else SQL(),
                read=SQL().join(SQL(", %s AS %s", value, SQL.identifier(column)) for column, value in also),
                written=SQL().join(
                    SQL(", %s = %s", SQL.identifier(column), SQL.identifier("n", column)) for column, _value in also
                ),
                today=today,
                company=company.id,
                among=everyone if partner_ids is None else among("c.partner_id", partner_ids),
                among_judged=everyone if partner_ids is None else among("v.customer_ref", partner_ids),
            )
        )
        self.env["discipline.customer"].invalidate_model(
            ["goal", "attained", "due_next", "state", *(column for column, _value in also)]
        )
        self.env["res.partner"].invalidate_model(self.env["res.partner"]._discipline_related_fields())

    def action_open_partner(self):
        """Open the customer's card."""
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }

    def action_open_contacts(self):
        """Open the contacts of the verdict's customer in its period."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_action")
        action["domain"] = [
            ("customer_ref", "=", self.customer_ref),
            ("day", ">=", self.period_id.date_start),
            ("day", "<=", self.period_id.date_end),
        ]
        action["context"] = {}
        return action
