"""What follows from contacts and plans is derived once a transaction, or as soon as somebody asks for it.

A thousand calls that a program marks as done one after the other are judged together when their transaction ends.
Whoever reads a figure that rests on them before that (a search, a form, a statement of SQL after ``flush_model``) gets
it derived first: nobody ever sees one that is out of date. It is what Odoo does with stored computed fields.
"""

from odoo import api, models

KEY = "discipline.pending"
#: columns that follow from contacts and from planned activities
CONTACT = frozenset({"counted", "rejected_reason"})
CUSTOMER = frozenset(
    {
        "goal",
        "attained",
        "due_next",
        "state",
        "last_contact_date",
        "last_touch_date",
        "last_counted_date",
        "next_contact_date",
        "next_planned",
        "no_next_reason",
        "no_next_by_id",
        "no_next_on",
    }
)


def settle(model, fnames=None, derived=None):
    """Derive what is pending, if somebody is about to read it.

    :param model: any model; its cursor tells the transaction
    :param fnames: names of the columns that are read; None means all
    :param derived: names of the model's columns that may be out of date; None means all
    """
    if KEY in model.env.cr.precommit.data and (fnames is None or derived is None or not derived.isdisjoint(fnames)):
        model.env["discipline.contact"]._settle_pending()


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    @api.private
    def flush_model(self, fnames=None):
        settle(self, fnames, CONTACT)
        return super().flush_model(fnames)

    def _fetch_query(self, query, fields):
        settle(self, {field.name for field in fields}, CONTACT)
        return super()._fetch_query(query, fields)

    @api.model
    def _pend(self, contacts=(), moved=(), unplanned=()):
        """Let what follows from new contacts and moved activities be derived before anybody reads it.

        :param contacts: ids of contacts that were logged
        :param moved: ids of customers whose open activities changed
        :param unplanned: ids of customers who may have nothing planned any more
        """
        data = self.env.cr.precommit.data
        if KEY not in data:
            data[KEY] = ({}, {}, {})
            self.env.cr.precommit.add(self.sudo()._settle_pending)
        for known, new in zip(data[KEY], (contacts, moved, unplanned), strict=True):
            known.update(dict.fromkeys(new))
        # what is in memory is read again, and derived then
        if contacts:
            self.env["discipline.compliance"].invalidate_model(flush=False)
        self.env["discipline.customer"].invalidate_model(CUSTOMER, flush=False)
        Partner = self.env["res.partner"]
        Partner.invalidate_model(Partner._discipline_related_fields(), flush=False)

    @api.model
    def _settle_pending(self):
        """Derive what is pending: next planned days, verdicts, the customers' rows, the plan of the next contact."""
        data = self.env.cr.precommit.data
        while KEY in data:
            contacts, moved, unplanned = data.pop(KEY)
            self.sudo()._refresh_next_contacts(list(moved))
            if contacts:
                self.sudo().browse(contacts).exists()._settle()
            if unplanned:
                self.env["discipline.planning"].sudo()._plan_customers(list(unplanned))


class DisciplineCustomer(models.Model):
    _inherit = "discipline.customer"

    @api.private
    def flush_model(self, fnames=None):
        settle(self, fnames, CUSTOMER)
        return super().flush_model(fnames)

    def _fetch_query(self, query, fields):
        settle(self, {field.name for field in fields}, CUSTOMER)
        return super()._fetch_query(query, fields)


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    @api.private
    def flush_model(self, fnames=None):
        settle(self)
        return super().flush_model(fnames)

    def _fetch_query(self, query, fields):
        settle(self)
        return super()._fetch_query(query, fields)
