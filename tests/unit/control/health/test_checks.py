"""What is said of each fact. The pages that checks name exist."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pennon.control.health.checks import (
    Expiring,
    HealthCheck,
    Level,
    Machine,
    Schema,
    bus_check,
    expiry_check,
    log_check,
    machine_checks,
    node_check,
    protection_check,
    proxy_check,
    schema_check,
    version_check,
)
from pennon.control.log import Verification

ROOT = Path(__file__).parents[4]
NOW = datetime(2026, 3, 14, tzinfo=UTC)
SOUND = Machine(
    data="/data",
    disk_free=50,
    disk_size=100,
    spooled=0,
    open_files=65536,
    secret_in_file=False,
    is_shared=True,
    public_url="https://flags.example",
)


def machine(**members: object) -> dict[str, HealthCheck]:
    return {check.what: check for check in machine_checks(msgspec.structs.replace(SOUND, **members))}


def test_a_sound_machine_has_nothing_to_mend() -> None:
    assert {check.level for check in machine().values()} == {Level.WELL}


@pytest.mark.parametrize(
    ("members", "what", "level"),
    [
        ({"disk_free": 9}, "the disk has room", Level.WARN),
        ({"disk_free": 2}, "the disk has room", Level.BAD),
        ({"spooled": 2**30}, "events are counted as they come", Level.WARN),
        ({"open_files": 1024}, "enough files may be open", Level.WARN),
        ({"secret_in_file": True}, "all servers seal by the same secret", Level.NOTE),
    ],
)
def test_what_a_machine_lacks_is_told_with_a_mend(members: dict[str, object], what: str, level: Level) -> None:
    check = machine(**members)[what]
    assert check.level is level
    assert check.mend


def test_a_server_alone_may_keep_its_secret_in_a_file() -> None:
    assert machine(secret_in_file=True, is_shared=False)["all servers seal by the same secret"].level is Level.WELL


def test_every_ill_names_a_page_that_is_there() -> None:
    unsound = msgspec.structs.replace(SOUND, disk_free=0, spooled=2**40, open_files=10, secret_in_file=True)
    unnamed = msgspec.structs.replace(SOUND, public_url=None)
    ills = [
        *machine_checks(unsound),
        schema_check(Schema(has="0004", wants="0005")),
        schema_check(Schema(has="0009", wants="0005", starts=False)),
        log_check([Verification(log="installation", rows=3, problem="row 2 was changed")], of=1),
        bus_check(None),
        proxy_check(SOUND, client="10.0.0.1", forwarded=True, believed=False),
        proxy_check(unnamed, client="10.0.0.1", forwarded=True, believed=True),
        node_check({"shop/production": ["fra-1 (silent)"]}),
        version_check({"1.0": ["a"], "1.1": ["b"]}),
        expiry_check([Expiring(name="token ci", not_after=int(NOW.timestamp()) + 3600)], NOW),
        protection_check(["shop/production"]),
    ]
    for check in ills:
        assert check.level is not Level.WELL, check.what
        assert (ROOT / check.runbook).is_file(), check.runbook
        assert check.mend


def test_only_what_ends_soon_is_named() -> None:
    days = {"past": -1, "soon": 3, "later": 40}
    things = [Expiring(name=name, not_after=int(NOW.timestamp()) + day * 86400) for name, day in days.items()]
    check = expiry_check([*things, Expiring(name="never", not_after=None)], NOW)
    assert check.detail == "soon on 2026-03-17"


def test_a_server_that_sees_its_callers_is_well() -> None:
    assert proxy_check(SOUND, client="10.0.0.1", forwarded=False, believed=False).level is Level.WELL
    assert proxy_check(SOUND, client="192.0.2.7", forwarded=True, believed=True).level is Level.WELL


def test_what_was_verified_of_the_logs_is_said() -> None:
    sound = [Verification(log="installation", rows=3), Verification(log="projects/default", rows=4)]
    assert log_check(sound, of=2).detail == "2 logs with 7 changes verified"
    assert log_check(sound, of=3).detail.endswith("; for all 3: pennon doctor --log")
    assert schema_check(Schema(has="0009", wants="0005", starts=False)).level is Level.BAD
    assert schema_check(Schema(has="0005", wants="0005")).level is bus_check(0.01).level is Level.WELL
    assert node_check({}).level is version_check({}).level is protection_check([]).level is Level.WELL
