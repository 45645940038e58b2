"""How files are cut into batches for mapped tasks."""

import pytest

from ratemill.file_batches import in_batches
from ratemill.home import Home


@pytest.fixture
def archived(tmp_path):
    """Puts a file of so many octets into the archive and gives its reference."""
    home = Home.find(tmp_path, {})

    def put(name, octets):
        path = home.archived("p", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(octets))
        return f"p/{name}"

    return home, put


def test_a_batch_has_neither_too_many_files_nor_too_many_octets(archived):
    home, put = archived
    refs = [put(f"{n:02}", size) for n, size in enumerate([10, 10, 10, 60, 50, 150, 1, 1, 1, 1])]
    cut = in_batches(home, refs, 3, 100)
    assert cut == [refs[0:3], refs[3:4], refs[4:5], refs[5:6], refs[6:9], refs[9:]]
    assert [ref for batch in cut for ref in batch] == refs


def test_a_file_that_is_not_in_the_archive_is_somebody_elses_fault(archived):
    home, put = archived
    assert in_batches(home, [put("a", 5), "p/gone"], 10, 100) == [["p/a", "p/gone"]]
    assert in_batches(home, [], 10, 100) == []
