"""Odoo's own tests of crm, without the addon and with it: what fails with it fails without it as well.

The two runs take minutes, so `make test` leaves this file out. Name it, and the list of both runs is printed:
``make test ARGS='-s tests/odoo_crm_suite.py'``.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from whole_system import Database


def outcomes(database, report):
    """Run Odoo's tests of crm on ``database``.

    :param report: path of the file in which pytest reports
    :return: {test: "passed", "failed", "error" or "skipped"}
    """
    import odoo

    suite = Path(odoo.__path__[0], "addons", "crm", "tests")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(suite), "-o", "addopts=", "-q", "--odoo-http", "-p", "no:cacheprovider",
         f"--junitxml={report}",
         f"--odoo-config={os.environ['WORKBENCH_CONFIG']}", f"--odoo-database={database.name}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # 1: some failed; anything else means that the suite itself did not run
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname').rpartition('crm.tests.')[2]}.{case.get('name')}"
        found = [kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None]
        results[name] = (found or ["passed"])[0].replace("failure", "failed")
    for name in re.findall(r"^SUBFAILED\(.*?\) \S+?tests/(\S+)", done.stdout, re.MULTILINE):
        results[name.replace(".py::", ".").replace("::", ".")] = "failed"
    return results


def test_no_test_of_crm_fails_that_does_not_fail_without_the_addon(tmp_path):
    found = {}
    for side in ("without", "with"):
        database = Database(f"suite_{side}")
        if side == "with":
            database.install("sales_discipline")
        try:
            found[side] = outcomes(database, tmp_path / f"{side}.xml")
        finally:
            database.drop()
    before, after = found["without"], found["with"]
    print(f"\n{'without':8} {'with':8} test")
    for name in sorted(before | after):
        print(f"{before.get(name, '-'):8} {after.get(name, '-'):8} {name}")
    for side, results in found.items():
        print(f"{side}: {len(results)} tests, {sum(outcome == 'passed' for outcome in results.values())} passed")
    assert set(before) == set(after) and len(before) > 100
    worse = [name for name in before if before[name] == "passed" != after[name]]
    assert not worse, worse
