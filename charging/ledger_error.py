"""The one exception that the ledger raises."""


class LedgerError(Exception):
    """What the ledger cannot do: where, what and a hint; retry says whether waiting can help."""

    def __init__(self, where: str, what: str, hint: str, *, retry: bool = False) -> None:
        """Keep the parts, and join them into the message."""
        super().__init__(f"{where}: {what}; {hint}")
        self.where = where
        self.what = what
        self.hint = hint
        self.retry = retry
