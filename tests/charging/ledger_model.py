"""The ledger as a plain dictionary would keep it: no database, no frame, one charge at a time."""

from dataclasses import dataclass, field, replace

File = tuple[str, str]
"""Partner and file id"""
Name = tuple[str, str]
"""Account and currency"""
RecordId = tuple[int, int]
"""File number, record index"""
LegId = tuple[int, int, str]
"""File number, record index, leg"""
PostingId = tuple[int, int, str, int, str]
"""File number, record index, leg, revision, kind"""
Use = tuple[str, str, int, int]
"""Holder, allowance, day of the period's start, scale"""


class Refused(Exception):
    """What the ledger must refuse with a LedgerError, with nothing changed."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a charge takes of an allowance; holder None is the account that used it."""

    allowance: str
    holder: str | None
    day: int
    scale: int
    taken: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge, with what of it the ledger looks at."""

    file: File
    record: int
    leg: str
    revision: int
    key: int
    account: str
    currency: str
    amount: int
    product: str
    minute: int
    draws: tuple[Draw, ...]

    @property
    def name(self) -> Name:
        return self.account, self.currency

    @property
    def uses(self) -> list[tuple[Use, int]]:
        return [
            ((d.holder or f"account:{self.account}", d.allowance, d.day, d.scale), d.taken)
            for d in self.draws
        ]


@dataclass(slots=True)
class Account:
    """One account in one currency."""

    mode: str = "partner"
    limit: int | None = None
    opened: bool = False
    balance: int = 0
    reserved: int = 0
    postings: int = 0


@dataclass(slots=True)
class FileState:
    """One registered file."""

    number: int
    state: str = "open"
    revision: int = 0
    records: int = 0
    refused: int = 0


@dataclass(slots=True)
class Leg:
    """What became of one leg of a record: its last charge, what it comes to, and whether it does.
    """

    charge: Charge
    batch: int
    net: int = 0
    stands: bool = True
    highest: int = 0


@dataclass(slots=True)
class Held:
    """One reservation."""

    name: Name
    amount: int
    until: int
    state: str = "pending"
    posted: int = 0


@dataclass(slots=True)
class Posted:
    """What posting one file must answer."""

    records: int
    postings: dict[PostingId, tuple[str, str, int]]
    refused: list[tuple[int, str, str, str, int]]
    repeated: bool


@dataclass(slots=True)
class Model:
    """All that a ledger must know."""

    files: dict[File, FileState] = field(default_factory=dict)
    accounts: dict[Name, Account] = field(default_factory=dict)
    postings: dict[PostingId, tuple[str, str, int, int]] = field(default_factory=dict)
    """account, currency, amount, batch"""
    batches: list[tuple[str, str]] = field(default_factory=list)
    """kind and key; the first is number 1"""
    times: list[int] = field(default_factory=list)
    """minute of each batch"""
    minute: int = 0
    """now"""
    legs: dict[LegId, Leg] = field(default_factory=dict)
    owners: dict[int, RecordId] = field(default_factory=dict)
    refusals: dict[RecordId, tuple[int, RecordId]] = field(default_factory=dict)
    entries: dict[str, tuple[Name, str, int]] = field(default_factory=dict)
    used: dict[Use, int] = field(default_factory=dict)
    reservations: dict[str, Held] = field(default_factory=dict)
    closed_batch: int = 0
    """last batch of the latest closed period"""

    def register(self, file: File) -> int:
        return self.files.setdefault(file, FileState(len(self.files) + 1)).number

    def open_account(self, name: Name, mode: str, opening: int, limit: int | None) -> int:
        """The number of accounts opened: 1 or 0."""
        account = self.account(name)
        account.mode, account.limit = mode, limit
        if account.opened:
            return 0
        account.opened = True
        account.balance += opening
        self.entries[f"opening:{name[1]}:{name[0]}"] = (name, "opening", opening)
        return 1

    def enter(self, key: str, name: Name, kind: str, amount: int) -> bool:
        """Whether the entry is new; Refused where its key is another's."""
        if key in self.entries:
            if self.entries[key] != (name, kind, amount):
                raise Refused(key)
            return False
        self.account(name).balance += amount
        self.entries[key] = (name, kind, amount)
        return True

    def put_in(self, kind: str, key: str, name: Name, amount: int) -> bool:
        """Whether a top-up or adjustment is new."""
        if name not in self.accounts or amount == 0 or (kind == "top_up" and amount < 0):
            raise Refused(key)
        return self.enter(f"{kind}:{key}", name, kind, amount)

    def account(self, name: Name) -> Account:
        return self.accounts.setdefault(name, Account())

    def unsettled(self, file: File, charges: list[Charge]) -> list[Charge]:
        """Those of records that neither stand nor are refused."""
        state = self.files.get(file)
        if state is None:
            return charges
        done = {index for number, index in self.refusals if number == state.number}
        done |= {index for (number, index, _), leg in self.legs.items()
                 if number == state.number and leg.stands}
        return [charge for charge in charges if charge.record not in done]

    def next_revision(self, file: File, record: int) -> int:
        """The revision that a record must have to be posted."""
        state = self.files.get(file)
        if state is None:
            return 0
        return max([state.revision, *(
            leg.highest + 1 for (number, index, _), leg in self.legs.items()
            if (number, index) == (state.number, record)
        )])

    def post(self, files: dict[File, list[Charge]], policies: dict[str, str]) -> list[Posted]:
        for file, charges in files.items():
            if any(charge.revision != self.next_revision(file, charge.record)
                   for charge in self.unsettled(file, charges)):
                raise Refused(file)
        new: dict[File, list[Charge]] = {}
        batches: dict[File, int] = {}
        for file, charges in files.items():
            number = self.register(file)
            new[file] = self.unsettled(file, charges)
            if new[file] or self.files[file].state != "posted":
                self.begin_batch("file", f"file:{number}:{len(self.batches) + 1}")
                batches[file] = len(self.batches)
        accepted = self._claimed([charge for charges in new.values() for charge in charges])
        for charge in in_event_order(accepted, self.files):
            self.charge(charge, batches[charge.file], policies)
        for file in batches:
            state = self.files[file]
            state.state = "posted"
            state.records += len({c.record for c in accepted if c.file == file})
            state.refused = sum(number == state.number for number, _ in self.refusals)
        return [self._answer(file, repeated=file not in batches) for file in files]

    def _claimed(self, charges: list[Charge]) -> list[Charge]:
        """The charges whose records own their key; the others are refused."""
        records = {(self.files[c.file].number, c.record): c.key for c in charges}
        for record, key in sorted(records.items()):
            owner = self.owners.setdefault(key, record)
            if owner != record:
                self.refusals[record] = (key, owner)
        return [c for c in charges if (self.files[c.file].number, c.record) not in self.refusals]

    def charge(self, charge: Charge, batch: int, policies: dict[str, str]) -> None:
        """Put one charge on its account, as balance and limit cover it at this moment."""
        leg = self.legs.setdefault(self.leg_id(charge), Leg(charge, batch))
        leg.charge, leg.batch, leg.stands = charge, batch, True
        leg.highest = max(leg.highest, charge.revision)
        account = self.account(charge.name)
        for kind, amount in covered(account, charge, policies.get(charge.product, "negative")):
            self.put(charge, kind, amount, batch)
        self.use(charge.uses, 1)

    def _answer(self, file: File, *, repeated: bool) -> Posted:
        state = self.files[file]
        return Posted(
            state.records,
            {
                posting: row[:3] for posting, row in self.postings.items()
                if posting[0] == state.number and self.batches[row[3] - 1][0] == "file"
            },
            self.refused(file), repeated,
        )

    def begin_batch(self, kind: str, key: str) -> None:
        self.batches.append((kind, key))
        self.times.append(self.minute)

    def close_period(self) -> None:
        """What was posted before now is closed."""
        self.closed_batch = sum(minute < self.minute for minute in self.times)

    def put(self, charge: Charge, kind: str, amount: int, batch: int) -> None:
        """Add a posting of a charge's leg and revision; the balance follows."""
        posting = (*self.leg_id(charge), charge.revision, kind)
        assert posting not in self.postings
        self.postings[posting] = (*charge.name, amount, batch)
        account = self.account(charge.name)
        account.balance += amount
        account.postings += 1
        self.legs[self.leg_id(charge)].net += amount

    def use(self, uses: list[tuple[Use, int]], sign: int) -> None:
        for use, taken in uses:
            self.used[use] = self.used.get(use, 0) + sign * taken
            if not self.used[use]:
                del self.used[use]

    def key_of(self, record: RecordId, other: int) -> int:
        """The usage key that a record has, or the other where it is not known."""
        if record in self.refusals:
            return self.refusals[record][0]
        return next((leg.charge.key for id_, leg in self.legs.items() if id_[:2] == record), other)

    def leg_id(self, charge: Charge) -> LegId:
        return self.files[charge.file].number, charge.record, charge.leg

    def standing(self, file: File | None = None) -> list[Charge]:
        """The latest charges of legs that stand."""
        return [leg.charge for leg in self.legs.values()
                if leg.stands and file in {None, leg.charge.file}]

    def refused(self, file: File) -> list[tuple[int, str, str, str, int]]:
        """The rows of table refused."""
        names = self.names()
        return [
            (record, f"{key:032x}", *names[owner], original)
            for (number, record), (key, (owner, original)) in sorted(self.refusals.items())
            if names[number] == file
        ]

    def names(self) -> dict[int, File]:
        return {state.number: file for file, state in self.files.items()}


def revised(charge: Charge, **changes: object) -> Charge:
    """The charge of the next revision."""
    return replace(charge, revision=charge.revision + 1, **changes)


def in_event_order(charges: list[Charge], files: dict[File, FileState]) -> list[Charge]:
    """By start, then usage key as two signed numbers of 64 bits, then posting id."""
    def place(charge: Charge) -> tuple[object, ...]:
        halves = charge.key.to_bytes(16, "big")
        return (
            charge.minute, int.from_bytes(halves[:8], "big", signed=True),
            int.from_bytes(halves[8:], "big", signed=True), files[charge.file].number,
            charge.record, charge.leg,
        )

    return sorted(charges, key=place)


def covered(account: Account, charge: Charge, policy: str) -> list[tuple[str, int]]:
    """Kind and amount of the postings of one charge, as the account is before it."""
    due = charge.amount
    if due <= 0 or account.mode == "partner" or (account.mode, account.limit) == ("postpaid", None):
        return [("usage", -due)]
    credit = (account.limit or 0) if account.mode == "postpaid" else 0
    reach = min(due, max(0, account.balance + credit - account.reserved))
    beyond = due - reach
    if not beyond:
        return [("usage", -due)]
    if account.mode == "prepaid" and policy != "negative":
        return [("usage", -due), (policy, beyond)]
    kind = "overdraft" if account.mode == "prepaid" else "over_limit"
    return [("usage", -reach)] * (reach > 0) + [(kind, -beyond)]
