"""Counted or not, and why: the rules of ``engine/counting.py`` for sets of contacts, and beforehand for one."""

from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import counting
from ..engine.workdays import deadline, period_of
from .sets import among

#: stands for the id of a contact that is not logged yet: it comes after all that are
NEWEST = 2**62


class DisciplineContact(models.Model):
    """Derived anew after every log, void and merge; a row is written only where it changes."""

    _inherit = "discipline.contact"

    @api.model
    def _derive_counted(self, company, kind, date_start, date_end, partner_ids, period=None):
        """Say of every contact of these customers in the period whether it counts, and by which rule not.

        The set-based twin of ``engine.counting.classify``; idempotent; a row is written only where it changes.

        :param company: res.company whose calendar and policy apply
        :param str kind: ``month`` or ``week``: only customers whose norm is of this kind are looked at
        :param date_start: first day of the period
        :param date_end: last day of the period
        :param partner_ids: ids of customers
        :param period: discipline.period that these days are; None where they are none yet
        """
        ids = self._of_kind(company, kind, date_start, partner_ids)
        if not ids:
            return
        policy = self.env["discipline.policy"]._policy_on(company, date_start)
        self.env.cr.execute(
            SQL(
                """
                WITH RECURSIVE %(facts)s,
                self AS (   -- what each contact says by itself
                    SELECT id, partner_id, day, date, before, upto, was_counted, was_reason, CASE
                           WHEN voided THEN 'voided'
                           WHEN after_closing THEN 'closed'
                           WHEN NOT outcome_counts THEN 'outcome'
                           WHEN NOT (channel_counts OR (channel_counts_if_answered AND answered)) THEN 'channel'
                           WHEN logged_day > deadline THEN 'late'
                           WHEN NOT has_responsible THEN 'nobody'
                           WHEN NOT entitled THEN 'stranger' END AS reason
                      FROM fact
                ),
                valid AS (  -- at most one a day
                    SELECT DISTINCT ON (partner_id, day) id, partner_id, day, before, upto
                      FROM self WHERE reason IS NULL ORDER BY partner_id, day, date, id
                ),
                %(spaced)s
                decided AS (
                    SELECT s.id, s.was_counted, s.was_reason, s.reason IS NULL AND k.id IS NOT NULL AS counted,
                           CASE WHEN s.reason IS NOT NULL THEN s.reason WHEN k.id IS NULL THEN 'gap' END AS reason
                      FROM self s LEFT JOIN kept k ON k.id = s.id
                )
                UPDATE discipline_contact c SET counted = d.counted, rejected_reason = d.reason
                  FROM decided d
                 WHERE d.id = c.id AND (d.was_counted, d.was_reason) IS DISTINCT FROM (d.counted, d.reason)
             RETURNING c.partner_id
                """,
                facts=self._facts_sql(company, date_start, date_end, ids, policy, period),
                spaced=self._spaced_sql(policy.min_gap),
            )
        )
        changed = {row[0] for row in self.env.cr.fetchall()}
        self.invalidate_model(["counted", "rejected_reason"])
        if changed:
            self._refresh_customers(sorted(changed))

    @api.model
    def _spaced_sql(self, min_gap):
        """Return the part that keeps contacts at least ``min_gap`` working days apart (``kept``)."""
        if min_gap <= 1:
            return SQL("kept AS (SELECT id FROM valid),")
        return SQL(
            """
            chain AS (
                SELECT v.* FROM (SELECT DISTINCT ON (partner_id) * FROM valid ORDER BY partner_id, day) v
                 UNION ALL
                SELECT n.* FROM chain c CROSS JOIN LATERAL (
                    SELECT v.* FROM valid v
                     WHERE v.partner_id = c.partner_id AND v.day > c.day AND 1 + GREATEST(0, v.before - c.upto) >= %s
                  ORDER BY v.day LIMIT 1) n
            ),
            kept AS (SELECT id FROM chain),
            """,
            min_gap,
        )

    @api.model
    def _facts_sql(self, company, date_start, date_end, partner_ids, policy, period=None):
        """Return the named sub-query ``fact``: what the counting rule must know of each contact.

        Its columns are the fields of ``engine.counting.Contact``, plus ``before`` and ``upto``: the working days of
        the period before the contact's day, and up to and with it.
        """
        for name in ("discipline.channel", "discipline.outcome", "discipline.absence", "res.users"):
            self.env[name].flush_model()
        frame = self._frame(company, date_start, date_end, policy.backdating)
        closing = period.closing_at if period else False
        written = self.env["discipline.exception"]._in_force(company, date_start, date_end, ("written",), closing)
        return SQL(
            """
            frame AS (SELECT * FROM unnest(%(days)s::date[], %(befores)s::int[], %(uptos)s::int[],
                                           %(deadlines)s::date[]) AS t(day, before, upto, deadline)),
            written AS (SELECT * FROM unnest(%(w_partner)s::int[], %(w_from)s::date[], %(w_until)s::date[])
                                        AS t(partner_id, since, until)),
            fact AS (
                SELECT c.id, c.partner_id, c.day, c.date, c.logged_day, f.before, f.upto, f.deadline,
                       c.counted AS was_counted, c.rejected_reason AS was_reason,
                       c.voided_at IS NOT NULL AS voided,
                       COALESCE(c.logged_at > %(closing)s, FALSE) AS after_closing,
                       COALESCE(o.counts, TRUE) AS outcome_counts,
                       COALESCE(ch.counts = 'always', FALSE)
                       OR (COALESCE(ch.is_written, FALSE)
                           AND EXISTS (SELECT FROM written w
                                        WHERE w.partner_id = c.partner_id AND c.day BETWEEN w.since AND w.until)
                          ) AS channel_counts,
                       COALESCE(ch.counts = 'answered', FALSE) AS channel_counts_if_answered,
                       NOT COALESCE(o.is_attempt, FALSE) AS answered,
                       COALESCE(c.responsible_ref, h.manager_ref) IS NOT NULL AS has_responsible,
                       COALESCE(c.doer_ref IN (c.responsible_ref, h.manager_ref), FALSE)
                       OR EXISTS (SELECT FROM discipline_assistant_rel r
                                   WHERE r.assistant_id = c.doer_ref
                                     AND r.user_id IN (c.responsible_ref, h.manager_ref))
                       OR EXISTS (SELECT FROM discipline_absence a
                                   WHERE a.approved AND a.substitute_id = c.doer_ref
                                     AND a.user_id IN (c.responsible_ref, h.manager_ref)
                                     AND c.day BETWEEN a.date_from AND a.date_to) AS entitled
                  FROM discipline_contact c
                  JOIN frame f ON f.day = c.day
             LEFT JOIN discipline_outcome o ON o.id = c.outcome_id
             LEFT JOIN discipline_channel ch ON ch.id = c.channel_id
             LEFT JOIN LATERAL (    -- whoever made it himself was the responsible: nobody else is looked for
                       SELECT a.manager_ref FROM discipline_assignment a
                        WHERE c.doer_ref IS DISTINCT FROM c.responsible_ref
                          AND a.customer_ref = c.partner_id AND a.date_from <= c.day
                          AND (a.date_to IS NULL OR a.date_to > c.day)
                     ORDER BY a.date_from DESC, a.id DESC LIMIT 1) h ON TRUE
                 WHERE %(among)s %(own)s AND c.day BETWEEN %(start)s AND %(end)s
            )
            """,
            days=[row[0] for row in frame],
            befores=[row[1] for row in frame],
            uptos=[row[2] for row in frame],
            deadlines=[row[3] for row in frame],
            closing=closing or None,
            w_partner=[row[0] for row in written],
            w_from=[row[3] for row in written],
            w_until=[row[4] for row in written],
            among=among("c.partner_id", partner_ids),
            # another company's customers may lie between the ids of this one's
            own=SQL("AND c.company_id = %s", company.id) if isinstance(partner_ids, range) else SQL(),
            start=date_start,
            end=date_end,
        )

    @api.model
    def _frame(self, company, date_start, date_end, backdating):
        """Return a row per day of the period: (day, working days before it, up to and with it, last day to log)."""
        reach = date_end + timedelta(days=14 + 3 * backdating)
        days = list(self.env["discipline.calendar"]._working_days(company, date_start, reach))
        working = set(days)
        rows, count = [], 0
        for offset in range((date_end - date_start).days + 1):
            day = date_start + timedelta(days=offset)
            before, count = count, count + (day in working)
            rows.append((day, before, count, deadline(day, backdating, days)))
        return rows

    @api.model
    def _of_kind(self, company, kind, day, partner_ids):
        """Return those of the customers whose class has a norm of ``kind`` on ``day`` (without a norm: monthly)."""
        kinds = self.env["discipline.period"]._kinds(company)
        if len(kinds) == 1:
            return partner_ids if kind in kinds else []
        period = (
            self.env["discipline.period"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("kind", "=", kind),
                    ("date_start", "<=", day),
                    ("date_end", ">=", day),
                ],
                limit=1,
            )
        )
        if period:
            # a team's own norm may be of another kind than the general one of its class
            return self.env["discipline.compliance"]._of_kind(period, partner_ids)
        norms = self.env["discipline.norm"]._norm_rows(company, day, day)
        weekly = {row[0] for row in norms if row[2] == "week" and row[3] <= day < row[4]}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.partner_id, COALESCE(CASE WHEN c.abc_since <= %(day)s THEN c.abc_class_id ELSE (
                           SELECT x.class_to_id FROM discipline_abc_change x
                            WHERE x.customer_ref = c.partner_id AND x.date_effective <= %(day)s AND x.voided_at IS NULL
                         ORDER BY x.date_effective DESC, x.id DESC LIMIT 1) END = ANY(%(weekly)s), FALSE)
                  FROM discipline_customer c WHERE c.partner_id = ANY(%(ids)s)
                """,
                day=day,
                weekly=list(weekly),
                ids=partner_ids,
            )
        )
        is_weekly = dict(rows)
        return [pid for pid in partner_ids if is_weekly.get(pid, False) == (kind == "week")]

    @api.model
    def _preview(self, customer, doer, moment, channel, outcome):
        """Say whether a contact would count if it were logged now.

        :param customer: res.partner, the customer
        :param doer: res.users, who made it
        :param datetime moment: naive UTC
        :return: None where it would count, else the code of the rule (a key of REASONS)
        """
        customer.ensure_one()
        Calendar = self.env["discipline.calendar"]
        company = customer.discipline_id.company_id or self.env.company
        day = Calendar._local_day(moment, doer, company)
        policy = self.env["discipline.policy"]._policy_on(company, day)
        for kind in self.env["discipline.period"]._kinds(company):
            if self._of_kind(company, kind, day, customer.ids):
                break
        first, last = period_of(kind, day)
        period = (
            self.env["discipline.period"]
            .sudo()
            .search([("company_id", "=", company.id), ("kind", "=", kind), ("date_start", "=", first)], limit=1)
        )
        holder = self._holders({(customer.id, day)}).get((customer.id, day))
        rows = self.env.execute_query(
            SQL(
                "WITH %(facts)s SELECT id, day, date, logged_day, voided, after_closing, outcome_counts, "
                "channel_counts, channel_counts_if_answered, answered, has_responsible, entitled FROM fact",
                facts=self._facts_sql(company, first, last, customer.ids, policy, period),
            )
        )
        new = counting.Contact(
            NEWEST,
            day,
            moment,
            Calendar._local_day(fields.Datetime.now(), doer, company),
            after_closing=period.state == "closed",
            outcome_counts=outcome.counts if outcome else True,
            channel_counts=channel.counts == "always"
            or (channel.is_written and self._written_only(customer, company, day)),
            channel_counts_if_answered=channel.counts == "answered",
            answered=not outcome.is_attempt,
            has_responsible=bool(holder),
            entitled=bool(holder) and self._is_entitled(doer, self.env["res.users"].browse(holder), day),
        )
        others = [counting.Contact(*row) for row in rows]
        standing = self._standing_for(customer, doer, moment, day, channel, outcome)
        for old in [fact for fact in others if fact.id == standing]:
            # no second row: the one that stands, with what is told now
            others.remove(old)
            usual = outcome == channel.outcome_id
            new = replace(
                new,
                day=old.day,
                moment=old.moment,
                logged_day=min(old.logged_day, new.logged_day),
                after_closing=old.after_closing,
                outcome_counts=old.outcome_counts if usual else new.outcome_counts,
            )
        reach = last + timedelta(days=14 + 3 * policy.backdating)
        return counting.classify(
            [*others, new],
            min_gap=policy.min_gap,
            backdating=policy.backdating,
            working_days=list(Calendar._working_days(company, first, reach)),
        )[NEWEST]

    @api.model
    def _preview_sentence(self, customer, doer, moment, channel, outcome):
        """Return (whether a contact would count if it were logged now, the same in the reader's words).

        The parameters are those of :meth:`_preview`.
        """
        reason = self.sudo()._preview(customer, doer, moment, channel, outcome)
        if not reason:
            return True, self.env._("It will count.")
        labels = dict(self._fields["rejected_reason"]._description_selection(self.env))
        return False, self.env._("It will not count: %(reason)s.", reason=labels[reason].lower())

    @api.model
    def _written_only(self, customer, company, day):
        """Tell whether an approved exception lets written contacts keep this customer's norm on ``day``."""
        agreed = self.env["discipline.exception"]._in_force(company, day, day, ("written",))
        return customer.id in {row[0] for row in agreed}

    @api.model
    def _is_entitled(self, doer, responsible, day):
        """Tell whether the doer's contact counts for the responsible manager: himself, assistant or substitute."""
        if doer == responsible or doer in responsible.sudo().discipline_assistant_ids:
            return True
        return bool(
            self.env["discipline.absence"]
            .sudo()
            .search_count(
                [
                    ("approved", "=", True),
                    ("user_id", "=", responsible.id),
                    ("substitute_id", "=", doer.id),
                    ("date_from", "<=", day),
                    ("date_to", ">=", day),
                ],
                limit=1,
            )
        )

    def _settle_outside_open_periods(self, new):
        """Decide about contacts that no open period will judge.

        A closed period keeps its verdicts: what is logged after it is rejected, what is voided keeps its mark, since
        the verdict rests on it. Before the first judged day the rules are applied all the same, so that reports can
        tell contacts apart.

        :param bool new: the contacts were logged now, not voided
        """
        Period = self.env["discipline.period"].sudo()
        wanted = {}
        for company, contacts in self.sudo().grouped("company_id").items():
            for kind in Period._kinds(company):
                for contact in contacts:
                    key = (company, kind, *period_of(kind, contact.day))
                    wanted.setdefault(key, set()).add(contact.customer_ref)
        starts = {first for _company, _kind, first, _last in wanted}
        known = {
            (period.company_id, period.kind, period.date_start): period
            for period in Period.search([("date_start", "in", list(starts))])
        }
        for (company, kind, first, last), customers in wanted.items():
            period = known.get((company, kind, first))
            if not period:
                self._derive_counted(company, kind, first, last, sorted(customers))
            elif new and period.state == "closed":
                self._reject_closed(period, self._of_kind(company, kind, first, sorted(customers)))

    def _reject_closed(self, period, customers):
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_contact SET counted = FALSE, rejected_reason = 'closed' WHERE id = ANY(%s) "
                "AND company_id = %s AND day BETWEEN %s AND %s AND partner_id = ANY(%s)",
                self.ids,
                period.company_id.id,
                period.date_start,
                period.date_end,
                customers,
            )
        )
        self.invalidate_model(["counted", "rejected_reason"])
