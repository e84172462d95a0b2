"""pytest plugin: Odoo's own test_lint, limited to the addons of the project (``LINT_MODULES``)."""

import os
import sys

import pytest

# fields that are the first key of a larger index
COVERED = {"discipline.abc.run.line.run_id"}


@pytest.fixture(autouse=True)
def only_our_addons(monkeypatch, request):
    """Show Odoo's checks our addons and nothing else: over everything they take minutes and fail on Odoo itself."""
    import odoo.addons
    from odoo.modules import Manifest
    from odoo.tools import config

    names = os.environ["LINT_MODULES"].split(",")
    manifests = [Manifest.for_addon(name) for name in names]
    assert all(manifests), names
    monkeypatch.setattr(Manifest, "all_addon_manifests", staticmethod(lambda: manifests))
    if hasattr(request.module, "get_modules"):
        monkeypatch.setattr(request.module, "get_modules", lambda: names)
    # pytest puts odoo/addons on the path, whose "calendar" hides the standard library's from pylint's own process
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not p.rstrip("/").endswith("odoo/addons")])
    if "test_index" in request.module.__name__:
        monkeypatch.setattr(
            request.module, "BTREE_INDEX_IGNORE_FIELDS", request.module.BTREE_INDEX_IGNORE_FIELDS | COVERED
        )
    if "test_markers" in request.module.__name__:
        # it walks over all that lies beside the addons, too
        monkeypatch.setattr(odoo.addons, "__path__", [manifest.path for manifest in manifests])
        monkeypatch.setattr(odoo, "__path__", [])
    if "test_pylint" in request.module.__name__:
        monkeypatch.setattr(config, "root_path", manifests[0].path)
