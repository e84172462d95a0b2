"""Grouping very many rows by a manager, a team or a class."""

from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, unique

#: of a model with more records than this, groups are put in order as Odoo does it
MANY = 5_000
WORDS = {
    "ASC": SQL("ASC"),
    "DESC": SQL("DESC"),
    "NULLS": SQL("NULLS"),
    "FIRST": SQL("FIRST"),
    "LAST": SQL("LAST"),
}


def named(order):
    """Return what an order of groups names, one after the other."""
    return [part.split()[0] for part in order.split(",")] if order else []


def is_additive(spec):
    """Tell whether an aggregate of several groups together follows from those of each."""
    name, _sep, function = spec.partition(":")
    return name == "__count" or function in ("sum", "sum_currency", "array_agg_distinct")


def by_group(rows, depth):
    """Return [(the first ``depth`` values, rows that begin with them)], in the order of the rows."""
    groups = {}
    for row in rows:
        # no number at all is another group than the number 0
        groups.setdefault(tuple((value is False, value) for value in row[:depth]), []).append(row)
    return [(parts[0][:depth], parts) for parts in groups.values()]


def money_of(spec, parts, depth, asked, rates):
    """Return an aggregate of one group from its rows, one per currency.

    :param str spec: the aggregate
    :param parts: tuples of ``depth`` values of the group, the currency, and the values of ``asked``
    :param dict rates: {currency id: units of it for one of the company's own}
    """
    name, _sep, function = spec.partition(":")
    if function == "array_agg_distinct":
        return sorted((part[depth].id or None for part in parts), key=lambda number: (number is None, number))
    at = depth + 1 + asked.index(f"{name}:sum" if function == "sum_currency" else spec)
    if function == "sum_currency":
        return total(spec, [part[at] and part[at] / (rates.get(part[depth].id) or 1) for part in parts])
    return total(spec, [part[at] for part in parts])


def total(spec, values):
    """Return an aggregate of several groups together from those of each, see :func:`is_additive`.

    Sums are added as decimal numbers, as PostgreSQL adds them.
    """
    if len(values) == 1:
        return values[0]
    if spec.endswith(":array_agg_distinct"):
        return sorted({number for value in values for number in value}, key=lambda number: (number is None, number))
    known = [value for value in values if value is not False]
    if not known:
        return values[0]
    if any(isinstance(value, float) for value in known):
        return float(sum(Decimal(str(value)) for value in known))
    return sum(known)


class DisciplineGrouped(models.AbstractModel):
    """Tables whose rows are many and whose groups are few.

    To put groups in order by a manager's name, Odoo joins the name to every row and makes it part of the group;
    PostgreSQL then takes every row for a group of its own and sorts millions of them by the name. Here rows are grouped
    by the number alone, and only the groups are put in order.

    Of money the client also asks in which currencies it is, and for the sum in the company's own: PostgreSQL sorts the
    rows of each group to tell the currencies. A pivot asks for the totals of every level: PostgreSQL goes through all
    rows for each. Here the rows are grouped once, by currency too, and the few groups are added up.
    """

    _name = "discipline.grouped"
    _description = "Grouped by Few"

    def _read_group_orderby(self, order, groupby_terms, query):
        if not order:
            return super()._read_group_orderby(order, groupby_terms, query)
        terms = []
        for part in order.split(","):
            name, *direction = part.split()
            ids = self._places(name) if name in groupby_terms and not groupby_terms[name].params else None
            if ids is None:
                terms.append(super()._read_group_orderby(part.strip(), groupby_terms, query))
            else:
                # nobody's group has no place: it stands where an empty name would
                place = SQL("array_position(%s::int[], %s)", ids, groupby_terms[name])
                words = [WORDS[word] for word in map(str.upper, direction) if word in WORDS]
                terms.append(SQL(" ").join([place, *words]))
        return SQL(", ").join(term for term in terms if term)

    @api.model
    def _places(self, name):
        """Return the ids behind a many2one field in the order of their model; None where they are too many.

        :param str name: a field that rows are grouped by
        """
        field = self._fields.get(name)
        if not field or field.type != "many2one" or self.env[field.comodel_name]._order == "id":
            return None
        # whoever may not see a record sees its group where it belongs, as everybody else does
        model = self.env[field.comodel_name].sudo().with_context(active_test=False)
        ids = model.search([], limit=MANY + 1).ids
        return ids if len(ids) <= MANY else None

    def _formatted_read_group_with_length(self, domain, groupby, aggregates, offset=0, limit=None, order=None):
        """All groups are read at once where they are few: to count them costs as much as to read them."""
        if not limit or self._web_read_group_field_expand(tuple(groupby)) or self._places(groupby[0]) is None:
            return super()._formatted_read_group_with_length(domain, groupby, aggregates, offset, limit, order)
        groups = self.formatted_read_group(domain, groupby, aggregates, order=order)
        return groups[offset : offset + limit], len(groups)

    # ------------------------------------------------------------------
    # Sums of money, and totals of every level
    # ------------------------------------------------------------------

    @api.model
    def _read_group(self, domain, groupby=(), aggregates=(), having=(), offset=0, limit=None, order=None):
        plain = (domain, groupby, aggregates, having, offset, limit, order)
        currency = self._asked_currency(aggregates)
        if not currency or currency in groupby or having or offset or limit or not set(named(order)) <= {*groupby}:
            return super()._read_group(*plain)
        # a sum in the company's own currency is made from the sum
        asked = list(
            unique(
                f"{name}:sum" if function == "sum_currency" else spec
                for spec in aggregates
                for name, _sep, function in [spec.partition(":")]
                if function != "array_agg_distinct"
            )
        )
        rows = super()._read_group(domain, [*groupby, currency], asked, order=order)
        groups = by_group(rows, len(groupby))
        if not rows or (len(groups) < len(rows) and not all(map(is_additive, asked))):
            return super()._read_group(*plain)
        rates = self._rates_of_today(self.env["res.currency"].union(*(row[len(groupby)] for row in rows)))
        return [
            (*key, *(money_of(spec, parts, len(groupby), asked, rates) for spec in aggregates)) for key, parts in groups
        ]

    def _read_group_select(self, aggregate_spec, query):
        """Odoo takes a rate that begins in the future for the present one."""
        name, _sep, function = aggregate_spec.partition(":")
        if function != "sum_currency" or self._fields[name].type != "monetary":
            return super()._read_group_select(aggregate_spec, query)
        currencies = self.env["res.currency"].sudo().with_context(active_test=False).search([], order="id")
        rates = [(number, rate) for number, rate in self._rates_of_today(currencies).items() if rate not in (0, 1)]
        amount = self._field_to_sql(self._table, name, query)
        if not rates:
            return SQL("SUM(%s)", amount)
        currency = self._field_to_sql(self._table, self._fields[name].get_currency_field(self), query)
        cases = SQL(" ").join(SQL("WHEN %s THEN %s", number, rate) for number, rate in rates)
        return SQL("SUM(%s / CASE %s %s ELSE 1 END)", amount, currency, cases)

    @api.model
    def _rates_of_today(self, currencies):
        """Return {currency id: today's units of it for one of the company's own}, see ``res.currency``."""
        return currencies.sudo()._get_rates(self.env.company, fields.Date.context_today(self))

    @api.model
    def _read_grouping_sets(self, domain, grouping_sets, aggregates=(), order=None):
        deepest = max(grouping_sets, key=len, default=())
        names = named(order)
        if (
            not deepest
            or names != list(deepest[: len(names)])
            or not all(list(groupby) == list(deepest[: len(groupby)]) for groupby in grouping_sets)
            or not all(map(is_additive, aggregates))
            or not all(self._is_simple(spec) for spec in deepest)
        ):
            return super()._read_grouping_sets(domain, grouping_sets, aggregates, order)
        rows = self._read_group(domain, deepest, aggregates, order=order)
        if not rows:
            return super()._read_grouping_sets(domain, grouping_sets, aggregates, order)
        levels = []
        for groupby in grouping_sets:
            groups = by_group(rows, len(groupby))
            levels.append(
                [
                    (*key, *(total(spec, [part[len(deepest) + place] for part in parts])
                             for place, spec in enumerate(aggregates)))
                    for key, parts in groups
                ]
            )  # fmt: skip
        return levels

    @api.model
    def _asked_currency(self, aggregates):
        """Return the field of the currency of which the aggregates ask; None where they ask of none, or of several."""
        names = set()
        for spec in aggregates:
            name, _sep, function = spec.partition(":")
            if function == "sum_currency":
                names.add(self._fields[name].get_currency_field(self))
            elif function == "array_agg_distinct":
                names.add(name)
        field = self._fields.get(names.pop()) if len(names) == 1 else None
        return field.name if field and field.type == "many2one" and field.comodel_name == "res.currency" else None

    @api.model
    def _is_simple(self, spec):
        """Tell whether rows grouped by this stand in one group each: not by several labels of theirs."""
        field = self._fields.get(spec.partition(":")[0])
        return bool(field) and field.type not in ("many2many", "properties")
