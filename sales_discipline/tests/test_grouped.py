"""Groups of very many rows: the same answers as Odoo's own, by one statement instead of one per level and currency."""

import itertools

from freezegun import freeze_time
from odoo.models import BaseModel
from odoo.tests import tagged

from .common import NOW, DisciplineCommon

#: what a client asks for to show the money of a model
MONEY = ("revenue_12m:sum", "currency_id:array_agg_distinct", "revenue_12m:sum_currency")


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestGrouped(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        currency = cls.env["res.currency"].create(
            {
                "name": "TST",
                "symbol": "T",
                "rate_ids": [
                    (0, 0, {"name": "2025-01-01", "rate": 4}),
                    (0, 0, {"name": "2025-02-01", "rate": 8}),
                ],
            }
        )
        cls.abroad = cls.env["res.company"].create({"name": "Abroad", "currency_id": currency.id})
        customers = cls.env["res.partner"]
        for number in range(12):
            company = (cls.company, cls.abroad)[number % 2] if number < 8 else cls.company
            customers |= cls._customer(
                f"Customer {number}",
                (cls.anna, cls.boris, None)[number % 3],
                # not everybody has customers of both classes
                (cls.class_b, cls.class_a, cls.class_a)[number % 3],
                company_id=company.id,
            )
        cls.domain = [("partner_id", "in", customers.ids)]
        cls.env.flush_all()
        for number, customer in enumerate(customers):
            # one has none; the others are no sums of powers of two
            amount = None if number == 5 else (1 + number) * 1_000_000.07
            cls.env.cr.execute(
                "UPDATE discipline_customer SET revenue_12m = %s, company_id = %s WHERE partner_id = %s",
                (amount, customer.company_id.id, customer.id),
            )
        cls.env.invalidate_all()
        cls.rows = cls.env["discipline.customer"].with_user(cls.administrator).with_context(
            allowed_company_ids=[cls.company.id, cls.abroad.id]
        )  # fmt: skip
        cls.administrator.company_ids |= cls.abroad

    def _assert_same(self, ours, theirs, message):
        self.assertEqual(len(ours), len(theirs), message)
        for our, their in zip(ours, theirs, strict=True):
            for mine, odoos in zip(our, their, strict=True):
                if isinstance(mine, float) and isinstance(odoos, float):
                    self.assertAlmostEqual(mine, odoos, 6, message)
                else:
                    self.assertEqual(mine, odoos, message)

    def test_the_data_has_what_makes_it_hard(self):
        groups = self.rows._read_group(self.domain, ["user_id"], MONEY)
        self.assertGreater(max(len(currencies) for _user, _sum, currencies, _own in groups), 1)
        self.assertNotEqual(*(groups[0][place] for place in (1, 3)))

    def test_money_of_groups_is_what_odoo_says(self):
        for groupby in ([], ["user_id"], ["abc_class_id", "user_id"], ["company_id"], ["state", "company_id"]):
            for aggregates in (MONEY, ("__count", *MONEY), MONEY[1:], ("goal:sum", *MONEY), ("id:max", *MONEY)):
                for order in (None, ",".join(f"{name} desc" for name in groupby), "__count desc"):
                    asked = (self.domain, groupby, aggregates, (), 0, None, order)
                    if order == "__count desc" and "__count" not in aggregates:
                        continue
                    self._assert_same(self.rows._read_group(*asked), BaseModel._read_group(self.rows, *asked), asked)

    def test_pages_and_conditions_on_groups_are_odoos(self):
        for having, offset, limit in (((), 1, 1), ([("__count", ">", 3)], 0, None)):
            asked = (self.domain, ["user_id"], ("__count", *MONEY), having, offset, limit, "user_id")
            groups = self.rows._read_group(*asked)
            self.assertTrue(groups)
            self._assert_same(groups, BaseModel._read_group(self.rows, *asked), asked)

    def test_totals_of_every_level_are_what_odoo_says(self):
        names = ["user_id", "abc_class_id", "company_id"]
        for deepest in itertools.permutations(names, 2):
            for aggregates in (("__count",), ("__count", "goal:sum", *MONEY), ("goal:avg", *MONEY)):
                for sets in (
                    [deepest[:depth] for depth in range(3)],
                    [(), deepest],
                    [(), deepest[:1], deepest[1:], deepest],
                ):
                    first, second = deepest
                    for order in (None, f"{first},{second}", f"{first} desc,{second}", f"{second} desc,{first} desc",
                                  first, second):  # fmt: skip
                        asked = (self.domain, sets, aggregates, order)
                        ours = self.rows._read_grouping_sets(*asked)
                        theirs = BaseModel._read_grouping_sets(self.rows, *asked)
                        for mine, odoos in zip(ours, theirs, strict=True):
                            if order in deepest:  # what it does not name stands in no order
                                mine, odoos = sorted(mine, key=str), sorted(odoos, key=str)
                            self._assert_same(mine, odoos, asked)

    def test_a_rate_of_the_future_is_not_used_yet_on_any_way(self):
        def sums():
            asked = (self.domain, ["company_id"], MONEY[1:], (), 0)
            return [
                sorted(round(row[2], 6) for row in self.rows._read_group(*asked, limit, order))
                for limit, order in (
                    (None, None),
                    (2, None),
                    (None, "company_id"),
                    (None, "company_id, revenue_12m:sum"),
                )
            ]

        before = sums()
        # customers 2, 4 and 8 abroad, at eight for one of ours
        self.assertEqual(before, [[round(14 * 1_000_000.07 / 8, 6), round(58 * 1_000_000.07, 6)]] * 4)
        self.abroad.currency_id.rate_ids = [(0, 0, {"name": "2030-01-01", "rate": 100})]
        self.assertEqual(sums(), before)

    def test_no_number_is_another_group_than_the_number_0(self):
        first, second = self.rows.search(self.domain, limit=2)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE discipline_customer SET profile_score = CASE id WHEN %s THEN 0 WHEN %s THEN 7 END",
            (first.id, second.id),
        )
        self.env.invalidate_all()
        asked = (self.domain, [(), ("profile_score",)], ("__count", *MONEY), "profile_score")
        ours = self.rows._read_grouping_sets(*asked)
        self.assertEqual(len(ours[1]), 3)
        self._assert_same(ours[1], BaseModel._read_grouping_sets(self.rows, *asked)[1], asked)

    def test_where_there_is_nothing_the_totals_are_empty(self):
        nothing = [("id", "=", 0)]
        sets = [(), ("user_id",)]
        for domain in (nothing, [("id", "in", [])], [*self.domain, ("goal", "=", 99)]):
            self.assertEqual(
                self.rows._read_grouping_sets(domain, [()], ("__count", *MONEY)),
                BaseModel._read_grouping_sets(self.rows, domain, [()], ("__count", *MONEY)),
            )
            self.assertEqual(
                self.rows._read_grouping_sets(domain, sets, ("__count", *MONEY)),
                BaseModel._read_grouping_sets(self.rows, domain, sets, ("__count", *MONEY)),
            )
            self.assertEqual(
                self.rows._read_group(domain, [], MONEY), BaseModel._read_group(self.rows, domain, [], MONEY)
            )

    def test_money_of_every_such_model_is_answered_on_every_way(self):
        registry = self.env.registry
        asked = 0
        for name in sorted(registry.models):
            model = self.env[name]
            if model._abstract or not issubclass(registry[name], registry["discipline.grouped"]):
                continue
            described = model.fields_get(attributes=["type", "aggregator", "currency_field"])
            for field, what in described.items():
                if what["type"] != "monetary" or not what.get("aggregator"):
                    continue
                money = (f"{field}:sum", f"{what['currency_field']}:array_agg_distinct", f"{field}:sum_currency")
                for limit in (None, 5):
                    with self.subTest(model=name, field=field, limit=limit):
                        request = ([], ["company_id"], ("__count", *money), (), 0, limit, None)
                        if "company_id" not in model._fields:
                            request = ([], [], *request[2:])
                        groups = model._read_group(*request)
                        self._assert_same(groups, BaseModel._read_group(model, *request), request)
                        asked += 1
        self.assertGreater(asked, 20)

    def test_what_a_pivot_asks_takes_two_statements_however_deep_it_is(self):
        # the rows by group and currency, and the rates
        for depth in (1, 2, 3):
            sets = [("user_id", "abc_class_id", "company_id")[:level] for level in range(depth + 1)]
            self.rows._read_grouping_sets(self.domain, sets, ("__count", *MONEY))
            with self.assertQueryCount(2):
                self.rows._read_grouping_sets(self.domain, sets, ("__count", *MONEY))
