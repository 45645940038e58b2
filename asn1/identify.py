"""What kind of file octets are, told from their first elements and never from a name."""

from collections.abc import Iterator
from typing import Final, Literal

from asn1.ber import INDEFINITE, NO_LIMIT, BerError, Octets, read_header
from asn1.grammar import APPLICATION, Context, GrammarName, Node, Plan, load_plan

FileFamily = Literal["tap", "notification", "rap", "nrtrde"]

HEAD_OCTETS: Final = 1 << 12
"""Octets that are looked at."""
_LOOKED_AT: Final = 8
"""Elements below the root that are looked at where the first three do not decide."""
_PRINTABLE: Final = bytes((*range(32, 127), 9, 10, 13))


def _tag(number: int) -> int:
    return number << 2 | APPLICATION


_TRANSFER_BATCH, _NOTIFICATION = _tag(1), _tag(2)
_BATCH_CONTROL, _SENDER, _NRTRDE_VERSION = _tag(4), _tag(196), _tag(41)
_RAP: Final = frozenset({_tag(534), _tag(535)})


def identify(data: Octets) -> FileFamily | None:
    """What the first octets say the data is; None for anything else.

    A file whose header is damaged is told by the elements of its root that are not.
    """
    head = bytes(data[:HEAD_OCTETS])
    tags = tuple(_first_tags(head))
    if tags[:1] and tags[0] in _RAP:
        return "rap"
    if tags[:2] == (_NOTIFICATION, _SENDER):
        return "notification"
    if tags[:2] == (_TRANSFER_BATCH, _NRTRDE_VERSION):
        return "nrtrde"
    if tags == (_TRANSFER_BATCH, _BATCH_CONTROL, _SENDER):
        return "tap"
    # Letters can look like tags and lengths; no file of ours begins with nothing but text.
    return _by_elements(head) if head[:32].strip(_PRINTABLE) else None


def _first_tags(head: bytes) -> Iterator[int]:
    """The tag of the first element, of the first inside it, and of the first inside that."""
    pos = 0
    for depth in range(3):
        try:
            ident, _, pos = read_header(head, pos, NO_LIMIT)
        except BerError:
            return
        if depth == 0 and not ident & 1:
            return
        yield ident >> 1
        if not ident & 1:
            return


def _by_elements(head: bytes) -> FileFamily | None:
    """The kind whose elements the root has, if two are found; TAP's and NRTRDE's differ."""
    try:
        ident, length, at = read_header(head, 0, NO_LIMIT)
    except BerError:
        return None
    end = NO_LIMIT if length == INDEFINITE else at + length
    roots: tuple[tuple[FileFamily, GrammarName, str, int], ...] = (
        ("tap", "tap", "transferBatch", _TRANSFER_BATCH),
        ("nrtrde", "nrtrde", "nrtrde", _TRANSFER_BATCH),
        ("notification", "tap", "notification", _NOTIFICATION),
    )
    for family, grammar, root, tag in roots:
        if ident == tag << 1 | 1:
            plan = load_plan(grammar)
            if _known_elements(head, at, end, plan, plan.context_of(root)) > 1:
                return family
    return None


def _known_elements(
    head: bytes, pos: int, end: int, plan: Plan, context: Context, *, deeper: bool = True
) -> int:
    """How many of the elements from pos on the context knows, and of those inside them."""
    known = 0
    for _ in range(_LOOKED_AT):
        found = _element(head, pos, end, context)
        if found is None:
            break
        node, length, at = found
        limit = end if length == INDEFINITE else at + length
        if node is not None:
            known += 1
            if deeper and node.context >= 0:
                inside = plan.contexts[node.context]
                known += _known_elements(head, at, limit, plan, inside, deeper=False)
        if length == INDEFINITE:
            break
        pos = limit
    return known


def _element(
    head: bytes, pos: int, end: int, context: Context
) -> tuple[Node | None, int, int] | None:
    """The element at pos if the context has it in that shape, its length and content's offset.

    None when there is no element before end.
    """
    try:
        ident, length, at = read_header(head, pos, end)
    except BerError:
        return None
    node = context.nodes.get(ident >> 1)
    if node is not None and node.context >= 0 and not ident & 1:
        node = None
    return node, length, at
