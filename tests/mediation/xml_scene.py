"""What the tests of XML look at in a decoded file."""

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.profile import Profile
from mediation.xml import decode_xml


def sound(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The decoded file, after proving that every record of it is in one place."""
    decoded = decode_xml(data, profile, ctx)
    assert decoded.received.to_list() == list(range(decoded.received.len()))
    conserved("decode", decoded.received, Outcome(decoded.records, decoded.rejects))
    return decoded


def octets(decoded: Decoded, data: bytes) -> list[bytes]:
    places = decoded.records.select("byte_offset", "byte_length").rows()
    return [data[at : at + size] for at, size in places]


def turned_away(decoded: Decoded) -> list[tuple[int | None, str]]:
    return decoded.rejects.select("record_index", "code").rows()
