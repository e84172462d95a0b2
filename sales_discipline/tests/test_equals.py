"""Between equals nothing decides that a person could be favoured by."""

from datetime import datetime, timedelta

from freezegun import freeze_time
from odoo.fields import Command
from odoo.tests import tagged

from .common import NOW
from .redistribution_common import RedistributionCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestEquals(RedistributionCommon):
    """Ids and the order of entry: tests/engine/test_allocation_optimum.py, over 1,000 batches."""

    def _receivers(self, days=8):
        """Propose the same customers on several days, each time anew; return who would receive whom."""
        found = []
        for day in range(days):
            with self.env.cr.savepoint() as savepoint, freeze_time(NOW + timedelta(days=day)):
                batch = self.Batch._propose(self.company, "selection", self.neglected, reason="Office closed")
                found.append([(line.customer_ref, line.user_to_id.id) for line in batch.line_ids])
                savepoint.rollback()
            self.env.invalidate_all()
        return found

    def test_neither_names_nor_the_age_of_accounts_nor_the_order_of_members_decide_who_receives(self):
        before = self._receivers()
        self.assertGreater(len({user for batch in before for _customer, user in batch}), 1)
        people = self.managers.sorted("name")
        for user, name in zip(people, reversed(people.mapped("name")), strict=True):
            user.write({"name": f"{name} the other", "login": f"other_{name}"})
        members = self.team.member_ids
        self.team.member_ids = [Command.clear()]
        self.team.member_ids = [Command.set(list(reversed(members.ids)))]
        for number, user in enumerate(people):
            self.env.cr.execute(
                "UPDATE res_users SET create_date = %s WHERE id = %s", [datetime(2001 + 5 * number, 1, 1), user.id]
            )
        self.env.invalidate_all()
        self.assertEqual(self._receivers(), before)
