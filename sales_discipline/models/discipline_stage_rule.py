"""What a stage of the sale demands before a deal may come to it. Nothing, unless it is set."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, ValidationError
from odoo.tools import SQL, ormcache


class DisciplineStageRule(models.Model):
    """Requirements of one stage, for all teams or for one.

    A deal that jumps over stages meets their requirements as well; going back demands nothing. People are asked
    whichever way they move a deal; programs are not.
    """

    _name = "discipline.stage.rule"
    _inherit = "discipline.cached"
    _description = "Requirements of a Stage"
    _order = "sequence, id"
    _rec_name = "stage_id"

    stage_id = fields.Many2one("crm.stage", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(related="stage_id.sequence", store=True)
    team_id = fields.Many2one(
        "crm.team", "Sales Team", ondelete="cascade", index="btree_not_null", help="Empty: every team."
    )
    company_id = fields.Many2one("res.company", ondelete="cascade", index="btree_not_null")
    active = fields.Boolean(default=True)
    lead_field_ids = fields.Many2many(
        "ir.model.fields",
        "discipline_stage_rule_lead_field_rel",
        string="Fields of the Deal",
        domain="[('model', '=', 'crm.lead'), ('store', '=', True), ('readonly', '=', False)]",
    )
    partner_field_ids = fields.Many2many(
        "ir.model.fields",
        "discipline_stage_rule_partner_field_rel",
        string="Fields of the Customer",
        domain="[('model', '=', 'res.partner'), ('store', '=', True), ('readonly', '=', False)]",
    )
    channel_id = fields.Many2one(
        "discipline.channel",
        "Contact Held by",
        ondelete="restrict",
        help="A contact of this channel with the customer.",
    )
    note_required = fields.Boolean("Note", help="Somebody has written a note since the deal came to its stage.")
    days_allowed = fields.Integer(
        help="After so many calendar days in its stage without a contact, made or planned, a deal is overdue. 0: any.",
    )
    plan_id = fields.Many2one(
        "mail.activity.plan",
        "Start the Plan",
        domain="[('res_model', '=', 'crm.lead')]",
        ondelete="restrict",
        help="Started when a deal comes to this stage for the first time.",
    )

    _stage_team_uniq = models.UniqueIndex(
        "(stage_id, COALESCE(team_id, 0), COALESCE(company_id, 0)) WHERE active",
        "A stage has its requirements once, and once more for each team and company.",
    )
    _days_check = models.Constraint("CHECK(days_allowed >= 0)", "The days allowed are a number from 0 on.")

    @api.constrains("stage_id", "team_id")
    def _check_team(self):
        for rule in self:
            if rule.team_id and rule.stage_id.team_ids and rule.team_id not in rule.stage_id.team_ids:
                raise ValidationError(
                    self.env._(
                        "The stage “%(stage)s” is not used by the team “%(team)s”.",
                        stage=rule.stage_id.name,
                        team=rule.team_id.name,
                    )
                )

    # ------------------------------------------------------------------
    # Which rules apply
    # ------------------------------------------------------------------

    @api.model
    @ormcache()
    def _all(self):
        """Return (rule id, stage id, team id or False, company id or False) of all rules.

        Most organisations have few, or none. The own rule of a team comes before the one of every team, then the
        own rule of a company before the one of every company.
        """
        rules = self.sudo().search([]).sorted(lambda rule: (not rule.team_id, not rule.company_id))
        return tuple((rule.id, rule.stage_id.id, rule.team_id.id, rule.company_id.id) for rule in rules)

    @api.model
    def _of(self, stage_id, team_id, company_id):
        """Return the rule of a stage for a team and company: the most specific one, else an empty recordset."""
        found = (
            rule_id
            for rule_id, stage, team, company in self._all()
            if stage == stage_id and team in (team_id, False) and company in (company_id, False)
        )
        return self.sudo().browse(next(found, ()))

    @api.model
    def _rule_sql(self):
        """Return the SQL of :meth:`_of`: the columns of the rule that holds for the deal ``l``."""
        return SQL(
            """
            SELECT x.* FROM discipline_stage_rule x
             WHERE x.stage_id = l.stage_id AND x.active
               AND (x.team_id IS NULL OR x.team_id = l.team_id)
               AND (x.company_id IS NULL OR x.company_id = COALESCE(l.company_id, %s))
          ORDER BY x.team_id IS NULL, x.company_id IS NULL LIMIT 1
            """,
            self.env.company.id,
        )

    @api.model
    def _passed(self, stage_from, stage_to, team_id, company_id):
        """Return the rules of the stages that a deal passes: those after ``stage_from`` up to ``stage_to``."""
        stages = self.env["crm.stage"].sudo()
        ruled = stages.browse({rule[1] for rule in self._all()})
        upper = stages.browse(stage_to).sequence
        lower = stages.browse(stage_from).sequence if stage_from else None
        if lower is not None and upper < lower:
            return self.sudo().browse()
        passed = ruled.filtered(
            lambda stage: (
                stage.id == stage_to
                or (
                    stage.sequence < upper
                    and (lower is None or stage.sequence > lower)
                    and not stage.is_won
                    and (not stage.team_ids or team_id in stage.team_ids.ids)
                )
            )
        )
        rules = self.sudo().browse()
        for stage in passed.sorted("sequence"):
            rules |= self._of(stage.id, team_id, company_id)
        return rules

    # ------------------------------------------------------------------
    # What is missing
    # ------------------------------------------------------------------

    def _missing(self, lead):
        """Return what ``lead`` lacks for these rules.

        :return: list of (kind, key): ``("lead", field name)``, ``("partner", field name)``,
            ``("contact", channel id)``, ``("note", False)``
        """
        lead = lead.sudo()
        partner = lead.partner_id
        missing = []
        for rule in self:
            missing += [("lead", field.name) for field in rule.lead_field_ids if not lead[field.name]]
            missing += [
                ("partner", field.name) for field in rule.partner_field_ids if not partner or not partner[field.name]
            ]
            if rule.channel_id and not self._has_contact(lead, rule.channel_id):
                missing.append(("contact", rule.channel_id.id))
            if rule.note_required and not self._has_note(lead):
                missing.append(("note", False))
        return list(dict.fromkeys(missing))

    @api.model
    def _has_contact(self, lead, channel):
        """Tell whether a contact of ``channel`` was held with the customer since the deal began, or about the deal."""
        domain = [
            ("channel_id", "=", channel.id),
            ("voided_at", "=", False),
            ("outcome_id.is_attempt", "=", False),
            "|",
            ("lead_id", "=", lead.id),
            "&",
            ("partner_id", "in", lead.partner_id._discipline_customer().ids),
            ("date", ">=", lead.create_date),
        ]
        origin = lead.origin_contact_id
        return origin.channel_id == channel or bool(self.env["discipline.contact"].sudo().search(domain, limit=1))

    @api.model
    def _has_note(self, lead):
        """Tell whether somebody has written a note or a message since the deal came to the stage that it leaves."""
        self.env["discipline.stage.change"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT 1 FROM mail_message m
                 WHERE m.model = 'crm.lead' AND m.res_id = %(lead)s AND m.message_type IN ('comment', 'email')
                   AND m.date >= COALESCE((SELECT max(c.date) FROM discipline_stage_change c
                                            WHERE c.lead_ref = %(lead)s
                                              AND c.stage_from_ref IS DISTINCT FROM c.stage_to_ref), m.date)
                 LIMIT 1
                """,
                lead=lead.id,
            )
        )
        return bool(rows)

    @api.model
    def _label(self, kind, key):
        """Return what a missing thing is called, for a sentence."""
        if kind == "contact":
            return self.env._("a contact: %(channel)s", channel=self.env["discipline.channel"].browse(key).display_name)
        if kind == "note":
            return self.env._("a note")
        model = "crm.lead" if kind == "lead" else "res.partner"
        label = self.env[model]._fields[key]._description_string(self.env)
        return self.env._("%(field)s of the customer", field=label) if kind == "partner" else label

    @api.model
    def _check(self, moved):
        """Refuse people who move deals on without what the stages demand.

        :param list moved: (lead id, stage id before or None, stage id, team id, company id)
        :raise RedirectWarning: naming the deal and what is missing; its button opens a dialog to fill it in
        """
        if not self._all() or not self.env["crm.lead"]._discipline_is_person():
            return
        for lead_id, stage_from, stage_to, team_id, company_id in moved:
            rules = self._passed(stage_from, stage_to, team_id, company_id)
            lead = self.env["crm.lead"].browse(lead_id)
            missing = rules and rules._missing(lead)
            if missing:
                stage = self.env["crm.stage"].browse(stage_to)
                raise RedirectWarning(
                    self.env._(
                        "“%(deal)s” cannot come to the stage “%(stage)s” yet. Missing: %(missing)s.",
                        deal=lead.name,
                        stage=stage.name,
                        missing=", ".join(self._label(*item) for item in missing),
                    ),
                    self.env.ref("sales_discipline.discipline_stage_move_action").id,
                    self.env._("Fill In"),
                    {"default_lead_id": lead_id if stage_from else False, "default_stage_id": stage_to},
                )

    # ------------------------------------------------------------------
    # What begins with a stage
    # ------------------------------------------------------------------

    @api.model
    def _start_plans(self, moved):
        """Start the activity plans of stages to which deals have come for the first time.

        :param list moved: (lead id, stage id before or None, stage id, team id, company id)
        """
        plans = defaultdict(list)
        for lead_id, _stage_from, stage_to, team_id, company_id in moved if self._all() else ():
            plan = self._of(stage_to, team_id, company_id).plan_id
            if plan and plan.active:
                plans[plan, stage_to].append(lead_id)
        if plans:
            self.env["discipline.stage.change"].flush_model()
        for (plan, stage_id), lead_ids in plans.items():
            rows = self.env.execute_query(
                SQL(
                    """
                    SELECT lead_ref FROM discipline_stage_change
                     WHERE lead_ref = ANY(%s) AND stage_to_ref = %s AND stage_from_ref IS DISTINCT FROM stage_to_ref
                  GROUP BY lead_ref HAVING count(*) = 1
                    """,
                    lead_ids,
                    stage_id,
                )
            )
            for (lead_id,) in rows:
                self._start_plan(plan, self.env["crm.lead"].browse(lead_id))

    @api.model
    def _start_plan(self, plan, lead):
        """Plan the activities of ``plan`` on ``lead``; its salesperson does what nobody else is named for."""
        owner = lead.user_id or lead.team_id.user_id or self.env.user
        for template in plan.template_ids:
            doer = template._determine_responsible(owner, lead)["responsible"] or owner
            lead.sudo().activity_schedule(
                activity_type_id=template.activity_type_id.id,
                automated=False,
                summary=template.summary,
                note=template.note,
                user_id=doer.id,
                date_deadline=template._get_date_deadline(self.env["discipline.calendar"]._today()),
            )
