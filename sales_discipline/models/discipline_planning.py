"""The next contact: on which day it should be made, for one customer in the dialog and for the whole base at night.

``discipline.customer.next_contact_date`` says when a customer is contacted next. Where an activity stands for it, it
is the activity's day; else the program planned it (``next_planned``), and ten working days ahead it becomes an
activity of the responsible manager. What is planned stays: only a day that can no longer be kept (a holiday, an
absence, a day gone by) is planned anew, so moving one contact re-flows nothing else.
"""

from collections import defaultdict
from datetime import timedelta

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL

from ..engine.planning import place, place_many
from .discipline_planning_board import Board

#: customers that are planned at once; a manager is never cut in two
CHUNK = 50_000
#: activities that are created at once
BATCH = 1_000
#: working days ahead for which there are activities
AHEAD = 10


class DisciplinePlanning(models.AbstractModel):
    _name = "discipline.planning"
    _description = "Plan of Contacts"

    # ------------------------------------------------------------------
    # One customer
    # ------------------------------------------------------------------

    @api.model
    def _suggest(self, customer, extra=1):
        """Return the day on which the next contact with a customer should be made.

        It is the least-loaded working day of the customer's next window on which the responsible manager is present
        and not fully planned.

        :param customer: res.partner, one customer
        :param int extra: contacts about to be logged now that will serve the goal
        :return: (date or None where the customer has no norm, contacts planned that day, capacity a day)
        """
        customer.ensure_one()
        row = customer.sudo().discipline_id
        user = row.user_id or self.env.user
        company = row.company_id or self.env.company
        board = self.sudo()._board(company)
        capacity = user.sudo()._discipline_capacity(company)
        norm = board.norm(row.abc_class_id.id, user.id, row.partner_id.id)
        if not norm:
            return None, 0, capacity
        self.env["discipline.customer"].flush_model()
        board.open(self._loads(board, [user.id], without=row.id), user)
        chain = board.chain(*norm)
        first = chain.first(row.due_next, row.state != "none", extra)
        tomorrow = self._tomorrow_of(board, user)
        day = place(
            board.desk(user.id),
            chain.windows[first:],
            tomorrow,
            board.blocked.get(row.partner_id.id, ()),
            board.covers(user.id),
        )
        if not day:
            return None, 0, capacity
        doer = board.doer(user.id, day)[0]
        desk = board.desk(doer)
        return day, desk.load[day] - 1, desk.capacity

    @api.model
    def _tomorrow_of(self, board, user):
        """Return the day after the present one where ``user`` lives: whom he has just talked to may wait till then."""
        return self.env["discipline.calendar"]._today_of(user, board.company) + timedelta(days=1)

    @api.model
    def _doer(self, customer, day):
        """Return (res.users, discipline.absence) of who contacts a customer on a day: his manager or the substitute.

        :param customer: res.partner
        """
        user = customer.sudo().discipline_id.user_id or customer.sudo().user_id
        absence = self.env["discipline.absence"].search(
            [
                ("user_id", "=", user.id),
                ("approved", "=", True),
                ("substitute_id.active", "=", True),
                ("date_from", "<=", day),
                ("date_to", ">=", day),
            ],
            order="date_from, id",
            limit=1,
        )
        return absence.substitute_id or user, absence

    @api.model
    def _next_free_day(self, customer, doer, count):
        """Return the first day with room for ``doer``, from the ``count``-th working day after his today on.

        :param customer: res.partner, whose own plan takes no room
        :param doer: res.users
        """
        row = customer.sudo().discipline_id
        company = row.company_id or self.env.company
        board = self.sudo()._board(company)
        self.env["discipline.customer"].flush_model()
        board.open(self._loads(board, [doer.id], without=row.id), doer.sudo())
        later = [day for day in board.days if day >= self._tomorrow_of(board, doer)][count - 1 :]
        blocked = board.blocked.get(customer.id, ())
        desk = board.desk(doer.id)
        return next((day for day in later if desk.take([day], day, blocked)), later[0])

    @api.model
    def _contact_type(self):
        """Return the activity type by which contacts are planned: that of the first channel that keeps the norm."""
        channels = self.env["discipline.channel"].search([("activity_type_ids", "!=", False)])
        types = channels.sorted(lambda channel: channel.counts == "never").activity_type_ids
        return types.filtered(lambda row: row.res_model in (False, "res.partner"))[:1]

    @api.model
    def _board(self, company):
        """Return what a plan of a company rests on: norms, working days, absences, what was agreed for customers."""
        return Board(self.env, company)

    @api.model
    def _loads(self, board, user_ids, without=None):
        """Return {user id: {day: contacts planned}}; what falls into an absence is the substitute's.

        :param int without: id of a row of the base that is left out
        """
        absences = board.covering
        loads = defaultdict(dict)
        for user, day, count in self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(s.substitute, c.user_id), c.next_contact_date, count(*)
                  FROM discipline_customer c
             LEFT JOIN unnest(%(users)s::int[], %(substitutes)s::int[], %(since)s::date[], %(until)s::date[])
                       AS s(user_id, substitute, since, until)
                       ON s.user_id = c.user_id AND c.next_contact_date BETWEEN s.since AND s.until
                 WHERE c.user_id = ANY(%(ids)s) AND c.in_base AND c.next_contact_date >= %(today)s
                   AND c.id IS DISTINCT FROM %(without)s
              GROUP BY 1, 2
                """,
                users=[row[0] for row in absences],
                substitutes=[row[1] for row in absences],
                since=[row[2] for row in absences],
                until=[row[3] for row in absences],
                ids=board.neighbours(user_ids),
                today=board.today,
                without=without,
            )
        ):
            loads[user][day] = count
        return loads

    # ------------------------------------------------------------------
    # The whole base
    # ------------------------------------------------------------------

    @api.model
    def _plan_company(self, company):
        """Plan the next contact of every customer of a company that has a norm and none planned yet.

        Idempotent; memory does not grow with the base.

        :return: how many customers got a day
        """
        self.env["discipline.customer"].flush_model()
        board = self._board(company)
        self._forget(board)
        done = 0
        for users, limit in self._chunks(board):
            done += self._plan_chunk(board, users, board.today, limit=limit)
        self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
        self.env["res.partner"].invalidate_model(["discipline_next_contact_date"])
        return done

    @api.model
    def _plan_customers(self, partner_ids, earliest=None, wanted=None):
        """Plan the next contact of these customers where none is planned; a constant number of statements.

        :param partner_ids: ids of customers (``res.partner``)
        :param earliest: no day before it; tomorrow by default
        :param wanted: {customer id: day}: the window of this day is the one to plan in, whatever is due
        """
        if not partner_ids:
            return
        self.env["discipline.customer"].flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT c.company_id, array_agg(DISTINCT c.user_id) FROM discipline_customer c "
                "WHERE c.partner_id = ANY(%s) AND c.user_id IS NOT NULL AND %s GROUP BY 1 ORDER BY 1",
                list(partner_ids),
                self._unplanned_sql(),
            )
        )
        for company, users in rows:
            board = self._board(self.env["res.company"].sudo().browse(company))
            self._plan_chunk(board, users, earliest or board.today + timedelta(days=1), partner_ids, wanted=wanted)
        if rows:
            self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
            self.env["res.partner"].invalidate_model(["discipline_next_contact_date"])

    @api.model
    def _unplanned_sql(self):
        """Return which rows of the base may need a plan (a hook for other reasons to leave a customer alone)."""
        return SQL("c.in_base AND c.next_contact_date IS NULL AND c.no_next_reason IS NULL")

    @api.model
    def _forget(self, board):
        """Drop planned days that can no longer be kept, those gone by, and those that nobody needs any more."""
        uncovered = board.uncovered
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer c SET next_contact_date = NULL, next_planned = FALSE
                 WHERE c.company_id = %(company)s AND c.next_planned
                   AND (c.user_id IS NULL OR c.in_base IS NOT TRUE
                        OR c.next_contact_date < %(today)s OR c.next_contact_date != ALL(%(days)s)
                        OR (COALESCE(c.abc_class_id != ALL(%(classes)s), TRUE) AND c.partner_id != ALL(%(own)s))
                        OR EXISTS (SELECT FROM unnest(%(users)s::int[], %(since)s::date[], %(until)s::date[])
                                            AS w(user_id, since, until)
                                    WHERE w.user_id = c.user_id AND c.next_contact_date BETWEEN w.since AND w.until))
                """,
                company=board.company.id,
                today=board.today,
                days=board.days,
                classes=board.classes,
                own=list(board.own),
                users=[row[0] for row in uncovered],
                since=[row[1] for row in uncovered],
                until=[row[2] for row in uncovered],
            )
        )

    @api.model
    def _chunks(self, board):
        """Yield (user ids, limit) so that about ``CHUNK`` customers are planned at once.

        Whoever alone has more gets at most as many days as there are in a year.
        """
        users, total = [], 0
        for user, count in self.env.execute_query(
            SQL(
                "SELECT c.user_id, count(*) FROM discipline_customer c WHERE c.company_id = %s "
                "AND c.user_id IS NOT NULL AND (c.abc_class_id = ANY(%s) OR c.partner_id = ANY(%s)) AND %s "
                "GROUP BY 1 ORDER BY 1",
                board.company.id,
                board.classes,
                list(board.own),
                self._unplanned_sql(),
            )
        ):
            if count > CHUNK:
                yield [user], max(CHUNK, len(board.days) * board.capacity(user))
                continue
            if total + count > CHUNK:
                yield users, None
                users, total = [], 0
            users.append(user)
            total += count
        if users:
            yield users, None

    @api.model
    def _plan_chunk(self, board, user_ids, earliest, partner_ids=None, limit=None, wanted=None):
        """Plan the customers of some managers; who is due first is placed first.

        :return: how many customers got a day
        """
        groups = defaultdict(list)
        special = sorted({*board.own, *board.blocked})
        for user, *key, ids in self.env.execute_query(
            SQL(
                """
                SELECT c.user_id, c.abc_class_id, COALESCE(w.day, c.due_next), c.state = 'none',
                       COALESCE(c.last_contact_date >= %(today)s, FALSE),
                       CASE WHEN c.partner_id = ANY(%(special)s) THEN c.partner_id END, array_agg(c.id ORDER BY c.id)
                  FROM (SELECT * FROM discipline_customer c
                         WHERE c.company_id = %(company)s AND c.user_id = ANY(%(users)s) AND %(unplanned)s %(which)s
                               %(limit)s) c
             LEFT JOIN unnest(%(w_partners)s::int[], %(w_days)s::date[]) AS w(partner_id, day)
                       ON w.partner_id = c.partner_id
              GROUP BY 1, 2, 3, 4, 5, 6
                """,
                today=board.today,
                special=special,
                company=board.company.id,
                users=list(user_ids),
                unplanned=self._unplanned_sql(),
                which=SQL("AND c.partner_id = ANY(%s)", list(partner_ids)) if partner_ids is not None else SQL(),
                limit=SQL("ORDER BY c.due_next, c.id LIMIT %s", limit) if limit else SQL(),
                w_partners=list(wanted or ()),
                w_days=list((wanted or {}).values()),
            )
        ):
            groups[user].append((key, ids))
        if not groups:
            return 0
        board.read_users(groups)
        loads = self._loads(board, groups)
        placed_ids, placed_days = [], []
        for user in sorted(groups):
            board.open(loads, board.user(user))
            for ids, days in self._plan_manager(board, user, groups[user], earliest):
                for row_id, day in zip(ids, days, strict=True):
                    if day:
                        placed_ids.append(row_id)
                        placed_days.append((day - board.today).days)
        self._write_days(board, placed_ids, placed_days)
        board.close()
        return len(placed_ids)

    @api.model
    def _plan_manager(self, board, user, groups, earliest):
        """Yield (ids of rows, an iterator over their days) for customers of one manager that share their windows."""
        queue = []
        tomorrow = self._tomorrow_of(board, board.user(user))
        for (abc_class, due, unjudged, seen, partner), ids in groups:
            norm = board.norm(abc_class, user, partner)
            if not norm:
                continue
            chain = board.chain(*norm)
            first = chain.first(due, not unjudged)
            begin = max(earliest, tomorrow) if seen else earliest
            last = chain.ends[first] if first < len(chain.ends) else board.days[-1]
            order = (last, board.sequences.get(abc_class, 0), abc_class or 0, norm, seen, unjudged, ids[0])
            queue.append((order, chain.windows[first:], begin, partner, ids))
        queue.sort(key=lambda row: row[0])
        desk, covers = board.desk(user), board.covers(user)
        for _order, following, begin, partner, ids in queue:
            blocked = board.blocked.get(partner)
            if blocked:
                yield ids, [place(desk, following, begin, blocked, covers) for _row in ids]
            else:
                yield ids, place_many(desk, len(ids), following, begin, covers)

    @api.model
    def _write_days(self, board, ids, offsets):
        """Write the planned days; an array as text is what PostgreSQL reads fastest."""
        if ids:
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE discipline_customer c SET next_contact_date = %(today)s + n.days, next_planned = TRUE
                      FROM unnest(%(ids)s::int[], %(days)s::int[]) AS n(id, days)
                     WHERE c.id = n.id AND c.next_contact_date IS NULL
                    """,
                    today=board.today,
                    ids=f"{{{','.join(map(str, ids))}}}",
                    days=f"{{{','.join(map(str, offsets))}}}",
                )
            )

    # ------------------------------------------------------------------
    # Activities for the days ahead
    # ------------------------------------------------------------------

    @api.model
    def _create_activities(self, company, partner_ids=None):
        """Create the activities of what is planned for the next working days, in batches.

        :param partner_ids: ids of customers; None means all of the company
        :return: how many activities were created
        """
        board = self._board(company)
        activity_type = self._contact_type()
        if not activity_type:
            return 0
        until = self.env["discipline.calendar"]._add_working_days(company, board.today, AHEAD)
        model = self.env["ir.model"]._get_id("res.partner")
        Activity = (
            self.env["mail.activity"]
            .with_user(SUPERUSER_ID)
            .with_context(mail_activity_quick_update=True, discipline_planning=True, discipline_followed=True)
        )
        created = 0
        self.env["discipline.customer"].flush_model()
        which = SQL(
            "c.company_id = %s AND c.next_planned AND c.in_base AND c.next_contact_date <= %s %s",
            company.id,
            until,
            SQL("AND c.partner_id = ANY(%s)", list(partner_ids)) if partner_ids is not None else SQL(),
        )
        for users in self._batches_of_managers(which):
            rows = self.env.execute_query(
                SQL(
                    "UPDATE discipline_customer c SET next_planned = FALSE WHERE %s AND c.user_id = ANY(%s) "
                    "RETURNING c.partner_id, c.user_id, c.next_contact_date",
                    which,
                    users,
                )
            )
            vals_list = []
            for partner, user, day in sorted(rows, key=lambda row: (row[1], row[2], row[0])):
                doer, absence = board.doer(user, day)
                vals_list.append(
                    {
                        "activity_type_id": activity_type.id,
                        "date_deadline": day,
                        "user_id": doer,
                        "res_model_id": model,
                        "res_model": "res.partner",
                        "res_id": partner,
                        "automated": True,
                        "discipline_planned": True,
                        "discipline_absence_id": absence,
                    }
                )
            partners = self.env["res.partner"].with_env(Activity.env).browse([row[0] for row in rows])
            # an activity keeps the name of its document: it would be read for each of them alone
            partners.mapped("display_name")
            partners._discipline_follow([(vals["res_id"], vals["user_id"]) for vals in vals_list])
            Activity.create(vals_list)
            created += len(rows)
            # a whole base of activities does not stay in memory
            self.env.flush_all()
            self.env.invalidate_all()
        return created

    @api.model
    def _batches_of_managers(self, which):
        """Return lists of ids of active managers, each with about ``BATCH`` of the rows of the base.

        Odoo makes each manager a follower of his customers: his activities are created together, and never searched
        for among everybody's.

        :param which: SQL condition on the rows ``c`` of the base
        """
        batches, total = [], BATCH
        for user, count in self.env.execute_query(
            SQL(
                "SELECT c.user_id, count(*) FROM discipline_customer c JOIN res_users u ON u.id = c.user_id "
                "AND u.active WHERE %s GROUP BY c.user_id ORDER BY c.user_id",
                which,
            )
        ):
            if total + count > BATCH:
                batches.append([])
                total = 0
            batches[-1].append(user)
            total += count
        return batches

    @api.model
    def _drop_planned(self, partner_ids):
        """Take back what the program had planned with these customers: their contacts have been made."""
        if partner_ids:
            self.env["discipline.customer"].flush_model(["next_contact_date", "next_planned"])
            self.env.cr.execute(
                SQL(
                    "UPDATE discipline_customer SET next_contact_date = NULL, next_planned = FALSE "
                    "WHERE partner_id = ANY(%s) AND next_planned",
                    list(partner_ids),
                )
            )
            self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
            self._drop_activities(partner_ids)

    @api.model
    def _drop_activities(self, partner_ids):
        """Remove the activities that the program had planned with these customers."""
        if partner_ids:
            self.env["mail.activity"].sudo().with_context(discipline_planning=True).search(
                [
                    ("discipline_planned", "=", True),
                    ("res_model", "=", "res.partner"),
                    ("res_id", "in", list(partner_ids)),
                ]
            ).unlink()

    @api.model
    def _follow_managers(self, partner_ids=None):
        """Give the program's own activities to the customers' present managers; nobody's customers have none.

        :param partner_ids: ids of customers; None means all
        """
        Activity = self.env["mail.activity"].sudo().with_context(
            mail_activity_quick_update=True, discipline_planning=True
        )  # fmt: skip
        Activity.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, c.user_id
                  FROM mail_activity a
                  JOIN discipline_customer c ON c.partner_id = a.res_id
             LEFT JOIN discipline_absence w ON w.id = a.discipline_absence_id
                 WHERE a.discipline_planned AND a.active AND a.res_model = 'res.partner'
                   AND COALESCE(w.user_id, a.user_id) IS DISTINCT FROM c.user_id %s
              ORDER BY a.id
                """,
                SQL("AND c.partner_id = ANY(%s)", list(partner_ids)) if partner_ids is not None else SQL(),
            )
        )
        per_user = defaultdict(list)
        for activity, user in rows:
            per_user[user].append(activity)
        for user, ids in per_user.items():
            if user:
                Activity.browse(ids).write({"user_id": user, "discipline_absence_id": False})
            else:
                Activity.browse(ids).unlink()
