"""Two companies side by side: each judges and redistributes by its own policy, and neither sees the other's records."""

from datetime import date

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import NOW, TODAY
from .verdict_common import VerdictCommon

#: what belongs to a company and is nobody's business in another one
MODELS = (
    "discipline.policy",
    "discipline.period",
    "discipline.compliance",
    "discipline.redistribution",
    "discipline.redistribution.line",
    "discipline.redistribution.manager",
    "discipline.appeal",
    "discipline.transfer.request",
    "discipline.assignment",
)


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestTwoCompanies(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.env["res.company"].create({"name": "Second Company"})
        cls.second.resource_calendar_id.tz = "UTC"
        cls.second.discipline_date_start = date(2025, 1, 1)
        cls.second_policy = cls.env["discipline.policy"].search([("company_id", "=", cls.second.id)])
        cls.second_policy.write({"valid_from": date(2025, 1, 1), "preset": "balanced", "min_gap": 3})
        cls.eva, cls.fedor = (cls._colleague(name, "sale_salesman") for name in ("eva", "fedor"))
        cls.second_head = cls._colleague("second_head", "sale_salesman_all_leads")
        cls.second_administrator = cls._colleague("second_administrator", "sale_manager")
        cls.second_team = cls.env["crm.team"].create(
            {
                "name": "Team of the Second",
                "company_id": cls.second.id,
                "user_id": cls.second_head.id,
                "member_ids": [Command.set((cls.eva | cls.fedor).ids)],
            }
        )
        (cls.boris | cls.clara | cls.fedor).discipline_takes_more = True
        cls.ours = cls._customer("Ours", cls.anna, cls.class_a) | cls._customer("Kept", cls.boris, cls.class_b)
        cls.theirs = cls.env["res.partner"].union(
            *(
                cls._customer(name, user, abc_class, company_id=cls.second.id)
                for name, user, abc_class in (("Theirs", cls.eva, cls.class_a), ("Theirs too", cls.fedor, cls.class_b))
            )
        )

    @classmethod
    def _colleague(cls, login, group):
        return new_test_user(
            cls.env,
            f"sd_{login}",
            groups=f"base.group_user,sales_team.group_{group}",
            name=login.title(),
            tz="UTC",
            lang="en_US",
            company_id=cls.second.id,
            company_ids=[Command.set(cls.second.ids)],
        )

    def _month_of(self, company, day):
        return self.Period._open_for(company, day, ["month"])

    def _closed(self, company, day, met):
        """Close a month of a company: the norms of ``met`` are met, the others missed."""
        period = self._month_of(company, day)
        period._close()
        verdicts = self.Compliance.search([("period_id", "=", period.id)])
        for verdict in verdicts.filtered(lambda row: row.user_id == met):
            verdict.write({"attained": verdict.goal, "state": "met"})
        return period

    # ------------------------------------------------------------------
    # Each by its own policy
    # ------------------------------------------------------------------

    def test_a_new_company_has_the_shipped_policy_and_moves_nobody_until_it_is_told_to(self):
        Policy = self.env["discipline.policy"]
        third = self.env["res.company"].create({"name": "Third Company"})
        policy = Policy.search([("company_id", "=", third.id)])
        self.assertEqual((len(policy), policy.preset, policy.valid_from), (1, "article", date(2025, 3, 1)))
        self.assertEqual((third.discipline_dry_mode, third.discipline_date_start), (True, date(2025, 3, 1)))
        before = Policy.search([])
        Policy._ensure_default()
        self.assertEqual(Policy.search([]), before)
        self.assertFalse(self._month_of(third, date(2025, 2, 10)))
        self.assertEqual(self._month_of(third, TODAY).policy_id, policy)

    def test_the_same_contacts_are_judged_by_each_companys_own_policy(self):
        figures = {}
        for company, customer, user in (
            (self.company, self.ours[0], self.anna),
            (self.second, self.theirs[0], self.eva),
        ):
            for day in (3, 4, 5, 6):
                self._contact(customer, user, date(2025, 3, day), company_id=company.id)
            period = self._month_of(company, TODAY)
            verdict = self._judged(customer, period)[user]
            self.assertEqual((verdict.company_id, period.policy_id.company_id), (company, company))
            figures[company] = (verdict.goal, verdict.attained, verdict.rejected, verdict.state)
        self.assertEqual(figures, {self.company: (4, 4, 0, "met"), self.second: (4, 2, 2, "on_track")})

    def test_contacts_of_both_companies_in_one_go_are_judged_each_by_its_own_rules(self):
        for company in self.company | self.second:
            self._month_of(company, TODAY)
        exception = self.env["discipline.exception"].create(
            {
                "partner_id": self.ours[0].id,
                "kind": "written",
                "date_from": TODAY,
                "date_until": date(2025, 12, 31),
                "reason": "No calls, please",
                "company_id": self.company.id,
            }
        )
        exception.with_user(self.supervisor).action_approve()
        written = self.env["discipline.channel"].search([("is_written", "=", True), ("counts", "=", "never")], limit=1)
        call = self.env.ref("sales_discipline.discipline_channel_call")
        message, talk = (
            self.env["discipline.contact"]
            .sudo()
            ._log(
                [
                    {"partner_id": self.ours[0].id, "user_id": self.anna.id, "channel_id": written.id},
                    {"partner_id": self.theirs[0].id, "user_id": self.eva.id, "channel_id": call.id},
                ]
            )
        )
        self.assertEqual([(row.counted, row.rejected_reason) for row in message | talk], [(True, False)] * 2)
        for customer, user, company in (
            (self.ours[0], self.anna, self.company),
            (self.theirs[0], self.eva, self.second),
        ):
            self.assertEqual(customer.discipline_id.attained, 1)
            self.assertEqual(self._judged(customer, self._month_of(company, TODAY))[user].attained, 1)

    def test_a_missed_month_withdraws_here_and_not_there_and_there_nobody_is_told(self):
        Batch = self.env["discipline.redistribution"]
        ours = Batch._propose_missed(self._closed(self.company, date(2025, 2, 10), self.boris))
        self.assertEqual((ours.state, ours.policy_id, ours.company_id), ("proposed", self.policy, self.company))
        self.assertEqual(ours.line_ids.partner_id, self.ours[0])
        self.assertEqual(ours.line_ids.user_to_id, self.boris)
        january = self._closed(self.second, date(2025, 1, 10), self.fedor)
        self.assertFalse(Batch._propose_missed(january), "one month of three is not enough there")
        theirs = Batch._propose_missed(self._closed(self.second, date(2025, 2, 10), self.fedor))
        self.assertEqual(
            (theirs.state, theirs.policy_id, theirs.company_id), ("draft", self.second_policy, self.second)
        )
        self.assertEqual(theirs.line_ids.partner_id, self.theirs[0])
        # whoever takes more in the first company is no receiver in the second
        self.assertEqual(theirs.line_ids.user_to_id, self.fedor)
        self.assertFalse(Batch.with_user(self.eva).search([("id", "=", theirs.id)]))

    # ------------------------------------------------------------------
    # Neither sees the other's records
    # ------------------------------------------------------------------

    def _everything(self):
        """Let each company have a record of every kind; return {model: (ours, theirs)}."""
        self.second.discipline_dry_mode = False
        self.second_policy.write({"preset": "article"})
        for company, met in ((self.company, self.boris), (self.second, self.fedor)):
            batch = self.env["discipline.redistribution"]._propose_missed(self._closed(company, date(2025, 2, 10), met))
            line = batch.line_ids
            self.env["discipline.appeal"].with_user(line.user_from_id).create(
                {"line_id": line.id, "reason": "made", "text": "I called him"}
            )
        for asks, customer in ((self.anna, self.ours[1]), (self.eva, self.theirs[1])):
            self.env["discipline.transfer.request"].with_user(asks)._request(customer, asks, "A friend")
        found = {}
        for name in MODELS:
            rows = self.env[name].search([])
            found[name] = tuple(
                rows.filtered(lambda row, company=company: row.company_id == company)
                for company in (self.company, self.second)
            )
            self.assertTrue(all(found[name]), f"{name}: a record of each company is needed")
        return found

    def test_neither_company_sees_the_others_records(self):
        for name, (ours, theirs) in self._everything().items():
            for users, own, foreign in (
                (self.anna | self.supervisor | self.administrator, ours, theirs),
                (self.eva | self.second_head | self.second_administrator, theirs, ours),
            ):
                for user in users:
                    Model = self.env[name].with_user(user)
                    if not Model.has_access("read"):
                        # figures of managers are for supervisors only
                        self.assertEqual(name, "discipline.redistribution.manager")
                        continue
                    with self.subTest(model=name, user=user.login):
                        self.assertFalse(Model.search([("id", "in", foreign.ids)]))
                        self.assertTrue(Model.search([("id", "in", own.ids)]))
                        with self.assertRaises(AccessError):
                            foreign.with_user(user).read(["company_id"])

    # ------------------------------------------------------------------
    # No receiver from the other one
    # ------------------------------------------------------------------

    def test_nobody_receives_customers_of_a_company_in_which_he_does_not_work(self):
        words = "does not work in .* whose customer Ours is"
        Batch = self.env["discipline.redistribution"]
        batch = Batch._propose(self.company, "selection", self.ours[0], reason="Office closed")
        self.assertFalse(batch.line_ids.user_to_id & (self.eva | self.fedor))
        with self._refused(UserError, words):
            batch.line_ids.with_user(self.administrator)._set_receiver(self.fedor)
        # Clara and Dmitri have no customers at all, and yet receive none of the second company's
        theirs = Batch._propose(self.second, "selection", self.theirs[0], reason="Office closed")
        self.assertEqual(theirs.line_ids.user_to_id, self.fedor)
        Request = self.env["discipline.transfer.request"]
        with self._refused(UserError, words):
            Request.with_user(self.anna)._request(self.ours[0], self.fedor, "A friend")
        with self.assertRaises(UserError):
            Request.with_user(self.eva)._request(self.ours[0], self.eva, "A friend")
        self.assertFalse(Request.search([]))
        for user in (self.second_head, self.second_administrator):
            with self.assertRaises(AccessError):
                batch.with_user(user).action_approve()
