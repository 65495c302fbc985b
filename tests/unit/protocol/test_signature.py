import hashlib
import hmac

import pytest

from pennon.protocol.signature import is_signature, targeting_key_signature

SECRET = "pennon_signing_x"


def test_a_signature_is_the_hmac_that_every_language_has() -> None:
    known = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    assert targeting_key_signature("key", "The quick brown fox jumps over the lazy dog") == known
    for key in ("u1", "Łukasz", "", "😀"):
        expected = hmac.new(SECRET.encode(), key.encode(), hashlib.sha256).hexdigest()
        assert targeting_key_signature(SECRET, key) == expected


def test_a_lone_surrogate_is_signed_as_javascript_signs_it() -> None:
    assert targeting_key_signature(SECRET, "a\ud800") == targeting_key_signature(SECRET, "a\ufffd")


OF_OTHERS = [targeting_key_signature(SECRET, "u2"), targeting_key_signature("x", "u1")]


@pytest.mark.parametrize("wrong", ["", "0" * 64, "é", *OF_OTHERS])
def test_nothing_but_the_signature_is_one(wrong: str) -> None:
    right = targeting_key_signature(SECRET, "u1")
    assert is_signature(right, SECRET, "u1")
    assert not is_signature(wrong, SECRET, "u1")
    assert not is_signature(right.upper(), SECRET, "u1")
    assert not is_signature(right + " ", SECRET, "u1")
