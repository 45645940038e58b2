"""Charges onto balances: the ledger and posting."""
