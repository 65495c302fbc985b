import pytest

from pennon.control.access.oidc.pending import LASTS_S, Pending, Seal
from pennon.control.errors import SignInUnfinished

NOW = 1_800_000_000


def test_what_a_browser_keeps_is_read_by_every_server_with_the_secret() -> None:
    pending = Pending.new("/flags", now=NOW)
    assert Seal(b"s" * 32).open(Seal(b"s" * 32).close(pending), now=NOW + LASTS_S - 1) == pending


def test_it_is_read_and_made_by_nobody_else() -> None:
    pending = Pending.new("/flags", now=NOW)
    sealed = Seal(b"s" * 32).close(pending)
    for secret in (pending.state, pending.nonce, pending.verifier, "/flags"):
        assert secret not in sealed
    flipped = ("B" if sealed[20] == "A" else "A") + sealed[21:]
    for text in ("", "x", "é", sealed[:-8], sealed[:20] + flipped, Seal(b"t" * 32).close(pending)):
        with pytest.raises(SignInUnfinished, match="not begun here"):
            Seal(b"s" * 32).open(text, now=NOW)


@pytest.mark.parametrize("now", [NOW - 1, NOW + LASTS_S])
def test_it_is_good_for_ten_minutes(now: int) -> None:
    sealed = Seal(b"s" * 32).close(Pending.new("/", now=NOW))
    with pytest.raises(SignInUnfinished, match="more than 10 minutes"):
        Seal(b"s" * 32).open(sealed, now=now)


def test_each_sign_in_has_chance_of_its_own_and_ends_at_home() -> None:
    first, second = (Pending.new("//evil.example", now=NOW) for _ in range(2))
    assert {first.state, first.nonce, first.verifier}.isdisjoint({second.state, second.nonce, second.verifier})
    assert first.target == "/"
    assert len(first.verifier) >= 43  # RFC 7636, section 4.1
