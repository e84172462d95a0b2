"""Moves from class to class: decided by an analysis or by hand, in force from their day on."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

ORIGINS = [
    ("run", "ABC Analysis"),
    ("hand", "By Hand"),
    ("start", "Class at the Beginning"),
    ("merge", "Merge of Customers"),
]


class DisciplineAbcChange(models.Model):
    """A customer's move from class to class, and why."""

    _name = "discipline.abc.change"
    _inherit = ["discipline.ledger", "discipline.abc.move"]
    _description = "Change of ABC Class"
    _order = "date_effective desc, id desc"
    _rec_name = "partner_id"

    date_effective = fields.Date("In Force From", readonly=True, required=True)
    run_id = fields.Many2one(
        "discipline.abc.run", "ABC Analysis", readonly=True, ondelete="set null", index="btree_not_null"
    )
    origin = fields.Selection(ORIGINS, readonly=True, required=True, default="run")
    reason = fields.Char(readonly=True)
    in_force = fields.Boolean(readonly=True, help="The customer's class has become this one on its day.")
    user_id = fields.Many2one(related="partner_id.user_id", string="Responsible Manager")

    _run_uniq = models.UniqueIndex("(run_id, customer_ref) WHERE run_id IS NOT NULL AND voided_at IS NULL")
    _customer_idx = models.Index("(customer_ref, date_effective)")
    _changed_idx = models.Index("(write_date)")
    _waiting_idx = models.Index("(date_effective) WHERE in_force IS NOT TRUE AND voided_at IS NULL")

    def _explain(self):
        if self.origin == "run":
            return super()._explain()
        parts = [dict(self._fields["origin"]._description_selection(self.env))[self.origin], self.reason]
        return ": ".join(part for part in parts if part)

    @api.model
    def _come_into_force(self, company, today=None):
        """Let the decided classes whose day has come become the customers' classes.

        Looks only at what waits; a second call finds nothing.

        :return: ids of the customers whose class came into force
        """
        today = today or self.env["discipline.calendar"]._today(company)
        self.flush_model()
        self.env["discipline.customer"].flush_model(["abc_class_id", "abc_since"])
        rows = self.env.execute_query(
            SQL(
                """
                WITH due AS (
                    UPDATE discipline_abc_change
                       SET in_force = TRUE, write_date = now() AT TIME ZONE 'UTC'
                     WHERE in_force IS NOT TRUE AND voided_at IS NULL AND date_effective <= %(today)s
                       AND company_id = %(company)s
                 RETURNING customer_ref, date_effective, id, class_to_id
                )
                UPDATE discipline_customer c
                   SET abc_class_id = n.class_to_id, abc_since = n.date_effective,
                       write_date = now() AT TIME ZONE 'UTC'
                  FROM (SELECT DISTINCT ON (customer_ref) * FROM due
                      ORDER BY customer_ref, date_effective DESC, id DESC) n
                 WHERE c.partner_id = n.customer_ref AND (c.abc_since IS NULL OR c.abc_since <= n.date_effective)
             RETURNING c.partner_id
                """,
                today=today,
                company=company.id,
            )
        )
        if rows:
            self.invalidate_model(["in_force"])
            self.env["discipline.customer"].invalidate_model(["abc_class_id", "abc_since"])
            self.env["res.partner"].invalidate_model(["discipline_abc_class_id"])
        return [row[0] for row in rows]

    @api.model
    def _ensure_history(self, customers):
        """Write the class that a customer has into the ledger where nothing says since when he has it.

        Verdicts of earlier periods look it up there once another class is in force.

        :param SQL customers: query of customer ids
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_abc_change
                       (partner_id, customer_ref, class_to_id, date_effective, company_id, origin, in_force,
                        create_uid, create_date, write_uid, write_date)
                SELECT c.partner_id, c.partner_id, c.abc_class_id, COALESCE(c.abc_since, c.create_date::date),
                       c.company_id, 'start', TRUE,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM discipline_customer c
                 WHERE c.partner_id IN (%(customers)s) AND c.abc_class_id IS NOT NULL
                   AND NOT EXISTS (SELECT FROM discipline_abc_change x
                                    WHERE x.customer_ref = c.partner_id AND x.in_force AND x.voided_at IS NULL)
                """,
                customers=customers,
                uid=self.env.uid,
            )
        )

    @api.model
    def _set_by_hand(self, customers, abc_class, lock, reason):
        """Give customers a class by hand, in force from the next month on, and lock or unlock it at once.

        A customer who never had a class gets it for the running month. Who decides is checked where it is decided.

        :param customers: discipline.customer
        :param abc_class: discipline.abc.class; empty leaves the classes as they are
        :param bool lock: analyses leave the class alone
        :param str reason: why; it stays in the history
        :raise UserError: if no reason is given
        """
        if not reason:
            raise UserError(self.env._("Say why the class is decided by hand: the reason stays in the history."))
        customers = customers.sudo()
        customers.write({"abc_locked": lock})
        moving = customers.filtered(lambda customer: abc_class and customer.abc_class_id != abc_class)
        if not moving:
            return
        self.env.flush_all()
        self._ensure_history(SQL("SELECT unnest(%s::int[])", moving.partner_id.ids))
        rows = []
        for company, members in moving.grouped("company_id").items():
            first = self.env["discipline.calendar"]._today(company).replace(day=1)
            following = fields.Date.add(first, months=1)
            rows += [
                {
                    "partner_id": customer.partner_id.id,
                    "customer_ref": customer.partner_id.id,
                    "class_from_id": customer.abc_class_id.id,
                    "class_to_id": abc_class.id,
                    "date_effective": following if customer.abc_class_id else first,
                    "company_id": company.id,
                    "origin": "hand",
                    "reason": reason,
                }
                for customer in members
            ]
        self._ledger().create(rows)
        for company in moving.company_id:
            self.env["discipline.compliance"].sudo()._evaluate_customers(self._come_into_force(company))

    @api.model
    def _merge_customers(self, source_ids, target):
        """Keep the class history of merged customers with the target; the target's own chain governs.

        The sources' changes keep their customer number, so no verdict takes them for the target's. What has not come
        into force is voided; a target without a class takes the highest of the sources.

        :param source_ids: ids of the partners merged away, whose rows of the base still exist
        :param target: res.partner that remains
        """
        self.flush_model()
        waiting = self.sudo().search(
            [("customer_ref", "in", source_ids), ("in_force", "=", False), ("voided_at", "=", False)]
        )
        if waiting:
            waiting._void(self.env._("The customer was merged into %(name)s.", name=target.display_name))
            self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH heir AS (
                    SELECT s.abc_class_id, s.abc_since, t.partner_id, t.company_id
                      FROM discipline_customer s
                      JOIN discipline_abc_class k ON k.id = s.abc_class_id
                      JOIN discipline_customer t ON t.partner_id = %(target)s AND t.abc_class_id IS NULL
                     WHERE s.partner_id = ANY(%(ids)s)
                  ORDER BY k.sequence, k.id LIMIT 1
                ), taken AS (
                    UPDATE discipline_customer t SET abc_class_id = h.abc_class_id, abc_since = h.abc_since
                      FROM heir h WHERE t.partner_id = h.partner_id
                )
                INSERT INTO discipline_abc_change
                       (partner_id, customer_ref, class_to_id, date_effective, company_id, origin, in_force,
                        create_uid, create_date, write_uid, write_date)
                SELECT h.partner_id, h.partner_id, h.abc_class_id, COALESCE(h.abc_since, %(today)s), h.company_id,
                       'merge', TRUE, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM heir h
                """,
                target=target.id,
                ids=list(source_ids),
                today=self.env["discipline.calendar"]._today(),
                uid=self.env.uid,
            )
        )
        for table in ("discipline_abc_change", "discipline_abc_run_line"):
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET partner_id = %s WHERE partner_id = ANY(%s)",
                    SQL.identifier(table),
                    target.id,
                    list(source_ids),
                )
            )
