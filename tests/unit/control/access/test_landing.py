import pytest

from pennon.control.access.landing import LONGEST_TARGET, local_path


@pytest.mark.parametrize(
    "path", ["/", "/flags", "/flags/new-checkout?env=production#rules", "/a?next=https://b//c", "/%C3%A9"]
)
def test_a_path_of_this_server_is_gone_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "target",
    [
        "",
        "flags",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%2Fevil.example",
        "/%2f%2fevil.example",
        "/%5cevil.example",
        "/%252Fevil.example",
        "/%25252Fevil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "/\n/evil.example",
        "/flags\r\nSet-Cookie: a=b",
        " //evil.example",
        "/.//evil.example",
        "/é",
        "/" + "a" * LONGEST_TARGET,
    ],
)
def test_nobody_is_sent_to_another_server(target: str) -> None:
    assert local_path(target) == "/"
