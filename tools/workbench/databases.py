"""Odoo's configuration and its databases: templates made once, copies made in a moment."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import distribution, postgres
from .layout import DATA, HOME, LOCK, LOGS, ROOT, VENV, addons, fingerprint
from .steps import run, step

#: what stands below the addons; templates hold it with the Russian language
BASE = "crm"


def filestore(database):
    """Return the folder of a database's attachments."""
    return DATA / "filestore" / database


def configuration(port=8069, **options):
    """Write Odoo's configuration file for a purpose and return its path."""
    settings = {
        "addons_path": f"{distribution.install()}/odoo/addons,{ROOT}",
        "data_dir": DATA,
        "http_interface": "127.0.0.1",
        "http_port": port,
        "gevent_port": port + 3,
        "max_cron_threads": 0,
        "list_db": True,
    } | options
    HOME.mkdir(parents=True, exist_ok=True)
    path = HOME / f"odoo-{port}.conf"
    path.write_text("[options]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return path


def command(*arguments):
    """Return the command line of the project's Odoo."""
    own = distribution.provided()
    starter = distribution.ODOO_PREFIX / "usr/bin/odoo"
    if own:
        starter = own / "odoo-bin" if (own / "odoo-bin").exists() else own.parents[2] / "bin/odoo"
    return [VENV / "bin/python", starter, *arguments]


def odoo(env, config, database, *arguments, doing, stdin=None):
    """Run Odoo to its end on a database, its output in the log."""
    name, *rest = arguments
    run(
        command(name, "-c", config, "-d", database, *rest, "--no-http", "--log-level=warn"),
        log="odoo",
        doing=f"{doing} (database {database})",
        env=env,
        stdin=stdin,
    )


def base_template(env):
    """Return the database that has the base modules, Russian and ready assets, without demonstration data."""
    version = postgres.query(env, "show server_version_num")
    parts = [LOCK.read_text(), distribution.key(), version, BASE]
    name = "tpl_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    if not postgres.exists(env, name):
        with step("Template database: Odoo's CRM with Russian"):
            _build(env, name, lambda fresh: odoo(
                env, configuration(), fresh, "server", "-i", BASE, "--skip-auto-install", "--load-language=ru_RU",
                "--without-demo", "--stop-after-init", doing="create the template",
            ))  # fmt: skip
    return name


def addon_template(env):
    """Return the database that has the addons as they are now; older ones are dropped."""
    base = base_template(env)
    prints = [fingerprint(ROOT / name) for name in addons()]
    name = f"{base}_{hashlib.sha256(''.join(prints).encode()).hexdigest()[:8]}"
    if not postgres.exists(env, name):
        for old in postgres.query(env, "select datname from pg_database").splitlines():
            if old.startswith(f"{base}_"):
                postgres.drop(env, old)
        with step(f"Template database: {', '.join(addons())}"):
            _build(env, name, lambda fresh: (copy(env, base, fresh), odoo(
                env, configuration(), fresh, "server", "-i", ",".join(addons()), "--skip-auto-install",
                "--stop-after-init", doing="install the addons",
            )))  # fmt: skip
    return name


def _build(env, name, fill):
    """Fill a database under another name and rename it, so that a half-made one is never used."""
    fresh = f"{name}_new"
    postgres.drop(env, fresh)
    fill(fresh)
    script = "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()\n"
    odoo(env, configuration(), fresh, "shell", doing="prepare the assets", stdin=script)
    shutil.rmtree(filestore(name), ignore_errors=True)
    if filestore(fresh).exists():
        filestore(fresh).rename(filestore(name))
    postgres.query(env, f'alter database "{fresh}" rename to "{name}"')


def copy(env, source, target):
    """Make ``target`` a copy of a database nobody is connected to; attachments are linked, not copied."""
    postgres.drop(env, target)
    run(["createdb", "-S", "file_copy", "-T", source, target], log="postgres", doing=f"copy {source}", env=env)
    if filestore(source).exists():
        shutil.copytree(filestore(source), filestore(target), copy_function=os.link)


def tail(lines=15):
    """Return the last lines of Odoo's log."""
    path = Path(LOGS / "odoo.log")
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def interactive(env, arguments):
    """Run Odoo with the person's terminal; return its exit code."""
    return subprocess.run([str(part) for part in arguments], env=env, check=False).returncode
