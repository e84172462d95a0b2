"""Saving a customer, or one of his employees, scores his card in the same save."""

from odoo import api, fields, models
from odoo.tools.misc import format_date


class ResPartner(models.Model):
    _inherit = "res.partner"

    discipline_profile_score = fields.Integer(
        "Completeness of the Card", related="discipline_id.profile_score", aggregator="avg"
    )
    discipline_profile_complete = fields.Boolean("Card Complete", related="discipline_id.profile_complete")
    discipline_profile_missing_ids = fields.Many2many(
        "discipline.profile.rule", string="Missing on the Card", related="discipline_id.profile_missing_ids"
    )
    discipline_profile_closed_ids = fields.Many2many(
        "discipline.profile.rule", string="Asked, Not Available", related="discipline_id.profile_closed_ids"
    )
    discipline_profile_level = fields.Selection(string="Card", related="discipline_id.profile_level")
    discipline_profile_color = fields.Integer("Colour of the Card", related="discipline_id.profile_color")
    discipline_profile_completed_on = fields.Date("Card Completed on", related="discipline_id.profile_completed_on")
    discipline_profile_completed_by_id = fields.Many2one(
        "res.users", "Card Completed by", related="discipline_id.profile_completed_by_id"
    )
    discipline_profile_shared_count = fields.Integer(
        "Customers with the Same Phone", related="discipline_id.profile_shared_count"
    )
    discipline_profile_shared = fields.Boolean("Phone of Several Customers", related="discipline_id.profile_shared")
    discipline_profile_todo = fields.Json("To Fill on the Card", compute="_compute_discipline_profile_todo")

    _discipline_phone_idx = models.Index("(phone_sanitized) WHERE phone_sanitized IS NOT NULL")

    @api.model
    def _discipline_profile_mirrors(self):
        """Return the names of the fields that mirror the card's part of the customer's row."""
        return [name for name in self._fields if name.startswith("discipline_profile_")]

    @api.depends("discipline_id.profile_missing", "discipline_id.profile_closed", "discipline_id.in_base")
    @api.depends_context("lang", "uid")
    def _compute_discipline_profile_todo(self):
        """What the card's widget shows: each missing field with where it is, each closed one with until when."""
        customers = self.sudo().discipline_id
        rules = {rule.id: rule for rule in (customers.profile_missing_ids | customers.profile_closed_ids)}
        closed = {}
        if customers.profile_closed_ids:
            for note in (
                self.env["discipline.profile.note"]
                .sudo()
                .search(
                    [
                        ("customer_ref", "in", customers.partner_id.ids),
                        ("kind", "=", "unavailable"),
                        ("voided_at", "=", False),
                    ],
                    order="id",
                )
            ):
                closed[note.customer_ref, note.rule_ref] = note
        for partner in self:
            row = partner.sudo().discipline_id
            if not row.in_base:
                partner.discipline_profile_todo = False
                continue
            items = [
                {
                    "rule": rule.id,
                    "name": rules[rule.id].name,
                    "field": "child_ids" if rule._is_about_employees() else rule.field_name,
                    "hint": rule.hint or "",
                    "confirm": rule.check_kind == "confirmed",
                }
                for rule in row.profile_missing_ids
            ]
            for rule in row.profile_closed_ids:
                note = closed.get((row.partner_id.id, rule.id), self.env["discipline.profile.note"])
                items.append(
                    {
                        "rule": rule.id,
                        "name": rules[rule.id].name,
                        "closed": self.env._(
                            "not available until %(day)s, %(who)s: %(reason)s",
                            day=format_date(self.env, note.until),
                            who=note.user_id.name or "",
                            reason=note.reason or "",
                        ),
                    }
                )
            partner.discipline_profile_todo = {
                "items": items,
                "customer": row.partner_id.id,
                "done": self._discipline_profile_story(row),
                "shared": self.env._("A phone of this card stands on %(count)s cards", count=row.profile_shared_count)
                if row.profile_shared
                else "",
            }

    @api.model
    def _discipline_profile_story(self, row):
        """Return in words who completed this card and when; empty where nobody did."""
        if not row.profile_completed_on:
            return ""
        return self.env._(
            "Completed by %(who)s on %(day)s",
            who=row.profile_completed_by_id.name or "",
            day=format_date(self.env, row.profile_completed_on),
        )

    # ------------------------------------------------------------------
    # Scoring within a save
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.context.get("discipline_profile_defer"):
            return super().create(vals_list)
        partners = super(ResPartner, self.with_context(discipline_profile_defer=True)).create(vals_list)
        partners = partners.with_env(self.env)
        if self.env["discipline.profile.rule"]._trigger_fields():
            touched = partners
            if any(vals.get("child_ids") for vals in vals_list):
                touched |= partners.child_ids
            self.env["discipline.profile"].sudo()._score_partners(touched, credit=True)
        return partners

    def write(self, vals):
        triggers = self.env["discipline.profile.rule"]._trigger_fields() & vals.keys()
        if not triggers or self.env.context.get("discipline_profile_defer"):
            return super().write(vals)
        # an employee who changes companies is missed by the one that he leaves
        left = self.commercial_partner_id if {"parent_id", "is_company"} & triggers else self.browse()
        result = super(ResPartner, self.with_context(discipline_profile_defer=True)).write(vals)
        touched = self | left
        if "child_ids" in triggers:
            touched |= self.child_ids
        Profile = self.env["discipline.profile"].sudo()
        Profile._score_partners(touched, credit=True, values=bool(triggers & Profile._value_fields()))
        return result

    def unlink(self):
        customers = (self._discipline_customer() - self).ids
        result = super().unlink()
        self.env["discipline.profile"].sudo()._score_partners(self.browse(customers).exists(), values=False)
        return result

    # ------------------------------------------------------------------
    # The card's buttons
    # ------------------------------------------------------------------

    def discipline_profile_confirm(self, rule_id):
        """Confirm that a field of this card is right today (the button beside the field's name).

        :param int rule_id: discipline.profile.rule
        """
        rule = self.env["discipline.profile.rule"].browse(rule_id).exists()
        self.env["discipline.profile.note"]._note(self, rule, "confirmed")
        return True

    def action_discipline_shared_phone(self):
        """Open the customers whose cards carry one of this customer's phones."""
        self.ensure_one()
        customer = self._discipline_customer()
        phones = self.search(
            [("commercial_partner_id", "in", (customer | customer.customer_group_member_ids).ids)]
        ).mapped("phone_sanitized")
        holders = self.search([("phone_sanitized", "in", [phone for phone in phones if phone])])
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_card_action")
        action["name"] = action["display_name"] = self.env._("Same Phone as %(who)s", who=customer.display_name)
        action["domain"] = [("partner_id", "in", holders._discipline_customer().ids)]
        action["context"] = {}
        return action
