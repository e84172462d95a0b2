"""Activities that are done are contacts: people log by working as usual."""

from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL, html2plaintext

from .sets import array

#: days that the nightly reconcile looks back
LOOK_BACK = 40


class MailActivity(models.Model):
    _inherit = "mail.activity"

    discipline_settled = fields.Boolean(
        readonly=True, copy=False, help="Its contact was logged in another way: finishing it logs no second one."
    )
    discipline_planned = fields.Boolean(
        "Planned by the Program", readonly=True, copy=False, help="Nobody has chosen its day by hand."
    )
    discipline_absence_id = fields.Many2one(
        "discipline.absence",
        "Instead of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The absence for which a substitute makes this contact; afterwards it is the manager's again.",
    )

    _discipline_planned_idx = models.Index("(res_id) WHERE discipline_planned AND active")

    @api.depends("res_name")
    @api.depends_context("discipline_plan")
    def _compute_display_name(self):
        super()._compute_display_name()
        if self.env.context.get("discipline_plan"):
            # in a plan of contacts the customer matters: that it is a call goes without saying
            for activity in self.filtered("res_name"):
                activity.display_name = activity.res_name

    def _action_done(self, feedback=False, attachment_ids=None):
        # the feedback is written after the activity is archived: the log needs it at that moment
        activities = self.with_context(discipline_feedback=feedback)
        return super(MailActivity, activities)._action_done(feedback=feedback, attachment_ids=attachment_ids)

    @api.model_create_multi
    def create(self, vals_list):
        activities = super().create(vals_list)
        if self.env.context.get("discipline_planning"):
            # the plan itself: the customers' rows are in line already
            return activities
        contacts = activities.filtered(lambda activity: activity.activity_type_id.sudo().discipline_channel_id)
        if contacts:
            contacts.filtered(lambda activity: not activity.active)._discipline_log()
            contacts._discipline_replan(contacts._discipline_customers())
        return activities

    def write(self, vals):
        if self._discipline_by_hand(vals):
            vals = {**vals, "discipline_planned": False}
        if not {"active", "date_deadline", "res_id", "res_model_id", "res_model", "activity_type_id"} & vals.keys():
            return super().write(vals)
        moved = {"res_id", "res_model_id", "res_model", "activity_type_id"} & vals.keys()
        before = self._discipline_customers() if moved else {}
        # both by what they were: an activity that is done twice is one contact
        finished = self.filtered("active") if vals.get("active") is False else self.browse()
        reopened = self.filtered(lambda row: not row.active) if vals.get("active") else self.browse()
        result = super().write(vals)
        behind = self._discipline_behind()
        after = {activity: customer for activity, (_person, customer) in behind.items()}
        self._discipline_replan(before, after)
        finished._discipline_log(behind)
        reopened._discipline_reopen()
        settled = finished.filtered("discipline_settled")
        if settled:
            self.env["discipline.planning"].sudo()._plan_customers(
                {after[row.id].id for row in settled if row.id in after}
            )
        return result

    def _discipline_by_hand(self, vals):
        """Tell whether somebody takes an activity of the program into his own hands: then the program leaves it."""
        chosen = {"date_deadline", "user_id", "summary", "note", "activity_type_id", "res_id"} & vals.keys()
        return bool(chosen) and not self.env.context.get("discipline_planning") and any(
            self.sudo().mapped("discipline_planned")
        )  # fmt: skip

    def unlink(self):
        customers = self._discipline_customers()
        result = super().unlink()
        self._discipline_replan(customers)
        return result

    def _discipline_customers(self):
        """Return {activity id: res.partner} of those contact activities that have a customer behind them."""
        return {activity: customer for activity, (_person, customer) in self._discipline_behind().items()}

    def _discipline_behind(self):
        """Return {activity id: (person, customer)}, both res.partner, of the contact activities that have a customer.

        The person is whom it was planned with: the customer himself, or one of his people.
        """
        activities = self.sudo().filtered(
            lambda row: row.activity_type_id.discipline_channel_id and row.res_model and row.res_id
        )
        found = {}
        if not activities:
            return found
        own = self.env["res.company"]._discipline_all().partner_id
        for model, rows in activities.grouped("res_model").items():
            if model not in self.env:
                continue
            records = self.env[model].sudo().browse(set(rows.mapped("res_id"))).exists()
            customers = self.env["discipline.customer"]._customer_of(records)
            if model == "res.partner":
                people = {record.id: record for record in records}
            else:
                people = records._mail_get_partners()
            for row in rows:
                customer = customers.get(row.res_id)
                if customer and customer.partner_share and customer not in own:
                    found[row.id] = (people[row.res_id][:1] or customer, customer)
        return found

    @api.model
    def _discipline_replan(self, *groups):
        ids = {customer.id for group in groups for customer in group.values()}
        if ids:
            self.env["discipline.contact"].sudo()._refresh_next_contacts(sorted(ids))

    def _discipline_log(self, behind=None):
        """Log these finished activities as contacts, in one go; those without a customer behind them are left out.

        :param behind: what :meth:`_discipline_behind` returns, where it is known already
        """
        activities = self.filtered(lambda row: not row.discipline_settled)
        if activities != self:
            return activities._discipline_log(behind)
        if not self:
            return None
        behind = self._discipline_behind() if behind is None else behind
        rows = [row._discipline_contact_vals(*behind[row.id]) for row in self.sudo() if row.id in behind]
        if rows:
            self.env["discipline.contact"].with_user(self.env.user).sudo()._log(rows)
        return None

    def _discipline_contact_vals(self, person, customer):
        """Return what the finished activity says of its contact (a hook for other addons).

        :param person: res.partner, whom it was planned with
        :param customer: res.partner, the customer he belongs to
        """
        self.ensure_one()
        event = self.calendar_event_id
        now = fields.Datetime.now()
        channel = self.activity_type_id.discipline_channel_id
        return {
            "partner_id": person.id,
            "user_id": self._discipline_doer().id,
            "date": event.start if event and event.start < now else now,
            "channel_id": channel.id,
            "outcome_id": channel.outcome_id.id,
            "note": self._discipline_note(),
            "lead_id": self.res_id if self.res_model == "crm.lead" else None,
            "activity_id": self.id,
            "event_id": event.id or None,
            "source": "meeting" if event else "activity",
            # a meeting and its activity are one contact
            "source_ref": f"event:{event.id}:{customer.id}" if event else f"activity:{self.id}:{customer.id}",
        }

    def _discipline_doer(self):
        """Return who made the contact: whoever marked it as done; the assignee where a program did."""
        doer = self.env.user
        if doer.id == SUPERUSER_ID or doer.share:
            doer = self.user_id or doer
        return doer

    def _discipline_note(self):
        """Return what people typed: the feedback, else what the activity said."""
        feedback = self.env.context.get("discipline_feedback") or self.feedback
        if feedback:
            return feedback
        parts = [self.summary or "", html2plaintext(self.note or "")]
        return "\n".join(part.strip() for part in parts if part.strip())

    @api.model
    def _discipline_finish_planned(self, customers, doer, note):
        """Finish the contacts that ``doer`` had planned with these customers up to his today: he has just made them.

        :param customers: res.partner
        :param doer: res.users
        :param str note: what was said; it becomes the feedback
        """
        people = self.env["res.partner"].sudo().search([("commercial_partner_id", "in", customers.ids)])
        members = self.env["res.partner"].sudo().search([("customer_group_id", "in", customers.ids)])
        people |= self.env["res.partner"].sudo().search([("commercial_partner_id", "in", members.ids)])
        leads = self.env["crm.lead"].sudo().search([("partner_id", "in", people.ids)])
        activities = self.search(
            [
                ("user_id", "=", doer.id),
                ("date_deadline", "<=", self.env["discipline.calendar"]._today_of(doer)),
                ("activity_type_id.discipline_channel_id", "!=", False),
                ("calendar_event_id", "=", False),
                "|",
                "&",
                ("res_model", "=", "res.partner"),
                ("res_id", "in", people.ids),
                "&",
                ("res_model", "=", "crm.lead"),
                ("res_id", "in", leads.ids),
            ]
        )
        if activities:
            activities.sudo().write({"discipline_settled": True})
            activities.action_feedback(feedback=note or False)

    @api.model
    def _discipline_planned_calls(self, contacts):
        """Return the open activities for which these contacts were made, in one query.

        The doer's own, by the same channel, planned up to the day of the contact with the customer, any of his people
        or an opportunity of theirs; a meeting in the calendar is settled by the calendar.

        :param contacts: discipline.contact
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH talk AS (
                    SELECT * FROM unnest(%(customers)s, %(doers)s, %(channels)s, %(days)s)
                               AS t(customer, doer, channel, day)
                ),
                people AS (
                    SELECT p.id, COALESCE(m.customer_group_id, m.id) AS customer
                      FROM res_partner m JOIN res_partner p ON p.commercial_partner_id = m.id
                     WHERE m.id = ANY(%(customers)s) OR m.customer_group_id = ANY(%(customers)s)
                ),
                record AS (
                    SELECT 'res.partner' AS model, id, customer FROM people
                     UNION ALL
                    SELECT 'crm.lead', l.id, p.customer FROM crm_lead l JOIN people p ON p.id = l.partner_id
                )
                SELECT DISTINCT a.id
                  FROM record r
                  JOIN mail_activity a ON a.res_model = r.model AND a.res_id = r.id AND a.active
                   AND a.calendar_event_id IS NULL
                  JOIN mail_activity_type k ON k.id = a.activity_type_id
                  JOIN talk t ON t.customer = r.customer AND t.doer = a.user_id
                   AND t.channel = k.discipline_channel_id AND a.date_deadline <= t.day
                """,
                customers=array([contact.partner_id.id for contact in contacts], "int"),
                doers=array([contact.doer_ref for contact in contacts], "int"),
                channels=array([contact.channel_id.id for contact in contacts], "int"),
                days=array([contact.day for contact in contacts], "date"),
            )
        )
        return self.browse(sorted(row[0] for row in rows))

    def _discipline_reopen(self):
        """Take back the contacts of activities that are open again; doing them again logs a new one.

        A contact that came in another way too, a call that telephony told of, stays in the log.
        """
        if self:
            contacts = (
                self.env["discipline.contact"]
                .sudo()
                .search(
                    [
                        ("activity_id", "in", self.ids),
                        ("voided_at", "=", False),
                        "|",
                        ("source", "=", "activity"),
                        ("source_ids.source", "=", "activity"),
                    ]
                )
            )
            contacts._withdraw("activity", self.env._("The activity was opened again."))
            self.sudo().filtered("discipline_settled").write({"discipline_settled": False})

    @api.model
    def _discipline_reconcile(self, company):
        """Log activities of the last weeks that were finished past the ORM; only those since the first judged day."""
        since = fields.Datetime.now() - timedelta(days=LOOK_BACK)
        start = company.discipline_date_start
        if start:
            since = max(since, fields.Datetime.to_datetime(start))
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, a.write_uid, a.write_date
                  FROM mail_activity a
                  JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
                 WHERE a.active IS NOT TRUE AND a.write_date >= %s AND a.discipline_settled IS NOT TRUE
                   AND NOT EXISTS (SELECT FROM discipline_contact c
                                    WHERE c.activity_id = a.id AND c.superseded IS NOT TRUE)
                   AND NOT EXISTS (SELECT FROM discipline_contact c
                                    WHERE c.event_id = a.calendar_event_id AND c.superseded IS NOT TRUE)
              ORDER BY a.id
                """,
                since,
            )
        )
        activities = self.browse(row[0] for row in rows)
        behind = activities._discipline_behind()
        doers = {activity: (uid, moment) for activity, uid, moment in rows}
        vals_list = []
        for activity in activities.filtered(lambda row: row.id in behind):
            uid, moment = doers[activity.id]
            vals = activity._discipline_contact_vals(*behind[activity.id])
            moment = moment.replace(microsecond=0)
            vals.update(
                user_id=uid if uid != SUPERUSER_ID else activity.user_id.id or uid,
                date=activity.calendar_event_id.start if activity.calendar_event_id else moment,
                logged_at=moment,
            )
            vals_list.append(vals)
        self.env["discipline.contact"].sudo()._log(vals_list)
