"""Who filled in which card: the ledger that the quota counts."""

import json

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

REJECTED = [
    ("again", "This manager completed this customer before"),
    ("nothing_new", "Nothing became valid that was not valid before"),
    ("borrowed", "A phone or an e-mail was taken from another customer's card"),
]


class DisciplineProfileCompletion(models.Model):
    """A card that somebody made complete. It counts once per customer and manager, for newly valid fields only."""

    _name = "discipline.profile.completion"
    _inherit = "discipline.ledger"
    _description = "Completed Card"
    _order = "day desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    user_id = fields.Many2one("res.users", "Completed by", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    responsible_id = fields.Many2one(
        "res.users", "Responsible Manager", readonly=True, ondelete="set null", help="Whose customer it was that day."
    )
    company_id = fields.Many2one("res.company", readonly=True, index=True, ondelete="set null")
    day = fields.Date(readonly=True, required=True, help="The local day of whoever completed it.")
    rules = fields.Json(readonly=True, help="Numbers of the rules whose fields became valid.")
    rule_ids = fields.Many2many("discipline.profile.rule", string="Newly Valid Fields", compute="_compute_rule_ids")
    counted = fields.Boolean(readonly=True)
    rejected_reason = fields.Selection(REJECTED, "Why Not Counted", readonly=True)

    _once_uniq = models.UniqueIndex(
        "(customer_ref, manager_ref) WHERE counted AND voided_at IS NULL",
        "A customer's card counts once for each manager.",
    )
    _daily_uniq = models.UniqueIndex("(customer_ref, manager_ref, day) WHERE NOT counted AND voided_at IS NULL")
    _manager_idx = models.Index("(manager_ref, day)")
    _day_idx = models.Index("(day)")

    @api.depends("rules")
    def _compute_rule_ids(self):
        Rule = self.env["discipline.profile.rule"].with_context(active_test=False)
        known = set(Rule.search([]).ids)
        for row in self:
            row.rule_ids = [fields.Command.set([rule for rule in row.rules or [] if rule in known])]

    @api.model
    def _record(self, events, user):
        """Add completions to the ledger in one statement.

        :param list events: (partner id, company id, responsible's user id or None, rules, borrowed) of each customer
            whose card ``user`` has just made complete
        :param user: res.users
        """
        Calendar = self.env["discipline.calendar"]
        now = fields.Datetime.now()
        companies = {event[1] for event in events}
        day = {cid: Calendar._local_day(now, user, self.env["res.company"].browse(cid)) for cid in companies}
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_profile_completion
                       (partner_id, customer_ref, user_id, manager_ref, responsible_id, company_id, day, rules, counted,
                        rejected_reason, create_uid, create_date, write_uid, write_date)
                SELECT n.partner_id, n.partner_id, %(uid)s, %(uid)s, n.responsible_id, n.company_id, n.day,
                       n.rules::jsonb, w.why IS NULL, w.why,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(partners)s::int[], %(companies)s::int[], %(responsibles)s::int[], %(rules)s::text[],
                              %(borrowed)s::bool[], %(days)s::date[])
                       AS n(partner_id, company_id, responsible_id, rules, borrowed, day)
            CROSS JOIN LATERAL (
                       SELECT CASE WHEN n.borrowed THEN 'borrowed'
                                   WHEN n.rules = '[]' THEN 'nothing_new'
                                   WHEN EXISTS (SELECT FROM discipline_profile_completion x
                                                 WHERE x.customer_ref = n.partner_id AND x.manager_ref = %(uid)s
                                                   AND x.counted AND x.voided_at IS NULL) THEN 'again' END AS why) w
                    ON CONFLICT DO NOTHING
                """,
                uid=user.id,
                partners=[event[0] for event in events],
                companies=[event[1] for event in events],
                responsibles=[event[2] for event in events],
                rules=[json.dumps(event[3]) for event in events],
                borrowed=[event[4] for event in events],
                days=[day[event[1]] for event in events],
            )
        )
        self.invalidate_model()

    def action_void(self):
        """Take completions off the quota: a supervisor found that the fields are not real.

        :raise AccessError: for a manager one does not decide for
        """
        for row in self:
            if row.user_id == self.env.user or not self.env.user._discipline_decides_for(row.user_id):
                raise AccessError(
                    self.env._(
                        "The card of %(who)s was completed by %(manager)s: his supervisor decides whether it counts.",
                        who=row.partner_id.display_name or row.customer_ref,
                        manager=row.user_id.name or "",
                    )
                )
        self._void(self.env._("Checked by %(who)s: the fields are not real", who=self.env.user.name))


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    @api.model
    def _discipline_repoint(self, source_ids, target_id):
        """Cards completed before a merge stay completed; the values of the sources are the target's."""
        super()._discipline_repoint(source_ids, target_id)
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_profile_value SET customer_ref = %s WHERE customer_ref = ANY(%s)",
                target_id,
                source_ids,
            )
        )

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env.invalidate_all()
        self.env["discipline.profile"].sudo()._score_partners(dst_partner)
        return result
