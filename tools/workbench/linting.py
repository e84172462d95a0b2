"""`make lint`: the checkers, each of its pinned version."""

import os
import shlex
import subprocess

from . import databases, distribution, packages, postgres, translations
from .errors import Trouble
from .layout import HOME, LINT_VENV, ROOT, VENV, addons
from .steps import say


def lint(set_up):
    """Run every checker, or those that ``ARGS`` names; all of them, even after one has found something."""
    chosen = shlex.split(os.environ.get("ARGS") or "") or list(LINTERS)
    unknown = set(chosen) - set(LINTERS)
    if unknown:
        raise Trouble(f"There is no linter {', '.join(sorted(unknown))}: choose from {', '.join(LINTERS)}.")
    HOME.mkdir(parents=True, exist_ok=True)
    packages.install_lint()
    if "test_lint" in chosen:
        set_up()
    failed = []
    for name in chosen:
        say(f"lint: {name}")
        if LINTERS[name]():
            failed.append(name)
    if failed:
        raise Trouble(f"These checks found something: {', '.join(failed)}.")
    say("All checks passed.")


def _tool(*command):
    return subprocess.run(
        [str(LINT_VENV / "bin" / command[0]), *map(str, command[1:])], cwd=ROOT, check=False
    ).returncode


def _ruff():
    return _tool("ruff", "check", "-q", ".") or _tool("ruff", "format", "-q", "--check", ".")


def _pylint():
    return _tool("pylint", "--rcfile=pyproject.toml", *addons())


def _odoo_linter():
    return _tool("odoo-linter", "check", "--version", "19.0", *addons())


def _xml():
    return max(_tool("oca-checks-odoo-module", name) for name in addons())


def _po():
    files = [str(path) for name in addons() for path in sorted((ROOT / name / "i18n").glob("*.po*"))]
    return (_tool("oca-checks-po", *files) if files else 0) or translations.incomplete(LINT_VENV)


def _test_lint():
    """Odoo's own test_lint, limited to our addons; its pylint is not the linters' pylint."""
    checkers = packages.install_odoo_lint()
    env = postgres.start("test")
    template = databases.addon_template(env, addons())
    odoo_folder = distribution.install()
    env.update(LINT_MODULES=",".join(addons()), PYTHONPATH=os.pathsep.join((str(ROOT / "tools"), str(checkers))))
    env["PATH"] = os.pathsep.join((str(checkers.parents[2] / "bin"), env["PATH"]))
    with databases.scratch(env, template, "lint") as database, databases.scratch_configuration() as config:
        command = [VENV / "bin/python", "-m", "pytest", "-q", "-p", "workbench.test_lint", "-p", "no:cacheprovider"]
        command += ["--confcutdir", str(HOME), "-c", "/dev/null", f"--odoo-database={database}"]
        command += [f"--odoo-config={config}", odoo_folder / "odoo/addons/test_lint/tests"]
        # it needs Node.js and a linter from its registry
        command += ["-k", "not eslint"]
        return databases.interactive(env, command)


LINTERS = {
    "ruff": _ruff,
    "pylint": _pylint,
    "odoo-linter": _odoo_linter,
    "xml": _xml,
    "po": _po,
    "test_lint": _test_lint,
}
