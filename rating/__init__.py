"""Usage in, charges out: catalog, lookups and the one charging function."""
