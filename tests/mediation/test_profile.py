"""Profiles as files: what cannot be read says where and what."""

from pathlib import Path

import pytest

from mediation.profile import ProfileError, load_profile, load_profiles

PLAIN = """
name = "peer"
title = "Peer"
sender = "P"
recipient = "R"
[collect]
connection = "sftp_peer"
[format]
kind = "jsonl"
[identity]
voice_mo = ["imsi"]
"""


def test_a_profile_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "peer.toml").write_text(PLAIN)
    found = load_profiles(tmp_path)
    assert list(found) == ["peer"]
    assert (found["peer"].format.kind, found["peer"].format.encoding) == ("jsonl", "utf-8")


@pytest.mark.parametrize(("octets", "words"), [
    (b'title = "\xe4"', "utf-8"), (b"name = ", "peer.toml"),
    (PLAIN.replace("jsonl", "json").encode(), r"\$.format.kind"),
    (PLAIN.replace("kind =", "sort = 1\nkind =").encode(), "sort"),
    (PLAIN.replace('"peer"', '"other"').encode(), "named as its file"),
    (PLAIN.replace("kind =", 'quote = "ab"\nkind =').encode(), r"\$.format.quote"),
    (PLAIN.replace("[format]", 'look_every = "2d"\n[format]').encode(), r"\$.collect.look_every"),
    (PLAIN.replace("[format]", "watch_s = -1\n[format]").encode(), r"\$.collect.watch_s"),
])
def test_profile_files_that_cannot_be_used(tmp_path: Path, octets: bytes, words: str) -> None:
    path = tmp_path / "peer.toml"
    path.write_bytes(octets)
    with pytest.raises(ProfileError, match=words) as caught:
        load_profile(path)
    assert str(caught.value).startswith(str(path))


def test_profiles_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no partner profile"):
        load_profiles(tmp_path)
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "peer.toml")
