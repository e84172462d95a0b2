"""Grouping very many rows by a manager, a team or a class."""

from odoo import api, models
from odoo.tools import SQL

#: of a model with more records than this, groups are put in order as Odoo does it
MANY = 5_000
WORDS = {
    "ASC": SQL("ASC"),
    "DESC": SQL("DESC"),
    "NULLS": SQL("NULLS"),
    "FIRST": SQL("FIRST"),
    "LAST": SQL("LAST"),
}


class DisciplineGrouped(models.AbstractModel):
    """Tables whose rows are many and whose groups are few.

    To put groups in order by a manager's name, Odoo joins the name to every row and makes it part of the group;
    PostgreSQL then takes every row for a group of its own and sorts millions of them by the name. Here rows are grouped
    by the number alone, and only the groups are put in order.
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
