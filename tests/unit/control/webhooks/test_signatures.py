import base64

from pennon.control.webhooks.signatures import PREFIX, new_secret, signature, signed_headers


def test_a_signature_is_the_one_that_the_libraries_of_standard_webhooks_make() -> None:
    # The example that their tests have, in every language.
    made = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_256_bits_and_says_what_it_is() -> None:
    secret = new_secret()
    assert len(base64.b64decode(secret.removeprefix(PREFIX), validate=True)) == 32
    assert secret != new_secret()


def test_while_a_secret_is_rotated_both_sign() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "msg_1", 5, b"{}")
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == "5"
    assert headers["webhook-signature"].split(" ") == [signature(key, "msg_1", 5, b"{}") for key in (new, old)]
