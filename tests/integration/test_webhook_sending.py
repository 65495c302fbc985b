"""One delivery on its way: where it may lead, what it makes of bad answers, and that it ends."""

import ipaddress
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from pennon.control.webhooks.addresses import Address, networks
from pennon.control.webhooks.sending import LONGEST_SAID, Poster
from tests.receiver import Receiver, answering, dripping, endless, hanging, receiving, resetting

HERE = networks(["127.0.0.0/8"])
BODY = b'{"type":"webhook.ping"}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Names:
    """A resolver that answers what a test says, each time the next."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ipaddress.ip_address(each) for each in answer.split()]


def test_a_body_arrives_as_it_was_with_its_headers(receiver: Receiver) -> None:
    answer = Poster(HERE, agent="Pennon/1")(receiver.url + "?a=b", BODY, {"webhook-id": "msg_1"})
    assert answer.is_success
    posted = receiver.next()
    assert (posted.path, posted.body) == ("/hook?a=b", BODY)
    assert posted.headers["webhook-id"] == "msg_1"
    assert posted.headers["user-agent"] == "Pennon/1"
    assert posted.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1", "1.1.1.1 10.0.0.1"]
)
def test_nothing_is_sent_to_a_name_that_leads_inside(receiver: Receiver, inside: str) -> None:
    poster = Poster((), resolve=Names(inside))
    answer = poster(f"https://hooks.example:{receiver.port}/", BODY, {})
    assert answer.status is None
    assert "hooks.example leads to what is" in answer.said
    assert not any(each in answer.said for each in inside.split())
    assert receiver.connections == 0


def test_what_was_judged_is_what_is_connected_to_whatever_the_name_leads_to_next(receiver: Receiver) -> None:
    names = Names("127.0.0.2", "127.0.0.1")
    poster = Poster(networks(["127.0.0.2/32"]), resolve=names)
    with receiving() as other:
        answer = poster(f"http://rebound.example:{other.port}/", BODY, {})
        assert (answer.status, answer.said) == (None, "Connection refused")  # nobody listens at 127.0.0.2
        assert names.asked == ["rebound.example"]
        assert other.connections == 0
    assert "this machine" in poster(f"http://rebound.example:{receiver.port}/", BODY, {}).said
    assert receiver.connections == 0


def test_a_name_without_tls_leads_to_this_machine_only(receiver: Receiver) -> None:
    poster = Poster(networks(["10.0.0.0/8", "127.0.0.0/8"]), resolve=Names("10.0.0.1"))
    assert "without TLS" in poster("http://hooks.example/", BODY, {}).said


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.behaviour = answering(307, Location=other.url)
        answer = Poster(HERE)(receiver.url, BODY, {})
        assert (answer.status, answer.is_success) == (307, False)
        assert "redirects are not followed" in answer.said
        assert other.connections == 0


def test_proxies_of_the_environment_are_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert Poster(HERE)(receiver.url, BODY, {}).is_success
        assert proxy.connections == 0


def test_what_it_says_of_a_bad_answer_is_short_and_plain(receiver: Receiver) -> None:
    receiver.behaviour = answering(500, b"no \x1b[31m\r\nsuch channel " + b"x" * 100_000)
    answer = Poster(HERE)(receiver.url, BODY, {})
    assert answer.status == 500
    assert answer.said.startswith("no  [31m such channel xxx")
    assert len(answer.said) <= LONGEST_SAID


@pytest.mark.parametrize(
    ("said", "expected"), [("120", 120), ("0", 0), ("soon", None), ("", None), ("-5", None), ("9" * 400, 10**7)]
)
def test_when_to_come_back_is_read(receiver: Receiver, said: str, expected: int | None) -> None:
    receiver.behaviour = answering(429, Retry_After=said)
    wait = Poster(HERE)(receiver.url, BODY, {}).retry_after
    assert wait == (None if expected is None else timedelta(seconds=expected))


def test_when_to_come_back_may_be_a_date(receiver: Receiver) -> None:
    receiver.behaviour = answering(503, Retry_After=format_datetime(datetime(2099, 1, 1, tzinfo=UTC), usegmt=True))
    wait = Poster(HERE)(receiver.url, BODY, {}).retry_after
    assert wait is not None
    assert wait > timedelta(days=365)
    receiver.behaviour = answering(503, Retry_After="Sat, 01 Jan 2000 00:00:00 GMT")
    assert Poster(HERE)(receiver.url, BODY, {}).retry_after == timedelta()


@pytest.mark.parametrize("behaviour", [hanging, dripping])
def test_who_never_answers_is_left_in_time(receiver: Receiver, behaviour: object) -> None:
    receiver.behaviour = behaviour  # type: ignore[assignment]
    answer = Poster(HERE, total_s=0.5)(receiver.url, BODY, {})
    assert answer.status is None
    assert answer.said


def test_a_body_without_end_is_not_read(receiver: Receiver) -> None:
    receiver.behaviour = endless
    answer = Poster(HERE)(receiver.url, BODY, {})
    assert (answer.status, answer.said[:9]) == (500, "and so on")


def test_a_connection_that_breaks_and_one_that_nobody_takes_are_no_answers(receiver: Receiver) -> None:
    receiver.behaviour = resetting
    assert Poster(HERE)(receiver.url, BODY, {}).status is None
    receiver.close()
    assert Poster(HERE)(receiver.url, BODY, {}).status is None


def test_what_is_on_its_way_ends_with_the_poster(receiver: Receiver) -> None:
    receiver.behaviour = hanging
    poster = Poster(HERE)
    ended = threading.Event()

    def send() -> None:
        poster(receiver.url, BODY, {})
        ended.set()

    threading.Thread(target=send).start()
    receiver.next()
    poster.stop()
    assert ended.wait(60)
    assert "stopping" in poster(receiver.url, BODY, {}).said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    name = "-subj /CN=hooks.example -addext subjectAltName=DNS:hooks.example"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 {name}"
    key = path.with_name("key.pem")
    subprocess.run([*command.split(), "-keyout", key, "-out", path], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def test_over_tls_the_name_is_verified_at_the_address_that_was_judged(certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    names: list[str | None] = []
    server.sni_callback = lambda _connection, name, _context: names.append(name)
    with receiving(server) as receiver:
        trusting = ssl.create_default_context(cafile=str(certificate))
        poster = Poster(HERE, resolve=Names("127.0.0.1"), tls=trusting)
        assert poster(f"https://hooks.example:{receiver.port}/x", BODY, {}).is_success
        assert receiver.next().headers["host"] == f"hooks.example:{receiver.port}"
        assert names == ["hooks.example"]
        assert "certificate" in poster(f"https://other.example:{receiver.port}/x", BODY, {}).said.lower()
        assert "certificate" in Poster(HERE)(receiver.url, BODY, {}).said.lower()
        assert receiver.is_empty()


def test_a_handshake_that_hangs_is_left_in_time() -> None:
    with receiving() as receiver:  # which speaks no TLS, and waits for a line
        started = time.monotonic()
        answer = Poster(HERE, total_s=0.5)(receiver.url.replace("http:", "https:"), BODY, {})
        assert answer.status is None
        assert time.monotonic() - started < 60
