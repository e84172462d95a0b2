"""What the screen “My Day” shows and does: everything in a constant number of statements."""

from functools import cache

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import format_date

from .sets import array

#: contacts shown at once; the rest stands behind the number
SHOWN = 60
#: working days before the end of a period in which a missing contact puts a customer at risk
RISK_DAYS = 7


class DisciplineMyDay(models.AbstractModel):
    _name = "discipline.my.day"
    _description = "My Day"

    @api.model
    @api.readonly
    def get_day(self):
        """Return the day of the person who asks.

        :return: dict with ``today``, ``rows`` (contacts to make, in order of what is at stake), ``total`` (how many
            there are), ``progress`` ({done, planned} contacts of the day), ``norms`` (per class: customers, goal,
            attained), ``risk`` (customers about to be lost), ``options`` (channels, outcomes),
            ``leads_others`` (a supervisor without customers of his own: the cockpit is his first screen)
        """
        # the reader's own day, as that of his contacts: the company's may be over, or not have begun
        today = self.env["discipline.calendar"]._today_of(self.env.user, self.env.company)
        rows = self._rows(today)
        done = self._done_today(today)
        shown = rows[:SHOWN]
        self._dress(shown, today)
        norms = self._norms()
        return {
            "today": self.env["discipline.calendar"]._heading(today),
            "rows": shown,
            "total": len(rows),
            "progress": {"done": done, "planned": done + len(rows)},
            "norms": norms,
            "risk": self._risk(today),
            "options": self._options(),
            "leads_others": not norms and not rows and self.env.user._discipline_is_supervisor(),
        }

    def _rows(self, today):
        """Return the customers to contact: behind, due today, planned for today or overdue; what is at stake first.

        The order: overdue before due, then by class, then by how long it is overdue.
        """
        self.env["discipline.customer"].flush_model()
        self.env["mail.activity"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH offered AS (   -- what he makes instead of somebody who is away
                    SELECT d.id, min(a.date_deadline) AS day
                      FROM mail_activity a
                      JOIN discipline_absence w ON w.id = a.discipline_absence_id
                      JOIN res_partner p ON a.res_model = 'res.partner' AND p.id = a.res_id
                      JOIN res_partner m ON m.id = p.commercial_partner_id
                      JOIN discipline_customer d ON d.partner_id = COALESCE(m.customer_group_id, m.id)
                     WHERE a.user_id = %(user)s AND a.active AND a.date_deadline <= %(today)s
                  GROUP BY d.id
                ), mine AS (
                    SELECT c.id, c.next_contact_date, FALSE AS offered FROM discipline_customer c
                     WHERE c.user_id = %(user)s AND c.in_base
                       -- whoever was talked to today may wait till tomorrow, however far behind he is
                       AND (c.next_contact_date <= %(today)s
                            OR (c.due_next <= %(today)s AND COALESCE(c.last_contact_date < %(today)s, TRUE)))
                     UNION ALL
                    SELECT o.id, o.day, TRUE FROM offered o JOIN discipline_customer c ON c.id = o.id
                     WHERE c.user_id IS DISTINCT FROM %(user)s
                )
                SELECT c.id, c.partner_id, c.state, c.goal, c.attained, c.due_next, m.next_contact_date,
                       c.last_contact_date, k.name AS class_name, COALESCE(k.sequence, 99) AS class_order,
                       c.due_next < %(today)s AS overdue, CASE WHEN m.offered THEN c.user_id END AS instead
                  FROM mine m
                  JOIN discipline_customer c ON c.id = m.id
             LEFT JOIN discipline_abc_class k ON k.id = c.abc_class_id
              ORDER BY (c.due_next < %(today)s) DESC NULLS LAST, class_order, c.due_next NULLS LAST,
                       c.next_contact_date NULLS LAST, c.id
                """,
                today=today,
                user=self.env.uid,
            )
        )
        lang = self.env.lang or "en_US"
        for row in rows:
            name = row["class_name"] or {}
            row["class_name"] = name.get(lang) or name.get("en_US") or ""
            row["overdue"] = bool(row["overdue"])
        return rows

    def _dress(self, rows, today):
        """Give each row its customer's name and phone, why it is here, the last talk and the open deals."""
        ids = [row["partner_id"] for row in rows]
        partners = {partner.id: partner for partner in self.env["res.partner"].browse(ids)}
        away = {
            user.id: user.name
            for user in self.env["res.users"].sudo().browse({row["instead"] for row in rows} - {None})
        }
        # the same few days stand in many rows
        said = cache(lambda day: format_date(self.env, day) if day else "")
        talks = self._talks(ids, said)
        deals = self._deals(ids)
        for row in rows:
            partner = partners[row["partner_id"]]
            count, amount = deals.get(partner.id, (0, 0))
            row.update(
                name=partner.name or "",
                instead=away.get(row["instead"], ""),
                phone=partner.phone or "",
                why=self._why(row, today, said),
                talk=talks.get(partner.id, ""),
                deals=count,
                amount=amount,
            )
            for name in ("due_next", "next_contact_date", "last_contact_date"):
                row[name] = said(row[name])

    def _why(self, row, today, said):
        """Return why a customer stands in the list, in the reader's language.

        :param said: function that returns a day in the reader's format
        """
        if row["due_next"] and row["due_next"] < today:
            return self.env._(
                "Overdue since %(day)s: %(attained)s of %(goal)s contacts",
                day=said(row["due_next"]),
                attained=row["attained"],
                goal=row["goal"],
            )
        if row["due_next"] == today:
            return self.env._(
                "Due today: %(attained)s of %(goal)s contacts", attained=row["attained"], goal=row["goal"]
            )
        if row["next_contact_date"] < today:
            return self.env._("Planned for %(day)s", day=said(row["next_contact_date"]))
        return self.env._("Planned for today")

    def _talks(self, ids, said):
        """Return {customer id: the last talk with a note} that the reader may see.

        :param said: function that returns a day in the reader's format
        """
        rows = self.env.execute_query(
            SQL(
                """
                -- customer after customer from the newest backwards by the index: not all that was ever said is read
                SELECT i.id, t.day, t.note
                  FROM unnest(%s) AS i(id)
            CROSS JOIN LATERAL (
                       SELECT c.day, left(c.note, 240) AS note FROM discipline_contact c
                        WHERE c.partner_id = i.id AND c.voided_at IS NULL AND c.note IS NOT NULL
                     ORDER BY c.day DESC, c.date DESC, c.id DESC LIMIT 1) t
                """,
                array(ids, "int"),
            )
        )
        return {partner: f"{said(day)}: {note}" for partner, day, note in rows}

    def _deals(self, ids):
        """Return {customer id: (number, sum)} of the open deals."""
        groups = self.env["crm.lead"]._read_group(
            [
                ("type", "=", "opportunity"),
                ("won_status", "=", "pending"),
                ("partner_id.commercial_partner_id", "in", ids),
            ],
            ["partner_id"],
            ["__count", "expected_revenue:sum"],
        )
        found = {}
        for partner, count, amount in groups:
            had = found.get(partner.commercial_partner_id.id, (0, 0))
            found[partner.commercial_partner_id.id] = (had[0] + count, had[1] + amount)
        return found

    def _done_today(self, today):
        return self.env["discipline.contact"].search_count(
            [("user_id", "=", self.env.uid), ("day", "=", today), ("voided_at", "=", False)]
        )

    def _norms(self):
        """Return the running norms of the person's customers per class."""
        groups = self.env["discipline.customer"]._read_group(
            [("user_id", "=", self.env.uid), ("in_base", "=", True)],
            ["abc_class_id"],
            ["__count", "goal:sum", "attained:sum"],
            order="abc_class_id",
        )
        return [
            {
                "class_name": abc_class.name or "–",
                "class_id": abc_class.id,
                "customers": count,
                "goal": goal,
                "attained": attained,
                "percent": round(100 * attained / goal) if goal else None,
            }
            for abc_class, count, goal, attained in groups
        ]

    def _risk(self, today):
        """Return the customers that the running period will cost if nothing happens, with what keeps them."""
        # by the number, which has an index with the period: of a million verdicts a thousand are read
        return self._risk_of([("manager_ref", "=", self.env.uid)], today, SHOWN)

    @api.model
    def _risk_of(self, domain, today, limit):
        """Return the customers about to be lost: a goal not attained and few working days left.

        The same list for the manager and his supervisor.

        :param domain: whose verdicts are looked at
        :param int limit: how many per period
        """
        company = self.env.company
        periods = self.env["discipline.period"].search(
            [("company_id", "=", company.id), ("date_start", "<=", today), ("date_end", ">=", today)], order="date_end"
        )
        found = []
        for period in periods:
            left = len(self.env["discipline.calendar"]._working_days(company, today, period.date_end))
            if left > RISK_DAYS:
                continue
            # the evidence of so many verdicts is not wanted here
            rows = self.env["discipline.compliance"].search_fetch(
                [
                    ("period_id", "=", period.id),
                    ("state", "in", ("behind", "on_track")),
                    ("partner_id.user_id", "!=", False),
                    *domain,
                ],
                ["partner_id", "user_id", "abc_class_id", "goal", "attained"],
                order="abc_class_id, due_next, id",
                limit=limit,
            )
            # whoever has moved on to another manager is that one's to keep
            rows = rows.filtered(lambda row: row.partner_id.user_id == row.user_id)
            days = (
                self.env._("1 working day left") if left == 1 else self.env._("%(days)s working days left", days=left)
            )
            until = format_date(self.env, period.date_end)
            found += [self._risk_values(row, left, days, until) for row in rows]
        return found

    @api.model
    def _risk_values(self, row, left, days, until):
        """Return what is said of one customer about to be lost.

        :param int left: working days that are left, ``days`` in words
        :param str until: the period's last day, in the reader's format
        """
        needed = row.goal - row.attained
        return {
            "partner_id": row.partner_id.id,
            "name": row.partner_id.name,
            "class_name": row.abc_class_id.name or "",
            "manager": row.user_id.name or "",
            "left": left,
            "needed": needed,
            "keeps": self.env._(
                "%(left)s: %(needed)s more counted contact(s) by %(day)s",
                left=days,
                needed=needed,
                day=until,
            ),
        }

    def _options(self):
        """Return what the small form offers: channels with their usual outcome, outcomes, reasons for a refusal."""
        unsaid = self.env.ref("sales_discipline.discipline_lost_reason_not_stated", raise_if_not_found=False)
        return {
            "channels": [
                {"id": row.id, "name": row.name, "outcome_id": row.outcome_id.id}
                for row in self.env["discipline.channel"].search([])
            ],
            "outcomes": self.env["discipline.outcome"].search_read([], ["name", "is_refusal"]),
            "reasons": self.env["crm.lost.reason"].search_read([("id", "!=", unsaid and unsaid.id)], ["name"]),
        }

    # ------------------------------------------------------------------
    # What a line can do
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_log_defaults(self, partner_id):
        """Return what the small form proposes: channel, outcome, the day of the next contact, and whether it counts.

        :param int partner_id: id of the customer
        :return: dict with ``channel_id``, ``outcome_id``, ``next_date`` and what :meth:`get_log_preview` returns
        """
        customer = self.env["res.partner"].browse(partner_id)._discipline_customer()
        day, _planned, _capacity = self.env["discipline.planning"]._suggest(customer)
        channel = self.env["discipline.channel"].search([], limit=1)
        return {
            "channel_id": channel.id,
            "outcome_id": channel.outcome_id.id,
            "next_date": fields.Date.to_string(day) if day else "",
            **self.get_log_preview(partner_id, channel.id, channel.outcome_id.id),
        }

    @api.model
    @api.readonly
    def get_log_preview(self, partner_id, channel_id, outcome_id):
        """Say whether a contact of the reader would count if it were logged now, and by which rule not.

        :param int partner_id: id of the customer
        :param int channel_id: how he was contacted
        :param int outcome_id: what came of it
        :return: {``counts``: bool, ``preview``: the same in words}
        """
        counts, text = self.env["discipline.contact"]._preview_sentence(
            self.env["res.partner"].browse(partner_id)._discipline_customer(),
            self.env.user,
            fields.Datetime.now(),
            self.env["discipline.channel"].browse(channel_id),
            self.env["discipline.outcome"].browse(outcome_id),
        )
        return {"counts": counts, "preview": text}

    @api.model
    def log(self, partner_id, values):
        """Log a contact from the list, as the dialog does.

        :param int partner_id: id of the customer
        :param dict values: ``channel_id``, ``outcome_id``, ``note``, ``next_date`` (ISO date or empty),
            ``no_next_reason`` (why there is no next date), ``lost_reason_id`` (why the customer refused)
        :return: {``message``, ``counted``}
        """
        dialog = self.env["discipline.contact.log"].create(
            {
                "partner_ids": [fields.Command.set([partner_id])],
                "channel_id": values.get("channel_id"),
                "outcome_id": values.get("outcome_id"),
                "note": values.get("note"),
                "next_date": values.get("next_date") or False,
                "no_next_reason": values.get("no_next_reason") or False,
                "lost_reason_id": values.get("lost_reason_id") or False,
            }
        )
        told = dialog.action_log()["params"]
        return {"message": told["message"], "counted": told["type"] == "success"}

    @api.model
    def postpone(self, partner_id, days=1):
        """Move the planned contact with a customer by working days from today; plan one where there is none.

        The rules of the plan hold: not on a holiday, not in an absence, not on a day that is full; then it is the
        first day after it that is none of these.

        :param int partner_id: id of the customer
        :param int days: working days from today
        :return: the new day, in the reader's format
        """
        customer = self.env["res.partner"].browse(partner_id)._discipline_customer()
        if not 1 <= days <= 60:
            raise UserError(self.env._("A contact is postponed by 1 to 60 working days."))
        activity = self._open_activity(customer)
        owner = customer.sudo().discipline_id.user_id
        stands_in = activity.sudo().discipline_absence_id
        if owner != self.env.user and not stands_in and not self.env.user._discipline_decides_for(owner):
            raise AccessError(self.env._("%(customer)s is not your customer.", customer=customer.display_name))
        doer = self.env.user if stands_in or not owner else owner
        day = self.env["discipline.planning"]._next_free_day(customer, doer, days)
        if activity:
            activity.date_deadline = day
        else:
            customer.activity_schedule(
                activity_type_id=self.env["discipline.planning"]._contact_type().id,
                date_deadline=day,
                user_id=doer.id,
                automated=False,
            )
        return format_date(self.env, day)

    def _open_activity(self, customer):
        """Return the earliest open contact activity of the customer's manager or the person, with any of his people."""
        people = self.env["res.partner"].search([("commercial_partner_id", "=", customer.id)])
        return self.env["mail.activity"].search(
            [
                ("res_model", "=", "res.partner"),
                ("res_id", "in", people.ids),
                ("user_id", "in", (customer.sudo().discipline_id.user_id | self.env.user).ids),
                ("activity_type_id.discipline_channel_id", "!=", False),
            ],
            order="date_deadline, id",
            limit=1,
        )
