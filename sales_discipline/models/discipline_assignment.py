"""Who was responsible for whom, and when: the history that no one rewrites."""

from odoo import api, fields, models
from odoo.tools import SQL

ORIGINS = [
    ("acquired", "Acquired"),
    ("manual", "By a Supervisor"),
    ("list", "Approved List"),
    ("redistribution", "Redistribution"),
    ("request", "Transfer Request"),
    ("departure", "Departure of the Manager"),
    ("merge", "Merge of Customers"),
    ("install", "Taken Over at Installation"),
]


class DisciplineAssignment(models.Model):
    """An interval in which one manager was responsible for one customer.

    Intervals are half-open: ``date_to`` is the first day that is no longer his, so a day belongs to its last holder.
    Time of nobody is a gap. ``date_to`` is set once, by whoever follows.
    """

    _name = "discipline.assignment"
    _inherit = "discipline.ledger"
    _description = "Assignment of a Customer"
    _order = "date_from desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index=True)
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    date_from = fields.Date("From", readonly=True, required=True)
    date_to = fields.Date("Until", readonly=True, help="The first day that is no longer his; empty while it lasts.")
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="set null")
    origin = fields.Selection(ORIGINS, readonly=True, required=True)
    reason = fields.Char(readonly=True)
    redistribution_line_id = fields.Many2one(
        "discipline.redistribution.line", "Redistribution", readonly=True, ondelete="set null", index="btree_not_null"
    )
    days = fields.Integer(compute="_compute_days", help="Calendar days that the assignment has lasted.")

    _open_uniq = models.UniqueIndex("(customer_ref) WHERE date_to IS NULL", "A customer has one responsible manager.")
    _customer_idx = models.Index("(customer_ref, date_from)")
    _manager_idx = models.Index("(manager_ref, date_from)")
    _changed_idx = models.Index("(write_date)")
    _order_check = models.Constraint("CHECK(date_to >= date_from)", "An assignment cannot end before it began.")

    @api.depends("date_from", "date_to")
    def _compute_days(self):
        today = self.env["discipline.calendar"]._today()
        for row in self:
            row.days = ((row.date_to or today) - row.date_from).days if row.date_from else 0

    @api.model
    def _sync(self, partner_ids, origin=None, reason=None):
        """Make the history agree with the partners: the open interval's user is the responsible manager.

        It compares what is with what was, so it does not matter which way the manager changed. The number of
        statements does not depend on the number of customers.

        :param partner_ids: ids of res.partner; None means all
        :param origin: key of ORIGINS; by default from the context (``discipline_origin``), else ``manual`` where
            there was a manager before and ``acquired`` where there was none
        :param reason: text for the history; by default from the context (``discipline_reason``)
        :return: ids of the customers whose responsible manager changed
        """
        if partner_ids is not None and not partner_ids:
            return []
        context = self.env.context
        origin = origin or context.get("discipline_origin")
        reason = reason or context.get("discipline_reason")
        lines = context.get("discipline_lines") or {}
        Calendar = self.env["discipline.calendar"]
        companies = self.env["res.company"]._discipline_all()
        start = context.get("discipline_date") if self.env.su else None
        days = {company.id: start or Calendar._today(company) for company in companies}
        self.env["res.partner"].flush_model(["user_id", "company_id", "active"])
        self.env["res.users"].flush_model(["active"])
        self.flush_model()
        limit = SQL() if partner_ids is None else SQL("AND c.partner_id = ANY(%s)", list(partner_ids))
        rows = self.env.execute_query(
            SQL(
                """
                WITH today AS (SELECT * FROM unnest(%(companies)s::int[], %(days)s::date[]) AS t(company_id, day)),
                line AS (SELECT * FROM unnest(%(line_partners)s::int[], %(line_ids)s::int[]) AS t(partner_id, line_id)),
                owner AS (
                    SELECT c.id, c.partner_id, c.company_id, t.day, c.user_id AS had,
                           CASE WHEN c.in_base AND u.active THEN u.id END AS user_id,
                           a.id AS open_id, a.manager_ref,
                           EXISTS (SELECT FROM discipline_assignment x WHERE x.customer_ref = c.partner_id) AS known
                      FROM discipline_customer c
                      JOIN res_partner p ON p.id = c.partner_id
                      JOIN today t ON t.company_id = c.company_id
                 LEFT JOIN res_users u ON u.id = p.user_id
                 LEFT JOIN discipline_assignment a ON a.customer_ref = c.partner_id AND a.date_to IS NULL
                     WHERE TRUE %(limit)s
                ), changed AS (
                    SELECT * FROM owner WHERE user_id IS DISTINCT FROM manager_ref OR user_id IS DISTINCT FROM had
                ), closed AS (
                    UPDATE discipline_assignment a
                       SET date_to = GREATEST(c.day, a.date_from),
                           write_date = now() AT TIME ZONE 'UTC', write_uid = %(uid)s
                      FROM changed c
                     WHERE a.id = c.open_id AND c.user_id IS DISTINCT FROM c.manager_ref
                ), mirrored AS (
                    UPDATE discipline_customer d
                       SET user_id = c.user_id,
                           responsible_since = CASE WHEN c.user_id IS NULL THEN NULL ELSE c.day END,
                           -- a day that was planned for another manager's calendar is planned anew
                           next_contact_date = CASE WHEN d.next_planned THEN NULL ELSE d.next_contact_date END,
                           next_planned = FALSE, no_next_reason = NULL
                      FROM changed c WHERE d.id = c.id
                )
                SELECT c.partner_id, c.user_id, c.day, c.company_id, c.known, l.line_id
                  FROM changed c LEFT JOIN line l ON l.partner_id = c.partner_id
                 WHERE c.user_id IS DISTINCT FROM c.manager_ref
                """,
                companies=list(days),
                days=list(days.values()),
                line_partners=list(lines),
                line_ids=list(lines.values()),
                limit=limit,
                uid=self.env.uid,
            )
        )
        if not rows:
            return []
        opened = [row for row in rows if row[1]]
        if opened:
            self._open(opened, origin, reason)
        self.invalidate_model()
        self.env["discipline.customer"].invalidate_model(
            ["user_id", "responsible_since", "next_contact_date", "next_planned", "no_next_reason"]
        )
        ids = [row[0] for row in rows]
        self.env["discipline.planning"].sudo()._follow_managers(ids if partner_ids is not None else None)
        for company in self.env["res.company"].browse(sorted({row[3] for row in rows})):
            self.env["discipline.portfolio.origin"].sudo()._refresh(company, ids)
        return ids

    @api.model
    def _open(self, rows, origin, reason):
        """Insert open intervals for ``rows`` of (partner, user, day, company, known before, line).

        An interval begins no earlier than its predecessor's end, also where a test or a clock went backwards.
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_assignment
                       (partner_id, customer_ref, user_id, manager_ref, date_from, company_id, origin, reason,
                        redistribution_line_id, create_uid, create_date, write_uid, write_date)
                SELECT n.partner_id, n.partner_id, n.user_id, n.user_id,
                       GREATEST(n.day, (SELECT max(x.date_to) FROM discipline_assignment x
                                         WHERE x.customer_ref = n.partner_id)),
                       n.company_id, n.origin, %(reason)s, n.line_id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(partners)s::int[], %(users)s::int[], %(days)s::date[], %(companies)s::int[],
                              %(origins)s::varchar[], %(lines)s::int[])
                       AS n(partner_id, user_id, day, company_id, origin, line_id)
                """,
                partners=[row[0] for row in rows],
                users=[row[1] for row in rows],
                days=[row[2] for row in rows],
                companies=[row[3] for row in rows],
                origins=[origin or ("manual" if row[4] else "acquired") for row in rows],
                lines=[row[5] for row in rows],
                reason=reason or None,
                uid=self.env.uid,
            )
        )

    @api.model
    def _end_deleted(self, customer_ids=None):
        """Let the history of customers who are deleted end today: it stays, and nobody holds them any more.

        :param customer_ids: ids that deleted customers had; by default everybody is looked at
        """
        self.flush_model()
        Calendar = self.env["discipline.calendar"]
        days = {company.id: Calendar._today(company) for company in self.env["res.company"]._discipline_all()}
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_assignment a
                   SET date_to = GREATEST(a.date_from, t.day), write_date = now() AT TIME ZONE 'UTC',
                       write_uid = %(uid)s
                  FROM unnest(%(companies)s::int[], %(days)s::date[]) AS t(company_id, day)
                 WHERE a.partner_id IS NULL AND a.date_to IS NULL AND t.company_id = a.company_id AND %(among)s
                """,
                companies=list(days),
                days=list(days.values()),
                among=SQL("TRUE") if customer_ids is None else SQL("a.customer_ref = ANY(%s)", list(customer_ids)),
                uid=self.env.uid,
            )
        )
        self.invalidate_model(["date_to"])

    @api.model
    def _reconcile(self, origin=None):
        """Find and repair what came past the ORM (raw SQL, another program), for the whole base.

        :return: ids of the customers whose history was repaired
        """
        self._end_deleted()
        changed = self._sync(None, origin=origin)
        if changed:
            self.env["discipline.compliance"]._evaluate_customers(changed)
        return changed

    @api.model
    def _holder_on(self, partner_ids, day):
        """Return {customer id: user id} of whoever held each customer on ``day`` (its last holder)."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (customer_ref) customer_ref, manager_ref
                  FROM discipline_assignment
                 WHERE customer_ref = ANY(%s) AND date_from <= %s AND (date_to IS NULL OR date_to > %s)
              ORDER BY customer_ref, date_from DESC, id DESC
                """,
                list(partner_ids),
                day,
                day,
            )
        )
        return dict(rows)
