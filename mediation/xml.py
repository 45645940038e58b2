"""XML files to records of text columns, without entities, network or memory of what was read."""

import polars as pl

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.lines import line_rejects, not_cdr
from mediation.percent import percent_decoded
from mediation.profile import Profile
from mediation.xml_fast import read_fast
from mediation.xml_plain import Read, not_plain, read_plain
from mediation.xml_xpath import column_of, record_path


def decode_xml(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The record elements of an XML file as records; the first match of each column's path.

    Where a document breaks, the records before are kept and one XML_BROKEN reject stands for the
    rest of it. A document type declaration is refused, since nothing of ours needs one.
    """
    form = profile.format
    record_path(profile)
    columns = {name: column_of(profile, at) for name, at in form.columns.items()}
    header = {f"hdr.{name}": column_of(profile, at) for name, at in form.header.items()}
    if why_not := not_plain(data):
        return not_cdr(profile, ctx, why_not)
    read = read_fast(data, profile, columns) or read_plain(data, profile, columns, header)
    if not read.headers:
        return not_cdr(profile, ctx, read.faults["detail"][0])
    return _decoded(data, read, profile, ctx)


def _decoded(data: bytes, read: Read, profile: Profile, ctx: FileContext) -> Decoded:
    names = dict.fromkeys(name for header in read.headers for name in header)
    headers = pl.DataFrame(
        {name: [header.get(name) for header in read.headers] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )
    variables = headers.select(pl.all().gather(read.owners)) if names else headers
    records = pl.concat([read.places, read.texts, variables], how="horizontal")
    rejects = line_rejects(data, read.faults.with_columns(code=pl.lit("XML_BROKEN")), ctx)
    header = file_header(profile, ctx, read.headers[0], complete=read.faults.is_empty())
    return Decoded(header, percent_decoded(records, profile), rejects)
