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
        self._told_by_hand()._plan_next()

    def _told_by_hand(self):
        """Return those of these contacts that somebody has logged by hand as well.

        He chooses the next day himself: what the program had planned gives way.
        """
        return self.sudo().filtered(lambda row: "manual" in row.source_ids.mapped("source"))

    def _plan_next(self):
        """Plan the next contact with these contacts' customers; the activity of the one just made is removed.

        A contact that does not count leaves the plan as it is. The customers' rows are in line already, see
        :meth:`_done_with`.
        """
        planning = self.env["discipline.planning"].sudo()
        planning._drop_activities(set(self.sudo().filtered("counted").mapped("customer_ref")))
        planning._plan_customers(set(self.sudo().mapped("customer_ref")))

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
    def _judge_customers(self, partner_ids, made=None):
        """Judge customers anew after contacts with them changed; the last days on their rows follow at once.

        :param partner_ids: ids of customers
        :param made: contacts just made: where they count, what the program had planned for them is taken back
        """
        customers = sorted(set(partner_ids))
        also = list(self._last_days().items())
        if made:
            also += self._done_with(made)
        self.env["discipline.customer"].flush_model([column for column, _value in also])
        self.flush_model()
        self.env["discipline.compliance"].sudo()._evaluate_customers(customers, also)
        self.env["res.partner"].invalidate_model(["discipline_last_contact_date", "discipline_next_contact_date"])

    @api.model
    def _last_days(self):
        """Return {column of a customer's row: its value as SQL}: the last contact or attempt, the last talk (attempts
        left out), the last one that counted.

        From the newest backwards by the index on customer and day: not all that was ever said is read.
        """
        last = SQL("SELECT x.day FROM discipline_contact x WHERE x.partner_id = c.partner_id AND x.voided_at IS NULL")
        newest = SQL("ORDER BY x.day DESC LIMIT 1")
        attempts = list(self.env["discipline.outcome"]._attempt_ids())
        return {
            "last_touch_date": SQL("(%s %s)", last, newest),
            "last_contact_date": SQL("(%s AND COALESCE(x.outcome_id, 0) != ALL(%s) %s)", last, attempts, newest),
            "last_counted_date": SQL("(%s AND x.counted %s)", last, newest),
        }

    @api.model
    def _done_with(self, made):
        """Return [(column, value as SQL)] that take back what the program had planned and these contacts have done.

        Whatever comes of a contact, the reason why none was planned holds no longer.
        """
        done = SQL(
            "c.next_planned AND EXISTS (SELECT FROM discipline_contact x WHERE x.partner_id = c.partner_id "
            "AND x.id = ANY(%s) AND x.counted)",
            array(made.ids, "int"),
        )
        return [
            ("next_contact_date", SQL("CASE WHEN NOT COALESCE(%s, FALSE) THEN c.next_contact_date END", done)),
            ("next_planned", SQL("c.next_planned AND NOT COALESCE(%s, FALSE)", done)),
            ("no_next_reason", SQL("NULL::varchar")),
            ("no_next_by_id", SQL("NULL::int")),
            ("no_next_on", SQL("NULL::date")),
        ]

    @api.model
    def _refresh_customers(self, partner_ids):
        """Bring the last days of customers in line, see :meth:`_last_days`; rows that agree are left alone.

        :param partner_ids: ids of customers
        """
        days = self._last_days()
        columns = list(days)
        self.env["discipline.customer"].flush_model(columns)
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                -- looked up once, to be compared and to be written
                WITH n AS MATERIALIZED (
                    SELECT c.id, %(values)s FROM discipline_customer c WHERE c.partner_id = ANY(%(ids)s)
                )
                UPDATE discipline_customer d SET (%(columns)s) = ROW(%(new)s)
                  FROM n
                 WHERE d.id = n.id AND (%(known)s) IS DISTINCT FROM (%(new)s)
                """,
                values=SQL(", ").join(SQL("%s AS %s", value, SQL.identifier(name)) for name, value in days.items()),
                ids=array(partner_ids, "int"),
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                new=SQL(", ").join(SQL.identifier("n", name) for name in columns),
                known=SQL(", ").join(SQL.identifier("d", name) for name in columns),
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
