"""What a complete card is, what earns a completion, and what does not, however cleverly it is entered."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .common import NOW, DisciplineCommon


class CardCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.russia = cls.env.ref("base.ru")
        cls.industry = cls.env["res.partner.industry"].create({"name": "Retail"})
        cls.Completion = cls.env["discipline.profile.completion"]
        cls.rules = {
            key: cls.env.ref(f"sales_discipline.discipline_profile_rule_{key}")
            for key in ("phone", "email", "address", "person", "industry")
        }
        cls.number = 0

    @classmethod
    def _phone(cls):
        """Return a valid Moscow number that stands on no card yet."""
        cls.number += 1
        return f"+7 495 {200 + cls.number // 100:03d}-{10 + cls.number % 90:02d}-15"

    @classmethod
    def _full(cls, name, user=None, **values):
        """Create a customer whose card is complete, except for the fields that ``values`` empty or change."""
        number = cls.number + 1
        return cls._customer(
            name,
            user,
            country_id=cls.russia.id,
            **{
                "phone": cls._phone(),
                "email": f"office{number}@firma{number}.ru",
                "street": f"Lenina {number}",
                "city": "Kazan",
                "industry_id": cls.industry.id,
                "child_ids": [Command.create({"name": f"Buyer {number}", "phone": cls._phone()})],
                **values,
            },
        )

    def _missing(self, partner):
        return [rule.name for rule in partner.discipline_profile_missing_ids]

    def _completions(self, user=None):
        return self.Completion.search([("manager_ref", "=", user.id)] if user else [])

    def _counted(self, user):
        return len(self._completions(user).filtered("counted"))


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestCustomerCard(CardCommon):
    def test_an_empty_card_misses_everything_and_a_full_one_nothing(self):
        empty = self._customer("Empty", self.anna)
        self.assertEqual(self._missing(empty), ["Phone", "E-mail", "Address", "Contact Person", "Industry"])
        self.assertEqual((empty.discipline_profile_score, empty.discipline_profile_level), (0, "empty"))
        full = self._full("Full", self.anna)
        self.assertEqual(self._missing(full), [])
        self.assertEqual((full.discipline_profile_score, full.discipline_profile_level), (100, "full"))

    def test_a_person_without_a_company_needs_no_industry_and_no_employee(self):
        person = self._customer("Person", self.anna, is_company=False)
        self.assertEqual(self._missing(person), ["Phone", "E-mail", "Address"])

    def test_each_check_sees_through_pretended_values(self):
        customer = self._full("Firma", self.anna)
        for field, value, rule in (
            ("phone", "000", "Phone"),
            ("phone", "8 999 999 99 99", "Phone"),
            ("phone", "test", "Phone"),
            ("email", "test@test", "E-mail"),
            ("email", "test@test.ru", "E-mail"),
            ("email", "-", "E-mail"),
            ("street", "-", "Address"),
            ("street", "Не указан", "Address"),
            ("city", "xxx", "Address"),
            ("city", "000", "Address"),
        ):
            with self.subTest(field=field, value=value):
                good = customer[field]
                customer.write({field: value})
                self.assertEqual(self._missing(customer), [rule])
                customer.write({field: good})
                self.assertEqual(self._missing(customer), [])

    def test_an_employee_completes_the_card_of_his_company(self):
        customer = self._full("Firma", self.anna, child_ids=[])
        self.assertEqual(self._missing(customer), ["Contact Person"])
        employee = self.env["res.partner"].create({"name": "Ivan", "parent_id": customer.id})
        self.assertEqual(self._missing(customer), ["Contact Person"])
        employee.write({"phone": self._phone()})
        self.assertEqual(self._missing(customer), [])
        other = self._full("Other", self.anna, child_ids=[])
        employee.write({"parent_id": other.id})
        self.assertEqual((self._missing(customer), self._missing(other)), (["Contact Person"], []))
        employee.unlink()
        self.assertEqual(self._missing(other), ["Contact Person"])

    def test_members_of_a_group_are_one_card(self):
        head = self._full("Head", self.anna, child_ids=[])
        member = self._customer("Member", self.anna, customer_group_id=head.id)
        self.env["res.partner"].create({"name": "Ivan", "parent_id": member.id, "phone": self._phone()})
        self.assertEqual(self._missing(head), [])

    def test_a_blacklisted_or_bouncing_address_is_no_email(self):
        customer = self._full("Firma", self.anna)
        entry = self.env["mail.blacklist"].create({"email": customer.email})
        self.assertEqual(self._missing(customer), ["E-mail"])
        entry.write({"active": False})
        self.assertEqual(self._missing(customer), [])
        customer.write({"message_bounce": 1})
        self.assertEqual(self._missing(customer), ["E-mail"])

    def test_weight_domain_class_and_team_of_a_rule(self):
        customer = self._full("Firma", self.anna, phone=False)
        self.assertEqual(customer.discipline_profile_score, 80)
        self.rules["phone"].weight = 4
        self.assertEqual(customer.discipline_profile_score, 50)
        self.rules["phone"].class_ids = self.class_a
        self.assertEqual(customer.discipline_profile_score, 100)
        self.rules["phone"].write({"class_ids": [Command.clear()], "team_id": self.other_team.id})
        self.assertEqual(customer.discipline_profile_score, 100)
        self.rules["phone"].write({"team_id": self.team.id, "domain": "[('city', '=', 'Kazan')]"})
        self.assertEqual(customer.discipline_profile_score, 50)
        customer.city = "Ufa"
        self.assertEqual(customer.discipline_profile_score, 100)

    def test_a_rule_on_any_other_field_needs_no_code(self):
        customer = self._full("Firma", self.anna)
        rule = self.env["discipline.profile.rule"].create(
            {"name": "Tags", "check_kind": "filled", "field_name": "category_id"}
        )
        self.assertEqual(self._missing(customer), ["Tags"])
        customer.category_id = self.env["res.partner.category"].create({"name": "VIP"})
        self.assertEqual(self._missing(customer), [])
        rule.write({"field_name": "ref", "check_kind": "phone"})
        self.assertEqual(self._missing(customer), ["Tags"])
        customer.ref = "8 (495) 123-45-67"
        self.assertEqual(self._missing(customer), [])
        rule.unlink()
        self.assertEqual(customer.discipline_profile_score, 100)

    def test_a_rule_that_cannot_be_checked_is_refused(self):
        for values in (
            {"field_name": "no_such_field"},
            {"field_name": "display_name"},
            {"field_name": "country_id", "check_kind": "phone"},
            {"field_name": "city", "domain": "[('no_such', '=', 1)]"},
            {"field_name": False},
        ):
            with self.subTest(**values), self.assertRaises(ValidationError):
                self.env["discipline.profile.rule"].create({"name": "Bad", "check_kind": "filled", **values})

    def test_a_confirmation_holds_for_its_months_and_for_that_value_only(self):
        self.env["discipline.profile.rule"].create(
            {"name": "Address Confirmed", "check_kind": "confirmed", "field_name": "street", "months": 6}
        )
        customer = self._full("Firma", self.anna)
        self.assertEqual(self._missing(customer), ["Address Confirmed"])
        rule = customer.discipline_profile_missing_ids
        with self.assertRaises(AccessError):
            customer.with_user(self.boris).discipline_profile_confirm(rule.id)
        customer.with_user(self.anna).discipline_profile_confirm(rule.id)
        self.assertEqual(self._missing(customer), [])
        street = customer.street
        customer.street = "Mira 1"
        self.assertEqual(self._missing(customer), ["Address Confirmed"])
        customer.street = street
        self.assertEqual(self._missing(customer), [])
        with freeze_time("2025-09-11 02:00:00"):
            self.env["discipline.nightly"]._step_cards(self.company)
            self.assertEqual(self._missing(customer), ["Address Confirmed"])

    def test_what_is_not_to_be_had_is_closed_with_a_reason_and_comes_back(self):
        customer = self._full("Firma", self.anna, email=False)
        rule = self.rules["email"]
        Wizard = self.env["discipline.profile.unavailable"].with_user(self.anna)
        with self.assertRaises(UserError):
            Wizard.create({"partner_id": customer.id, "rule_id": rule.id, "reason": "  "}).action_close()
        Wizard.create(
            {"partner_id": customer.id, "rule_id": rule.id, "reason": "The director gives none"}
        ).action_close()
        self.assertEqual(self._missing(customer), [])
        self.assertEqual(customer.discipline_profile_closed_ids, rule)
        self.assertIn("The director gives none", customer.discipline_profile_todo["items"][0]["closed"])
        self.assertEqual(self._counted(self.anna), 0, "closing a field fills nothing in")
        note = self.env["discipline.profile.note"].search([])
        self.assertEqual(note.until, date(2025, 9, 10))
        with self.assertRaises(AccessError):
            note.with_user(self.anna).action_reopen()
        note.with_user(self.supervisor).action_reopen()
        self.assertEqual(self._missing(customer), ["E-mail"])
        Wizard.create({"partner_id": customer.id, "rule_id": rule.id, "reason": "Asked again"}).action_close()
        with freeze_time("2025-09-11 02:00:00"):
            self.env["discipline.nightly"]._step_cards(self.company)
            self.assertEqual(self._missing(customer), ["E-mail"])

    def test_a_phone_on_five_cards_is_flagged_on_each_of_them(self):
        phone = self._phone()
        customers = self.env["res.partner"]
        for index in range(4):
            customers |= self._full(f"Firma {index}", self.anna, phone=phone)
        self.assertFalse(any(customers.mapped("discipline_profile_shared")))
        employee_of = self._full(
            "Firma 5", self.anna, child_ids=[Command.create({"name": "Ivan", "phone": phone.replace("+7", "8")})]
        )
        customers.invalidate_recordset()
        self.assertTrue(all((customers | employee_of).mapped("discipline_profile_shared")))
        self.assertEqual(employee_of.discipline_profile_shared_count, 5)
        found = self.env["discipline.customer"].search([("profile_shared", "=", True)])
        self.assertEqual(found.partner_id, customers | employee_of)

    def test_what_is_missing_can_be_searched(self):
        customer = self._full("Firma", self.anna, email=False)
        Customer = self.env["discipline.customer"]
        mine = [("partner_id", "=", customer.id)]
        self.assertTrue(Customer.search([*mine, ("profile_missing_ids", "in", self.rules["email"].ids)]))
        self.assertTrue(Customer.search([*mine, ("profile_missing_ids", "ilike", "mail")]))
        self.assertFalse(Customer.search([*mine, ("profile_missing_ids", "in", self.rules["phone"].ids)]))
        self.assertFalse(Customer.search([*mine, ("profile_missing_ids", "=", False)]))
        self.assertTrue(
            self.env["res.partner"].search([("discipline_profile_missing_ids", "in", self.rules["email"].ids)])
        )

    def _cost_of_scoring(self, record, values):
        """Return how many more queries a save takes with scoring than without, nothing in the cache."""
        counts = []
        for defer in (True, False):
            self.env.flush_all()
            self.env.invalidate_all()
            # what every request of a person has read before it comes to a save
            _warm = self.env.user.tz, record.env.user.tz, record.env.companies.ids
            with self.env.cr.savepoint() as savepoint:
                before = self.env.cr.sql_log_count
                record.with_context(discipline_profile_defer=defer).write(values)
                self.env.flush_all()
                counts.append(self.env.cr.sql_log_count - before)
                if defer:
                    savepoint.rollback()
                    self.env.invalidate_all()
        return counts[1] - counts[0]

    def test_saving_a_customer_scores_him_within_three_more_queries(self):
        """Also where he has many employees, and where nothing is in the cache."""
        for employees in (1, 30):
            customer = self._full(
                f"Firma {employees}",
                self.anna,
                email=False,
                child_ids=[Command.create({"name": f"E{i}", "phone": self._phone()}) for i in range(employees)],
            ).with_user(self.anna)
            for values in (
                {"phone": self._phone(), "email": f"info@firm{employees}.ru"},
                {"industry_id": False},
                {"street": "Mira 5", "city": "Ufa", "industry_id": self.industry.id},
            ):
                with self.subTest(employees=employees, values=list(values)):
                    self.assertLessEqual(self._cost_of_scoring(customer, values), 3)

    def test_saving_many_customers_at_once_costs_no_more_than_saving_one(self):
        customers = self.env["res.partner"].union(
            *(self._full(f"Firma {index}", self.anna, email=False) for index in range(100))
        )
        for values in ({"email": "info@one.ru"}, {"industry_id": False}, {"city": "Ufa", "phone": self._phone()}):
            for size in (1, 100):
                with self.subTest(size=size, values=list(values)):
                    self.assertLessEqual(self._cost_of_scoring(customers[:size].with_user(self.anna), values), 3)

    def test_saving_a_field_of_no_rule_costs_nothing(self):
        customer = self._full("Firma", self.anna)
        counts = []
        for defer in (True, False):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            customer.with_context(discipline_profile_defer=defer).write({"comment": f"note {defer}"})
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)

    def test_a_changed_rule_scores_a_large_base_in_batches(self):
        customers = self.env["res.partner"]
        for index in range(7):
            customers |= self._full(f"Firma {index}", self.anna, city="-" if index % 2 else "Omsk")
        job = self.env["discipline.job"].create({"name": "cards", "kind": "profile", "total": 7})
        self.env.cr.execute(SQL("UPDATE discipline_customer SET profile_score = 1, profile_missing = NULL"))
        self.env.invalidate_all()
        rounds = 0
        while job._profile_batch(size=3):
            rounds += 1
        self.assertGreater(rounds, 2)
        self.assertEqual((job.state, job.done), ("done", 7))
        self.assertEqual(customers.mapped("discipline_profile_score"), [100, 80] * 3 + [100])
        self.assertFalse(self.Completion.search([]), "a changed rule completes nothing for anybody")

    def test_the_night_finds_what_came_past_the_orm(self):
        customer = self._full("Firma", self.anna)
        self.env["discipline.nightly"]._step_cards(self.company)
        self.env.cr.execute(SQL("UPDATE res_partner SET city = NULL, write_date = %s WHERE id = %s", NOW, customer.id))
        self.env.invalidate_all()
        self.env["discipline.nightly"]._step_cards(self.company)
        self.assertEqual(self._missing(customer), ["Address"])


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestCompletions(CardCommon):
    """The cheating list: what counts, and what does not."""

    def test_a_completed_card_counts_for_whoever_completed_it(self):
        customer = self._full("Firma", self.anna, email=False, phone=False)
        mine = customer.with_user(self.anna)
        mine.write({"email": "ivan@kazan.ru"})
        self.assertFalse(self._completions())
        mine.write({"phone": self._phone()})
        row = self._completions(self.anna)
        self.assertEqual(row.rule_ids, self.rules["phone"] | self.rules["email"])
        self.assertEqual((row.day, row.counted, row.responsible_id), (date(2025, 3, 10), True, self.anna))
        self.assertEqual(customer.discipline_profile_completed_by_id, self.anna)
        self.assertIn("Anna", customer.discipline_profile_todo["done"])

    def test_emptying_and_refilling_earns_nothing(self):
        customer = self._full("Firma", self.anna)
        mine = customer.with_user(self.anna)
        phone = mine.phone
        for value in (phone, self._phone()):
            mine.write({"phone": False})
            mine.write({"phone": value})
        self.assertEqual(self._counted(self.anna), 0)
        self.assertEqual(self._completions(self.anna).rejected_reason, "nothing_new")

    def test_the_same_card_counts_once_for_the_same_manager(self):
        customer = self._full("Firma", self.anna, email=False)
        mine = customer.with_user(self.anna)
        mine.write({"email": "ivan@kazan.ru"})
        self.env["discipline.profile.rule"].create({"name": "City", "check_kind": "filled", "field_name": "zip"})
        mine.write({"zip": "420000"})
        self.assertEqual(self._counted(self.anna), 1)
        self.assertEqual(self._completions(self.anna).filtered(lambda row: not row.counted).rejected_reason, "again")

    def test_another_manager_earns_what_is_new_under_him(self):
        customer = self._full("Firma", self.anna, email=False)
        customer.with_user(self.anna).write({"email": "ivan@kazan.ru"})
        self._assign(customer, self.boris, date(2025, 3, 10))
        self.env["discipline.profile.rule"].create({"name": "City", "check_kind": "filled", "field_name": "zip"})
        customer.with_user(self.boris).write({"zip": "420000"})
        self.assertEqual((self._counted(self.anna), self._counted(self.boris)), (1, 1))

    def test_swapping_values_between_customers_earns_nothing(self):
        one, two = self._full("One", self.anna), self._full("Two", self.anna)
        first, second = one.phone, two.phone
        for partner, value in ((one, False), (two, first), (one, second)):
            partner.with_user(self.anna).write({"phone": value})
        self.assertEqual(self._counted(self.anna), 0)

    def test_a_phone_carried_over_from_another_card_earns_nothing_until_it_is_his_own(self):
        full = self._full("Full", self.anna)
        bare = self._full("Bare", self.anna, phone=False)
        phone = full.phone
        full.with_user(self.anna).write({"phone": False})
        bare.with_user(self.anna).write({"phone": phone.replace(" ", "").replace("-", "")})
        self.assertTrue(bare.discipline_profile_complete)
        self.assertTrue(bare.discipline_id.profile_borrowed)
        self.assertEqual(self._completions(self.anna).rejected_reason, "borrowed")
        bare.with_user(self.anna).write({"phone": self._phone()})
        self.assertEqual(self._counted(self.anna), 1)

    def test_an_email_carried_over_in_other_letters_earns_nothing(self):
        full = self._full("Full", self.anna)
        bare = self._full("Bare", self.anna, email=False)
        bare.with_user(self.anna).write({"email": full.email.upper()})
        self.assertEqual(self._completions(self.anna).rejected_reason, "borrowed")

    def test_an_employees_phone_carried_over_earns_nothing(self):
        full = self._full("Full", self.anna)
        bare = self._full("Bare", self.anna, child_ids=[])
        bare.with_user(self.anna).write(
            {"child_ids": [Command.create({"name": "Ivan", "phone": full.child_ids.phone})]}
        )
        self.assertEqual(self._completions(self.anna).rejected_reason, "borrowed")

    def test_pretended_values_earn_nothing(self):
        phoneless, mailless = self._full("One", self.anna, phone=False), self._full("Two", self.anna, email=False)
        for phone in ("000", "123", "test", "+7 999 999 99 99", "-"):
            phoneless.with_user(self.anna).write({"phone": phone})
        for email in ("test@test", "test@test.ru", "no@no.com", "-", "test", "a@example.com"):
            mailless.with_user(self.anna).write({"email": email})
        self.assertFalse(self._completions(self.anna))
        phoneless.with_user(self.anna).write({"phone": self._phone()})
        mailless.with_user(self.anna).write({"email": "ivan@kazan.ru"})
        self.assertEqual(self._counted(self.anna), 2)

    def test_a_customer_created_complete_earns_nothing(self):
        self.env["res.partner"].with_user(self.anna).create(
            {
                "name": "Person",
                "is_company": False,
                "phone": self._phone(),
                "email": "person@kazan.ru",
                "street": "Mira 1",
                "city": "Kazan",
                "country_id": self.russia.id,
            }
        )
        self.assertFalse(self._completions())

    def test_a_slip_on_the_way_does_not_lose_what_was_earned(self):
        customer = self._full("Firma", self.anna, email=False)
        mine = customer.with_user(self.anna)
        phone = mine.phone
        mine.write({"email": "ivan@kazan.ru", "phone": "12"})
        mine.write({"phone": phone})
        self.assertEqual(self._counted(self.anna), 1)
        self.assertEqual(self._completions(self.anna).rule_ids, self.rules["email"])

    def test_the_program_earns_nothing(self):
        customer = self._full("Firma", self.anna, email=False)
        customer.with_user(self.env.ref("base.user_root")).write({"email": "ivan@kazan.ru"})
        self.assertTrue(customer.discipline_profile_complete)
        self.assertFalse(self._completions())

    def test_nobody_writes_the_ledger_by_hand(self):
        customer = self._full("Firma", self.anna, email=False)
        customer.with_user(self.anna).write({"email": "ivan@kazan.ru"})
        row = self._completions(self.anna)
        for user in (self.env.user, self.administrator):
            with self.assertRaises(UserError):
                row.with_user(user).write({"counted": False})
            with self.assertRaises(UserError):
                row.with_user(user).unlink()
            with self.assertRaises(UserError):
                self.Completion.with_user(user).create(
                    {"customer_ref": customer.id, "manager_ref": user.id, "day": date(2025, 3, 10), "counted": True}
                )

    def test_a_supervisor_takes_an_unreal_card_off_the_quota(self):
        customer = self._full("Firma", self.anna, email=False)
        customer.with_user(self.anna).write({"email": "ivan@kazan.ru"})
        row = self._completions(self.anna)
        with self.assertRaises(AccessError):
            row.with_user(self.anna).action_void()
        row.with_user(self.supervisor).action_void()
        self.assertTrue(row.voided_at)
        performance = self.env["discipline.performance"].search([("user_id", "=", self.anna.id)])
        self.assertEqual(sum(performance.mapped("filled")), 0)

    def test_a_manager_sees_his_own_completions_only(self):
        customer = self._full("Firma", self.anna, email=False)
        customer.with_user(self.anna).write({"email": "ivan@kazan.ru"})
        self.assertTrue(self.Completion.with_user(self.anna).search([]))
        self.assertFalse(self.Completion.with_user(self.boris).search([]))
        self.assertTrue(self.Completion.with_user(self.supervisor).search([]))


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestQuota(CardCommon):
    """NOW is Monday, 10 March 2025."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("en_US")

    def _row(self, user, day=date(2025, 3, 10)):
        self.env.invalidate_all()
        Performance = self.env["discipline.performance"].with_context(lang="en_US")
        return Performance.search([("user_id", "=", user.id), ("day", "=", day)])

    def _fill(self, customers, user):
        for customer in customers:
            customer.with_user(user).write({"email": f"office{customer.id}@firma.ru"})

    def _bare(self, count, user):
        return self.env["res.partner"].union(*(self._full(f"C{i}", user, email=False) for i in range(count)))

    def test_the_day_asks_for_the_quota_or_for_what_is_left(self):
        anna, boris = self._bare(7, self.anna), self._bare(2, self.boris)
        self.assertEqual((self._row(self.anna).quota, self._row(self.boris).quota), (5, 2))
        self._fill(anna[:3], self.anna)
        self._fill(boris, self.boris)
        row = self._row(self.anna)
        self.assertEqual((row.filled, row.quota, row.left_count, row.short), (3, 5, 4, 2))
        row = self._row(self.boris)
        self.assertEqual((row.filled, row.quota, row.left_count, row.short), (2, 2, 0, 0))

    def test_a_team_and_a_manager_may_have_quotas_of_their_own(self):
        self._bare(9, self.anna)
        self._bare(9, self.boris)
        self._bare(9, self.dmitri)
        self.team.discipline_fill_quota = 3
        self.boris.discipline_fill_quota = 4
        self.assertEqual([self._row(user).quota for user in (self.anna, self.boris, self.dmitri)], [3, 4, 5])
        self.boris.discipline_fill_quota = -1
        self.assertEqual(self._row(self.boris).quota, 0)

    def test_nothing_is_asked_on_days_off_and_of_the_absent(self):
        self._bare(9, self.anna)
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": date(2025, 3, 10), "date_to": date(2025, 3, 11)}
        ).sudo().write({"approved": True})
        self.assertEqual((self._row(self.anna).quota, self._row(self.anna).away), (0, True))
        with freeze_time("2025-03-15 09:00:00"):
            self.assertEqual(self._row(self.anna, date(2025, 3, 15)).quota, 0, "a Saturday")

    def test_nothing_is_asked_before_the_stage_begins(self):
        self._bare(9, self.anna)
        self.team.discipline_fill_from = date(2025, 3, 11)
        self.assertEqual(self._row(self.anna).quota, 0)

    def test_the_pace_says_when_the_portfolio_is_filled(self):
        self._bare(12, self.anna)
        row = self._row(self.anna)
        self.assertEqual(row.pace, "12 customers, done in 3 working days, on March 12.")
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": date(2025, 3, 11), "date_to": date(2025, 3, 14)}
        ).sudo().write({"approved": True})
        self.assertEqual(self._row(self.anna).pace, "12 customers, done in 3 working days, on March 18.")

    def test_my_day_asks_for_the_easiest_cards_up_to_the_quota_and_says_what_the_report_says(self):
        hard = self._full("Hard", self.anna, email=False, phone=False, street=False)
        easy = self._bare(6, self.anna)
        service = self.env["discipline.my.day"].with_user(self.anna)
        cards = service.get_day()["cards"]
        self.assertEqual([row["partner_id"] for row in cards["rows"]], easy[:5].ids)
        self.assertEqual(cards["rows"][0]["missing"], "E-mail")
        self._fill(easy[:4], self.anna)
        cards = service.get_day()["cards"]
        self.assertEqual([row["partner_id"] for row in cards["rows"]], easy[4].ids, "one more makes the quota")
        row = self._row(self.anna)
        self.assertEqual((cards["filled"], cards["quota"], cards["left"]), (row.filled, row.quota, row.left_count))
        self.assertEqual((row.filled, row.quota, row.left_count), (4, 5, 3))
        self.assertEqual(cards["pace"], row.pace)
        self._fill(easy[4:], self.anna)
        hard.with_user(self.anna).write({"email": "a@kazan.ru", "phone": self._phone(), "street": "Mira 1"})
        self.assertEqual(service.get_day()["cards"]["pace"], "All cards are complete.")
        self.env["discipline.absence"].create(
            {"user_id": self.anna.id, "date_from": date(2025, 3, 10), "date_to": date(2025, 3, 11)}
        ).sudo().write({"approved": True})
        hard.with_user(self.anna).write({"email": False})
        cards = service.get_day()["cards"]
        self.assertEqual((cards["quota"], cards["away"], cards["rows"]), (0, True, []))
        with freeze_time("2025-03-15 09:00:00"):
            self.assertEqual(service.get_day()["cards"]["quota"], 0, "a Saturday")

    def test_the_digest_says_the_pace_of_oneself_and_of_those_whom_one_decides_for(self):
        self._bare(12, self.anna)
        self._bare(2, self.dmitri)
        digest = self.env["digest.digest"].create({"name": "Daily", "kpi_discipline_cards": True})

        def paces(user):
            kpis = digest._compute_kpis(self.company, user)
            return {kpi["kpi_name"]: kpi for kpi in kpis}["kpi_discipline_cards"]["discipline_paces"]

        anna = "Anna: 12 customers, done in 3 working days, on March 12."
        dmitri = "Dmitri: 2 customers, done in one working day, on March 10."
        self.assertEqual(paces(self.anna), [anna])
        self.assertEqual(paces(self.supervisor), [anna], "Dmitri is of another team")
        self.assertEqual(paces(self.administrator), [anna, dmitri])
        self.supervisor.email = "supervisor@kazan.ru"
        digest._action_send_to_user(self.supervisor)
        mail = self.env["mail.mail"].search([("email_to", "ilike", "supervisor@kazan.ru")], limit=1, order="id desc")
        self.assertIn(anna, mail.body_html)

    def test_the_night_keeps_the_days_as_they_were(self):
        customers = self._bare(9, self.anna)
        self.env["discipline.profile.day"]._close_days(self.company)
        self._fill(customers[:2], self.anna)
        with freeze_time("2025-03-12 01:30:00"):
            self.env["discipline.nightly"]._step_cards(self.company)
            self.company.discipline_fill_quota = 1
            monday, tuesday = (self._row(self.anna, date(2025, 3, day)) for day in (10, 11))
            self.assertEqual((monday.filled, monday.quota, monday.left_count), (2, 5, 7))
            self.assertEqual((tuesday.filled, tuesday.quota, tuesday.left_count), (0, 5, 7))
            self.env["discipline.nightly"]._step_cards(self.company)
            self.assertEqual(len(self._row(self.anna, date(2025, 3, 11))), 1)

    def test_the_report_costs_the_same_for_many_managers(self):
        counts = []
        for users in (self.anna, self.managers):
            for user in users:
                self._bare(2, user)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["discipline.performance"].search([("day", "=", date(2025, 3, 10))]).mapped("pace")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])

    def test_cards_left_incomplete_too_long_are_offered_to_those_with_few_customers(self):
        self.company.write({"discipline_fill_days": 3, "discipline_fill_from": date(2025, 3, 1)})
        Redistribution = self.env["discipline.redistribution"]
        old = self._bare(3, self.anna)
        self._full("Clara's own", self.clara)
        with freeze_time("2025-03-12 09:00:00"):
            self.assertFalse(Redistribution._unfilled(self.company))
        with freeze_time("2025-03-13 09:00:00"):
            new = self._full("New", self.anna, email=False, since=date(2025, 3, 13))
            self.assertEqual(Redistribution._unfilled(self.company) & (old | new), old)
            self._assign(old[0], self.boris, date(2025, 3, 13))
            self.assertEqual(Redistribution._unfilled(self.company), old[1:], "he has just got it")
            self.anna.discipline_newcomer_since = date(2025, 3, 1)
            self.assertFalse(Redistribution._unfilled(self.company), "newcomers lose nothing")
            self.anna.discipline_newcomer_since = False
            self.company.discipline_fill_from = date(2025, 3, 12)
            self.assertFalse(Redistribution._unfilled(self.company), "cards are asked for since yesterday")
            self.company.discipline_fill_from = date(2025, 3, 1)
            self.env["discipline.nightly"]._step_unfilled(self.company)
            batch = Redistribution.search([("cause", "=", "unfilled")])
            self.assertEqual(batch.line_ids.partner_id, old[1:])
            self.assertNotIn(self.anna, batch.line_ids.user_to_id)
            self.env["discipline.nightly"]._step_unfilled(self.company)
            self.assertEqual(Redistribution.search_count([("cause", "=", "unfilled")]), 1)
            batch.with_user(self.administrator).action_approve()
            batch.with_user(self.administrator).action_apply()
            line = batch.line_ids[0]
            self.assertEqual(line.partner_id.user_id, line.user_to_id)
            activity = line.partner_id.activity_ids.filtered(lambda row: row.user_id == line.user_to_id)
            self.assertEqual(activity.summary, "Get acquainted and fill in the card")
            self.assertEqual(activity.date_deadline, date(2025, 3, 20), "within five working days")
            self.assertIn("E-mail", activity.note)
