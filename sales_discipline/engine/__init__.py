"""Decisions that people argue about, as plain Python: no Odoo, no database, no clock.

Models and SQL stay thin around these functions; ``tests/engine`` holds tables and properties of each.
"""
