"""A closed February in which Anna neglected her customers, Boris and Clara kept their norms, and one is nobody's."""

from contextlib import contextmanager
from datetime import date

from .common import DisciplineCommon


class RedistributionCommon(DisciplineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.neglected = cls.env["res.partner"]
        for number in range(4):
            cls.neglected |= cls._customer(f"Neglected {number}", cls.anna, cls.class_a)
        cls.kept = cls._customer("Kept by Boris", cls.boris, cls.class_b) | cls._customer(
            "Kept by Clara", cls.clara, cls.class_b
        )
        cls.orphan = cls._customer("Orphan", None, cls.class_c)
        (cls.boris | cls.clara).discipline_takes_more = True
        cls.Batch = cls.env["discipline.redistribution"]
        cls.Line = cls.env["discipline.redistribution.line"]

    @classmethod
    def _close(cls, day=date(2025, 2, 10), met=None):
        """Close the month of ``day``: the norms of ``met`` (by default Boris and Clara) are met, the others missed."""
        period = cls.env["discipline.period"]._open_for(cls.company, day, ["month"])
        period._close()
        verdicts = cls.env["discipline.compliance"].search([("period_id", "=", period.id)])
        for verdict in verdicts.filtered(lambda row: row.user_id in (met or cls.boris | cls.clara)):
            verdict.write({"attained": verdict.goal, "state": "met"})
        return period

    @classmethod
    def _proposed(cls):
        """Return the batch of customers that Anna neglected, proposed today."""
        return cls.Batch._propose_missed(cls._close())

    @contextmanager
    def _each(self, cause):
        """Try one cause of many; what was done about it is undone afterwards."""
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            with self.subTest(cause=cause):
                yield
        finally:
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()

    def _after_appeals(self, batch):
        """Let the time for appeals be over."""
        batch.sudo().appeal_until = date(2025, 3, 7)
        return batch

    def _moved(self, batch, user=None):
        """Approve and apply a batch as ``user`` (by default the supervisor)."""
        batch = self._after_appeals(batch).with_user(user or self.supervisor)
        batch.action_approve()
        batch.action_apply()
        return batch
