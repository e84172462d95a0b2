"""What the pipeline of the files does not know: targets, and the forecasts of past weeks."""

from odoo.tools import SQL, date_utils

from .year import Year

#: months before the running one that have targets, and months from it on
TARGETS_BACK, TARGETS_AHEAD = 3, 3
#: a target is so much above the mean month of the three months before
GROWTH = 1.05


class Ahead(Year):
    """The steps that look forward. Targets are made up by a rule; forecasts are computed as every week's are."""

    def targets(self):
        """Set each agent's targets: five percent above his mean month of the three months before, in full hundreds."""
        first = date_utils.start_of(self.last, "month")
        won = {}
        for deal in self.pipeline.deals:
            if deal.stage == "Won":
                key = deal.agent, date_utils.start_of(deal.closed, "month")
                won[key] = won.get(key, 0) + deal.value
        rows = []
        for agent, user in self.users.items():
            for number in range(-TARGETS_BACK, TARGETS_AHEAD + 1):
                month = date_utils.add(first, months=number)
                base = min(month, date_utils.add(first, months=1))
                mean = sum(won.get((agent, date_utils.subtract(base, months=back)), 0) for back in (1, 2, 3)) / 3
                if mean:
                    amount = round(float(mean) * GROWTH, -2)
                    rows.append({"user_id": user.id, "month": month, "amount": amount, "company_id": self.company.id})
        self.env["discipline.target"].create(rows)

    def forecast(self):
        """Let Odoo learn its probabilities from the deals, as it does every day; freeze the weeks until now."""
        # by itself Odoo learns from deals created after its installation
        self.env["ir.config_parameter"].set_param("crm.pls_start_date", str(self.first))
        self._learn_probabilities()
        self.env["discipline.forecast.snapshot"]._nightly(self.company)

    def _learn_probabilities(self):
        """Do what Odoo's scheduled action does, within this transaction: that one commits after each batch, and a
        database that is being made with the demonstration would lose its way back."""
        Lead = self.env["crm.lead"]
        Lead._rebuild_pls_frequency_table()
        leads = Lead.search(
            [("stage_id", "!=", False), ("create_date", ">=", self.first), ("won_status", "=", "pending")]
        )
        learned, _counts = leads._pls_get_naive_bayes_probabilities(batch_mode=True)
        Lead.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_lead l
                   SET automated_probability = t.learned,
                       probability = CASE WHEN l.probability = l.automated_probability OR l.probability IS NULL
                                          THEN t.learned ELSE l.probability END
                  FROM unnest(%s::int[], %s::float8[]) AS t(id, learned) WHERE l.id = t.id
                """,
                list(learned),
                list(learned.values()),
            )
        )
        Lead.invalidate_model(["automated_probability", "probability"])
