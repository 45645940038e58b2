"""The example's files that arrive one by one."""

from ratemill.demo import prepare_home
from ratemill.sample_arrivals import SampleArrivals, hold_back

SERVED = "sftp"


def offered(home):
    """The files on the servers, with when they were written."""
    return {path.relative_to(home.root / SERVED): path.stat().st_mtime
            for path in (home.root / SERVED).glob("*/outgoing/*")}


def test_files_arrive_in_turn_as_they_were(tmp_path):
    home = prepare_home(tmp_path / "home")
    all_of_them = offered(home)
    assert hold_back(home) == len(all_of_them) > 30
    assert offered(home) == {}
    arrivals = SampleArrivals(home, 10)
    order = []
    for seconds in range(0, 10 * len(all_of_them), 5):
        arrivals.tick(100.0 + seconds)
        order += sorted(set(offered(home)) - set(order))
        assert len(order) == seconds // 10 + 1
    assert offered(home) == all_of_them
    assert not arrivals.left
    partners = [path.parts[0] for path in order]
    assert partners[:5] == ["alpenfon", "fixline", "nordtel", "xmlcom", "alpenfon"]
    for partner in set(partners):
        names = [path.name for path in order if path.parts[0] == partner]
        assert names == sorted(names)


def test_what_had_not_arrived_arrives_after_the_next_start(tmp_path):
    home = prepare_home(tmp_path / "home")
    all_of_them = offered(home)
    hold_back(home)
    SampleArrivals(home, 10).tick(0)
    assert len(offered(home)) == 1
    rest = SampleArrivals(home, 0)
    for second in range(len(all_of_them)):
        rest.tick(second)
    assert offered(home) == all_of_them


def test_a_home_that_is_no_example_has_no_such_files(small):
    arrivals = SampleArrivals(small, 0)
    arrivals.tick(0)
    assert (hold_back(small), arrivals.left) == (0, [])
