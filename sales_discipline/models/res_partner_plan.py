from odoo import api, models
from odoo.tools import SQL


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        if not {"parent_id", "customer_group_id", "is_company"} & vals.keys():
            return super().write(vals)
        # what is planned with a person goes with him to his new company
        before = self.sudo()._discipline_customer()
        result = super().write(vals)
        customers = before | self.sudo()._discipline_customer()
        self.env["discipline.contact"].sudo()._refresh_next_contacts(customers.ids)
        return result

    def message_subscribe(self, partner_ids=None, subtype_ids=None):
        if self.env.context.get("discipline_followed") and not subtype_ids:
            # the doers of a plan of many activities follow already, see _discipline_follow
            return True
        return super().message_subscribe(partner_ids=partner_ids, subtype_ids=subtype_ids)

    @api.model
    def _discipline_follow(self, pairs):
        """Make users followers of customers as Odoo does when it plans activities, in two statements for all of them.

        :param pairs: (customer id, user id); who follows already is left alone
        """
        self.env["mail.followers"].flush_model()
        default = self.env["mail.message.subtype"].default_subtypes("res.partner")[0]
        self.env.cr.execute(
            SQL(
                """
                WITH new AS (
                    INSERT INTO mail_followers (res_model, res_id, partner_id)
                    SELECT DISTINCT 'res.partner', n.customer_id, u.partner_id
                      FROM unnest(%(customers)s::int[], %(users)s::int[]) AS n(customer_id, user_id)
                      JOIN res_users u ON u.id = n.user_id
                      JOIN res_partner p ON p.id = u.partner_id AND p.active
                        ON CONFLICT DO NOTHING
                 RETURNING id
                )
                INSERT INTO mail_followers_mail_message_subtype_rel (mail_followers_id, mail_message_subtype_id)
                SELECT new.id, s.id FROM new CROSS JOIN unnest(%(subtypes)s::int[]) AS s(id)
                """,
                customers=[pair[0] for pair in pairs],
                users=[pair[1] for pair in pairs],
                subtypes=default.ids,
            )
        )
        self.env["mail.followers"].invalidate_model()
        self.invalidate_model(["message_follower_ids", "message_partner_ids"])
