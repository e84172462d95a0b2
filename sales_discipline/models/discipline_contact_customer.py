"""What follows a contact: the customer's row, the plan of the next one, and who is told."""

from markupsafe import Markup
from odoo import api, models
from odoo.tools import SQL
from odoo.tools.misc import format_date

from .sets import array


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    def _after_log(self):
        super()._after_log()
        self._plan_next()
        self._tell_strangers()

    def _after_join(self):
        super()._after_join()
        # whoever logs by hand chooses the next day himself: what the program had planned gives way
        self.sudo().filtered(lambda row: "manual" in row.source_ids.mapped("source"))._plan_next()

    def _plan_next(self):
        """Plan the next contact with these contacts' customers; what was planned for the one just made is taken back.

        A contact that does not count leaves the plan as it is.
        """
        planning = self.env["discipline.planning"].sudo()
        rows = self.sudo()
        counted = rows.filtered("counted")
        planning._resume(set(rows.mapped("customer_ref")))
        planning._drop_planned(set(counted.mapped("customer_ref")))
        planning._plan_customers(set(rows.mapped("customer_ref")))

    def _tell_strangers(self):
        """Tell both sides of a contact that somebody else than the responsible manager made: it does not count.

        One message a person, however many contacts are logged at once; nobody is told of what is imported.
        """
        told = {}
        for contact in self.sudo().filtered(lambda row: row.rejected_reason == "stranger" and row.source != "import"):
            for person, stranger in ((contact.user_id, True), (contact.responsible_id, False)):
                told[person, stranger] = told.get((person, stranger), self.browse()) | contact
        for (person, stranger), contacts in told.items():
            if person.active:
                contacts.sudo().with_context(lang=person.lang or self.env.lang)._tell_one(person, stranger)

    def _tell_one(self, person, stranger):
        """Tell a person of contacts that do not count: he made them himself, or somebody made them with his customers.

        :param person: res.users
        :param bool stranger: he made them
        """
        if stranger:
            subject = self.env._("Not counted: another manager's customer")
            lead = self.env._(
                "These contacts are in the log and do not count: the customers are somebody else's. Ask for a customer "
                "with a transfer request, or let a supervisor make you the manager's assistant or substitute."
            )
        else:
            subject = self.env._("Somebody contacted your customer")
            lead = self.env._(
                "These contacts are in the log of your customers and do not count for your norm: you did not make them."
            )
        lines = Markup("").join(
            Markup("<li>%s</li>")
            % self.env._(
                "%(day)s, %(customer)s: %(doer)s instead of %(responsible)s",
                day=format_date(self.env, contact.day),
                customer=contact.partner_id.display_name,
                doer=contact.user_id.name,
                responsible=contact.responsible_id.name,
            )
            for contact in self
        )
        self.env["mail.thread"].message_notify(
            partner_ids=person.partner_id.ids,
            author_id=self.env.ref("base.partner_root").id,
            subject=subject,
            body=Markup("<p>%s</p><ul>%s</ul>") % (lead, lines),
        )

    @api.model
    def _refresh_customers(self, partner_ids):
        """Bring the last days in line: of a contact or attempt, of a talk (attempts left out), of what counted.

        :param partner_ids: ids of customers
        """
        columns = ["last_touch_date", "last_contact_date", "last_counted_date"]
        self.env["discipline.customer"].flush_model(columns)
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                -- looked up once, to be compared and to be written; from the newest backwards by the index on customer
                -- and day: not all that was ever said is read
                WITH n AS MATERIALIZED (
                    SELECT i.id, (SELECT c.day FROM discipline_contact c
                                   WHERE c.partner_id = i.id AND c.voided_at IS NULL
                                ORDER BY c.day DESC LIMIT 1) AS touch,
                                 (SELECT c.day FROM discipline_contact c
                                   WHERE c.partner_id = i.id AND c.voided_at IS NULL
                                     AND COALESCE(c.outcome_id, 0) != ALL(%s)
                                ORDER BY c.day DESC LIMIT 1) AS talk,
                                 (SELECT c.day FROM discipline_contact c
                                   WHERE c.partner_id = i.id AND c.voided_at IS NULL AND c.counted
                                ORDER BY c.day DESC LIMIT 1) AS counted
                      FROM unnest(%s) AS i(id)
                )
                UPDATE discipline_customer d
                   SET last_touch_date = n.touch, last_contact_date = n.talk, last_counted_date = n.counted
                  FROM n
                 WHERE d.partner_id = n.id
                   AND (d.last_touch_date, d.last_contact_date, d.last_counted_date)
                       IS DISTINCT FROM (n.touch, n.talk, n.counted)
                """,
                list(self.env["discipline.outcome"]._attempt_ids()),
                array(partner_ids, "int"),
            )
        )
        self.env["discipline.customer"].invalidate_model(columns)
        self.env["res.partner"].invalidate_model(["discipline_last_contact_date"])

    @api.model
    def _refresh_next_contacts(self, partner_ids=None):
        """Bring the day of the next planned contact in line: the earliest open contact activity.

        It may be planned on the customer, his employees, a member of his group or an open opportunity of theirs.

        :param partner_ids: ids of customers; None means all
        """
        if partner_ids is not None and not partner_ids:
            return
        self.env["mail.activity"].flush_model()
        self.env["discipline.customer"].flush_model(["next_contact_date", "next_planned"])
        self.env.cr.execute(
            SQL(
                """
                WITH planned AS (%(planned)s)
                UPDATE discipline_customer d
                   SET next_contact_date = n.day, next_planned = n.next_planned
                  FROM (SELECT c.id, p.day IS NULL AND c.next_planned AS next_planned,
                               COALESCE(p.day, CASE WHEN c.next_planned THEN c.next_contact_date END) AS day
                          FROM discipline_customer c LEFT JOIN planned p ON p.customer = c.partner_id
                         WHERE %(own)s) n
                 WHERE d.id = n.id
                   AND (d.next_contact_date, d.next_planned) IS DISTINCT FROM (n.day, n.next_planned)
                """,
                planned=self._open_activities_sql(partner_ids),
                own=SQL("TRUE") if partner_ids is None else SQL("c.partner_id = ANY(%s)", list(partner_ids)),
            )
        )
        self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
        self.env["res.partner"].invalidate_model(["discipline_next_contact_date"])

    @api.model
    def _open_activities_sql(self, partner_ids):
        """Return the sub-query (customer, day) of the earliest open contact activity per customer.

        For a few customers it starts from their people, for the whole base from the activities.
        """
        if partner_ids is None:
            return SQL(
                """
                SELECT COALESCE(m.customer_group_id, m.id) AS customer, min(a.date_deadline) AS day
                  FROM mail_activity a
                  JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
             LEFT JOIN crm_lead l ON a.res_model = 'crm.lead' AND l.id = a.res_id AND l.active
                  JOIN res_partner p ON p.id = CASE a.res_model WHEN 'res.partner' THEN a.res_id ELSE l.partner_id END
                  JOIN res_partner m ON m.id = p.commercial_partner_id
                 WHERE a.active AND a.res_model IN ('res.partner', 'crm.lead')
              GROUP BY 1
                """
            )
        return SQL(
            """
            WITH people AS (
                SELECT p.id, COALESCE(m.customer_group_id, m.id) AS customer
                  FROM res_partner m JOIN res_partner p ON p.commercial_partner_id = m.id
                 WHERE m.id = p.commercial_partner_id
                   AND (m.id = ANY(%(ids)s) OR m.customer_group_id = ANY(%(ids)s))
            )
            SELECT o.customer, min(a.date_deadline) AS day
              FROM (SELECT 'res.partner' AS model, id, customer FROM people
                     UNION ALL
                    SELECT 'crm.lead', l.id, p.customer
                      FROM crm_lead l JOIN people p ON p.id = l.partner_id WHERE l.active) o
              JOIN mail_activity a ON a.res_model = o.model AND a.res_id = o.id AND a.active
              JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
          GROUP BY o.customer
            """,
            ids=list(partner_ids),
        )
