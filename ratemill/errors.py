"""Faults a person can do something about; each says where, what and a hint."""

from collections.abc import Mapping


class RatemillError(Exception):
    """A fault outside the data: where it is, what it is, and what helps.

    retryable says whether the same call may succeed later without anybody doing something.
    """

    def __init__(self, where: str, what: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(f"{where}: {what}" + (f" ({hint})" if hint else ""))
        self.where, self.what, self.hint, self.retryable = where, what, hint, retryable


class SettingsError(RatemillError):
    """ratemill.toml or an environment variable cannot be used."""


class PartnerUnreachable(RatemillError):
    """A partner's server could not be used; other partners are not concerned."""


class FilesNotPosted(RatemillError):
    """The ledger does not take the charges of some files; all others are posted."""

    def __init__(self, faults: Mapping[str, Exception]) -> None:
        named = "".join(f"\n  {fault}" for fault in faults.values())
        files = "1 file is" if len(faults) == 1 else f"{len(faults)} files are"
        super().__init__("post", f"{files} not posted; all others are:{named}")
        self.faults = faults
