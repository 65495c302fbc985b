"""What servers of one database keep there for themselves."""

from concurrent.futures import ThreadPoolExecutor

from pennon.control.storage import Storage


def test_of_many_who_keep_something_first_one_is_the_first_for_all(storage: Storage) -> None:
    assert storage.safe.find("bus") is None
    offered = [f"secret-{number}".encode() for number in range(8)]
    with ThreadPoolExecutor(len(offered)) as threads:
        kept = set(threads.map(lambda made: storage.safe.keep_first("bus", made), offered))
    assert len(kept) == 1
    assert kept < set(offered)
    assert storage.safe.find("bus") in kept
    assert storage.safe.keep_first("other", b"another") == b"another"
