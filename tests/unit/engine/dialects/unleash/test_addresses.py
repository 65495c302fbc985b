"""Addresses and networks."""

import pytest

from pennon.engine.dialects.unleash.addresses import node_4, node_6, rust_address, rust_network


@pytest.mark.parametrize(
    ("network", "address", "is_in"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.9.9.9/8", "10.255.0.1", True),
        ("10.0.0.0/016", "10.0.255.1", True),
        ("10.0.0.0/+16", "10.1.0.0", False),
        ("10.0.0.0/255.255.0.0", "10.0.9.9", True),
        ("0.0.0.0/0.0.0.0", "1.2.3.4", True),
        ("10.0.0.1/255.255.255.255", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("::/0", "10.0.0.1", False),
        ("2001:db8::/32", "2001:DB8::1", True),
    ],
)
def test_rust_networks(network: str, address: str, is_in: bool) -> None:
    found, asked = rust_network(network), rust_address(address)
    assert found is not None
    assert asked is not None
    assert found.contains(asked) is is_in


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/255.0.255.0",
        "10.0.0.0/0.0.0.255",
        "10.0.0.0/a",
        "10.0.0.0/::1",
        "::1/255.0.0.0",
        "::1/129",
        "bad",
        "010.0.0.1",
        "::1%eth0",
        "١.1.1.1",
    ],
)
def test_what_is_no_network_to_rust(text: str) -> None:
    assert rust_network(text) is None


def test_node_reads_each_family_for_itself() -> None:
    assert node_4("10.0.0.1/8") is not None
    assert node_4("10.0.0.1/33") is None
    assert node_4("::1") is None
    assert node_4("010.0.0.1") is None
    assert node_6("::1/64%eth0") is not None
    assert node_6("::1/129") is None
    assert node_6("10.0.0.1") is None
    assert node_6("1::2::3") is None
    assert node_6("x") is None
