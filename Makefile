# Everything is made in one git-ignored folder (.dev) of this clone. `make help` lists the commands.
PYTHON ?= python3
export DB ARGS PORT ODOO_HOME
WORKBENCH = command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON) here: install Python 3.11, 3.12 or 3.13,\
 or name one that is there: make PYTHON=python3.11 ..." >&2; exit 1; }; PYTHONPATH=tools $(PYTHON) -m workbench

.PHONY: help run reset stop odoo psql test test-odoo lint i18n

help:  ## List the commands
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 14
	@echo "Variables: PORT, DB, ARGS; ODOO_HOME (an Odoo 19 of yours), PGHOST and friends (a PostgreSQL server of yours),"
	@echo "PYTHON (3.11 to 3.13), WORKBENCH_HOME (the folder for all of it, by default .dev). CONTRIBUTING.md tells more."

run:  ## Odoo 19 with the addon and its demonstration on 127.0.0.1:8069 (PORT=..., ODOO_HOME=..., PGHOST=...)
	@$(WORKBENCH) run

reset:  ## Forget the demonstration's data; the next `make run` makes it anew
	@$(WORKBENCH) reset

stop:  ## Stop the project's own PostgreSQL
	@$(WORKBENCH) stop

odoo:  ## That same Odoo with any arguments: make odoo DB=name ARGS='shell' (or i18n export ..., upgrade_code ..., -u ...)
	@$(WORKBENCH) odoo

psql:  ## SQL on a database: make psql DB=name
	@$(WORKBENCH) psql

test:  ## All tests, or some of them: make test ARGS=tests/engine
	@$(WORKBENCH) test

test-odoo:  ## The addons' tests under Odoo's own --test-enable
	@$(WORKBENCH) test-odoo

lint:  ## All checkers, or some of them: make lint ARGS='ruff po'
	@$(WORKBENCH) lint

i18n:  ## Export the translation templates and merge them into the translations
	@$(WORKBENCH) i18n
