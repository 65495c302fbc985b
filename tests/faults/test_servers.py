"""What stands around the servers dies: the bus, the database, one of two origins; the disk is full; clocks jump."""

import random
import threading
import time
from pathlib import Path

import httpx2

from tests.faults.machines import faked_clock, fill, refusals_on_a_full_disk
from tests.faults.recoveries import Recoveries
from tests.faults.world import (
    PLACE,
    ROUNDS,
    Asking,
    Origin,
    Reporting,
    assert_agreement,
    eventually,
    held_by,
    origin,
    turn,
    wait_for,
)
from tests.postgres import Postgres
from tests.servers import RedisServer


def test_bus_that_is_killed_makes_changes_later_and_loses_none(
    tmp_path: Path, postgres: Postgres, recoveries: Recoveries
) -> None:
    database = postgres.database()
    redis = RedisServer()
    try:
        redis.start()
        options = ("--database-url", database, "--bus-url", redis.url)
        with origin(tmp_path / "one", *options) as one:
            one.make_flags("steady", "moving")
            with origin(tmp_path / "two", *options) as two, Asking(two.url, key=one.key()) as sdk:
                turn(one, on=False)
                redis.kill()
                with recoveries.timed("bus killed: a change from one origin to an SDK at the other"):
                    wait_for([sdk], turn(one, on=True))
                redis.start()
                for on in (False, True, False):
                    wait_for([sdk], turn(one, on=on))
                assert_agreement(one, [sdk], [two.url])
    finally:
        redis.close()


def test_origin_killed_in_a_transaction_leaves_the_other_one_whole(
    tmp_path: Path, postgres: Postgres, recoveries: Recoveries
) -> None:
    database = postgres.database()
    chance = random.Random(7)
    with origin(tmp_path / "one", "--database-url", database) as one:
        one.make_flags("steady", "moving", "reported")
        with origin(tmp_path / "two", "--database-url", database) as two:
            two.token = one.token
            # The first one is killed in the end, so whoever asks has the other one too.
            with Asking(one.url, two.url, key=one.key()) as sdk:
                reporting = Reporting(one.url, two.url, key=one.key())
                for _ in range(ROUNDS):
                    acknowledged = _killed_in_the_middle(one, chance.uniform(0.2, 0.6), reporting)
                    with recoveries.timed("one of two origins killed in a transaction: the next change by the other"):
                        newest = [turn(two, on=on) for on in (False, True)][-1]
                    wait_for([sdk], newest)
                    assert max(acknowledged) < newest
                    one.start()
                assert_agreement(two, [sdk], [one.url])
                eventually(lambda: two.counts().get("reported") == reporting.acknowledged, what="counts differ")


def _killed_in_the_middle(one: Origin, after_s: float, reporting: Reporting) -> list[int]:
    """Change a flag over and over from two threads until the server is killed; return what was acknowledged."""
    acknowledged: list[int] = []
    ended = threading.Event()

    def change_on() -> None:
        with one.api() as api:
            on = False
            while not ended.is_set():
                edit = {"do": "turnOn" if on else "turnOff", "flag": "moving"}
                try:
                    answer = api.send("POST", f"{PLACE}/changes", {"why": "", "edits": [edit]})
                except httpx2.HTTPError:
                    return
                if answer.is_success:
                    acknowledged.append(int(answer.json()["revision"]))
                on = not on

    threads = [threading.Thread(target=change_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    reporting.report()
    eventually(lambda: acknowledged, what="no change was made")
    time.sleep(after_s)
    one.kill()
    ended.set()
    for thread in threads:
        thread.join()
    assert acknowledged
    return acknowledged


def test_full_disk_is_said_and_loses_nothing_that_was_acknowledged(small_disk: Path, recoveries: Recoveries) -> None:
    with origin(small_disk / "data") as shop:
        shop.make_flags("steady", "moving", "reported")
        with Asking(shop.url, key=shop.key()) as sdk:
            reporting = Reporting(shop.url, key=shop.key())
            reporting.report()
            revision = turn(shop, on=False)
            fill(small_disk / "fill")
            with shop.api() as api:
                refused = api.send("POST", f"{PLACE}/changes", {"why": "x" * 2000, "edits": [_edit(on=True)]})
            assert refused.status_code >= 500
            assert refused.headers["content-type"] == "application/problem+json"
            assert set(refusals_on_a_full_disk(reporting)) == {503}
            assert held_by(shop.url, shop.key())[0].revision == revision
            with recoveries.timed("full disk: from space on it to the next change in an SDK"):
                (small_disk / "fill").unlink()
                eventually(lambda: _is_accepted(shop), what="no change is accepted")
                wait_for([sdk], turn(shop, on=False))
            reporting.report()
            assert_agreement(shop, [sdk])
            eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def _is_accepted(shop: Origin) -> bool:
    with shop.api() as api:
        return api.send("POST", f"{PLACE}/changes", {"why": "", "edits": [_edit(on=True)]}).is_success


def test_clock_that_jumps_moves_no_row_back_and_expires_nothing(tmp_path: Path, recoveries: Recoveries) -> None:
    told, environ = faked_clock(tmp_path)
    with origin(tmp_path / "data", environ=environ) as shop:
        shop.make_flags("steady", "moving", "reported")
        with Asking(shop.url, key=shop.key()) as sdk:
            reporting = Reporting(shop.url, key=shop.key())
            for jump in ("+1d", "-1d", "+20d", "+0"):
                told.write_text(jump)
                with recoveries.timed(f"the origin's clock jumps to {jump}: the next change in an SDK"):
                    wait_for([sdk], turn(shop, on="+" in jump))
                reporting.report()
            assert sdk.client.age_s is not None
            assert sdk.client.age_s < 3600
            assert_agreement(shop, [sdk])
            _assert_times_never_go_back(shop)
            eventually(lambda: shop.counts().get("reported") == reporting.acknowledged, what="counts differ")


def _assert_times_never_go_back(shop: Origin) -> None:
    with shop.api() as api:
        times = [change["time"] for change in api.made("GET", f"{PLACE}/changes?limit=100")["items"]]
    assert len(times) > 4
    assert times == sorted(times, reverse=True)


def _edit(*, on: bool) -> dict[str, object]:
    return {"do": "turnOn" if on else "turnOff", "flag": "moving"}
