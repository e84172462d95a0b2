"""Customers and opportunities, as the files have them."""

from dataclasses import replace

from odoo.fields import Command
from odoo.tools import SQL

from . import portfolios, refusals
from .company import HEAD, Company

INDUSTRIES = {
    "technology": "J",
    "software": "J",
    "telecommunications": "J",
    "medical": "Q",
    "retail": "G",
    "entertainment": "R",
    "marketing": "M",
    "finance": "K",
    "employment": "N",
    "services": "S",
}
COUNTRIES = {
    "United States": "us",
    "Kenya": "ke",
    "Philippines": "ph",
    "Japan": "jp",
    "Italy": "it",
    "Norway": "no",
    "South Korea": "kr",
    "Jordan": "jo",
    "Brazil": "br",
    "Germany": "de",
    "Panama": "pa",
    "Belgium": "be",
    "Romania": "ro",
    "Poland": "pl",
    "China": "cn",
}
#: after so many days without a contact a deal is overdue in “Engaging”
ENGAGING_DAYS = 300


class Customers(Company):
    """The steps from the files to customers and opportunities with their history."""

    def customers(self):
        """Create the accounts under their managers, and let some change hands as they did during the year."""
        self.stints = portfolios.stints(self.pipeline.deals, self.first)
        holder = {}
        for stint in self.stints:
            holder.setdefault(stint.account, stint.agent)
        partners = (
            self.env["res.partner"]
            .with_context(
                discipline_date=self.first, discipline_origin="list", discipline_reason="Approved list of the year"
            )
            .create([self._partner_values(account, holder) for account in self.pipeline.accounts])
        )
        self.partners = {account.name: p for account, p in zip(self.pipeline.accounts, partners, strict=True)}
        for name, partner in self.partners.items():
            self._name("account", name, partner)
        nobody = self.env["res.users"]
        changes = []
        for stint in self.stints:
            if stint.start > self.first:
                changes.append((stint.start, stint.account, self.users[stint.agent]))
            if stint.stop and not any(s.account == stint.account and s.start == stint.stop for s in self.stints):
                changes.append((stint.stop, stint.account, nobody))
        for day, account, user in sorted(changes, key=lambda change: change[:2]):
            self.partners[account].with_context(discipline_date=day)._discipline_assign(
                user, "manual", reason="The head of sales decided"
            )
        newcomer = self.users[portfolios.NEWCOMER]
        newcomer.discipline_newcomer_since = portfolios.month_start(self.first, portfolios.NEWCOMER_MONTH)

    def _partner_values(self, account, holder):
        parent = f"; subsidiary of {account.parent}" if account.parent else ""
        return {
            "name": account.name,
            "is_company": True,
            "lang": "en_US",
            "company_id": self.company.id,
            "user_id": self.users[holder[account.name]].id if account.name in holder else False,
            "industry_id": self.env.ref(f"base.res_partner_industry_{INDUSTRIES[account.sector]}").id,
            "country_id": self.env.ref(f"base.{COUNTRIES[account.country]}").id,
            "comment": f"<p>{account.sector.capitalize()}, {account.employees:,} employees, founded "
            f"{account.founded}{parent}. Source: Maven Analytics, “CRM Sales Opportunities”.</p>",
        }

    def opportunities(self):
        """Create the opportunities with their stages, sums and dates."""
        stages = self._stages()
        self._reasons()
        tags = dict(
            zip(
                self.pipeline.products,
                self.env["crm.tag"].create([{"name": product} for product in self.pipeline.products]).ids,
                strict=True,
            )
        )
        Lead = self.env["crm.lead"].with_context(default_type="opportunity")
        leads = Lead.create([self._lead_values(deal, stages, tags) for deal in self.pipeline.deals])
        self.env.flush_all()
        self._date_leads(leads)
        self._history(leads, stages)

    def _lead_values(self, deal, stages, tags):
        values = {
            "name": f"{deal.product}, {deal.account}" if deal.account else deal.product,
            "type": "opportunity",
            "partner_id": self.partners[deal.account].id if deal.account else False,
            "user_id": self.users[deal.agent].id,
            "team_id": self.teams[self.pipeline.teams[deal.agent][0]].id,
            "company_id": self.company.id,
            "stage_id": stages["Engaging" if deal.stage == "Lost" else deal.stage].id,
            "expected_revenue": float(deal.value if deal.stage == "Won" else deal.price),
            "tag_ids": [Command.link(tags[deal.product])],
            "referred": f"Maven {deal.ref}",
        }
        if deal.closed:
            values["date_closed"] = self._moment(deal.closed, 15 * 60)
        if deal.stage == "Won":
            values["probability"] = 100
        elif deal.stage == "Lost":
            reason = self.reasons[self.refusals[deal.ref].reason]
            values |= {"active": False, "probability": 0, "lost_reason_id": reason.id}
        return values

    def _reasons(self):
        """Simulate why deals were lost, and set what is done about the reasons that weigh most."""
        self.refusals = {deal.ref: refusals.simulate(deal) for deal in self.pipeline.deals if deal.stage == "Lost"}
        self.reasons = {
            name: self.env.ref(f"sales_discipline.discipline_lost_reason_{name}") for name in refusals.REASONS
        }
        self.reasons["not_stated"] = self.env["crm.lost.reason"]._discipline_not_stated()
        self.competitors = dict(
            zip(
                refusals.COMPETITORS,
                self.env["discipline.competitor"].create([{"name": name} for name in refusals.COMPETITORS]),
                strict=True,
            )
        )
        for name, share, measure in refusals.MEASURES:
            self.reasons[name].write(
                {
                    "discipline_target_share": share,
                    "discipline_measure": measure,
                    "discipline_measure_user_id": self.users[HEAD].id,
                }
            )

    def _refusal_values(self, deal):
        """Return what the simulation knows of a lost deal, as columns of the ledger."""
        refusal = self.refusals[deal.ref]
        return {
            "competitor_ref": self.competitors[refusal.competitor].id if refusal.competitor else None,
            "note": refusal.note or None,
            "try_again_on": refusals.again_on(refusal, deal.closed),
        }

    def _stages(self):
        """Return {stage of the files: crm.stage}.

        On a database without opportunities Odoo's first two stages take the files' names, in every language.
        """
        won = self.env["crm.stage"].search([("is_won", "=", True)], limit=1)
        own = [self.env.ref(f"crm.stage_lead{number}", raise_if_not_found=False) for number in (1, 2, 3)]
        if all(own) and not self.env["crm.lead"].with_context(active_test=False).search_count([], limit=1):
            own[2].unlink()
            first, second = own[:2]
        else:
            first, second = self.env["crm.stage"].create([{"name": "-", "sequence": 1}, {"name": "-", "sequence": 2}])
        for code, _label in self.env["res.lang"].get_installed():
            there = self.env(context={**self.env.context, "lang": code})
            first.with_env(there).name = there._("Prospecting")
            second.with_env(there).name = there._("Engaging")
        self.env["discipline.stage.rule"].create({"stage_id": second.id, "days_allowed": ENGAGING_DAYS})
        return {"Prospecting": first, "Engaging": second, "Won": won}

    def _date_leads(self, leads):
        """Set the dates that Odoo lets nobody choose: when an opportunity was created, opened and last moved."""
        rows = []
        for lead, deal in zip(leads, self.pipeline.deals, strict=True):
            opened = deal.engaged or self.last
            rows.append(
                (
                    lead.id,
                    self._moment(opened, 9 * 60),
                    self._moment(deal.closed or opened, 15 * 60 if deal.closed else 9 * 60),
                    (deal.closed - opened).days if deal.closed else None,
                )
            )
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_lead l
                   SET create_date = t.opened, date_open = t.opened, date_last_stage_update = t.moved,
                       write_date = t.moved, day_open = 0, day_close = t.days
                  FROM unnest(%s::int[], %s::timestamp[], %s::timestamp[], %s::float8[]) AS t(id, opened, moved, days)
                 WHERE l.id = t.id
                """,
                *(list(column) for column in zip(*rows, strict=True)),
            )
        )
        leads.invalidate_recordset()

    def _history(self, leads, stages):
        """Give the opportunities the history that the files tell, instead of one that begins with this load.

        A deal was at its list price until it was closed; when it was first heard of is not known, so that it is
        created on the day on which it was engaged.
        """
        Change, Refusal = self.env["discipline.stage.change"], self.env["discipline.refusal"]
        for ledger in (Refusal, Change):
            ledger.flush_model()
            self.env.cr.execute(
                SQL("DELETE FROM %s WHERE lead_ref = ANY(%s)", SQL.identifier(ledger._table), leads.ids)
            )
            ledger.invalidate_model()
        rows, lost, wins = [], [], []
        for lead, deal in zip(leads, self.pipeline.deals, strict=True):
            made = {"made_by_ref": lead.user_id.id}
            for day, minute, kind, before, after in self._states(lead, deal, stages):
                moment = {"date": self._moment(day, minute), "day": day}
                rows.append(Change._prepare_row(lead.id, kind, before, after, **made, **moment))
            if deal.stage == "Lost":
                created = self._moment(deal.engaged, 9 * 60)
                lost.append(
                    Refusal._prepare_lead_refusal(
                        lead.id, "lost", after, created, **made, **moment, **self._refusal_values(deal)
                    )
                )
            elif deal.stage == "Won":
                wins.append((lead.id, lead.partner_id.id, deal.closed))
        Change._record(sorted(rows, key=lambda row: row["date"]))
        # a change without a probability is recorded with the present one, which knows how the deal ended
        self.env.cr.execute(
            SQL(
                "UPDATE discipline_stage_change SET probability = NULL WHERE status_to = 'open' AND lead_ref = ANY(%s)",
                leads.ids,
            )
        )
        Change.invalidate_model(["probability"])
        Refusal._record(sorted(lost, key=lambda row: row["date"]))
        Refusal._mark_regained(wins)

    def _states(self, lead, deal, stages):
        """Return the steps of a deal as (day, minute, kind of change, state before, state after)."""
        now = lead._discipline_lead_state()
        entered = replace(
            now,
            stage=stages["Prospecting"].id,
            status="open",
            active=True,
            amount=float(deal.price),
            # the files know none, and Odoo learned its own only later
            probability=None,
            reason=None,
        )
        states = [(deal.engaged or self.last, 9 * 60, "create", None, entered)]
        if deal.stage != "Prospecting":
            engaged = replace(entered, stage=stages["Engaging"].id)
            states.append((deal.engaged, 9 * 60, "stage", entered, engaged))
        if deal.closed:
            states.append((deal.closed, 15 * 60, deal.stage.lower(), engaged, now))
        return states
