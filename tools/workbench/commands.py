"""What the Makefile's targets do, one function each."""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from . import databases, distribution, packages, postgres, translations
from .errors import Trouble
from .layout import DEMO_DATABASE, HOME, LINT_VENV, LOGINS, LOGS, ROOT, VENV, addons, fingerprint
from .steps import plan, run, say, step

TEST_PATHS = ["tests", *[f"{name}/tests" for name in addons()]]


def _set_up():
    packages.check_python()
    HOME.mkdir(parents=True, exist_ok=True)
    packages.install(distribution.install())


def _port():
    value = os.environ.get("PORT") or "8069"
    if not value.isdigit() or not 1024 <= int(value) <= 65530:
        raise Trouble(f"PORT={value} is no port: give a number from 1024 to 65530.")
    port = int(value)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Trouble(
                f"Port {port} is taken by another program: stop it, or choose another port: make run PORT={port + 10}"
            ) from error
    return port


def run_odoo():
    """`make run`: Odoo with the addon, its demonstration and Russian, for a person's browser."""
    plan(7)
    port = _port()
    _set_up()
    env = postgres.start("run")
    config = databases.configuration(port, max_cron_threads=1)
    stamp = HOME / f"{DEMO_DATABASE}.installed"
    now = "\n".join(fingerprint(ROOT / name) for name in addons())
    if not postgres.exists(env, DEMO_DATABASE):
        stamp.unlink(missing_ok=True)
        _create_demo(env, config)
    elif not stamp.exists() or stamp.read_text() != now:
        with step("Database: updating the addon"):
            databases.odoo(
                env, config, DEMO_DATABASE, "server", "-u", ",".join(addons()), "--stop-after-init",
                doing="update the addon",
            )  # fmt: skip
    stamp.write_text(now)
    with step("Odoo: starting"):
        _serve(env, config, port)


def _create_demo(env, config):
    """Make the demonstration under another name first: an interrupted one is never taken for a ready one."""
    fresh = f"{DEMO_DATABASE}_new"
    postgres.drop(env, fresh)
    with step("Database: Odoo's CRM with English and Russian"):
        databases.odoo(
            env, config, fresh, "server", "-i", databases.BASE, "--skip-auto-install", "--load-language=ru_RU",
            "--without-demo", "--stop-after-init", doing="create the database",
        )  # fmt: skip
    with step("Database: the addon with its demonstration (8,800 opportunities, a year of contacts)"):
        databases.odoo(
            env, config, fresh, "server", "-i", ",".join(addons()), "--skip-auto-install", "--stop-after-init",
            doing="install the addon",
        )  # fmt: skip
        script = "env['discipline.demo']._load()\nenv.cr.commit()\n"
        databases.odoo(env, config, fresh, "shell", doing="load the demonstration", stdin=script)
    shutil.rmtree(databases.filestore(DEMO_DATABASE), ignore_errors=True)
    if databases.filestore(fresh).exists():
        databases.filestore(fresh).rename(databases.filestore(DEMO_DATABASE))
    postgres.query(env, f'alter database "{fresh}" rename to "{DEMO_DATABASE}"')


def _serve(env, config, port):
    arguments = databases.command("server", "-c", config, "-d", DEMO_DATABASE, f"--db-filter=^{DEMO_DATABASE}$")
    with (LOGS / "server.log").open("ab") as output:
        server = subprocess.Popen([str(part) for part in arguments], env=env, stdout=output, stderr=output)
    signal.signal(signal.SIGTERM, lambda *_args: server.terminate())
    try:
        _wait_until_ready(server, port)
        print(_welcome(port), flush=True)
        server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait(30)
        print("\nStopped. The data stays; `make run` goes on, `make reset` starts over.")


def _wait_until_ready(server, port):
    for _attempt in range(300):
        if server.poll() is not None:
            raise Trouble(f"Odoo stopped while starting: see {LOGS / 'server.log'}.")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/web/login", timeout=30).read()
            return
        time.sleep(0.3)
    raise Trouble(f"Odoo does not answer on port {port}: see {LOGS / 'server.log'}.")


def _welcome(port):
    logins = "\n".join(f"    {role:<15} {login} / {password}" for role, login, password in LOGINS)
    return f"""
  Sales Discipline is ready:  http://127.0.0.1:{port}/odoo/discipline-customers

{logins}

  Look first, as the head of sales:
    1. Sales Discipline > Control > Verdicts: who kept last month's norms, customer by customer
    2. Sales Discipline > To Decide > Redistributions: the proposal for neglected customers, with a reason each
    3. Sales Discipline > Reports > Workbook: everything in one XLSX file
  Russian: the person's menu at the top right > My Preferences > Language.
  Ctrl+C stops it; the data stays.
"""


def reset():
    """`make reset`: forget the demonstration's data; what was downloaded stays."""
    if (VENV / "bin").exists():
        env = postgres.start("run")
        for name in (DEMO_DATABASE, f"{DEMO_DATABASE}_new"):
            postgres.drop(env, name)
    (HOME / f"{DEMO_DATABASE}.installed").unlink(missing_ok=True)
    say("The demonstration is gone; `make run` makes it anew.")


def stop():
    """`make stop`: stop the project's own PostgreSQL."""
    say(f"Stopped: {', '.join(postgres.stop()) or 'nothing was running'}")


def odoo():
    """`make odoo DB=name ARGS='...'`: the project's Odoo with any arguments on any database."""
    _set_up()
    env = postgres.start("run")
    database = os.environ.get("DB") or DEMO_DATABASE
    given = shlex.split(os.environ.get("ARGS") or "")
    # the subcommand stands first; without one it is the server
    name = given.pop(0) if given and not given[0].startswith("-") else "server"
    config = databases.configuration(int(os.environ.get("PORT") or 8079))
    target = {"upgrade_code": ["--addons-path", str(ROOT)]}.get(name, ["-c", config, "-d", database])
    return databases.interactive(env, databases.command(name, *target, *given))


def psql():
    """`make psql DB=name`: SQL on a database of `make run` or `make odoo`."""
    _set_up()
    env = postgres.start("run")
    return subprocess.run(["psql", os.environ.get("DB") or DEMO_DATABASE], env=env, check=False).returncode


def test():
    """`make test`: every test, or those of ARGS; fails on unexpected skips and on no tests at all."""
    plan(6)
    _set_up()
    arguments = shlex.split(os.environ.get("ARGS") or "") or list(TEST_PATHS)
    paths = [part.split("::")[0] for part in arguments if not part.startswith("-")]
    plain = paths and all(path.startswith(("tests/engine", "tests/tools")) for path in paths)
    command = [VENV / "bin/python", "-m", "pytest", *(arguments if paths else [*arguments, *TEST_PATHS])]
    if plain:
        return databases.interactive(dict(os.environ), [*command, "-p", "no:odoo"])
    _browser()
    env = postgres.start("test")
    template = databases.addon_template(env)
    database = f"test_{os.getpid()}"
    databases.copy(env, template, database)
    port = _free_port()
    config = databases.configuration(port)
    env.update(
        WORKBENCH_TEMPLATE=template,
        WORKBENCH_BASE=databases.base_template(env),
        WORKBENCH_ODOO=shlex.join(str(part) for part in databases.command()),
        WORKBENCH_DATA=str(databases.DATA),
        WORKBENCH_CONFIG=str(config),
    )
    say("Tests")
    try:
        options = [f"--odoo-config={config}", f"--odoo-database={database}", "--odoo-http"]
        return databases.interactive(env, [*command, *options])
    finally:
        postgres.drop(env, database)
        config.unlink(missing_ok=True)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        # Odoo's gevent port is three above it
        return min(probe.getsockname()[1], 65000)


def test_odoo():
    """`make test-odoo`: the addon's tests under Odoo's own --test-enable, installed on a fresh database."""
    _set_up()
    _browser()
    env = postgres.start("test")
    database = f"test_odoo_{os.getpid()}"
    databases.copy(env, databases.base_template(env), database)
    tags = ",".join(f"/{name}" for name in addons())
    arguments = ["-i", ",".join(addons()), "--skip-auto-install", "--stop-after-init", "--test-enable"]
    config = databases.configuration(_free_port())
    try:
        return databases.interactive(
            env,
            databases.command(
                "server", "-c", config, "-d", database, *arguments, "--test-tags", tags, "--log-level=test"
            ),
        )
    finally:
        postgres.drop(env, database)
        config.unlink(missing_ok=True)


def _browser():
    """See to it that Chromium is there: browser tests would be skipped silently without it."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.getuid() == 0 and shutil.which("apt-get"):
        with step("Chromium: installing Debian's"):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            run(["apt-get", "-q", "update"], log="apt", doing="update apt's lists", env=environment)
            run(
                ["apt-get", "install", "-qy", "--no-install-recommends", "chromium"],
                log="apt",
                doing="install Chromium",
                env=environment,
            )
        return
    raise Trouble("The browser tests need Chromium: install it with `sudo apt install chromium`, then try again.")


def lint():
    """`make lint`: every checker; with ARGS only the named ones (ruff, pylint, odoo-linter, xml, po, test_lint)."""
    packages.check_python()
    HOME.mkdir(parents=True, exist_ok=True)
    packages.install_lint()
    chosen = shlex.split(os.environ.get("ARGS") or "") or list(LINTERS)
    unknown = set(chosen) - set(LINTERS)
    if unknown:
        raise Trouble(f"There is no linter {', '.join(sorted(unknown))}: choose from {', '.join(LINTERS)}.")
    failed = []
    for name in chosen:
        say(f"lint: {name}")
        if LINTERS[name]():
            failed.append(name)
    if failed:
        raise Trouble(f"These checks found something: {', '.join(failed)}.")
    say("All checks passed.")


def _lint_tool(*command):
    return subprocess.run(
        [str(LINT_VENV / "bin" / command[0]), *map(str, command[1:])], cwd=ROOT, check=False
    ).returncode


def _ruff():
    return _lint_tool("ruff", "check", ".") or _lint_tool("ruff", "format", "--check", ".")


def _pylint():
    return _lint_tool("pylint", "--rcfile=pyproject.toml", *addons())


def _odoo_linter():
    return max(_lint_tool("odoo-linter", "check", "--version", "19.0", name) for name in addons())


def _xml():
    return max(_lint_tool("oca-checks-odoo-module", name) for name in addons())


def _po():
    files = [str(path) for name in addons() for path in sorted((ROOT / name / "i18n").glob("*.po*"))]
    return (_lint_tool("oca-checks-po", *files) if files else 0) or translations.incomplete()


def _test_lint():
    """Odoo's own test_lint, limited to our addons."""
    _set_up()
    env = postgres.start("test")
    template = databases.addon_template(env)
    database = f"lint_{os.getpid()}"
    databases.copy(env, template, database)
    config = databases.configuration(_free_port())
    odoo_folder = distribution.install()
    env.update(LINT_MODULES=",".join(addons()), PYTHONPATH=str(ROOT / "tools"), COLUMNS="120")
    try:
        command = [VENV / "bin/python", "-m", "pytest", "-q", "-p", "workbench.test_lint", "-p", "no:cacheprovider"]
        command += ["--confcutdir", str(HOME), "-c", "/dev/null", f"--odoo-database={database}"]
        command += [f"--odoo-config={config}", odoo_folder / "odoo/addons/test_lint/tests"]
        return databases.interactive(env, command)
    finally:
        postgres.drop(env, database)
        config.unlink(missing_ok=True)


LINTERS = {
    "ruff": _ruff,
    "pylint": _pylint,
    "odoo-linter": _odoo_linter,
    "xml": _xml,
    "po": _po,
    "test_lint": _test_lint,
}


def i18n():
    """`make i18n`: export the translation templates and merge them into the translations."""
    _set_up()
    env = postgres.start("test")
    translations.export(env)
    return translations.incomplete()


def main(arguments):
    """Run a command; turn trouble into one sentence.

    :return: the exit code
    """
    table = {
        "run": run_odoo,
        "reset": reset,
        "stop": stop,
        "odoo": odoo,
        "psql": psql,
        "test": test,
        "test-odoo": test_odoo,
        "lint": lint,
        "i18n": i18n,
    }
    try:
        return table[arguments[0]]() or 0
    except Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno != 28:
            raise
        print("\nThe disk is full: free some space, then run the same command again.", file=sys.stderr)
        return 1
