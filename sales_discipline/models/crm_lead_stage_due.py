"""How long a deal may stay in its stage without a contact, made or planned."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class CrmLead(models.Model):
    _inherit = "crm.lead"

    discipline_stage_due = fields.Date(
        "Move On by",
        compute="_compute_discipline_stage_due",
        help="The last day that the stage allows, counted from the deal's coming to it or from the last contact.",
    )
    discipline_stage_overdue = fields.Boolean(
        "Overdue in Its Stage", compute="_compute_discipline_stage_due", search="_search_discipline_stage_overdue"
    )

    @api.model
    def _discipline_stage_days(self, where):
        """Return (lead id, due day, whether it is overdue) of open deals in stages that allow a number of days.

        A contact with the customer, or about the deal, begins the days anew, and while one is planned the deal is
        alive; unlike Odoo's “rotting”, which only a change of stage resets. The own rule of a team goes before the
        rule of every team.

        :param SQL where: which deals; ``l`` is the deal
        """
        Calendar = self.env["discipline.calendar"]
        self.env["discipline.contact"].flush_model(["day", "voided_at", "lead_id", "partner_id"])
        self.env["discipline.stage.rule"].flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        self.env["mail.activity"].flush_model(["res_model", "res_id", "activity_type_id", "date_deadline", "active"])
        self.env["mail.activity.type"].flush_model(["discipline_channel_id"])
        self.flush_model(
            ["date_last_stage_update", "stage_id", "team_id", "partner_id", "user_id", "active", "won_status", "type"]
        )
        return self.env.execute_query(
            SQL(
                """
                SELECT d.id, d.due, d.due < %(today)s AND NOT EXISTS (
                           SELECT FROM mail_activity a
                             JOIN mail_activity_type t ON t.id = a.activity_type_id
                                                      AND t.discipline_channel_id IS NOT NULL
                            WHERE a.active AND a.date_deadline >= %(today)s
                              AND (a.res_model = 'crm.lead' AND a.res_id = d.id
                                   OR a.res_model = 'res.partner' AND a.res_id IN (
                                       SELECT p.id FROM res_partner p
                                         JOIN res_partner c ON c.id = p.commercial_partner_id
                                        WHERE c.id = d.customer_id OR c.customer_group_id = d.customer_id))) AS overdue
                  FROM (SELECT l.id, COALESCE(c.customer_group_id, c.id) AS customer_id,
                               GREATEST(
                                   (l.date_last_stage_update AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date,
                                   (SELECT max(k.day) FROM discipline_contact k
                                     WHERE k.voided_at IS NULL AND k.lead_id = l.id),
                                   (SELECT max(k.day) FROM discipline_contact k
                                     WHERE k.voided_at IS NULL AND k.partner_id = COALESCE(c.customer_group_id, c.id))
                               ) + r.days_allowed AS due
                          FROM crm_lead l
                     LEFT JOIN res_partner p ON p.id = l.partner_id
                     LEFT JOIN res_partner c ON c.id = p.commercial_partner_id
                          JOIN LATERAL (%(rule)s) r ON r.days_allowed > 0
                         WHERE l.active AND l.won_status = 'pending' AND l.type = 'opportunity' AND %(where)s) d
                """,
                today=Calendar._today(),
                zone=Calendar._timezone(self.env.company).zone,
                rule=self.env["discipline.stage.rule"]._rule_sql(),
                where=where,
            )
        )

    @api.depends("stage_id", "team_id", "won_status", "active", "date_last_stage_update")
    def _compute_discipline_stage_due(self):
        self.discipline_stage_due = False
        self.discipline_stage_overdue = False
        stored = [lead.id for lead in self if isinstance(lead.id, int)]
        if not stored or not self.env["discipline.stage.rule"]._all():
            return
        for lead_id, due, overdue in self._discipline_stage_days(SQL("l.id = ANY(%s)", stored)):
            lead = self.browse(lead_id)
            lead.discipline_stage_due = due
            lead.discipline_stage_overdue = overdue

    @api.model
    def _discipline_overdue(self, where):
        """Return the ids of open deals that have stayed longer in their stage than it allows, the longest first.

        :param SQL where: which deals; ``l`` is the deal
        """
        if not self.env["discipline.stage.rule"]._all():
            return []
        rows = self._discipline_stage_days(where)
        return [lead_id for lead_id, due, overdue in sorted(rows, key=lambda row: (row[1], row[0])) if overdue]

    @api.model
    def _search_discipline_stage_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        overdue = Domain("id", "in", self._discipline_overdue(SQL("TRUE")))
        return Domain.OR([overdue if flag else ~overdue for flag in value])
