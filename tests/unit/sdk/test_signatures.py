"""Whose signatures a client trusts: what it is told, what it lacks, and what a store may begin with."""

import sys
from typing import Any

import pytest
from msgspec.structs import replace

from pennon.model import Snapshot
from pennon.protocol.heads import key_bytes
from pennon.sdk._core import Core
from pennon.sdk.config import Clock, Config, configure
from pennon.sdk.errors import InvalidConfiguration
from pennon.sdk.ladder import Level
from pennon.sdk.signatures import verifier
from pennon.sdk.stores import Stored
from pennon.sdk.trust import trust_of
from tests.unit.protocol.builders import ENVIRONMENT, flag, snapshot, snapshot_frame
from tests.unit.protocol.signing import NOW, Signer

FIRST, SECOND = Signer("first"), Signer("second")
ONE = snapshot("1.1", flag("a"))
STEADY = 5000.0


def configured(environ: dict[str, str] | None = None, **options: Any) -> Config:
    return configure(
        "http://127.0.0.1:1",
        key="k",
        file=None,
        store=None,
        options=options,  # type: ignore[arg-type]
        environ=environ or {},
    )


def core(*, now: float = NOW, **options: Any) -> Core:
    options = {"environment": ENVIRONMENT, "strict_signatures": True, "trusted_keys": [FIRST.key], **options}
    return Core(replace(configured(**options), clock=Clock(lambda: STEADY, lambda: now)))


def test_trusted_keys_stand_in_the_environment_and_the_callers_go_before_them() -> None:
    environ = {"PENNON_TRUSTED_KEYS": f" {FIRST.key}, {SECOND.key},"}
    assert configured(environ).trusted_keys == (FIRST.key, SECOND.key)
    assert configured(environ, trusted_keys=[SECOND.key]).trusted_keys == (SECOND.key,)
    assert configured(environ, trusted_keys=[]).verify is None
    assert trust_of(configured()) is None


def test_flags_of_a_file_do_not_mind_trusted_keys_in_the_environment(tmp_path: Any) -> None:
    file = tmp_path / "flags.json"
    file.write_text('{"flags": {}}')
    environ = {"PENNON_TRUSTED_KEYS": FIRST.key}
    assert configure(None, key=None, file=file, store=None, options={}, environ=environ).trusted_keys == ()


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(InvalidConfiguration, match=r"pip install 'pennon\[signed\]'"):
        configured(trusted_keys=[FIRST.key])
    assert configured().verify is None


def test_a_signature_is_good_or_not_and_nothing_raises() -> None:
    verify, head = verifier(), FIRST.head(ONE)
    public = key_bytes(FIRST.key)
    assert public is not None
    assert not verify(public, head.root.encode(), b"0" * 64)
    assert not verify(public, b"", b"short")
    assert not verify(b"no key", b"", b"")


def test_the_status_says_who_signed_and_when() -> None:
    client = core(now=NOW + 30)
    client.receive(snapshot_frame(FIRST.signed(ONE)), STEADY)
    client.stand(Level.STREAMING, None, STEADY)
    status = client.status()
    assert (status.signed_by, status.head_age_s) == (FIRST.key, 30.0)
    assert client.evaluation("a").error_code is None
    unsigned = core(strict_signatures=False)
    unsigned.receive(snapshot_frame(ONE), STEADY)
    assert (unsigned.status().signed_by, unsigned.status().head_age_s) == ("", None)


@pytest.mark.parametrize(
    ("max_head_age_s", "age"), [(None, 1.0), (3600.0, 500.0)], ids=["without a bound", "with a bound"]
)
def test_a_store_may_lie_about_its_age_but_not_about_when_it_was_signed(
    max_head_age_s: float | None, age: float
) -> None:
    client = core(now=NOW + 500, max_head_age_s=max_head_age_s)
    client.remember(Stored(FIRST.signed(ONE), NOW + 499))
    assert client.age_s == pytest.approx(age)


@pytest.mark.parametrize(
    "stored",
    [ONE, SECOND.signed(ONE), FIRST.signed(replace(ONE, environment="shop/staging"))],
    ids=["unsigned", "by another key", "of another environment"],
)
def test_a_store_that_is_not_proved_is_not_served(stored: Snapshot) -> None:
    client = core()
    client.remember(Stored(stored, NOW))
    assert client.loaded is None
    assert not client.status().ready
    assert "in the local store" in client.status().problem
    client.receive(snapshot_frame(FIRST.signed(ONE)), STEADY)
    assert client.storable() is not None
