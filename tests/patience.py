"""How long a test waits for what is sure to come."""

PATIENCE = 60.0
"""Seconds. No figure to meet: whoever waits goes on at once when it has come, so that only what
never comes takes so long, however slow the machine is."""
