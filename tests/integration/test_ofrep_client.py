"""OpenFeature's own OFREP provider for Python against a running node: the client that is stricter than the protocol."""

from collections.abc import Iterator
from typing import Any

import pytest
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    GeneralError,
    InvalidContextError,
    OpenFeatureError,
    ParseError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import Reason

from pennon.model import Condition, Flag, Rule, Serve, Split, Variation, Weight
from tests.integration.nodes import CLIENT, EDGE, SERVER, RunningNode, boolean, running

HALVES = Serve(split=Split(weights=(Weight("on", 50_000), Weight("off", 50_000))))
GERMANY = Condition(op="in", attribute="country", values=("DE",))


def valued(key: str, kind: Any, value: Any) -> Flag:
    return Flag(key=key, kind=kind, on=True, variations=(Variation("a", value),), fallthrough=Serve(variation="a"))


FLAGS = (
    boolean("checkout", rules=(Rule("r1", (GERMANY,), Serve(variation="off")),), client_side=True),
    boolean("team/checkout"),
    boolean("split", fallthrough=HALVES),
    boolean("off", on=False, off_variation=None),
    boolean("broken", fallthrough=Serve(variation="gone")),
    valued("title", "string", "Welcome, Łukasz 😀"),
    valued("limit", "number", 7),
    valued("price", "number", 7.0),
    valued("layout", "object", {"columns": [1, 2.5, None], "dense": True}),
)


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running(*FLAGS) as started:
        yield started


def provider(node: RunningNode, secret: str = SERVER) -> OFREPProvider:
    return OFREPProvider(node.url, headers_factory=lambda: {"Authorization": f"Bearer {secret}"})


@pytest.fixture
def client(node: RunningNode) -> Iterator[OFREPProvider]:
    made = provider(node)
    yield made
    made.session.close()


def test_boolean_comes_with_its_variation_reason_and_metadata(client: OFREPProvider) -> None:
    found = client.resolve_boolean_details("checkout", False, EvaluationContext("u1", {"country": "DE"}))
    assert (found.value, found.variant, found.reason) == (False, "off", Reason.TARGETING_MATCH)
    assert found.flag_metadata["ruleId"] == "r1"
    assert found.flag_metadata["flagVersion"] == 1
    assert found.flag_metadata["revision"] == "1.1"
    other = client.resolve_boolean_details("checkout", False, EvaluationContext("u1", {"country": "FR"}))
    assert (other.value, other.reason) == (True, Reason.DEFAULT)


def test_every_type_arrives_as_it_is_stored(client: OFREPProvider) -> None:
    assert client.resolve_string_details("title", "").value == "Welcome, Łukasz 😀"
    assert client.resolve_integer_details("limit", 0).value == 7
    assert client.resolve_float_details("price", 0.0).value == 7.0
    assert client.resolve_object_details("layout", {}).value == {"columns": [1, 2.5, None], "dense": True}


def test_float_that_is_stored_without_a_point_is_no_float_there(client: OFREPProvider) -> None:
    with pytest.raises(TypeMismatchError):
        client.resolve_float_details("limit", 0.0)


def test_key_with_a_slash_is_found(client: OFREPProvider) -> None:
    assert client.resolve_boolean_details("team/checkout", False).value is True


def test_split_gives_a_unit_the_same_variation_each_time(client: OFREPProvider) -> None:
    found = [client.resolve_boolean_details("split", False, EvaluationContext(f"u{unit}")) for unit in range(20)]
    again = [client.resolve_boolean_details("split", False, EvaluationContext(f"u{unit}")) for unit in range(20)]
    assert [details.value for details in found] == [details.value for details in again]
    assert {details.value for details in found} == {True, False}
    assert {details.reason for details in found} == {Reason.SPLIT}


@pytest.mark.parametrize("default", [True, False])
def test_flag_that_is_off_without_a_variation_gives_the_callers_default(client: OFREPProvider, default: bool) -> None:
    found = client.resolve_boolean_details("off", default)
    assert (found.value, found.variant, found.reason) == (default, None, Reason.DISABLED)


@pytest.mark.parametrize(
    ("flag", "context", "error", "says"),
    [
        ("nowhere", None, FlagNotFoundError, "nowhere"),
        ("split", None, TargetingKeyMissingError, ""),
        ("broken", None, ParseError, "gone"),
        ("checkout", EvaluationContext("u", {"a": "x" * 70_000}), InvalidContextError, "bytes"),
    ],
)
def test_errors_arrive_as_what_they_are(
    client: OFREPProvider, flag: str, context: EvaluationContext | None, error: type[OpenFeatureError], says: str
) -> None:
    with pytest.raises(error) as raised:
        client.resolve_boolean_details(flag, False, context)
    assert raised.value.error_message
    assert says in raised.value.error_message


@pytest.mark.parametrize(("secret", "says"), [("wrong", "unauthorized"), (EDGE, "forbidden")])
def test_key_that_opens_nothing_is_an_error_and_no_value(node: RunningNode, secret: str, says: str) -> None:
    made = provider(node, secret)
    with pytest.raises(OpenFeatureError, match=says):
        made.resolve_boolean_details("checkout", True)
    made.session.close()


def test_client_key_reaches_client_side_flags_only(node: RunningNode) -> None:
    made = provider(node, CLIENT)
    assert made.resolve_boolean_details("checkout", False).value is True
    with pytest.raises(FlagNotFoundError):
        made.resolve_boolean_details("title", False)
    made.session.close()


def test_node_that_is_gone_is_an_error_and_no_value(node: RunningNode) -> None:
    made = OFREPProvider("http://127.0.0.1:9", timeout=2)
    with pytest.raises(GeneralError):
        made.resolve_boolean_details("checkout", True)
    made.session.close()
