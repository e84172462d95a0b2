"""`make test` and `make test-odoo`: a database ready in a moment, a browser, and no silent success."""

import os
import re
import shlex
import shutil
import subprocess

from . import databases, postgres
from .errors import Trouble
from .layout import LOGS, ROOT, VENV, addons, bridges, core
from .steps import plan, run, say, step

# tests that need neither Odoo nor a database
PLAIN = ("tests/engine", "tests/tools")
# pytest's options whose value is a word of its own
VALUED = ("-k", "-m", "-n", "-p", "-o", "-r", "-W", "--deselect", "--dist", "--ignore", "--maxfail", "--durations")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: at most so many tests run at the same time: each needs an Odoo, a browser and PostgreSQL's share of a core
WORKERS = 4


def split(arguments):
    """Tell the tests that are named from pytest's options and their values.

    >>> split(["-k", "tests", "tests/engine"])
    (['tests/engine'], ['-k', 'tests'])
    """
    paths, options, value = [], [], False
    for argument in arguments:
        if value or argument.startswith("-"):
            options.append(argument)
            value = not value and argument in VALUED
        else:
            paths.append(argument)
    return paths, options


def spread(options, cores):
    """Return pytest's options that spread the files of tests over the processor's cores, each on its own database.

    Files are given out in the order in which they are found, so that those of the whole system, the longest, begin
    first. Where a person says how many run at the same time, nothing is added.

    >>> spread(["-x"], 1)
    []
    >>> spread(["-n0"], 8)
    []
    """
    if cores < 2 or any(option.startswith("-n") for option in options):
        return []
    return ["-n", str(min(cores, WORKERS)), "--dist", "loadfile", "--no-loadscope-reorder"]


def every_path():
    """Return the folders of all tests."""
    return ["tests", *(f"{name}/tests" for name in addons() if (ROOT / name / "tests").is_dir())]


def _missing(paths):
    return [path for path in paths if not (ROOT / path.split("::")[0]).exists()]


def test(set_up):
    """Run every test, or those that ``ARGS`` names; return pytest's exit code."""
    paths, options = split(shlex.split(os.environ.get("ARGS") or ""))
    missing = _missing(paths)
    if missing:
        raise Trouble(f"There is no {missing[0]}: name files or folders of tests, as in make test ARGS=tests/engine")
    plan(6)
    set_up()
    every = paths or every_path()
    if paths and all(path.startswith(PLAIN) for path in paths):
        command = [VENV / "bin/python", "-m", "pytest", *every, *options]
        return databases.interactive(dict(os.environ), [*command, "-p", "no:odoo"])
    browser()
    env = postgres.start("test")
    # a bridge is tested where the application that it bridges is, all others where they would be alone
    apart = [path for path in every if path.split("/")[0] in bridges()]
    spreading = [] if paths else spread(options, len(os.sched_getaffinity(0)))
    codes = [
        _pytest(env, group, [*options, *more], databases.addon_template(env, names))
        for group, names, more in (
            ([path for path in every if path not in apart], core(), spreading),
            (apart, addons(), []),
        )
        if group
    ]
    return next((code for code in codes if code), 0)


def _pytest(env, paths, options, template):
    """Run the tests of these paths on a copy of a database; return pytest's exit code."""
    env = dict(env)
    command = [VENV / "bin/python", "-m", "pytest", *paths, *options]
    with databases.scratch(env, template, "test") as database, databases.scratch_configuration() as config:
        if any(path.startswith("tests") for path in paths):
            # the whole-system tests begin with an Odoo that has never seen the addon, nor more than it needs
            env.update(WORKBENCH_BASE=databases.base_template(env, "crm"))
        env.update(
            WORKBENCH_TEMPLATE=template,
            WORKBENCH_ODOO=shlex.join(str(part) for part in databases.command()),
            WORKBENCH_DATA=str(databases.DATA),
            WORKBENCH_CONFIG=str(config),
        )
        say("Tests")
        odoo = [f"--odoo-config={config}", f"--odoo-database={database}", "--odoo-http"]
        return databases.interactive(env, [*command, *odoo])


def counts(line):
    """Return (failed, errors, run) of a line in which Odoo sums its tests up, else None.

    >>> counts("... odoo.tests.result: 0 failed, 1 error(s) of 12 tests when loading database 'x'")
    (0, 1, 12)
    """
    found = re.search(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests", line)
    return found and tuple(int(number) for number in found.groups())


def test_odoo(set_up):
    """Install the addons on a fresh database under Odoo's own --test-enable; ARGS are more of Odoo's options."""
    plan(5)
    set_up()
    browser()
    env = postgres.start("test")
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / "test-odoo.log"
    names = ",".join(core())
    options = ["-i", names, "--skip-auto-install", "--without-demo", "--stop-after-init", "--test-enable"]
    options += ["--test-tags", ",".join(f"/{name}" for name in core())]
    base = databases.base_template(env)
    with (
        databases.scratch(env, base, "test_odoo") as database,
        databases.scratch_configuration() as config,
        path.open("w") as log,
    ):
        given = shlex.split(os.environ.get("ARGS") or "")
        command = databases.command("server", "-c", config, "-d", database, *options, *given, "--log-level=test")
        say(f"Odoo's own runner; everything it says is in {path}")
        process = subprocess.Popen(
            [str(part) for part in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        total, trouble = None, False
        for line in process.stdout:
            log.write(line)
            # a record begins with its date; what follows an error belongs to it
            if re.match(r"\d{4}-\d\d-\d\d ", line):
                trouble = bool(re.search(r" (ERROR|CRITICAL) ", line))
                total = counts(line) or total
            if trouble:
                print(line, end="", flush=True)
        code = process.wait()
    if not total or not total[2]:
        raise Trouble(f"No test ran: see {path}.")
    say(f"{total[2]} tests, {total[0]} failed, {total[1]} errors")
    return code or int(bool(total[0] or total[1]))


def browser():
    """See to it that Chromium is there: browser tests would be skipped silently without it.

    :raise Trouble: where it is missing and cannot be installed
    """
    if any(shutil.which(name) for name in BROWSERS):
        return
    if os.getuid() or not shutil.which("apt-get"):
        raise Trouble("The browser tests need Chromium: install it with `sudo apt install chromium`, then try again.")
    with step("Chromium: installing Debian's"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "-q", "update"], log="apt", doing="update apt's lists", env=environment)
        install = ["apt-get", "install", "-qy", "--no-install-recommends", "chromium"]
        run(install, log="apt", doing="install Chromium", env=environment)
