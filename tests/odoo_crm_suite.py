"""Odoo's own tests of crm, without the addon and with it: what fails with it fails without it as well.

The two runs take minutes, so `make test` leaves this file out. Name it:
``make test ARGS='-s tests/odoo_crm_suite.py'``.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from whole_system import Database


def failures(database):
    """Run Odoo's tests of crm on ``database`` and return what failed, as a set of names, and the last line."""
    import odoo

    suite = Path(odoo.__path__[0], "addons", "crm", "tests")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(suite), "-o", "addopts=", "-q", "--odoo-http", "-p", "no:cacheprovider",
         f"--odoo-config={os.environ['WORKBENCH_CONFIG']}", f"--odoo-database={database.name}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = set(re.findall(r"^(?:FAILED|ERROR|SUBFAILED\(.*?\)) (\S+)", done.stdout, re.MULTILINE))
    last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
    assert done.returncode in (0, 1) and " passed" in last, done.stdout[-3000:] + done.stderr[-3000:]
    return {name.rpartition("/")[2] for name in names}, last


def test_no_test_of_crm_fails_that_does_not_fail_without_the_addon():
    without = Database("suite_without")
    with_addon = Database("suite_with", source=os.environ["WORKBENCH_TEMPLATE"])
    try:
        before, told_before = failures(without)
        after, told_after = failures(with_addon)
    finally:
        without.drop()
        with_addon.drop()
    print(f"\nwithout: {told_before}\nwith:    {told_after}\nfail in both: {sorted(before & after)}")
    assert not after - before, sorted(after - before)
