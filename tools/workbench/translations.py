"""Translation templates exported from Odoo, merged into the languages that the project ships."""

import subprocess
import sys

from . import databases, postgres
from .layout import ROOT, VENV, addons, bridges, core


def export(env):
    """Write every addon's .pot from a database with it, and bring the .po files in line (see ``merge_po``)."""
    _export(env, databases.addon_template(env), core())
    if bridges():
        _export(env, databases.addon_template(env, addons()), bridges())


def _export(env, template, names):
    """Write the .pot files of these addons from a copy of a database that has them."""
    database = f"{template}_i18n"
    databases.copy(env, template, database)
    try:
        for name in names:
            folder = ROOT / name / "i18n"
            folder.mkdir(exist_ok=True)
            arguments = ("i18n", "export", "-o", str(folder / f"{name}.pot"), name)
            databases.run(
                [*databases.command(*arguments[:2]), "-c", databases.configuration(), "-d", database, *arguments[2:]],
                log="odoo",
                doing="export the strings",
                env=env,
            )
            _po_tool("merge", folder)
    finally:
        postgres.drop(env, database)


def incomplete(venv=VENV):
    """Print what is not translated; return 1 where anything is missing, fuzzy or not in the template.

    :param venv: the environment whose polib reads the files
    """
    return max(_po_tool("check", ROOT / name / "i18n", venv) for name in addons())


def _po_tool(action, folder, venv=VENV):
    script = ROOT / "tools/workbench/po_files.py"
    command = [venv / "bin/python", script, action, folder]
    return subprocess.run([str(part) for part in command], check=False, stdout=sys.stdout).returncode
