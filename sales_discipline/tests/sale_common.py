"""Deals for the tests of the sale: their stages, reasons and one customer."""

from .common import DisciplineCommon


class DealCommon(DisciplineCommon):
    """Stages in an order of their own, a customer of Anna's, and deals with him."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Stage = cls.env["crm.stage"]
        Stage.search([]).write({"sequence": 95})
        cls.new, cls.offer = Stage.create([{"name": "First", "sequence": 1}, {"name": "Offer", "sequence": 2}])
        cls.done = Stage.create({"name": "Done", "sequence": 90, "is_won": True})
        cls.price = cls.env["crm.lost.reason"].create({"name": "Too dear for the test", "discipline_category": "price"})
        cls.customer = cls._customer("Romashka", cls.anna)

    @classmethod
    def _deal(cls, **values):
        return cls.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": cls.customer.id,
                "user_id": cls.anna.id,
                "team_id": cls.team.id,
                "stage_id": cls.new.id,
                "expected_revenue": 20000,
                **values,
            }
        )


class RefusalCommon(DealCommon):
    """Reasons, and the refusals of a deal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Reason = cls.env["crm.lost.reason"]
        cls.slow = Reason.create(
            {"name": "Slow in the test", "discipline_category": "ours", "discipline_note_required": True}
        )
        cls.not_stated = Reason._discipline_not_stated()

    def _refusals(self, deal):
        ref = deal if isinstance(deal, int) else deal.id
        return self.env["discipline.refusal"].search([("lead_ref", "=", ref)], order="id")
