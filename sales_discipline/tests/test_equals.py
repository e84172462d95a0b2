"""Between equals nothing decides that a person could be favoured by."""

from collections import Counter
from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestEquals(RedistributionCommon):
    """Ids and the order of entry: tests/engine/test_allocation_optimum.py, over 1,000 batches."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Boris, Clara and Dmitri are equals: a customer of class B each
        cls.kept |= cls._customer("Kept by Dmitri", cls.dmitri, cls.class_b)

    def _selected(self):
        return self.Batch._propose(self.company, "selection", self.neglected, reason="Office closed")

    def _orphans(self):
        return self.Batch._propose_orphans(self.company)

    def _receivers(self, propose, days=30):
        """Propose the same customers on several days, each time anew; return who would receive whom."""
        found = []
        for day in range(days):
            with self.env.cr.savepoint() as savepoint, freeze_time(NOW + timedelta(days=day)):
                batch = propose()
                found.append([(line.customer_ref, line.user_to_id.id) for line in batch.line_ids])
                savepoint.rollback()
            self.env.invalidate_all()
        return found

    def _turn_everything_round(self):
        """Give all people and customers other names, other ages of their records, and teams another order."""
        people, customers = self.managers.sorted("name"), self.neglected | self.kept | self.orphan
        for records in (people, customers):
            for record, name in zip(records, list(reversed(records.mapped("name"))), strict=True):
                record.sudo().write({"name": f"{name} the other"})
            for number, record in enumerate(records):
                since = datetime(2024 - 3 * number, 1, 1)
                table = SQL.identifier(record._table)
                self.env.cr.execute(SQL("UPDATE %s SET create_date = %s WHERE id = %s", table, since, record.id))
        for user in people:
            user.login = f"other_{user.id}"
        members = self.team.member_ids
        self.team.member_ids = [Command.clear()]
        self.team.member_ids = [Command.set(list(reversed(members.ids)))]
        self.env.flush_all()
        self.env.invalidate_all()

    def test_neither_names_nor_the_age_of_accounts_nor_the_order_of_members_decide_who_receives(self):
        before = self._receivers(self._selected)
        self.assertGreater(len({user for batch in before for _customer, user in batch}), 1)
        self._turn_everything_round()
        self.assertEqual(self._receivers(self._selected), before)

    def test_nor_do_they_decide_who_receives_customers_of_nobody(self):
        before = self._receivers(self._orphans, days=60)
        got = Counter(user for batch in before for _customer, user in batch)
        # each of the three equals about twenty times, the fourth has four customers
        self.assertEqual(set(got), set((self.boris | self.clara | self.dmitri).ids))
        self.assertGreater(min(got.values()), 5, got)
        self._turn_everything_round()
        self.assertEqual(self._receivers(self._orphans, days=60), before)

    def _withdrawn(self, periods):
        """Return who would be withdrawn after each period, and who would receive them."""
        found = []
        for period in periods:
            with self.env.cr.savepoint() as savepoint:
                batch = self.Batch._propose_missed(period)
                found.append(sorted((line.customer_ref, line.user_to_id.id) for line in batch.line_ids))
                savepoint.rollback()
            self.env.invalidate_all()
        return found

    def test_nor_do_they_decide_whom_the_cap_spares(self):
        """Four customers are equally neglected in each of eleven months, and the cap lets two of them go."""
        self.env.cr.execute("UPDATE discipline_policy SET cap_per_manager = 2")
        self.env.invalidate_all()
        with freeze_time(datetime(2025, 12, 15, 9)):
            periods = [
                self._close(date(2025, 1, 10) + relativedelta(months=number), met=self.managers - self.anna)
                for number in range(11)
            ]
            before = self._withdrawn(periods)
            self.assertEqual({len(batch) for batch in before}, {2})
            spared = [set(self.neglected.ids) - {customer for customer, _user in batch} for batch in before]
            self.assertGreater(len({tuple(sorted(customers)) for customers in spared}), 1)
            self._turn_everything_round()
            self.assertEqual(self._withdrawn(periods), before)
