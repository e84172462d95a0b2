from odoo import api, models

from ..demo import loading


class DisciplineDemo(models.AbstractModel):
    """The demonstration: a real pipeline with a simulated year of contacts; see ``demo/loading.py``."""

    _name = "discipline.demo"
    _description = "Demonstration"

    @api.model
    def _load(self, shift=None, steps=None):
        """Load the demonstration into the current company, once.

        :param int shift: days by which the dates of the pipeline move (0: its real dates); by default so many that
            it ends with the last month that can be closed today
        :param steps: names of the steps of ``demo/loading.py`` to take; by default all
        :return: True, or False where the database has it already
        """
        return loading.load(self.env, shift, steps)

    @api.model
    def _loader(self, shift=None):
        """Return the loader itself, for tests that take its steps one by one."""
        return loading.Demonstration(self.env, shift)
