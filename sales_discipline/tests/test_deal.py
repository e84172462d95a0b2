"""Deals summed up: whatever happens to opportunities, the row of each is what its history says, at once."""

import itertools
import os
import random
from collections import defaultdict
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL

from ..engine.funnel import cohort, event_of, paths
from ..models import discipline_funnel_counts
from ..models.discipline_deal import DERIVED, LIVE
from . import test_lead_sequences
from .common import NOW
from .test_funnel import START, FunnelCommon

ROUNDS = int(os.environ.get("DISCIPLINE_ROUNDS", "12"))


@tagged("post_install", "-at_install", "discipline_funnel")
class TestDealsOfAnyLife(test_lead_sequences.TestLeadSequences):
    """Random lives, and random changes of the stages, teams, customers and sources that they are told by."""

    test_any_life_of_a_deal_equals_its_rows = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sources = cls.env["utm.source"].create([{"name": "Fair"}, {"name": "Site"}])
        cls.other_reason = cls.env["crm.lost.reason"].create({"name": "Other reason"})

    def _born(self, number, rng):
        team = rng.choice([self.team, self.other_team])
        user = rng.choice(team.member_ids)
        lead = self.env["crm.lead"].create(
            {
                "name": f"Life {number}",
                "type": rng.choice(["opportunity", "opportunity", "lead"]),
                "partner_id": rng.choice(self.customers).id,
                "team_id": team.id,
                "user_id": user.id,
                "stage_id": self.common[0].id,
                "expected_revenue": rng.randint(0, 5000),
                "probability": 30,
            }
        )
        return lead, test_lead_sequences.Model(self.common[0].id, team.id, user.id)

    def _change_world(self, rng):
        """Do to what deals refer to whatever an administrator may do."""
        Change = self.env["discipline.stage.change"]
        what = rng.choice(["order", "stage", "void", "source", "customer", "won", "nothing"])
        if what == "order":
            for stage in self.common:
                stage.sequence = rng.randint(1, 20)
        elif what == "stage":
            # a stage is merged into another: its deals move, then it is deleted
            gone = self.env["crm.stage"].create({"name": "Short-lived", "sequence": rng.randint(1, 9)})
            leads = self.env["crm.lead"].search([("won_status", "=", "pending")], limit=3)
            leads.stage_id = gone
            self.env.flush_all()
            leads.stage_id = self.common[-1]
            gone.unlink()
        elif what == "void":
            facts = Change.search([("lead_ref", "in", list(self.lives))])
            facts.browse(rng.sample(facts.ids, min(2, len(facts))))._mark_void("test")
        elif what == "source":
            self.sources[0].unlink() if rng.random() < 0.2 and len(self.sources) > 1 else None
            self.sources = self.sources.exists()
        elif what == "customer":
            twin = self._customer("Romashka Ltd")
            self.env["crm.lead"].search([], limit=2).partner_id = twin
            self.env.flush_all()
            wizard = self.env["base.partner.merge.automatic.wizard"].create({})
            wizard._merge((self.customers[0] | twin).ids, self.customers[0])
        elif what == "won":
            self.common[1].is_won = not self.common[1].is_won
            self.env.flush_all()
            self.common[1].is_won = False

    def _change_details(self, lead, rng):
        """Change what the ledger does not keep, or what it keeps of a deal that stays where it is."""
        lead.write(
            rng.choice(
                [
                    {"source_id": rng.choice(self.sources).id},
                    {"expected_revenue": rng.randint(0, 5000)},
                    {"partner_id": rng.choice(self.customers).id},
                    {"type": "opportunity"},
                    {"date_deadline": NOW.date() + timedelta(days=rng.randint(0, 90))},
                ]
            )
        )
        if not lead.active and lead.lost_reason_id:
            lead.lost_reason_id = self.other_reason

    def test_the_rows_equal_the_recomputation_whatever_happens(self):
        seed = int(os.environ.get("DISCIPLINE_SEED", "20250310"))
        rng = random.Random(seed)
        self.customers = self.customer | self._customer("Vasilyok", self.boris)
        self.lives = {}
        with freeze_time(NOW) as clock:
            for number in range(ROUNDS):
                for _new in range(2):
                    lead, model = self._born(number, rng)
                    self.lives[lead.id] = (lead, model)
                for lead, model in list(self.lives.values()):
                    clock.tick(timedelta(minutes=rng.choice([0, 1, 700])))
                    if lead.exists() and rng.random() < 0.5:
                        # the model of test_lead_sequences is led along, but is not what is looked at here
                        state = lead._discipline_lead_state()
                        model.stage, model.team, model.user = state.stage, state.team, state.user
                        model.status = state.status
                        rng.choice([self._step, lambda lead, _model, rng: self._change_details(lead, rng)])(
                            lead, model, rng
                        )
                    elif lead.exists() and rng.random() < 0.05:
                        lead.unlink()
                    elif lead.exists() and rng.random() < 0.05:
                        twin = lead.copy()
                        self.lives[twin.id] = (twin, model)
                        (lead | twin).with_context(active_test=False).merge_opportunity()
                self._change_world(rng)
                self._compare(f"round {number} of seed {seed}")

    def _compare(self, message):
        Deal = self.env["discipline.deal"]
        self.env["discipline.funnel"]._flush()
        columns = SQL(", ").join(SQL.identifier(name) for name in [*DERIVED, *LIVE])
        difference = self.env.execute_query(
            SQL(
                "(SELECT %(c)s FROM (%(rows)s) r EXCEPT SELECT %(c)s FROM discipline_deal) UNION ALL "
                "(SELECT %(c)s FROM discipline_deal EXCEPT SELECT %(c)s FROM (%(rows)s) r)",
                c=columns,
                rows=Deal._sql_rows(SQL("TRUE")),
            )
        )
        self.assertFalse(difference, message)
        self.assertFalse(Deal._stale(), message)
        self._compare_with_the_engine(message)

    def _compare_with_the_engine(self, message):
        """Count the funnel a second time, in Python, from the facts one by one."""
        Funnel = self.env["discipline.funnel"].with_user(self.supervisor)
        every = (
            self.env["discipline.stage.change"]
            .sudo()
            .search([("type", "=", "opportunity"), ("voided_at", "=", False)], order="date, id")
        )
        days = sorted(set(every.mapped("day")))
        for team, until in itertools.product((None, self.team, self.other_team), (None, days[len(days) // 2], days[0])):
            filters = Funnel._clean_filters({"team_id": team and team.id, "as_of": until})
            where = f"{message}, {filters}"
            stages = Funnel._stages(filters)
            facts = every.filtered(lambda fact, until=until: not until or fact.day <= until)
            last = {fact.lead_ref: fact for fact in facts}
            events = defaultdict(list)
            for fact in facts:
                if team and last[fact.lead_ref].team_ref != team.id:
                    continue
                events[fact.lead_ref].append(
                    event_of(fact.lead_ref, fact.date, fact.status_from, fact.status_to, fact.stage_to_ref)
                )
            found = paths([event for rows in events.values() for event in rows], stages.ids)
            wanted = cohort(found.values(), stages.ids, {ref: fact.amount for ref, fact in last.items()})
            result = Funnel.get_funnel(filters)
            self.assertEqual(
                [result[name] for name in ("entered", "won", "lost", "open", "removed")],
                [getattr(wanted, name) for name in ("entered", "won", "lost", "open", "removed")],
                where,
            )
            for row, step in zip(result["steps"], wanted.steps, strict=True):
                names = ("reached", "passed", "lost", "open", "removed")
                self.assertEqual([row[name] for name in names], [getattr(step, name) for name in names], where)
                self.assertAlmostEqual(row["amount"], float(step.amount), 2, where)
                if step.median_days is None:
                    self.assertIsNone(row["median_days"], where)
                else:
                    self.assertAlmostEqual(row["median_days"], step.median_days, 6, where)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestDealSummedUp(FunnelCommon):
    def _row(self, deal):
        self.env["discipline.funnel"]._flush()
        return self.env["discipline.deal"].search([("lead_ref", "=", deal.id)])

    def test_a_changed_deal_shows_at_once_whatever_was_changed(self):
        deal = self._deal()
        source = self.env["utm.source"].create({"name": "Fair"})
        tag = self.env["crm.tag"].create({"name": "Tag"})
        for filters, values in (
            ({"user_id": self.boris.id}, {"user_id": self.boris.id}),
            ({"team_id": self.other_team.id}, {"team_id": self.other_team.id, "user_id": self.dmitri.id}),
            ({"source_id": source.id}, {"source_id": source.id}),
            ({"tag_id": tag.id}, {"tag_ids": tag.ids}),
            ({"amount_from": 5000}, {"expected_revenue": 5000}),
        ):
            with self.subTest(filters=filters):
                self.assertEqual(self.Funnel.get_funnel(filters)["entered"], 0)
                deal.write(values)
                self.assertEqual(self.Funnel.get_funnel(filters)["entered"], 1)

    def test_a_new_reason_of_a_lost_deal_shows_at_once(self):
        deal = self._deal()
        self._lose(deal, 2)
        other = self.env["crm.lost.reason"].create({"name": "No budget"})
        deal.lost_reason_id = other
        reasons = self.Funnel.get_funnel()["steps"][0]["reasons"]
        self.assertEqual([row["name"] for row in reasons], ["No budget"])

    def test_a_deal_that_another_company_takes_is_out_of_sight(self):
        deal = self._deal(user_id=False, team_id=False, partner_id=False)
        self.assertEqual(self.Funnel.get_funnel()["entered"], 1)
        deal.company_id = self.env["res.company"].create({"name": "Other"})
        self.assertEqual(self.Funnel.get_funnel()["entered"], 0)

    def test_a_rule_on_opportunities_holds_for_the_funnel_too(self):
        mine, other = self._deal(priority="2"), self._deal()
        self.env["ir.rule"].create(
            {
                "name": "Only important ones",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "domain_force": "[('priority', '=', '2')]",
            }
        )
        self.assertEqual(self._opened(), mine)
        self.assertEqual(self.Funnel.get_funnel()["entered"], 1)
        other.priority = "2"
        self.assertEqual(self.Funnel.get_funnel()["entered"], 2)

    def test_a_voided_fact_is_no_part_of_the_sum(self):
        deal = self._deal()
        self._move(deal, 3, self.second)
        self._move(deal, 5, self.won_stage)
        self.assertEqual(self._row(deal).outcome, "won")
        facts = self.env["discipline.stage.change"].search([("lead_ref", "=", deal.id)], order="id")
        facts[-1]._mark_void("test")
        self.assertEqual((self._row(deal).outcome, self._row(deal).stage_ref), ("open", self.second.id))
        facts._mark_void("test")
        self.assertFalse(self._row(deal))
        self.assertEqual(self.Funnel.get_funnel()["entered"], 0)

    def test_what_came_past_odoo_is_found_at_night(self):
        deal, other = self._deal(), self._deal()
        self.env["discipline.funnel"]._flush()
        source = self.env["utm.source"].create({"name": "Fair"})
        self.env.cr.execute("UPDATE crm_lead SET source_id = %s WHERE id = %s", [source.id, deal.id])
        self.env.cr.execute("DELETE FROM discipline_deal WHERE lead_ref = %s", [other.id])
        self.env.invalidate_all()
        self.assertEqual(self.env["discipline.deal"]._stale(), [deal.id, other.id])
        self.assertEqual(self.env["discipline.deal"]._reconcile(), 2)
        self.assertEqual(self.env["discipline.deal"]._stale(), [])
        self.assertEqual(self._opened({"source_id": source.id}), deal)

    def test_a_merged_customer_takes_his_deals_to_his_class(self):
        twin = self._customer("Romashka Ltd")
        deal = self._deal(partner_id=twin.id)
        self.assertFalse(self._opened({"class_id": self.class_a.id}))
        self.env["base.partner.merge.automatic.wizard"].create({})._merge((self.customer | twin).ids, self.customer)
        self.assertEqual(self._opened({"class_id": self.class_a.id}), deal)

    def test_nobody_edits_the_sums(self):
        deal = self._deal()
        row = self._row(deal)
        with self.assertRaises(AccessError):
            row.with_user(self.administrator).write({"outcome": "won"})
        with self.assertRaises(AccessError):
            row.with_user(self.anna).read(["outcome"])

    def test_a_thousand_deals_are_summed_up_at_the_price_of_one(self):
        def cost(count):
            deals = self.env["crm.lead"].concat(*(self._deal(day=number % 9) for number in range(count)))
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["discipline.deal"]._refresh(deals.ids)
            return self.env.cr.sql_log_count - before

        self.assertEqual((cost(1), cost(40)), (1, 1))

    def test_following_a_changed_opportunity_costs_one_statement_for_all_of_them(self):
        deals = self.env["crm.lead"].union(*[self._deal() for _number in range(20)])
        first, second = self.env["utm.source"].create([{"name": "Fair"}, {"name": "Letter"}])
        reason = self.env["crm.lost.reason"].create({"name": "No budget"})

        def cost(count, **values):
            self.env.cr.flush()
            self.env.invalidate_all()
            execute, statements = type(self.env.cr).execute, []

            def listen(cr, query, *args, **kwargs):
                statements.append(query.code if isinstance(query, SQL) else query)
                return execute(cr, query, *args, **kwargs)

            with patch.object(type(self.env.cr), "execute", listen):
                for deal in deals[:count]:
                    deal.write(values)
                self.env.cr.flush()
            return sum("discipline_deal" in statement for statement in statements)

        self.assertEqual(cost(1, source_id=second.id), 1)
        self.assertEqual(cost(20, source_id=first.id), 1)
        self.assertEqual(cost(20, priority="2"), 0)
        self.assertEqual(cost(20, source_id=second.id, lost_reason_id=reason.id, expected_revenue=77), 1)
        rows = self.env["discipline.deal"].search([("lead_ref", "in", deals.ids)])
        self.assertEqual((len(rows), rows.source_id, rows.lost_reason_id), (20, second, reason))

    def test_medians_of_many_deals_are_exact(self):
        rng = random.Random(5)
        changes = []
        for number in range(10**8, 10**8 + 6000):
            moment = START
            for place, stage in enumerate(self.stages):
                changes.append(
                    {
                        "lead_ref": number, "kind": "stage" if place else "create", "type": "opportunity",
                        "status_from": "open" if place else None, "status_to": "open", "stage_to_ref": stage.id,
                        "amount": 1, "date": moment, "day": moment.date(), "company_id": self.company.id,
                    }
                )  # fmt: skip
                moment += timedelta(seconds=rng.randint(1, 10**6))
        self.env["discipline.stage.change"].sudo()._record(changes)
        filters = ({}, {"as_of": START.date() + timedelta(days=30)})
        exact = [[step["median_days"] for step in self.Funnel.get_funnel(asked)["steps"]] for asked in filters]
        self.assertNotEqual(*exact)
        self.patch(discipline_funnel_counts, "SAMPLE", 1000)
        with self.assertQueryCount(13):
            sampled = [[step["median_days"] for step in self.Funnel.get_funnel()["steps"]]]
        sampled += [[step["median_days"] for step in self.Funnel.get_funnel(filters[1])["steps"]]]
        self.assertEqual(sampled, exact)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestFunnelOfSeveralCurrencies(FunnelCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        home = cls.company.currency_id
        cls.foreign = cls.env["res.currency"].search([("id", "!=", home.id)], limit=1) or cls.env[
            "res.currency"
        ].with_context(active_test=False).search([("id", "!=", home.id)], limit=1)
        cls.foreign.active = True
        cls.foreign.rate_ids.unlink()
        # one unit at home is four of the foreign ones
        cls.env["res.currency.rate"].create(
            {"currency_id": cls.foreign.id, "name": "2020-01-01", "rate": 4, "company_id": False}
        )
        cls.branch = cls.env["res.company"].create({"name": "Abroad", "currency_id": cls.foreign.id})
        cls.supervisor.company_ids |= cls.branch
        values = {"user_id": False, "team_id": False, "partner_id": False}
        cls.here = cls._deal(expected_revenue=1000, **values)
        cls.there = cls._deal(expected_revenue=2000, company_id=cls.branch.id, **values)
        both = (cls.company | cls.branch).ids
        cls.Funnel = cls.Funnel.with_context(allowed_company_ids=both)
        cls.Analytics = cls.Analytics.with_context(allowed_company_ids=both)

    def test_sums_are_shown_in_the_currency_of_the_company_looked_from(self):
        self.assertEqual(self.Funnel.get_funnel()["amount"], 1000 + 2000 / 4)
        abroad = self.Funnel.with_context(allowed_company_ids=[self.branch.id, self.company.id])
        self.assertEqual(abroad.get_options()["currency_id"], self.foreign.id)
        self.assertEqual(abroad.get_funnel()["amount"], 1000 * 4 + 2000)
        self.assertEqual(self.Funnel.get_funnel()["steps"][0]["amount"], 1500)

    def test_a_size_is_asked_for_in_the_same_currency(self):
        self.assertEqual(self.Funnel.get_deals_action({"amount_to": 600})["domain"], [("id", "in", self.there.ids)])
        self.assertEqual(self.Funnel.get_funnel({"amount_from": 600})["amount"], 1000)

    def test_won_sums_of_managers_and_the_pipeline_agree(self):
        for deal in (self.here, self.there):
            self._move(deal, 3, self.won_stage)
        managers = self.Analytics.get_analytics()["managers"]
        self.assertEqual(sum(row["won_amount"] for row in managers), 1500)
        pipeline = (
            self.env["discipline.pipeline"]
            .with_user(self.supervisor)
            .with_context(allowed_company_ids=(self.company | self.branch).ids)
            .get_pipeline({"date_from": "2024-03-02", "date_to": "2024-03-10"})
        )
        self.assertEqual((pipeline["start"]["amount"], pipeline["end"]["amount"]), (1500, 0))
