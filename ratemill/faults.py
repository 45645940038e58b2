"""Which exceptions are a person's business, and the exit code each ends in."""

# By name, so that looking at an error imports nothing: name of the class to exit code.
_CODES = {
    "RatemillError": 2,
    "ProfileError": 2,
    "CatalogError": 2,
    "LedgerError": 2,
    "PartnerUnreachable": 3,
    "ConservationError": 4,
}


def exit_code_of(error: BaseException) -> int | None:
    """The exit code for a fault that a person can mend; None for a bug of ours."""
    if isinstance(error, OSError):
        # A full disk, a folder without permission: the text names the file.
        return 2
    for kind in type(error).__mro__:
        if kind.__name__ in _CODES and kind.__module__.partition(".")[0] in _OURS:
            return _CODES[kind.__name__]
    return None


_OURS = ("asn1", "mediation", "rating", "charging", "ratemill")
