"""One process with Odoo on one database: what it holds in memory is what a worker would hold."""

import argparse
import importlib
import logging
import sys


def main():
    """Open the database and run a module of this package on it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--config", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--managers", type=int, default=1_000)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--plain", help="a database without the addon")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()

    import odoo
    from odoo.modules.registry import Registry

    from .measure import Bench

    odoo.tools.config.parse_config(
        ["-c", options.config, "-d", options.database, "--no-http", "--log-level=warn"], setup_logging=True
    )
    logging.getLogger("odoo.tests").setLevel(logging.ERROR)
    registry = Registry(options.database)
    with registry.cursor() as cr:
        env = odoo.api.Environment(cr, odoo.SUPERUSER_ID, {})
        env = env(context={"lang": "en_US"})
        bench = Bench(env, options)
        importlib.import_module(f"benchmarks.{options.name}").run(bench)
        return bench.finish()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.exit(code)
