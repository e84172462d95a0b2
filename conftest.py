"""What holds for every run of pytest here.

Odoo's tests may live outside addons, a skipped test is a failure, and properties are tried on the same examples each
time; `--hypothesis-profile=search` looks for new ones.
"""

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is slow, not wrong
BUSY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "database": None}
settings.register_profile("fixed", derandomize=True, **BUSY)
settings.register_profile("search", max_examples=2000, **BUSY)
settings.load_profile("fixed")


def pytest_configure(config):
    if not (config.pluginmanager.hasplugin("odoo") and config.getoption("--odoo-database", None)):
        return
    from odoo.tests.common import BaseCase

    # Odoo gives its tests these attributes by their module's name, and only inside odoo.addons
    for name, value in {
        "test_tags": {"standard", "post_install"},
        "test_module": "tests",
        "test_sequence": 0,
        "test_class": "Whole",
    }.items():
        if not hasattr(BaseCase, name):
            setattr(BaseCase, name, value)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Fail the run where a test was skipped: browser tests are skipped silently where something is missing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.write_line("Skipped tests make the run fail:")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"  {report.nodeid}: {reason}")
