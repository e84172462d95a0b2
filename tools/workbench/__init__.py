"""The workbench of the project: everything behind the Makefile, with the standard library of Python alone."""
