"""“Get acquainted”: what the receiver is told of the customer who came to him, in his language."""

from markupsafe import Markup
from odoo import api, models
from odoo.tools import SQL
from odoo.tools.misc import format_date

ACQUAINT = "sales_discipline.mail_activity_type_acquaint"


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    def _acquaint(self, family, customers, undo):
        """Plan for the receiver, who follows him already, to get acquainted with each customer, with his story."""
        activity_type = self.env.ref(ACQUAINT, raise_if_not_found=False)
        if not activity_type:
            return
        company = self.company_id[:1]
        Calendar = self.env["discipline.calendar"]
        deadline = Calendar._add_working_days(company, Calendar._today(company), self._acquaint_days())
        model = self.env["ir.model"]._get_id("res.partner")
        for lang, lines in self.grouped(lambda line: line.user_to_id.lang or self.env.lang).items():
            lines = lines.with_context(lang=lang)
            stories = lines._stories(family)
            summary = lines._acquaint_summary(activity_type)
            activities = (
                self.env["mail.activity"]
                .with_context(mail_activity_quick_update=True, discipline_followed=True, lang=lang)
                .create(
                    [
                        {
                            "activity_type_id": activity_type.id,
                            "summary": summary,
                            "note": stories.get(line.customer_ref),
                            "date_deadline": deadline,
                            "user_id": line.user_to_id.id,
                            "res_model_id": model,
                            "res_id": line.partner_id.id,
                            "automated": True,
                        }
                        for line in lines
                    ]
                )
            )
            for line, activity in zip(lines, activities, strict=True):
                undo[line.id]["acquaint"] = activity.id

    def _acquaint_days(self):
        """Return within how many working days the receiver gets acquainted (a hook)."""
        return 3

    def _acquaint_summary(self, activity_type):
        """Return what the activity is called, in the receiver's language (a hook)."""
        return activity_type.with_env(self.env).name

    def _stories(self, family):
        """Return {customer id: HTML}: last contacts, open deals and what was promised, in the receiver's language.

        Notes of contacts are not in it: an activity is read by everybody, a note is not.
        """
        stories = {line.customer_ref: [self._paragraph(self.env._("Why"), [line.explanation])] for line in self}
        leads = self._open_leads(family)
        for title, rows in (
            (self.env._("Last contacts"), self._story_contacts()),
            (self.env._("Open deals"), self._story_deals(family, leads)),
            (self.env._("Promised"), self._story_plans(family, leads)),
        ):
            for customer, texts in rows.items():
                stories[customer].append(self._paragraph(title, texts))
        return {customer: Markup("").join(parts) for customer, parts in stories.items()}

    @api.model
    def _paragraph(self, title, texts):
        items = Markup("").join(Markup("<li>%s</li>") % text for text in texts)
        return Markup("<p><b>%s</b></p><ul>%s</ul>") % (title, items)

    def _story_contacts(self):
        """Return {customer id: sentences} of the last three contacts with each customer."""
        ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT id FROM (
                        SELECT id, day, row_number() OVER (PARTITION BY partner_id ORDER BY day DESC, id DESC) AS n
                          FROM discipline_contact WHERE partner_id = ANY(%s) AND voided_at IS NULL
                    ) c WHERE n <= 3 ORDER BY day DESC, id DESC
                    """,
                    self.mapped("customer_ref"),
                )
            )
        ]
        stories = {}
        for contact in self.env["discipline.contact"].sudo().browse(ids):
            parts = [contact.channel_id.name, contact.outcome_id.name, contact.contact_id.name, contact.user_id.name]
            stories.setdefault(contact.partner_id.id, []).append(
                f"{format_date(self.env, contact.day)}: {', '.join(part for part in parts if part)}"
            )
        return stories

    def _story_deals(self, family, leads):
        stories = {}
        for lead in leads.with_context(lang=self.env.lang):
            amount = lead.company_currency.format(lead.expected_revenue) if lead.expected_revenue else ""
            parts = [lead.stage_id.name, amount]
            stories.setdefault(family[lead.partner_id.id], []).append(
                f"{lead.name}: {', '.join(part for part in parts if part)}"
            )
        return stories

    def _story_plans(self, family, leads):
        """Return {customer id: sentences} of what is planned with the customers, and in their open deals."""
        owner = {("res.partner", pid): customer for pid, customer in family.items()}
        owner.update({("crm.lead", lead.id): family[lead.partner_id.id] for lead in leads})
        activities = (
            self.env["mail.activity"]
            .sudo()
            .search(self._documents_domain(family, leads.ids), order="date_deadline, id")
            .with_context(lang=self.env.lang)
        )
        stories = {}
        for activity in activities:
            text = activity.summary or activity.activity_type_id.name
            stories.setdefault(owner[activity.res_model, activity.res_id], []).append(
                f"{format_date(self.env, activity.date_deadline)}: {text}"
            )
        return stories
