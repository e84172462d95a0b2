"""Whose customers, and for what percent: rates, two months of statements, a list that waits for a decision."""

from odoo.fields import Command
from odoo.tools import date_utils

from .card_room import CardRoom

#: percent of purchases by class
RATES = {"A": 2.0, "B": 2.5, "C": 3.0}
#: after a handover the previous manager has half of the purchases of so many days
TAIL_DAYS = 30
#: (norms attained from, coefficient)
COEFFICIENTS = ((0, 0.8), (60, 1.0), (90, 1.1))
#: who claims customers that are nobody's
CLAIMS = ("Donn Cantrell", "Reed Clapper")


class PortfolioRoom(CardRoom):
    """The steps of the first stage that the files know nothing of; every figure is computed as always."""

    def percent(self):
        """Set rates, compute the last two closed months, and pay out the first of them."""
        classes = self.env["discipline.abc.class"].with_context(lang="en_US").search([])
        self.env["discipline.percent.rate"].create(
            [
                {"abc_class_id": row.id, "percent": RATES[row.name], "valid_from": self.first}
                for row in classes
                if row.name in RATES
            ]
        )
        last = date_utils.start_of(self.last, "month")
        self.env["discipline.percent.rule"].create(
            {
                "valid_from": date_utils.start_of(self.first, "month"),
                "tail_days": TAIL_DAYS,
                "step_ids": [
                    Command.create({"attainment": attainment, "coefficient": coefficient})
                    for attainment, coefficient in COEFFICIENTS
                ],
            }
        )
        Statement = self.env["discipline.percent.statement"]
        Statement._make(self.company, date_utils.subtract(last, months=1)).action_lock()
        Statement._make(self.company, last)

    def claims(self):
        """Let two managers claim the customers that are nobody's: who sold to them speaks for one or the other."""
        orphans = self.env["discipline.customer"].search(
            [("company_id", "=", self.company.id), ("in_base", "=", True), ("user_id", "=", False)], order="partner_id"
        )
        for agent, customers in zip(CLAIMS, (orphans[:4], orphans[2:5]), strict=True):
            record = self.env["discipline.claim.list"].with_user(self.users[agent])
            record.create(
                {"claim_ids": [Command.create({"partner_id": customer.partner_id.id}) for customer in customers]}
            ).action_submit()
