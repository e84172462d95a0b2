"""The ledger of purchases: what customers bought, wherever it was sold.

ABC classes, percent and "stopped buying" read only this ledger. It is fed by won opportunities, by other addons, and
by other systems through :meth:`DisciplineRevenue.record_purchases`.
"""

from datetime import date, datetime
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .res_users import ADMINISTRATOR
from .sets import array, unnested

KINDS = [
    ("deal", "Won Opportunity"),
    ("order", "Order"),
    ("invoice", "Invoice"),
    ("return", "Return"),
    ("shipment", "Shipment"),
    ("payment", "Payment"),
]
#: how many refused purchases are named in one message
NAMED = 10
#: purchases that one statement brings into the ledger
STORED_AT_ONCE = 20_000
#: what a new purchase is stored with, and the PostgreSQL types
COLUMNS = {
    "partner_id": "int",
    "buyer_id": "int",
    "date": "date",
    "amount": "numeric",
    "kind": "varchar",
    "source_ref": "varchar",
    "document": "varchar",
    "company_id": "int",
}


class DisciplineRevenue(models.Model):
    """What customers bought, in company currency; returns are negative.

    ``buyer_id`` is the legal entity that bought, ``partner_id`` the customer who is judged: the buyer, or the head of
    his group. It follows the buyer into a group and out of it.
    """

    _name = "discipline.revenue"
    _inherit = "discipline.ledger"
    _description = "Purchase of a Customer"
    _order = "date desc, id desc"
    _rec_name = "document"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True, aggregator=None)
    buyer_id = fields.Many2one(
        "res.partner",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The legal entity that bought: the customer himself, or a member of his group of companies.",
    )
    date = fields.Date(readonly=True, required=True)
    amount = fields.Monetary(readonly=True, required=True, currency_field="currency_id", help="Returns are negative.")
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(KINDS, readonly=True, required=True)
    source_ref = fields.Char(
        "Source No.", readonly=True, required=True, help="The number in the system it came from; it comes in once."
    )
    document = fields.Char(readonly=True)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True, ondelete="set null", index="btree_not_null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")

    _source_uniq = models.UniqueIndex(
        "(source_ref, company_id) WHERE voided_at IS NULL", "This purchase is in the ledger already."
    )
    _customer_idx = models.Index("(customer_ref, date)")
    _company_idx = models.Index("(company_id, date)")
    # the first page of the list
    _date_idx = models.Index("(date DESC, id DESC)")
    _amount_check = models.Constraint("CHECK(amount != 0)", "A purchase has an amount other than 0.")

    # ------------------------------------------------------------------
    # Sums
    # ------------------------------------------------------------------

    @api.model
    def _kinds(self, company):
        """Return the kinds of purchase that make revenue for ``company``; returns are always taken off."""
        return sorted({company.discipline_revenue_kinds, "return"})

    @api.model
    def _sums_sql(self, company, date_from, date_to, kinds=None, partner_ids=None, by_month=False):
        """Return the query (customer_id, amount) of what ``company``'s customers bought in an interval.

        Purchases in a company with another currency are converted at today's rate; all others are summed exactly.

        :param date_from: the first day
        :param date_to: the first day that is no longer in it
        :param kinds: keys of KINDS; by default the company's
        :param partner_ids: ids of customers; None means all
        :param by_month: a row for each of a customer's months
        """
        month = SQL(", date_trunc('month', r.date)") if by_month else SQL()
        limit = SQL() if partner_ids is None else SQL("AND r.customer_ref = ANY(%s)", list(partner_ids))
        where = SQL(
            "r.voided_at IS NULL AND r.date >= %(date_from)s AND r.date < %(date_to)s AND r.kind = ANY(%(kinds)s) "
            "%(limit)s",
            date_from=date_from,
            date_to=date_to,
            kinds=list(kinds or self._kinds(company)),
            limit=limit,
        )
        rates = self._rates(company)
        if not rates:
            return SQL(
                "SELECT r.customer_ref AS customer_id, sum(r.amount) AS amount FROM discipline_revenue r WHERE %s "
                "GROUP BY r.customer_ref %s",
                where,
                month,
            )
        return SQL(
            """
            SELECT s.customer_ref AS customer_id,
                   sum(CASE WHEN f.rate IS NULL THEN s.amount ELSE round(s.amount * f.rate, %(digits)s) END) AS amount
              FROM (SELECT r.customer_ref, r.company_id, sum(r.amount) AS amount %(month_as)s FROM discipline_revenue r
                     WHERE %(where)s GROUP BY r.customer_ref, r.company_id %(month)s) s
         LEFT JOIN unnest(%(companies)s::int[], %(rates)s::numeric[]) AS f(company_id, rate)
                ON f.company_id = s.company_id
          GROUP BY s.customer_ref %(by_month)s
            """,
            where=where,
            month=month,
            month_as=SQL("%s AS month", month) if by_month else SQL(),
            by_month=SQL(", s.month") if by_month else SQL(),
            digits=company.currency_id.decimal_places,
            companies=list(rates),
            rates=list(rates.values()),
        )

    @api.model
    def _rates(self, company):
        """Return {company id: rate} of the companies that have another currency than ``company``."""
        today = self.env["discipline.calendar"]._today(company)
        return {
            other.id: Decimal(
                repr(
                    self.env["res.currency"]._get_conversion_rate(
                        other.currency_id, company.currency_id, company, today
                    )
                )
            )
            for other in self.env["res.company"].sudo().search([])
            if other.currency_id != company.currency_id
        }

    @api.model
    def _refresh_customers(self, company, partner_ids=None):
        """Bring the customers' purchases of the last 12 months up to date; rows that agree are left alone."""
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        Customer = self.env["discipline.customer"]
        Customer.flush_model(["company_id", "revenue_12m"])
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer c SET revenue_12m = n.amount
                  FROM (SELECT c.id, COALESCE(s.amount, 0) AS amount
                          FROM discipline_customer c LEFT JOIN (%(sums)s) s ON s.customer_id = c.partner_id
                         WHERE c.company_id = %(company)s %(limit)s) n
                 WHERE n.id = c.id AND COALESCE(c.revenue_12m, 0) != n.amount
                """,
                sums=self._sums_sql(
                    company,
                    fields.Date.add(today, years=-1, days=1),
                    fields.Date.add(today, days=1),
                    partner_ids=partner_ids,
                ),
                company=company.id,
                limit=SQL() if partner_ids is None else SQL("AND c.partner_id = ANY(%s)", list(partner_ids)),
            )
        )
        Customer.invalidate_model(["revenue_12m"])
        self.env["res.partner"].invalidate_model(["discipline_revenue_12m"])

    @api.model
    def _refresh_reports(self, company, partner_ids=None):
        """Add up what reports on purchases keep (a hook for other reports).

        :param partner_ids: ids of customers; None means all of the company
        """
        self.env["discipline.buying"].sudo()._refresh(company, partner_ids)
        self.env["discipline.portfolio.origin"].sudo()._refresh(company, partner_ids)

    @api.model
    def _purchases_changed(self, partner_ids):
        """Refresh whatever rests on the purchases of these customers (a hook for other rooms)."""
        ids = sorted(set(partner_ids))
        if not ids:
            return
        self.invalidate_model()
        companies = self.env["discipline.customer"].sudo()._read_group([("partner_id", "in", ids)], ["company_id"])
        for (company,) in companies:
            if company:
                self._refresh_customers(company, ids)
                self._refresh_reports(company, ids)

    # ------------------------------------------------------------------
    # Won opportunities
    # ------------------------------------------------------------------

    @api.model
    def _reconcile(self, company):
        """Find and repair what came past the ORM: won opportunities, groups of companies, sums.

        The number of statements does not depend on the number of purchases.
        """
        self._follow_buyers()
        self._sync_deals(company=company)
        self._refresh_customers(company)
        self._refresh_reports(company)

    @api.model
    def _follow_buyers(self, partner_ids=None):
        """Let purchases follow their buyers into groups of companies and out of them.

        :param partner_ids: ids of the buyers that may have moved; None means all
        :return: ids of the customers who lost or got purchases
        """
        self.env["res.partner"].flush_model(["customer_group_id", "commercial_partner_id"])
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE discipline_revenue r SET partner_id = n.customer_id, customer_ref = n.customer_id
                  FROM (SELECT r.id, r.customer_ref AS had, COALESCE(c.customer_group_id, c.id) AS customer_id
                          FROM discipline_revenue r
                          JOIN res_partner b ON b.id = r.buyer_id
                          JOIN res_partner c ON c.id = b.commercial_partner_id
                         WHERE COALESCE(c.customer_group_id, c.id) != r.customer_ref %(limit)s) n
                 WHERE n.id = r.id
             RETURNING n.had, n.customer_id
                """,
                limit=SQL()
                if partner_ids is None
                else SQL("AND (b.id = ANY(%(ids)s) OR c.id = ANY(%(ids)s))", ids=list(partner_ids)),
            )
        )
        moved = sorted({partner for row in rows for partner in row})
        if partner_ids is not None:
            self._purchases_changed(moved)
        elif moved:
            self.invalidate_model()
        return moved

    @api.model
    def _sync_deals(self, lead_ids=None, company=None, dated=False):
        """Make the ledger agree with the won opportunities: an opportunity is one purchase while it is won.

        Reopened, lost, of another sum, customer or company: its purchase is voided, and where it is won still, a new
        one takes its place. An opportunity or a customer that was deleted leaves its purchase as it was. So does an
        opportunity that is only archived: Odoo gives it a new closing date, but nothing was sold on it.

        :param lead_ids: opportunities to look at; None means all
        :param company: res.company whose opportunities become purchases; None means every company's
        :param bool dated: the closing date was corrected, so the purchase gets its day
        :return: ids of the customers whose purchases changed
        """
        if lead_ids is not None and not lead_ids:
            return []
        Lead = self.env["crm.lead"]
        Lead.flush_model(self._deal_fields())
        self.env["crm.stage"].flush_model(["is_won"])
        self.env["res.partner"].flush_model(["commercial_partner_id", "customer_group_id"])
        self.flush_model()
        won = self._won_sql(lead_ids)
        changed = self._void_deals(won, lead_ids, dated) + self._insert_deals(won, company)
        ids = sorted({row[0] for row in changed})
        if ids:
            self._purchases_changed(ids)
        return ids

    @api.model
    def _deal_fields(self):
        """Return the fields of an opportunity on which its purchase depends."""
        return [
            "stage_id",
            "probability",
            "active",
            "expected_revenue",
            "partner_id",
            "company_id",
            "date_closed",
            "date_last_stage_update",
            "name",
        ]

    @api.model
    def _won_sql(self, lead_ids):
        """Return the query of won opportunities: lead, customer, buyer, amount, local day, company."""
        companies = self.env["res.company"].sudo().search([])
        Calendar = self.env["discipline.calendar"]
        return SQL(
            """
            SELECT l.id AS lead_id, l.name, l.expected_revenue AS amount, l.company_id AS own_company_id,
                   z.company_id, b.id AS buyer_id, COALESCE(b.customer_group_id, b.id) AS customer_id,
                   ((COALESCE(l.date_closed, l.date_last_stage_update, l.create_date) AT TIME ZONE 'UTC')
                    AT TIME ZONE z.tz)::date AS day
              FROM crm_lead l
              JOIN crm_stage s ON s.id = l.stage_id AND s.is_won
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN res_partner b ON b.id = p.commercial_partner_id
         LEFT JOIN discipline_customer c ON c.partner_id = COALESCE(b.customer_group_id, b.id)
              JOIN unnest(%(companies)s::int[], %(zones)s::text[]) AS z(company_id, tz)
                ON z.company_id = COALESCE(l.company_id, c.company_id, %(fallback)s)
             WHERE l.probability = 100 AND l.expected_revenue > 0 %(limit)s
            """,
            companies=companies.ids,
            zones=[str(Calendar._timezone(row)) for row in companies],
            fallback=companies._discipline_first().id,
            limit=SQL() if lead_ids is None else SQL("AND l.id = ANY(%s)", list(lead_ids)),
        )

    @api.model
    def _void_deals(self, won, lead_ids, dated):
        """Void the purchases that their opportunities no longer bear out, and return [(customer,)]."""
        return self.env.execute_query(
            SQL(
                """
                UPDATE discipline_revenue r
                   SET voided_at = now() AT TIME ZONE 'UTC', voided_by_id = %(uid)s,
                       void_reason = CASE WHEN n.won_id IS NULL THEN %(not_won)s ELSE %(other)s END,
                       write_date = now() AT TIME ZONE 'UTC', write_uid = %(uid)s
                  FROM (SELECT r.id, w.lead_id AS won_id
                          FROM discipline_revenue r LEFT JOIN (%(won)s) w ON w.lead_id = r.lead_id
                         WHERE r.voided_at IS NULL AND r.kind = 'deal' AND r.lead_id IS NOT NULL %(limit)s
                           AND (w.lead_id IS NULL OR w.amount != r.amount
                                OR w.customer_id IS DISTINCT FROM r.partner_id
                                OR (%(dated)s AND w.day != r.date)
                                OR w.own_company_id != r.company_id)) n
                 WHERE n.id = r.id
             RETURNING r.customer_ref
                """,
                won=won,
                uid=self.env.uid,
                not_won=self.env._("The opportunity is not won any more."),
                other=self.env._("The opportunity has another sum, customer, day or company now."),
                dated=dated,
                limit=SQL() if lead_ids is None else SQL("AND r.lead_id = ANY(%s)", list(lead_ids)),
            )
        )

    @api.model
    def _insert_deals(self, won, company):
        """Add the purchases of won opportunities that have none, and return [(customer,)]."""
        return self.env.execute_query(
            SQL(
                """
                INSERT INTO discipline_revenue
                       (partner_id, customer_ref, buyer_id, date, amount, kind, source_ref, document, lead_id,
                        company_id, create_uid, create_date, write_uid, write_date)
                SELECT w.customer_id, w.customer_id, w.buyer_id, w.day, w.amount, 'deal', 'lead:' || w.lead_id, w.name,
                       w.lead_id, w.company_id,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM (%(won)s) w
                 WHERE w.customer_id IS NOT NULL %(limit)s
                   AND NOT EXISTS (SELECT FROM discipline_revenue r
                                    WHERE r.source_ref = 'lead:' || w.lead_id AND r.voided_at IS NULL)
              ORDER BY w.lead_id
                    ON CONFLICT DO NOTHING
             RETURNING customer_ref
                """,
                won=won,
                uid=self.env.uid,
                limit=SQL() if company is None else SQL("AND w.company_id = %s", company.id),
            )
        )

    # ------------------------------------------------------------------
    # From other systems
    # ------------------------------------------------------------------

    @api.model
    def record_purchases(self, vals_list):
        """Take purchases of another system into the ledger; the way in for programs.

        All or nothing, and idempotent: a purchase that is known by its ``source_ref`` is not taken twice. If it comes
        with another date, amount, kind or customer, the old entry is voided and the new one takes its place.

        :param list vals_list: dicts with

            * ``source_ref``: number in the other system, unique within the company; give it a prefix of that system
            * ``partner_id``: id of the customer or of one of his employees, or ``partner_ref``: its reference, or
              ``customer``: a dict with what is known of him, of id, ref, vat, kpp, name, email and phone, matched as in
              the import of files
            * ``date``: day of the purchase, a date or "YYYY-MM-DD", not in the future
            * ``amount``: in company currency, not 0; negative for a return, positive for everything else
            * ``kind``: deal, order, invoice, return, shipment or payment
            * ``document``: name to show (optional)
            * ``company_id``: the selling company (optional; by default the current one)
        :return: dict with ``created``, ``corrected`` and ``unchanged`` (numbers) and ``ids`` (one per entry, in order)
        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: a sentence for each entry that is refused; then none is taken
        """
        self._check_administrator()
        rows, errors = self._prepare_purchases(vals_list)
        if errors:
            lines = [errors[index] for index in sorted(errors)]
            if len(lines) > NAMED:
                more = self.env._("... and %(count)s more.", count=len(lines) - NAMED)
                lines = [*lines[:NAMED], more]
            raise UserError("\n".join(lines))
        return self._store_purchases([rows[index] for index in sorted(rows)])

    @api.model
    def void_purchases(self, source_refs, reason, company_id=None):
        """Void purchases that another system took back.

        :param list source_refs: their numbers in that system; unknown and voided ones are skipped
        :param str reason: why; it stays in the ledger
        :param company_id: the selling company; by default the current one
        :return: the number of purchases voided now
        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: if no reason is given
        """
        self._check_administrator()
        company = self._check_company_allowed(company_id)
        found = self.sudo().search(
            [("source_ref", "in", list(source_refs)), ("company_id", "=", company.id), ("voided_at", "=", False)]
        )
        voided = found.with_env(self.env)._void(reason)
        self._purchases_changed(voided.sudo().mapped("customer_ref"))
        return len(voided)

    @api.model
    def _check_administrator(self):
        if not self.env.su and not self.env.user.has_group(ADMINISTRATOR):
            raise AccessError(self.env._("Only a Sales administrator takes purchases into the ledger or voids them."))

    @api.model
    def _check_company_allowed(self, company_id):
        """Return the company with this id (by default the current one), refusing one that the user does not work in."""
        company = self.env["res.company"].browse(company_id) if company_id else self.env.company
        if company not in self.env.companies and not self.env.su:
            raise AccessError(self.env._("You do not work in the company with the number %(id)s.", id=company_id))
        return company

    @api.model
    def _prepare_purchases(self, vals_list):
        """Check and complete purchases of another system.

        :return: ({index: row}, {index: sentence why it is refused}); a row is a dict of column values
        """
        customers = self._find_customers(vals_list)
        rows, errors, seen = {}, {}, {}
        days, matched = {}, self._match_customers(vals_list)
        for index, vals in enumerate(vals_list):
            try:
                company = self._check_company_allowed(vals.get("company_id"))
                today = days.get(company.id) or days.setdefault(
                    company.id, self.env["discipline.calendar"]._today(company)
                )
                if index in matched:
                    vals = {**vals, "partner_id": self._matched_customer(vals, matched[index], customers)}
                row = self._prepare_purchase(vals, company, today, customers)
                key = (row["source_ref"], company.id)
                if key in seen:
                    raise UserError(
                        self.env._(
                            "Purchase %(ref)s stands twice in what was sent, as entries %(first)s and %(second)s.",
                            ref=row["source_ref"],
                            first=seen[key] + 1,
                            second=index + 1,
                        )
                    )
                seen[key] = index
                rows[index] = row
            except UserError as error:
                errors[index] = str(error)
        return rows, errors

    @api.model
    def _prepare_purchase(self, vals, company, today, customers):
        """Return one purchase as a dict of column values.

        :raise UserError: one sentence: which purchase, what is wrong, what to do
        """
        ref = str(vals.get("source_ref") or "").strip()
        if not ref:
            raise UserError(
                self.env._(
                    "A purchase of %(amount)s on %(date)s has no source number: without it, it could come in twice.",
                    amount=vals.get("amount"),
                    date=vals.get("date"),
                )
            )
        if ref.startswith("lead:"):
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: numbers that begin with “lead:” belong to won opportunities. "
                    "Give your system another prefix.",
                    ref=ref,
                )
            )
        kind = vals.get("kind")
        if kind not in dict(KINDS):
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: “%(kind)s” is not a kind of purchase. It is one of %(kinds)s.",
                    ref=ref,
                    kind=kind,
                    kinds=", ".join(key for key, _label in KINDS),
                )
            )
        partner = customers.get(("id", vals.get("partner_id"))) or customers.get(("ref", vals.get("partner_ref")))
        if not partner or isinstance(partner, str):
            raise UserError(self._unknown_customer(ref, vals, partner))
        return {
            "source_ref": ref,
            "kind": kind,
            "buyer_id": partner[0],
            "partner_id": partner[1],
            "date": self._purchase_date(ref, vals.get("date"), today),
            "amount": self._purchase_amount(ref, vals.get("amount"), kind, company),
            "document": str(vals.get("document") or ref),
            "company_id": company.id,
        }

    @api.model
    def _unknown_customer(self, ref, vals, found):
        if found == "ambiguous":
            return self.env._(
                "Purchase %(ref)s: several customers have the reference “%(customer)s”; name the customer by its id.",
                ref=ref,
                customer=vals.get("partner_ref"),
            )
        if vals.get("partner_id") or vals.get("partner_ref"):
            return self.env._(
                "Purchase %(ref)s: there is no customer “%(customer)s”.",
                ref=ref,
                customer=vals.get("partner_id") or vals.get("partner_ref"),
            )
        return self.env._("Purchase %(ref)s names no customer.", ref=ref)

    @api.model
    def _purchase_date(self, ref, value, today):
        """Return the day of a purchase, refusing what is no date or lies ahead."""
        try:
            day = value.date() if isinstance(value, datetime) else fields.Date.to_date(value)
        except (ValueError, TypeError):
            day = None
        if not isinstance(day, date):
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: “%(date)s” is not a date; write it like 2025-03-31.",
                    ref=ref,
                    date=value or "",
                )
            )
        if day > today:
            raise UserError(
                self.env._(
                    "Purchase %(ref)s is dated %(date)s, which is still to come: only what was bought is recorded.",
                    ref=ref,
                    date=day,
                )
            )
        return day

    @api.model
    def _purchase_amount(self, ref, value, kind, company):
        """Return the exact amount, rounded to the company's currency, refusing 0 and a wrong sign."""
        try:
            amount = Decimal(str(value).strip())
            finite = amount.is_finite()
        except ArithmeticError:
            finite = False
        if not finite or isinstance(value, bool):
            raise UserError(self.env._("Purchase %(ref)s: “%(amount)s” is not an amount.", ref=ref, amount=value or ""))
        amount = round(amount, company.currency_id.decimal_places)
        if not amount:
            raise UserError(self.env._("Purchase %(ref)s has an amount of 0: there is nothing to record.", ref=ref))
        if (kind == "return") != (amount < 0):
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: a return has a negative amount, every other purchase a positive one; "
                    "this one is “%(kind)s” with %(amount)s.",
                    ref=ref,
                    kind=kind,
                    amount=amount,
                )
            )
        return amount

    @api.model
    def _match_customers(self, vals_list):
        """Return {index: match} of the purchases that describe their customer, see :mod:`..engine.matching`."""
        described = {
            index: vals["customer"]
            for index, vals in enumerate(vals_list)
            if isinstance(vals.get("customer"), dict) and not vals.get("partner_id") and not vals.get("partner_ref")
        }
        matched, known = {}, {}
        for index, customer in described.items():
            company = self._check_company_allowed(vals_list[index].get("company_id"))
            if company not in known:
                known[company] = self.env["discipline.import"].sudo()._customers(company)
            matched[index] = known[company].match(customer)
        return matched

    @api.model
    def _matched_customer(self, vals, match, customers):
        """Return the id of the customer that a purchase describes, and note whose purchases are his.

        :raise UserError: one sentence: why none is taken, and who may be meant
        """
        if match.problem:
            Import = self.env["discipline.import"]
            raise UserError(
                self.env._(
                    "Purchase %(ref)s: %(sentence)s",
                    ref=vals.get("source_ref"),
                    sentence=Import._customer_sentence(match, vals["customer"], Import._names(match.close)),
                )
            )
        customers["id", match.id] = (match.id, match.customer)
        return match.id

    @api.model
    def _find_customers(self, vals_list):
        """Return {("id", id) or ("ref", reference): (buyer, customer)}; "ambiguous" where several have it."""
        ids = {vals["partner_id"] for vals in vals_list if type(vals.get("partner_id")) is int}
        refs = {vals["partner_ref"] for vals in vals_list if isinstance(vals.get("partner_ref"), str)} - {""}
        self.env["res.partner"].flush_model(["ref", "commercial_partner_id", "customer_group_id", "active"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, p.ref, c.id, COALESCE(c.customer_group_id, c.id)
                  FROM res_partner p JOIN res_partner c ON c.id = p.commercial_partner_id
                 WHERE p.id = ANY(%s) OR p.ref = ANY(%s)
                """,
                [number for number in ids if 0 < number < 2**31],
                list(refs),
            )
        )
        found = {}
        for partner, ref, buyer, customer in rows:
            found[("id", partner)] = (buyer, customer)
            if ref in refs:
                known = found.get(("ref", ref))
                found[("ref", ref)] = (buyer, customer) if known in (None, (buyer, customer)) else "ambiguous"
        return found

    @api.model
    def _store_purchases(self, rows, progress=None):
        """Bring checked purchases into the ledger, in a constant number of statements per 20,000.

        :param rows: dicts as from :meth:`_prepare_purchase`
        :param progress: called with the number of rows that are done
        :return: see :meth:`record_purchases`
        """
        if not rows:
            return {"created": 0, "corrected": 0, "unchanged": 0, "ids": []}
        self.flush_model()
        known = self._known_purchases(rows)
        ids, wrong, fresh = {}, [], []
        for index, row in enumerate(rows):
            old = known.get((row["source_ref"], row["company_id"]))
            if old and old[1:] == (row["partner_id"], row["date"], row["amount"], row["kind"]):
                ids[index] = old[0]
                continue
            if old:
                wrong.append(old[0])
            fresh.append(index)
        touched = set()
        if wrong:
            stale = self.sudo().browse(wrong)
            touched.update(stale.mapped("customer_ref"))
            stale.with_env(self.env)._void(self.env._("Corrected by the system it came from."))
            self.flush_model()
        for start in range(0, len(fresh), STORED_AT_ONCE):
            chunk = fresh[start : start + STORED_AT_ONCE]
            created = self._insert_purchases([rows[index] for index in chunk])
            for index in chunk:
                ids[index] = created[(rows[index]["source_ref"], rows[index]["company_id"])]
                touched.add(rows[index]["partner_id"])
            if progress:
                progress(start + len(chunk))
        self._purchases_changed(touched)
        return {
            "created": len(fresh) - len(wrong),
            "corrected": len(wrong),
            "unchanged": len(rows) - len(fresh),
            "ids": [ids[index] for index in range(len(rows))],
        }

    @api.model
    def _known_purchases(self, rows):
        """Return {(source_ref, company): (id, customer, date, amount, kind)} of the valid entries of these numbers."""
        found = self.env.execute_query(
            SQL(
                """
                SELECT source_ref, company_id, id, customer_ref, date, amount, kind FROM discipline_revenue
                 WHERE voided_at IS NULL AND source_ref = ANY(%s) AND company_id = ANY(%s)
                """,
                array([row["source_ref"] for row in rows], "varchar"),
                sorted({row["company_id"] for row in rows}),
            )
        )
        return {(row[0], row[1]): (row[2], row[3], row[4], Decimal(str(row[5])), row[6]) for row in found}

    @api.model
    def _insert_purchases(self, rows):
        """Insert purchases and return {(source_ref, company): id}."""
        return {
            (row[1], row[2]): row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    INSERT INTO discipline_revenue
                           (partner_id, customer_ref, buyer_id, date, amount, kind, source_ref, document, company_id,
                            create_uid, create_date, write_uid, write_date)
                    SELECT partner_id, partner_id, buyer_id, date, amount, kind, source_ref, document, company_id,
                           %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                      FROM %(new)s
                 RETURNING id, source_ref, company_id
                    """,
                    uid=self.env.uid,
                    new=unnested(rows, COLUMNS, "n"),
                )
            )
        }

    def action_open_source(self):
        """Open the opportunity that the purchase came from, else the customer."""
        self.ensure_one()
        record = self.lead_id or self.partner_id
        return {"type": "ir.actions.act_window", "res_model": record._name, "res_id": record.id, "view_mode": "form"}

    @api.model
    def _merge_customers(self, source_ids, target):
        """Repoint the purchases of merged partners to the one that remains; each stays a fact of its own.

        :param source_ids: ids of the partners merged away
        :param target: res.partner that remains
        """
        self.flush_model()
        customer = target._discipline_customer()[:1] or target
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_revenue SET buyer_id = %(buyer)s WHERE buyer_id = ANY(%(ids)s)",
                buyer=target.commercial_partner_id.id or target.id,
                ids=list(source_ids),
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_revenue SET partner_id = %(customer)s, customer_ref = %(customer)s "
                "WHERE customer_ref = ANY(%(ids)s) RETURNING id",
                customer=customer.id,
                ids=list(source_ids),
            )
        )
        if self.env.cr.rowcount:
            self._purchases_changed([customer.id])
