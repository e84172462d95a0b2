"""Measurements of the addon beside the plainest SQL, or plain Odoo, that does the same work in the same run."""
