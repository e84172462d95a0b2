"""What was agreed for one customer against the general rule."""

from datetime import date, datetime, time

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..engine.verdicts import recompute
from .common import NOW
from .verdict_common import CLOSING, VerdictCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestException(VerdictCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls._customer("Company", cls.anna, cls.class_a)

    def _request(self, kind, low, high, **values):
        return (
            self.env["discipline.exception"]
            .with_user(self.anna)
            .create(
                {
                    "partner_id": self.customer.id,
                    "kind": kind,
                    "date_from": low,
                    "date_until": high,
                    "reason": "agreed with the customer",
                    **values,
                }
            )
        )

    def _agreed(self, *args, **values):
        row = self._request(*args, **values)
        row.with_user(self.supervisor).action_approve()
        return row

    def test_a_request_changes_nothing_until_it_is_approved(self):
        row = self._request("pause", date(2025, 3, 10), date(2025, 3, 31))
        self.assertEqual(self._figures(self.customer), {self.anna: (4, 0, 0)})
        row.with_user(self.supervisor).action_approve()
        self.assertEqual(self._figures(self.customer), {self.anna: (1, 0, 3)})
        self.assertEqual(self.customer.discipline_id.goal, 1)

    def test_a_pause_excuses_the_windows_it_covers_for_whoever_holds_the_customer(self):
        self._agreed("pause", date(2025, 3, 17), date(2025, 3, 21))
        self._assign(self.customer, self.boris, date(2025, 3, 17))
        self.assertEqual(self._figures(self.customer), {self.anna: (2, 0, 0), self.boris: (1, 0, 1)})

    def test_an_own_norm_governs_from_the_next_period_on(self):
        self._agreed("own_norm", date(2025, 3, 10), date(2025, 12, 31), goal=1)
        self.assertEqual(self._figures(self.customer), {self.anna: (4, 0, 0)})
        self.assertEqual(self._figures(self.customer, self._period(date(2025, 4, 1))), {self.anna: (1, 0, 0)})

    def test_an_own_norm_judges_a_customer_whose_class_has_none(self):
        self.customer.discipline_id.sudo().abc_class_id = self.class_d
        self._agreed("own_norm", date(2025, 3, 10), date(2025, 12, 31), goal=2)
        self.assertEqual(self._figures(self.customer, self._period(date(2025, 4, 1))), {self.anna: (2, 0, 0)})

    def test_a_season_comes_back_every_year(self):
        self._agreed("pause", date(2025, 6, 1), date(2025, 8, 31), recurs=True)
        for year in (2025, 2026, 2028):
            self.assertEqual(self._figures(self.customer, self._period(date(year, 7, 1))), {self.anna: (0, 0, 4)})
            self.assertEqual(self._figures(self.customer, self._period(date(year, 9, 1))), {self.anna: (4, 0, 0)})

    def test_a_season_over_the_turn_of_the_year_comes_back_whole(self):
        row = self._agreed("pause", date(2025, 12, 20), date(2026, 1, 15), recurs=True)
        self.assertEqual(row._spans(date(2026, 12, 1), date(2027, 1, 31)), [(date(2026, 12, 20), date(2027, 1, 15))])
        self.assertEqual(row._spans(date(2027, 1, 1), date(2027, 1, 31)), [(date(2027, 1, 1), date(2027, 1, 15))])

    def test_an_exception_that_was_ended_holds_no_longer_and_does_not_come_back(self):
        row = self._agreed("pause", date(2025, 3, 10), date(2025, 4, 30), recurs=True)
        with freeze_time("2025-03-17 09:00"):
            row.with_user(self.supervisor).action_end()
        self.assertEqual(row.ended_on, date(2025, 3, 17))
        self.assertEqual(self._figures(self.customer), {self.anna: (3, 0, 1)})
        self.assertFalse(row._spans(date(2026, 1, 1), date(2026, 12, 31)))

    def test_an_exception_is_never_retroactive(self):
        with self._refused(ValidationError, "Company cannot begin in the past"):
            self._request("pause", date(2025, 3, 9), date(2025, 3, 31))

    def test_an_exception_lasts_a_year_at_most(self):
        with self._refused(ValidationError, "Company may last 12 months at most"):
            self._request("pause", date(2025, 3, 10), date(2026, 3, 20))
        with self._refused(ValidationError, "ends before it begins"):
            self._request("pause", date(2025, 3, 20), date(2025, 3, 10))

    def test_an_own_norm_of_nothing_is_refused(self):
        with self._refused(ValidationError, "own norm of Company must be 1 or more"):
            self._request("own_norm", date(2025, 3, 10), date(2025, 3, 31), goal=0)

    def test_nobody_approves_his_own_request_nor_slips_it_in_approved(self):
        row = self._request("pause", date(2025, 3, 10), date(2025, 3, 31), state="approved")
        self.assertEqual((row.state, row.requested_by_id, row.user_id), ("requested", self.anna, self.anna))
        with self.assertRaises(AccessError):
            row.action_approve()
        with self.assertRaises(AccessError):
            row.write({"state": "approved"})

    def test_a_decided_exception_is_decided_once_and_not_changed(self):
        row = self._agreed("pause", date(2025, 3, 10), date(2025, 3, 31))
        with self.assertRaises(AccessError):
            row.with_user(self.anna).write({"date_until": date(2025, 12, 31)})
        with self._refused(UserError, "decided already"):
            row.with_user(self.supervisor).action_refuse()

    def test_an_approved_exception_is_ended_and_never_deleted(self):
        agreed = self._agreed("pause", date(2025, 3, 10), date(2025, 3, 31))
        for rows in (agreed.with_user(self.administrator), agreed.sudo()):
            with self._refused(UserError, "Company is approved and is not deleted: end it"):
                rows.unlink()
        self.assertEqual(self._figures(self.customer), {self.anna: (1, 0, 3)})
        agreed.with_user(self.supervisor).action_end()
        with self._refused(UserError, "is not deleted"):
            agreed.with_user(self.administrator).unlink()

    def test_what_was_only_asked_for_or_refused_may_be_deleted(self):
        asked, refused = (self._request("pause", date(2025, 3, 10), date(2025, 3, 31)) for _each in range(2))
        refused.with_user(self.supervisor).action_refuse()
        (asked | refused).with_user(self.administrator).unlink()
        self.assertFalse((asked | refused).exists())

    def test_an_exception_for_an_employee_is_his_companys(self):
        person = self.env["res.partner"].create({"name": "Person", "parent_id": self.customer.id})
        row = self._request("pause", date(2025, 3, 10), date(2025, 3, 31), partner_id=person.id)
        self.assertEqual(row.partner_id, self.customer)

    # ------------------------------------------------------------------
    # Written channels only
    # ------------------------------------------------------------------

    def _letter(self, day):
        """Log a letter that Anna wrote on ``day``; return why it did not count."""
        email = self.env.ref("sales_discipline.discipline_channel_email")
        contact = self.env["discipline.contact"].browse(
            self._log(self.customer, self.anna, datetime.combine(day, time(9)), channel_id=email.id).ids
        )
        return contact.rejected_reason

    def test_letters_keep_the_norm_where_only_written_channels_are_agreed(self):
        self.assertEqual(self._letter(date(2025, 3, 7)), "channel")
        self._agreed("written", date(2025, 3, 10), date(2025, 3, 31))
        self.assertFalse(self._letter(date(2025, 3, 10)))
        self.assertEqual(self._figures(self.customer), {self.anna: (4, 1, 0)})
        # at once, on the card
        self.assertEqual(self.customer.discipline_id.attained, 1)

    def test_letters_do_not_keep_other_customers_norms(self):
        other = self._customer("Other", self.anna, self.class_a)
        self._agreed("written", date(2025, 3, 10), date(2025, 3, 31))
        email = self.env.ref("sales_discipline.discipline_channel_email")
        contact = self._log(other, self.anna, NOW, channel_id=email.id)
        self.assertEqual(contact.rejected_reason, "channel")

    def test_the_dialog_says_beforehand_that_a_letter_counts(self):
        email = self.env.ref("sales_discipline.discipline_channel_email")
        Contact = self.env["discipline.contact"]
        self.assertEqual(Contact._preview(self.customer, self.anna, NOW, email, self.talked), "channel")
        self._agreed("written", date(2025, 3, 10), date(2025, 3, 31))
        self.assertFalse(Contact._preview(self.customer, self.anna, NOW, email, self.talked))

    def test_a_season_of_letters_comes_back_every_year(self):
        self._agreed("written", date(2025, 3, 10), date(2025, 3, 31), recurs=True)
        with freeze_time("2026-03-12 09:00:00"):
            self.assertFalse(self._letter(date(2026, 3, 12)))
        with freeze_time("2026-06-11 09:00:00"):
            self.assertEqual(self._letter(date(2026, 6, 11)), "channel")

    def test_a_letter_that_counted_still_counts_in_the_evidence_a_year_later(self):
        row = self._agreed("written", date(2025, 3, 10), date(2025, 3, 31))
        self._letter(date(2025, 3, 10))
        period = self._period()
        with freeze_time(CLOSING):
            period._close()
        row.sudo().write({"ended_on": date(2025, 3, 10)})
        verdict = self.Compliance.search([("period_id", "=", period.id), ("customer_ref", "=", self.customer.id)])
        self.assertEqual(recompute(verdict.evidence, period.snapshot).verdicts[self.anna.id].attained, 1)

    def test_a_customer_who_asks_not_to_be_called_is_put_before_the_supervisor_once(self):
        outcome = self.env.ref("sales_discipline.discipline_outcome_do_not_call")
        Exceptions = self.env["discipline.exception"]
        for _again in range(2):
            self._log(self.customer, self.anna, NOW, outcome_id=outcome.id)
        request = Exceptions.search([("partner_id", "=", self.customer.id)])
        self.assertEqual((request.kind, request.state), ("written", "requested"))
        self.assertEqual((request.requested_by_id, request.user_id), (self.anna, self.anna))
        with self.assertRaises(AccessError):
            request.with_user(self.anna).action_approve()
        request.with_user(self.supervisor).action_approve()
        self.assertFalse(self._letter(date(2025, 3, 10)) == "channel")
