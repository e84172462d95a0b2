"""Meetings that lie ahead go with the customer: whoever answers for him then is the one who goes there."""

import logging
from operator import itemgetter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL, groupby

_logger = logging.getLogger(__name__)

#: nobody is invited, reminded or told of an assignment: the managers get one message about the redistribution
QUIETLY = {
    "dont_notify": True,
    "skip_attendee_notification": True,
    "no_mail_to_attendees": True,
    "mail_activity_quick_update": True,
    "mail_auto_subscribe_no_notify": True,
}


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    def _move_meetings(self, family, customers, undo):
        """Let the receiver organise and attend, in the loser's place, the loser's meetings ahead with each customer."""
        passed = {}
        for event, customer, had_loser, had_receiver in self._meetings_ahead(family, customers, undo):
            line = customers[customer]
            undo[line.id].setdefault("meetings", []).append([event, had_loser, had_receiver])
            passed.setdefault((line.user_from_id, line.user_to_id), []).append((event, had_loser, had_receiver))
        for (loser, receiver), rows in passed.items():
            self._pass_meetings(rows, loser, receiver)

    def _meetings_ahead(self, family, customers, undo):
        """Return (event id, customer id, does the loser attend, does the receiver) of the losers' meetings ahead.

        They are those of the planned contacts that move along, and those to which nobody from outside comes but people
        of one customer; a meeting with several customers, or a private one, stays with whoever called it.
        """
        for name in ("calendar.event", "mail.activity"):
            self.env[name].flush_model()
        planned = [(activity, line.customer_ref) for line in self for activity in undo[line.id].get("activities", ())]
        return self.env.execute_query(
            SQL(
                """
                WITH line AS (SELECT * FROM unnest(%(customers)s::int[], %(losers)s::int[], %(loser_partners)s::int[],
                                                   %(receiver_partners)s::int[])
                                         AS t(customer_id, loser_id, loser_partner, receiver_partner)),
                family AS (SELECT * FROM unnest(%(partners)s::int[], %(owners)s::int[]) AS t(partner_id, customer_id)),
                met AS (
                    SELECT a.calendar_event_id AS id, n.customer_id
                      FROM unnest(%(activities)s::int[], %(planned)s::int[]) AS n(id, customer_id)
                      JOIN mail_activity a ON a.id = n.id
                     WHERE a.calendar_event_id IS NOT NULL
                     UNION
                    SELECT r.calendar_event_id, min(f.customer_id)
                      FROM calendar_event_res_partner_rel r
                      JOIN res_partner p ON p.id = r.res_partner_id AND p.partner_share
                 LEFT JOIN family f ON f.partner_id = p.id
                     WHERE r.calendar_event_id IN (SELECT x.calendar_event_id FROM calendar_event_res_partner_rel x
                                                     JOIN family g ON g.partner_id = x.res_partner_id)
                  GROUP BY r.calendar_event_id
                    HAVING bool_and(f.customer_id IS NOT NULL) AND min(f.customer_id) = max(f.customer_id)
                )
                SELECT DISTINCT ON (e.id) e.id, l.customer_id,
                       EXISTS (SELECT FROM calendar_event_res_partner_rel y
                                WHERE y.calendar_event_id = e.id AND y.res_partner_id = l.loser_partner),
                       EXISTS (SELECT FROM calendar_event_res_partner_rel z
                                WHERE z.calendar_event_id = e.id AND z.res_partner_id = l.receiver_partner)
                  FROM met m
                  JOIN line l ON l.customer_id = m.customer_id
                  JOIN calendar_event e ON e.id = m.id AND e.user_id = l.loser_id
                 WHERE e.active AND e.start > %(now)s AND e.privacy IS DISTINCT FROM 'private'
              ORDER BY e.id, l.customer_id
                """,
                customers=list(customers),
                losers=[line.user_from_id.id or None for line in customers.values()],
                loser_partners=[line.user_from_id.partner_id.id or None for line in customers.values()],
                receiver_partners=[line.user_to_id.partner_id.id for line in customers.values()],
                partners=list(family),
                owners=list(family.values()),
                activities=[row[0] for row in planned],
                planned=[row[1] for row in planned],
                now=fields.Datetime.now(),
            )
        )

    @api.model
    def _pass_meetings(self, rows, giver, taker):
        """Let ``taker`` organise meetings, and attend them, in the place of ``giver``; nobody is invited.

        A meeting that an outside calendar guards stays as it is: the customer's move does not depend on it.

        :param rows: (event id, whether the giver attends, whether the taker does), of meetings that the giver organises
        """
        # as the organiser, whose calendar may be closed to others
        events = self.env["calendar.event"].with_user(giver).sudo().with_context(**QUIETLY)
        for (gives, takes), group in groupby(rows, key=itemgetter(1, 2)):
            ids = [row[0] for row in group]
            commands = [Command.unlink(giver.partner_id.id)] if gives else []
            if not takes:
                commands.append(Command.link(taker.partner_id.id))
            values = {"user_id": taker.id, **({"partner_ids": commands} if commands else {})}
            try:
                with self.env.cr.savepoint():
                    events.browse(ids).write(values)
                    if not takes:
                        self._attendees_of(ids, taker).write({"state": "accepted"})
            except UserError as error:
                _logger.warning("Sales discipline: meetings %s stay with their organiser: %s", ids, error)

    @api.model
    def _attendees_of(self, event_ids, user):
        return (
            self.env["calendar.attendee"]
            .sudo()
            .search([("event_id", "in", event_ids), ("partner_id", "=", user.partner_id.id)])
        )

    def _revert_meetings(self, undo):
        """Give back the meetings that are still ahead and still the receiver's.

        :param undo: what these lines' moves left to go back, a dict for each
        """
        giver, receiver = self.user_from_id, self.user_to_id
        before = {event: (had, stays) for row in undo for event, had, stays in row.get("meetings", ())}
        if not giver or not before:
            return
        meetings = (
            self.env["calendar.event"]
            .sudo()
            .search([("id", "in", list(before)), ("user_id", "=", receiver.id), ("start", ">", fields.Datetime.now())])
        )
        # the receiver leaves unless he came before; the giver comes unless he did not
        self._pass_meetings(
            [(event, not before[event][1], not before[event][0]) for event in meetings.ids], receiver, giver
        )
