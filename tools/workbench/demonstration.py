"""`make run` and `make reset`: Odoo with the addon and its demonstration, for a person's browser."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from . import databases, distribution, packages, postgres
from .errors import Trouble
from .layout import DEMO_DATABASE, HOME, LOGINS, LOGS, ROOT, VENV, addons, fingerprint
from .steps import need_space, plan, say, step

ADDON = "sales_discipline"


def port_number(value, default=8069):
    """Return the port that a person gave as text; empty means the default.

    :raise Trouble: where it is no port that Odoo could use
    """
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and 1024 <= int(value) <= 65530):
        raise Trouble(f"PORT={value} is no port: give a number from 1024 to 65530.")
    return int(value)


def require_free(port):
    """Refuse a port on which another program listens.

    :raise Trouble: naming another port to try
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            other = port + 10 if port + 10 <= 65530 else port - 10
            raise Trouble(
                f"Port {port} is taken by another program (perhaps an earlier `make run`): "
                f"stop it, or choose another port: make run PORT={other}"
            ) from error


def run_odoo(set_up):
    """Start Odoo on the demonstration, making first what is missing and updating what has changed."""
    port = port_number(os.environ.get("PORT"))
    require_free(port)
    stamp = _stamp()
    plan(
        distribution.steps_left()
        + (0 if packages.ready() else 1)
        + (0 if postgres.created("run") else 1)
        # base, demonstration, screens
        + (0 if stamp.exists() else 3)
        + 1
    )
    set_up()
    env = postgres.start("run")
    config = databases.configuration(port, max_cron_threads=1)
    now = "\n".join(fingerprint(ROOT / name) for name in addons())
    if not postgres.exists(env, DEMO_DATABASE):
        _create(env, config)
    elif not stamp.exists():
        raise Trouble(
            f"The PostgreSQL server has a database {DEMO_DATABASE} that this clone did not make: "
            "rename or drop it, or use another server (PGHOST)."
        )
    elif stamp.read_text() != now:
        with step("Database: updating the addon"):
            databases.odoo(
                env, config, DEMO_DATABASE, "server", "-u", ADDON, "--skip-auto-install", "--stop-after-init",
                doing="update the addon",
            )  # fmt: skip
    stamp.write_text(now)
    with step("Odoo: starting"):
        return _serve(env, config, port)


def _stamp():
    """Return the file that says that this clone made the demonstration on the server in use, and from which code."""
    server = ":".join(os.environ.get(name) or "" for name in ("PGHOST", "PGPORT")) if postgres.own_server() else ""
    suffix = f"-{hashlib.sha256(server.encode()).hexdigest()[:8]}" if server else ""
    return HOME / f"{DEMO_DATABASE}{suffix}.installed"


def _create(env, config):
    """Make the demonstration under another name first: an interrupted one is never taken for a ready one."""
    need_space(600)
    base = databases.base_template(env, modules="crm", prefix="base", assets=False)
    fresh = f"{DEMO_DATABASE}_new"
    databases.copy(env, base, fresh)
    with step(
        "Database: the addon with its demonstration (8,800 opportunities and a year of contacts; a minute or two)"
    ):
        # Odoo loads an addon's demonstration only where the modules below it have theirs; we want ours alone
        postgres.query(env, "update ir_module_module set demo = true where state = 'installed'", fresh)
        databases.odoo(
            env, config, fresh, "server", "-i", ADDON, "--with-demo", "--skip-auto-install", "--stop-after-init",
            doing="load the demonstration",
        )  # fmt: skip
        postgres.query(env, f"update ir_module_module set demo = false where name <> '{ADDON}'", fresh)
        if postgres.query(env, f"select demo from ir_module_module where name = '{ADDON}'", fresh) != "t":
            raise Trouble(f"The demonstration could not be loaded: see {LOGS / 'odoo.log'}.")
    with step("Database: preparing the screens"):
        databases.prepare_assets(env, config, fresh)
    databases.rename(env, fresh, DEMO_DATABASE)


def _serve(env, config, port):
    arguments = databases.command("server", "-c", config, "-d", DEMO_DATABASE, f"--db-filter=^{DEMO_DATABASE}$")
    with (LOGS / "server.log").open("ab") as output:
        # a session of its own: Ctrl+C and a closed terminal reach it through us alone, and once
        server = subprocess.Popen(
            [str(part) for part in arguments], env=env, stdout=output, stderr=output, start_new_session=True
        )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_args: server.terminate())
    try:
        _wait_until_ready(server, port)
        print(_welcome(port), flush=True)
        return max(server.wait(), 0)
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
    finally:
        if server.poll() is None:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(20)
            server.kill()
    print("Stopped. The data stays; `make run` goes on, `make reset` starts over.")
    return 0


def _wait_until_ready(server, port):
    for _attempt in range(300):
        if server.poll() is not None:
            raise Trouble(f"Odoo stopped while starting: see {LOGS / 'server.log'}, then run `make run` again.")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/web/login", timeout=30).read()
            return
        time.sleep(0.3)
    raise Trouble(f"Odoo does not answer on port {port}: see {LOGS / 'server.log'}, then run `make run` again.")


def _welcome(port):
    logins = "\n".join(f"    {role:<15} {login} / {password}" for role, login, password in LOGINS)
    return f"""
  Sales Discipline is ready:  http://127.0.0.1:{port}/odoo/discipline-portfolios

{logins}

  Look first, as the head of sales:
    1. Sales Discipline > Reports > Verdicts: who kept last month's norms, customer by customer
    2. Sales Discipline > To Decide > Redistribution: the proposal for neglected customers, with a reason each
    3. Sales Discipline > Reports > Workbook: everything in one XLSX file
  and as the sales manager:
    4. Sales Discipline > My Day: what to do now, and which customers are about to be lost
  Russian: the person's menu at the top right > My Preferences > Language.
  Ctrl+C stops it; the data stays.
"""


def reset():
    """Forget the demonstration's data; what was downloaded stays."""
    stamp = _stamp()
    if (VENV / "bin/python").exists() and (stamp.exists() or not postgres.own_server()):
        env = postgres.start("run")
        for name in (DEMO_DATABASE, f"{DEMO_DATABASE}_new"):
            postgres.drop(env, name)
    shutil.rmtree(databases.filestore(f"{DEMO_DATABASE}_new"), ignore_errors=True)
    stamp.unlink(missing_ok=True)
    say("The demonstration is gone; `make run` makes it anew.")
