"""Targets in a grid and from a file: who sets which, all or nothing, from last year's facts."""

import base64
import io

import openpyxl
from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tests.common import JsonRpcException
from odoo.tools import mute_logger

from .common import NOW
from .test_funnel import START, FunnelCommon


class TargetGridCommon(FunnelCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Target = cls.env["discipline.target"]

    def _set(self, user, *cells):
        return self.Target.with_user(user).set_cells(
            [
                {
                    "key": f"{'team' if whose._name == 'crm.team' else 'user'}-{whose.id}",
                    "month": month,
                    "amount": amount,
                }
                for whose, month, amount in cells
            ]
        )

    def _amounts(self, whose, user=None):
        field = "team_id" if whose._name == "crm.team" else "user_id"
        return {
            str(target.month)[:7]: target.amount
            for target in self.Target.with_user(user or self.administrator).search([(field, "=", whose.id)])
        }

    def _row(self, grid, whose):
        key = f"{'team' if whose._name == 'crm.team' else 'user'}-{whose.id}"
        return next((row for row in grid["rows"] if row["key"] == key), None)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestTargetGrid(TargetGridCommon):
    def test_a_cell_sets_changes_and_takes_away_a_target(self):
        self.assertEqual(self._set(self.supervisor, (self.anna, "2025-03-01", 1000), (self.boris, "2025-04-15", 5)), 2)
        self.assertEqual((self._amounts(self.anna), self._amounts(self.boris)), ({"2025-03": 1000}, {"2025-04": 5}))
        self.assertEqual(self._set(self.supervisor, (self.anna, "2025-03-01", 1200), (self.boris, "2025-04-01", 0)), 2)
        self.assertEqual((self._amounts(self.anna), self._amounts(self.boris)), ({"2025-03": 1200}, {}))
        self.assertEqual(self._set(self.supervisor, (self.anna, "2025-03-01", 1200)), 0)

    def test_rows_are_teams_with_their_members_and_say_who_sets_them(self):
        grid = self.Target.with_user(self.supervisor).get_grid("2025-01-01")
        keys = [row["key"] for row in grid["rows"]]
        first = keys.index(f"team-{self.team.id}")
        self.assertEqual(
            keys[first + 1 : first + 4], [f"user-{user.id}" for user in self.anna | self.boris | self.clara]
        )
        self.assertEqual(grid["months"][0::11], ["2025-01-01", "2025-12-01"])
        editable = {row["key"] for row in grid["rows"] if row["editable"]}
        for whose, may in ((self.anna, True), (self.team, True), (self.dmitri, False), (self.other_team, False)):
            key = self._row(grid, whose)["key"]
            self.assertEqual(key in editable, may, key)
        whole = self.Target.with_user(self.administrator).get_grid("2025-01-01")
        self.assertTrue(all(row["editable"] for row in whole["rows"] if row["key"] != "team-0"))

    def test_a_manager_reads_his_own_row_and_his_team_s(self):
        self._set(self.administrator, (self.anna, "2025-03-01", 100), (self.boris, "2025-03-01", 200),
                  (self.team, "2025-03-01", 300))  # fmt: skip
        grid = self.Target.with_user(self.anna).get_grid("2025-03-01", 1)
        self.assertEqual(
            [(row["key"], row["targets"], row["editable"]) for row in grid["rows"]],
            [(f"team-{self.team.id}", [300], False), (f"user-{self.anna.id}", [100], False)],
        )

    def test_in_the_total_a_team_counts_where_none_of_its_members_has_a_target(self):
        self._set(self.administrator, (self.anna, "2025-03-01", 100), (self.boris, "2025-03-01", 200),
                  (self.team, "2025-03-01", 500), (self.team, "2025-04-01", 700),
                  (self.other_team, "2025-03-01", 40))  # fmt: skip
        grid = self.Target.with_user(self.administrator).get_grid("2025-03-01", 2)
        self.assertEqual(grid["total"]["targets"], [340, 700])

    def test_targets_are_filled_from_what_came_a_year_before(self):
        for user, day, revenue in ((self.anna, 5, 1000), (self.anna, 6, 500), (self.boris, 40, 800)):
            deal = self._deal(user, day, expected_revenue=revenue)
            self._move(deal, day + 1, self.won_stage)
        self.assertEqual(START.month, 3)
        Target = self.Target.with_user(self.supervisor)
        grid = Target.get_grid("2025-01-01")
        self.assertEqual(self._row(grid, self.anna)["before"][2], 1500)
        self.assertEqual(self._row(grid, self.team)["before"][2:4], [1500, 800])
        self._set(self.supervisor, (self.boris, "2025-04-01", 1))
        self.assertEqual(Target.fill_grid("2025-01-01", source="fact", percent=10), 3)
        self.assertEqual(self._amounts(self.anna), {"2025-03": 1650})
        self.assertEqual(self._amounts(self.boris), {"2025-04": 1}, "what is filled in stays")
        self.assertEqual(self._amounts(self.team), {"2025-03": 1650, "2025-04": 880})
        Target.fill_grid("2025-01-01", source="fact", percent=10, over=True, keys=[f"user-{self.boris.id}"])
        self.assertEqual(self._amounts(self.boris), {"2025-04": 880})

    def test_targets_are_filled_from_the_month_before_and_from_the_year_before(self):
        self._set(self.administrator, (self.anna, "2025-02-01", 1000), (self.dmitri, "2024-05-01", 300))
        Target = self.Target.with_user(self.administrator)
        Target.fill_grid("2025-01-01", 5, source="month", percent=10)
        self.assertEqual(self._amounts(self.anna), {"2025-02": 1000, "2025-03": 1100, "2025-04": 1210, "2025-05": 1331})
        Target.fill_grid("2025-01-01", 5, source="year", percent=0)
        self.assertEqual(self._amounts(self.dmitri), {"2024-05": 300, "2025-05": 300})

    def test_one_cell_that_somebody_else_sets_and_none_is_stored(self):
        with self.assertRaisesRegex(AccessError, "Dmitri"):
            self._set(self.supervisor, (self.anna, "2025-03-01", 1), (self.dmitri, "2025-03-01", 1))
        with self.assertRaises(AccessError):
            self.Target.with_user(self.supervisor).fill_grid("2025-01-01", keys=[f"user-{self.dmitri.id}"])

    def test_cells_that_make_no_sense_are_refused_in_words(self):
        for cell in (
            {"key": "user-0", "month": "2025-03-01", "amount": 1},
            {"key": "lead-1", "month": "2025-03-01", "amount": 1},
            {"key": f"user-{self.anna.id}", "month": "soon", "amount": 1},
            {"key": f"user-{self.anna.id}", "month": "2025-03-01", "amount": -1},
            {"key": f"user-{self.anna.id}", "month": "2025-03-01", "amount": "nan"},
            "cell",
        ):
            with self.subTest(cell=cell), self.assertRaises(UserError):
                self.Target.with_user(self.administrator).set_cells([cell])
        with self.assertRaisesRegex(UserError, "does not exist"):
            self.Target.with_user(self.administrator).set_cells(
                [{"key": "user-999999999", "month": "2025-03-01", "amount": 1}]
            )
        with self.assertRaises(UserError):
            self.Target.with_user(self.administrator).get_grid(count=1000)

    def test_purchases_are_the_facts_where_they_make_revenue(self):
        self.company.discipline_revenue_kinds = "shipment"
        customer = self._customer("Vektor", self.boris, since="2023-01-01")
        self.env["discipline.revenue"].record_purchases(
            [{"partner_id": customer.id, "date": "2024-03-05", "amount": 900, "kind": "shipment", "source_ref": "1C:1"}]
        )
        grid = self.Target.with_user(self.administrator).get_grid("2025-03-01", 1)
        self.assertEqual((grid["basis"], self._row(grid, self.boris)["before"]), ("purchases", [900]))

    def test_more_managers_take_no_more_queries(self):
        def count(number):
            for index in range(number):
                user = self._user(f"grid{number}_{index}", "sales_team.group_sale_salesman")
                self.team.member_ids += user
                self._set(self.administrator, *((user, f"2025-{month:02}-01", 10) for month in range(1, 13)))
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Target.with_user(self.supervisor).get_grid("2025-01-01")
            return self.env.cr.sql_log_count - before

        count(1)
        few = count(2)
        self.assertLessEqual(count(9), few)


@tagged("post_install", "-at_install", "discipline_funnel")
class TestTargetRights(TargetGridCommon, HttpCase):
    """As each role, by RPC: past every screen."""

    def _rpc(self, user, method, *args, model="discipline.target", **kwargs):
        self.authenticate(user.login, user.login)
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": list(args), "kwargs": kwargs},
        )

    def _cell(self, whose, amount=100):
        return {
            "key": f"{'team' if whose._name == 'crm.team' else 'user'}-{whose.id}",
            "month": "2025-03-01",
            "amount": amount,
        }

    @mute_logger("odoo.http")
    def test_who_sets_whose_target_by_rpc(self):
        may = {
            self.anna: set(),
            # whoever is in no team is any supervisor's business, as everywhere
            self.supervisor: {self.anna, self.team, self.administrator},
            self.administrator: {
                self.anna,
                self.team,
                self.dmitri,
                self.other_team,
                self.supervisor,
                self.administrator,
            },
        }
        whose = (self.anna, self.team, self.dmitri, self.other_team, self.supervisor, self.administrator)
        for month, (user, allowed) in enumerate(may.items(), 4):
            for one in whose:
                with self.subTest(user=user.login, whose=one.name):
                    field = "team_id" if one._name == "crm.team" else "user_id"
                    values = {field: one.id, "month": f"2025-{month:02}-01", "amount": 5}
                    for call in (
                        lambda user=user, one=one: self._rpc(user, "set_cells", [self._cell(one)]),
                        lambda user=user, values=values: self._rpc(user, "create", [values]),
                    ):
                        if one in allowed:
                            call()
                        else:
                            with self.assertRaisesRegex(JsonRpcException, "AccessError"):
                                call()
        self.env.invalidate_all()
        targets = self.Target.search([("create_uid", "in", [self.anna.id, self.supervisor.id])])
        self.assertEqual((targets.user_id, targets.team_id), (self.anna | self.administrator, self.team))
        target = self.Target.search([("user_id", "=", self.dmitri.id)], limit=1)
        for method, args in (("write", [target.ids, {"amount": 1}]), ("unlink", [target.ids])):
            with self.subTest(method=method), self.assertRaisesRegex(JsonRpcException, "AccessError"):
                self._rpc(self.supervisor, method, *args)

    @mute_logger("odoo.http")
    def test_a_manager_fills_nothing_and_imports_nothing(self):
        self.assertEqual(self._rpc(self.anna, "fill_grid", "2025-01-01", source="fact"), 0)
        with self.assertRaisesRegex(JsonRpcException, "AccessError"):
            self._rpc(self.anna, "create", [{"kind": "targets"}], model="discipline.import")
        self.authenticate(self.anna.login, self.anna.login)
        self.assertEqual(self.url_open("/sales_discipline/import/template/targets").status_code, 404)
        self.authenticate(self.supervisor.login, self.supervisor.login)
        response = self.url_open("/sales_discipline/import/template/targets")
        sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
        names = [row[1] for row in sheet.iter_rows(min_row=2, values_only=True) if row[1]]
        self.assertIn("Anna", names)
        self.assertNotIn("Dmitri", names)


@tagged("post_install", "-at_install", "discipline_funnel")
@freeze_time(NOW)
class TestTargetImport(TargetGridCommon):
    def _list(self, rows, user=None, name="targets.xlsx", **values):
        if isinstance(rows, str):
            content = rows.encode("cp1251")
        else:
            book = openpyxl.Workbook()
            for row in rows:
                book.active.append(row)
            buffer = io.BytesIO()
            book.save(buffer)
            content = buffer.getvalue()
        return (
            self.env["discipline.import"]
            .with_user(user or self.administrator)
            .create({"kind": "targets", "file": base64.b64encode(content), "file_name": name, **values})
        )

    def _messages(self, record):
        return {line.row: line.message for line in record.line_ids if line.state == "rejected"}

    def test_months_in_columns_with_russian_headings(self):
        self._set(self.administrator, (self.boris, "2025-01-01", 5), (self.boris, "2025-02-01", 7))
        record = self._list(
            "План продаж на 2025 год\n\nОтдел;Менеджер;Январь;фев. 2025;03.2025;Итого\n"
            "Team One;;10 000,50;;;\n;Anna;1 000;2 000;;3 000\n;Boris;0;7;9;\n;Итого;1 010;2 007;9;\n",
            name="plan.csv",
            target_year=2025,
        )
        record.action_check()
        self.assertFalse(self._messages(record))
        self.assertEqual(self._amounts(self.anna), {}, "nothing before it is applied")
        self.assertIn("January 2025", record.summary)
        record.action_apply()
        self.assertEqual(self._amounts(self.team), {"2025-01": 10000.5})
        self.assertEqual(self._amounts(self.anna), {"2025-01": 1000, "2025-02": 2000})
        self.assertEqual(self._amounts(self.boris), {"2025-02": 7, "2025-03": 9}, "0 takes away, the same stays")

    def test_a_row_for_each_manager_and_month(self):
        record = self._list(
            [
                ["Manager", "Month", "Target"],
                ["Anna", NOW.replace(day=1), 100],
                ["sd_boris", "апрель 2025", "200"],
                ["Anna", "2025-04", 300.25],
            ]
        )
        record.action_check()
        record.action_apply()
        self.assertEqual(self._amounts(self.anna), {"2025-03": 100, "2025-04": 300.25})
        self.assertEqual(self._amounts(self.boris), {"2025-04": 200})

    def test_every_bad_row_has_a_sentence_and_nothing_is_half_done(self):
        record = self._list(
            [
                ["Sales Team", "Manager", "01.2025", "02.2025"],
                [None, "Anna", 1, 2],
                [None, "Nobody Known", 1, 2],
                [None, "Boris", 1, "many"],
                ["No Such Team", None, 1, 2],
                [None, None, 1, 2],
                [None, "Clara", -5, None],
                [None, "Anna", 3, None],
                [None, "Clara", "=A1", None],
            ],
            user=self.administrator,
        )
        record.action_check()
        messages = self._messages(record)
        for row, words in (
            (3, "no manager “Nobody Known”"), (4, "“many” under February 2025 is not a sum"),
            (5, "no sales team “No Such Team”"), (6, "names no manager"), (7, "below zero"),
            (8, "January 2025 in row 2 already"), (9, "formula stands under January 2025"),
        ):  # fmt: skip
            self.assertIn(words, messages[row])
        with self.assertRaisesRegex(UserError, "Nothing was applied"):
            record.action_apply()
        self.assertFalse(self.Target.search([]))
        sheet = openpyxl.load_workbook(io.BytesIO(record._rejected_file())).active
        rows = list(sheet.iter_rows(values_only=True))
        self.assertEqual(len(rows), 1 + len(messages))
        self.assertEqual(rows[2][:4], (None, "Boris", "1", "many"))
        with self.assertRaisesRegex(UserError, "in the file"):
            record.line_ids.filtered(lambda line: line.state == "rejected")[0].write({"user_to_id": self.anna.id})
        record.skip_rejected = True
        record.action_apply()
        self.assertEqual(self._amounts(self.anna), {"2025-01": 1, "2025-02": 2})
        self.assertEqual(self._amounts(self.boris), {}, "of a row that is not taken, no month is")

    def test_a_supervisor_imports_his_team_s_targets_and_no_others(self):
        record = self._list([["Manager", "03.2025"], ["Anna", 1], ["Dmitri", 2]], user=self.supervisor)
        record.action_check()
        self.assertIn("“Dmitri” is set by the team's leader", self._messages(record)[3])
        record.skip_rejected = True
        # his team was given to somebody else since the preview
        self.team.user_id = self.administrator
        with self.assertRaises(AccessError):
            record.action_apply()
        self.team.user_id = self.supervisor
        record.action_apply()
        self.assertEqual((self._amounts(self.anna), self._amounts(self.dmitri)), ({"2025-03": 1}, {}))

    def test_a_file_without_months_is_refused_in_one_sentence(self):
        with self.assertRaisesRegex(UserError, "names no month"):
            self._list([["Manager", "Phone"], ["Anna", 1]]).action_check()
        with self.assertRaisesRegex(UserError, "two columns of January 2025"):
            self._list([["Manager", "01.2025", "январь 2025"], ["Anna", 1, 2]]).action_check()

    def test_the_file_to_fill_in_comes_back_as_it_is(self):
        self._set(self.administrator, (self.anna, "2025-05-01", 123))
        content = self.Target.with_user(self.administrator)._grid_file()
        record = (
            self.env["discipline.import"]
            .with_user(self.administrator)
            .create({"kind": "targets", "file": base64.b64encode(content), "file_name": "t.xlsx"})
        )
        record.action_check()
        self.assertFalse(self._messages(record))
        self.assertEqual(record.ready_count, 0)
        with self.assertRaisesRegex(UserError, "nothing to apply"):
            record.action_apply()
