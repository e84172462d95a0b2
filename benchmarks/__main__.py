"""One command for each measurement; README.md tells what they mean.

python -m benchmarks                      list the measurements
python -m benchmarks verdicts --customers 100000
"""

import argparse
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools")]

from workbench import databases, postgres  # noqa: E402
from workbench.commands import set_up  # noqa: E402
from workbench.errors import Trouble  # noqa: E402
from workbench.layout import LOGS, VENV, addons, fingerprint  # noqa: E402
from workbench.steps import say  # noqa: E402

#: modules of this package that measure nothing
MACHINERY = ("__main__", "base", "deals", "measure", "worker")
CLUSTER = "bench"


def measurements():
    """Return {name: its first line of documentation} of what can be measured; scripts for Odoo's shell tell theirs."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        source = (Path(__file__).parent / f"{module.name}.py").read_text()
        if module.name not in MACHINERY and "\ndef run(bench)" in source:
            found[module.name] = source.split('"""')[1].strip().splitlines()[0]
    return found


def work(env, database, name, *arguments):
    """Run a measurement, or the loader, in a process of its own on a database; return its exit code."""
    config = databases.configuration(int(os.environ.get("PORT") or 8079))
    command = [VENV / "bin/python", "-m", "benchmarks.worker", name, "--config", config, "--database", database]
    return subprocess.run(
        [str(part) for part in [*command, *arguments]],
        env=env | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools")])},
        cwd=ROOT,
        check=False,
    ).returncode


def loaded(env, options):
    """Return the database with so many customers, loading it at the first time.

    It is kept, and updated when the addon has changed since; another day's data would be another base, so a new month
    loads anew.
    """
    base = importlib.import_module("benchmarks.base")
    stamp = fingerprint(*(ROOT / addon for addon in addons()))
    name = base.database(options.customers, options.managers)
    if options.reload:
        postgres.drop(env, name)
    if not postgres.exists(env, name):
        fresh = f"{name}_new"
        postgres.drop(env, fresh)
        databases.copy(env, databases.addon_template(env), fresh)
        say(f"Loading {options.customers:,} customers")
        if work(env, fresh, "base", "--customers", options.customers, "--managers", options.managers):
            raise Trouble(f"The base could not be loaded: what is there of it is in the database {fresh}.")
        databases.rename(env, fresh, name)
        postgres.query(env, f"comment on database \"{name}\" is '{stamp}'")
    known = postgres.query(
        env, f"select shobj_description(oid, 'pg_database') from pg_database where datname = '{name}'"
    )
    if known != stamp and not options.as_is:
        say("The addon has changed since the base was loaded: updating it")
        names = ",".join(addons())
        databases.odoo(env, databases.configuration(), name, "server", "-u", names, "--skip-auto-install",
                       "--stop-after-init", doing="update the addon")  # fmt: skip
        postgres.query(env, f"comment on database \"{name}\" is '{stamp}'")
    return name


def main():
    """Measure what is asked for on a copy of the loaded base, which is dropped afterwards.

    :return: the exit code
    """
    known = measurements()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the addon.")
    parser.add_argument("name", nargs="*", help="what to measure; several are measured one after the other")
    parser.add_argument("--customers", type=int, default=100_000, help="size of the base (100000)")
    parser.add_argument("--managers", type=int, default=1_000, help="managers who share it (1000)")
    parser.add_argument("--deals", type=int, default=1_000_000, help="deals of the funnel (1000000)")
    parser.add_argument("--reload", action="store_true", help="load the base anew")
    parser.add_argument("--as-is", action="store_true", help="do not update the addon in the base after a change")
    parser.add_argument("--profile", action="store_true", help="show where the addon's time goes")
    options = parser.parse_args()
    unknown = set(options.name) - set(known) - {"base"}
    if unknown or not options.name:
        print("\n".join(f"{name:<16}{text}" for name, text in {"base": "Load the base only", **known}.items()))
        return 1 if unknown else 0
    LOGS.mkdir(parents=True, exist_ok=True)
    set_up()
    env = postgres.start(CLUSTER)
    code = 0
    source = loaded(env, options)
    for name in options.name:
        if name == "base":
            continue
        # an Odoo without the addon, for what is measured against it
        plain_source = databases.base_template(env)
        with (
            databases.scratch(env, source, "bench_run") as database,
            databases.scratch(env, plain_source, "bench_plain") as plain,
        ):
            say(f"{name}: {known[name]}")
            extra = ["--customers", options.customers, "--managers", options.managers, "--plain", plain]
            extra += ["--deals", options.deals]
            extra += ["--profile"] if options.profile else []
            code = work(env, database, name, *extra) or code
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"\n{trouble}")
