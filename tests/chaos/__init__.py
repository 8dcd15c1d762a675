"""Chaos: clients of every protocol on one uWSGI, faults in random order, and a ledger that must balance at the end."""
