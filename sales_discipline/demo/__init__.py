"""The demonstration: a real pipeline, a simulated year of contacts, and what the program makes of them."""
