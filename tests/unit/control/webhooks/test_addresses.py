import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.webhooks.addresses import may_go_unencrypted, networks, refusal, target_of, url_problems

OUTSIDE = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::")
INSIDE = (
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.3", "169.254.169.254", "172.31.255.255"),
    *("192.168.0.1", "192.0.0.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *(
        "::",
        "::1",
        "fd00:ec2::254",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "4000::1",
    ),
    # IPv4 in IPv6: mapped, compatible, 6to4, NAT64, Teredo
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2002:a00:1::", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
)


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_is_sent_inside(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), ()) is not None


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_out_in_the_world_may_be_sent_to(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), ()) is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_passes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global and not (address.version == 6 and (address.sixtofour or address.ipv4_mapped)):
        assert refusal(address, ()) is not None, address


def test_a_network_of_ones_own_is_allowed_by_name_and_nothing_beside_it() -> None:
    allowed = networks(["10.1.0.0/16", "fd00::/8"])
    assert refusal(ipaddress.ip_address("10.1.2.3"), allowed) is None
    assert refusal(ipaddress.ip_address("::ffff:10.1.2.3"), allowed) is None
    assert refusal(ipaddress.ip_address("fd12::1"), allowed) is None
    assert refusal(ipaddress.ip_address("10.2.2.3"), allowed) == "a private network"
    with pytest.raises(ValueError, match="has host bits set"):
        networks(["10.1.2.3/16"])


def test_only_this_machine_is_spoken_to_without_tls_and_only_where_a_setting_says_so() -> None:
    here, other = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.1.2.3")
    allowed = networks(["127.0.0.0/8", "10.0.0.0/8"])
    assert may_go_unencrypted(here, allowed)
    assert not may_go_unencrypted(here, ())
    assert not may_go_unencrypted(other, allowed)
    assert [each.message for each in url_problems("http://localhost/x", ())] == ["is not encrypted on its way"]
    assert not list(url_problems("http://localhost/x", allowed))


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example", "//hooks.example/x", "ftp://hooks.example", "file:///etc/passwd", "javascript:alert(1)"),
        *("https://", "https:///x", "https://:443/", "https://a.example:0/", "https://a.example:70000/"),
        *("https://user@a.example/", "https://user:pw@a.example/", "https://a.example\\@b.example/"),
        *("https://a.example/#part", "https://a example/", "https://a.example/\r\nHost: b", "https://ä.example/"),
        *("https://a|b/", "https://[::1", "https://[fe80::1%25eth0]/", "https://a.example/" + "x" * 2000),
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/", "https://[::ffff:10.0.0.1]/"),
    ],
)
def test_what_cannot_be_a_webhooks_url_is_told_at_once(url: str) -> None:
    problems = list(url_problems(url, ()))
    assert problems
    assert all(problem.path == "/url" and problem.mend for problem in problems)


@given(st.text(max_size=40))
def test_no_text_breaks_the_judge_of_urls(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        if not list(url_problems(url, ())):
            assert target_of(url).host


def test_a_url_is_taken_apart() -> None:
    target = target_of("https://Hooks.Example:8443/a/b?c=d")
    assert (target.host, target.port, target.path) == ("hooks.example", 8443, "/a/b?c=d")
    assert target.origin == "https://hooks.example:8443"
    assert target_of("https://[2606:4700::1111]").authority == "[2606:4700::1111]"
    assert target_of("https://hooks.example").path == "/"
