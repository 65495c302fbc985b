"""What somebody pastes who has just made a key: whole, of the file that this version has, and for nothing else."""

import ast
import re

from pennon.stream.modules import listing
from pennon.stream.snippets import Module, snippet

URL = "https://flags.example"
MODULE = Module("/js/v1/pennon-1.js", "sha384-x")


def test_a_program_begins_with_its_key() -> None:
    text = snippet("server", URL, "pennon_server_x", MODULE)
    ast.parse(text)
    assert f'Client("{URL}", key="pennon_server_x")' in text


def test_a_page_runs_the_pinned_file_and_no_other() -> None:
    module = listing()["pennon.js"]
    text = snippet("client", URL, "pennon_client_x", module)
    assert re.findall(r'integrity="([^"]+)"', text) == [module.integrity]
    assert text.count(URL + module.path) == 2
    assert f'new Client("{URL}", {{ key: "pennon_client_x" }})' in text


def test_an_edge_node_has_its_key_where_no_other_user_reads_it() -> None:
    first, second = snippet("edge", URL, "pennon_edge_x", MODULE).splitlines()
    assert first == "export PENNON_EDGE_KEY=pennon_edge_x"
    assert second.startswith(f"pennon edge run --upstream {URL} ")


def test_an_address_stays_within_its_attribute() -> None:
    assert "<b>" not in snippet("client", 'https://x"><b>', "pennon_client_x", MODULE)
