"""Carrying a redistribution out, and taking it back: customers with all that belongs to them."""

import json
import logging

import psycopg2
from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from .sets import unnested

_logger = logging.getLogger(__name__)

#: customers that move together, all or none of them
CHUNK = 500


class DisciplineRedistributionLine(models.Model):
    _inherit = "discipline.redistribution.line"

    def _skip_changed(self):
        """Skip the lines whose customers changed hands since, or whose receiver has gone.

        :return: the lines that were skipped
        """
        if not self:
            return self
        self.flush_model()
        self.env["discipline.customer"].flush_model()
        self.env["res.users"].flush_model(["active"])
        skipped = self.browse()
        for reason, ids in self.env.execute_query(
            SQL(
                """
                SELECT reason, array_agg(id ORDER BY id) FROM (
                    SELECT l.id, CASE WHEN c.id IS NULL OR c.user_id IS DISTINCT FROM l.user_from_id THEN 'changed'
                                      WHEN u.active IS NOT TRUE THEN 'archived' END AS reason
                      FROM discipline_redistribution_line l
                 LEFT JOIN discipline_customer c ON c.partner_id = l.customer_ref AND c.in_base
                 LEFT JOIN res_users u ON u.id = l.user_to_id
                     WHERE l.id = ANY(%s)
                ) looked WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason DESC
                """,
                self.ids,
            )
        ):
            lines = self.browse(ids)
            lines._set_state("skipped", skip_reason=reason)
            skipped |= lines
        return skipped

    def _holders(self):
        """Return {customer id: user id or False} of who answers today for the customers of the base."""
        customers = self.env["discipline.customer"].search(
            [("partner_id", "in", self.mapped("customer_ref")), ("in_base", "=", True)]
        )
        return {customer.partner_id.id: customer.user_id.id for customer in customers}

    # ------------------------------------------------------------------
    # Applying
    # ------------------------------------------------------------------

    def _apply(self, progress=None):
        """Move these customers to their receivers, in chunks that move as a whole or not at all.

        Resumable: what moved is marked in its line, so a second call goes on with the rest. A customer that cannot be
        moved is skipped with its reason, the others go on.

        :param progress: callable(done, total) after each chunk; it may commit
        :return: the lines that moved now
        """
        return self._in_state("approved")._in_chunks("_apply_chunk", progress)

    def _in_chunks(self, step, progress=None):
        """Do ``step`` for these lines, chunk by chunk.

        :return: the lines for which it was done now
        """
        found, done = [], 0
        for chunk in self._chunks():
            found += chunk._safely(step).ids
            done += len(chunk)
            if len(self) > CHUNK:
                # a large batch does not stay in memory
                self.env.invalidate_all()
            if progress:
                progress(done, len(self))
        return self.browse(found)

    def _chunks(self):
        """Yield these lines in chunks, in the same order every time.

        Customers of one receiver stand together; what must be done for each receiver is done for many of them.
        """
        self.flush_model(["user_to_id", "user_from_id"])
        ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    "SELECT id FROM discipline_redistribution_line WHERE id = ANY(%s) "
                    "ORDER BY user_to_id, COALESCE(user_from_id, 0), id",
                    self.ids,
                )
            )
        ]
        for start in range(0, len(ids), CHUNK):
            yield self.browse(ids[start : start + CHUNK])

    def _wait_for_lock(self):
        """Wait until nobody else is at work on these lines, a worker that was killed a moment ago included.

        :raise psycopg2.errors.SerializationFailure: if they were changed meanwhile; the work is begun anew
        """
        self.env.cr.execute(
            SQL("SELECT id FROM discipline_redistribution_line WHERE id IN %s ORDER BY id FOR UPDATE", self._ids)
        )

    def _safely(self, step):
        """Do ``step`` for a chunk; if that fails, look for the customer that spoils it and go on with the others.

        :return: the lines for which it was done
        """
        try:
            with self.env.cr.savepoint():
                found = getattr(self, step)()
                self.env.flush_all()
            return found
        except psycopg2.OperationalError:
            # Odoo runs the whole request again, or the server is gone
            raise
        except Exception as error:
            self.env.invalidate_all()
            if len(self) > 1:
                half = len(self) // 2
                return self[:half]._safely(step) | self[half:]._safely(step)
            _logger.exception("Sales discipline: customer %s could not be moved", self.customer_ref)
            self.write({"error": str(error), **self._spoilt_values()})
            return self.browse()

    def _spoilt_values(self):
        """Return what becomes of a line that cannot be carried out: an applied one stays with its receiver."""
        return {} if self.state == "applied" else {"state": "skipped", "skip_reason": "error"}

    def _apply_chunk(self):
        """Move customers, employees, planned contacts, open deals and followers to their receivers."""
        lines = self.try_lock_for_update().filtered(lambda line: line.state == "approved")
        lines -= lines._skip_hindered()
        if not lines:
            return lines
        customers = {line.partner_id.id: line for line in lines}
        undo = {line.id: {} for line in lines}
        family = self._family(list(customers))
        leads = lines._open_leads(family)
        lines._keep_employees(family, customers, undo)
        followed = lines._following(family, leads)
        lines.partner_id._discipline_assign(
            {pid: line.user_to_id for pid, line in customers.items()},
            lines._assignment_origin(),
            reason=lines.redistribution_id[:1].display_name,
            lines={pid: line.id for pid, line in customers.items()},
        )
        lines._move_activities(family, leads, customers, undo)
        lines._move_meetings(family, customers, undo)
        if lines.redistribution_id.policy_id[:1].move_leads:
            lines._move_leads(family, leads, customers, undo)
        lines._move_followers(family, leads, customers)
        lines._remember_followers(followed, family, leads, customers, undo)
        lines._acquaint(family, customers, undo)
        lines._write_applied(undo)
        return lines

    def _assignment_origin(self):
        """Return what the history of assignment names as the origin of these lines' moves (a hook)."""
        return "request" if set(self.mapped("cause")) == {"request"} else "redistribution"

    def _write_applied(self, undo):
        """Mark these lines as applied and keep what would undo them, in one statement.

        A second one would look up every reference of every line once more.

        :param dict undo: {line id: what went with the customer}
        """
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_redistribution_line l
                   SET state = 'applied', applied_on = %s, undo = n.undo,
                       write_uid = %s, write_date = now() AT TIME ZONE 'UTC'
                  FROM %s WHERE l.id = n.id
                """,
                self.env["discipline.calendar"]._today(self.company_id[:1]),
                self.env.uid,
                unnested([(line, json.dumps(row)) for line, row in undo.items()], {"id": "int", "undo": "jsonb"}, "n"),
            )
        )
        self._invalidate_written()

    @api.model
    def _family(self, customer_ids):
        """Return {partner id: customer id} of the customers, their group members, and all their employees."""
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT e.id, COALESCE(m.customer_group_id, m.id)
                      FROM res_partner m JOIN res_partner e ON e.commercial_partner_id = m.id
                     WHERE m.id = ANY(%(ids)s) OR m.customer_group_id = ANY(%(ids)s)
                    """,
                    ids=list(customer_ids),
                )
            )
        )

    def _keep_employees(self, family, customers, undo):
        """Remember employees that are the receiver's already: a revert must not take them along."""
        held = self.env["res.partner"].search([("id", "in", list(family)), ("user_id", "in", self.user_to_id.ids)])
        for partner in held:
            line = customers[family[partner.id]]
            if partner.user_id == line.user_to_id:
                undo[line.id].setdefault("kept", []).append(partner.id)

    def _open_leads(self, family):
        """Return the open leads and opportunities of the family, whoever's they are."""
        return (
            self.env["crm.lead"]
            .sudo()
            .search([("partner_id", "in", list(family)), ("won_status", "=", "pending"), ("active", "=", True)])
        )

    @api.model
    def _documents_domain(self, partner_ids, lead_ids):
        """Return the domain of what hangs on these partners and leads: activities, or followers."""
        return Domain.OR(
            Domain("res_model", "=", model) & Domain("res_id", "in", list(ids))
            for model, ids in (("res.partner", partner_ids), ("crm.lead", lead_ids))
        )

    def _move_activities(self, family, leads, customers, undo):
        """Give the loser's planned contacts with these customers to the receiver."""
        owner = {("res.partner", pid): customer for pid, customer in family.items()}
        owner.update({("crm.lead", lead.id): family[lead.partner_id.id] for lead in leads})
        losers = {pid: line.user_from_id.id for pid, line in customers.items()}
        activities = (
            self.env["mail.activity"]
            .sudo()
            .search(
                Domain("user_id", "in", [user for user in set(losers.values()) if user])
                & Domain("activity_type_id.discipline_channel_id", "!=", False)
                & self._documents_domain(family, leads.ids)
            )
            .filtered(lambda row: row.user_id.id == losers[owner[row.res_model, row.res_id]])
        )
        coming, follow = {}, []
        for activity in activities:
            line = customers[owner[activity.res_model, activity.res_id]]
            undo[line.id].setdefault("activities", []).append(activity.id)
            coming.setdefault(line.user_to_id.id, []).append(activity.id)
            if activity.res_model == "res.partner":
                follow.append((activity.res_id, line.user_to_id.id))
        # whoever an activity comes to follows its document, as in Odoo; of customers in one go
        self.env["res.partner"]._discipline_follow(follow)
        quietly = {"mail_activity_quick_update": True, "discipline_followed": True}
        for receiver, ids in coming.items():
            activities.browse(ids).with_context(**quietly).write({"user_id": receiver})

    def _move_leads(self, family, leads, customers, undo):
        """Give the loser's open deals with these customers to the receiver; an orphan's ownerless ones too."""
        moving = leads.filtered(
            lambda lead: (
                lead.user_id == customers[family[lead.partner_id.id]].user_from_id
                or (not customers[family[lead.partner_id.id]].user_from_id and not lead.user_id.active)
            )
        )
        coming = {}
        for lead in moving:
            line = customers[family[lead.partner_id.id]]
            undo[line.id].setdefault("leads", []).append([lead.id, lead.user_id.id, lead.team_id.id])
            coming.setdefault(line.user_to_id.id, []).append(lead.id)
        for receiver, ids in coming.items():
            leads.browse(ids).with_context(mail_auto_subscribe_no_notify=True).write({"user_id": receiver})

    # ------------------------------------------------------------------
    # Reverting
    # ------------------------------------------------------------------

    def _revert(self, progress=None):
        """Give the customers back, with what moved along and is unchanged since, in chunks.

        :param progress: callable(done, total) after each chunk; it may commit
        :return: the lines that went back; the others changed since, their giver has gone, or ``error`` says why not
        """
        self.search([("id", "in", self.ids), ("error", "!=", False)]).write({"error": False})
        return self._in_state("applied")._in_chunks("_revert_chunk", progress)

    def _revert_chunk(self):
        """Give back the customers of a chunk that are as the redistribution left them."""
        holders = self._holders()
        lines = self.try_lock_for_update().filtered(
            lambda line: (
                line.state == "applied"
                and holders.get(line.customer_ref) == line.user_to_id.id
                and line.user_to_id
                and (line.user_from_id.active or not line.from_ref)
            )
        )
        for group in lines.grouped(lambda line: (line.user_from_id, line.user_to_id)).values():
            group._revert_group()
        return lines

    def _revert_group(self):
        giver, receiver = self.user_from_id, self.user_to_id
        undo = [line.undo or {} for line in self]
        self.partner_id._discipline_assign(
            giver,
            "redistribution",
            reason=self.env._("Given back: %(batch)s", batch=self.redistribution_id[:1].display_name),
        )
        kept = self.env["res.partner"].browse([pid for row in undo for pid in row.get("kept", ())]).exists()
        kept.with_context(discipline_skip=True, mail_auto_subscribe_no_notify=True).write({"user_id": receiver.id})
        activities = self.env["mail.activity"].search(
            [
                ("id", "in", [aid for row in undo for aid in row.get("activities", ())]),
                ("user_id", "=", receiver.id),
            ]
        )
        if giver:
            activities.with_context(mail_activity_quick_update=True).write({"user_id": giver.id})
        self.env["mail.activity"].search(
            [("id", "in", [row["acquaint"] for row in undo if row.get("acquaint")]), ("user_id", "=", receiver.id)]
        ).unlink()
        deals = {lead: (user, team) for row in undo for lead, user, team in row.get("leads", ())}
        back = self._revert_leads(deals)
        self._revert_meetings(undo)
        self._revert_followers(undo, deals.keys() - set(back.ids))
        self.write({"state": "reverted"})

    def _revert_leads(self, before):
        """Give the deals back that are still open and still the receiver's."""
        leads = self.env["crm.lead"].search(
            [("id", "in", list(before)), ("user_id", "=", self.user_to_id.id), ("won_status", "=", "pending")]
        )
        for (user, team), group in leads.grouped(lambda lead: before[lead.id]).items():
            group.with_context(mail_auto_subscribe_no_notify=True).write({"user_id": user, "team_id": team})
        return leads
