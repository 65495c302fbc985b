"""Which attributes rules look at, and contexts cut down to them."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.engine import Attributes, attributes_of
from pennon.engine.attributes import without
from pennon.engine.values import attribute_reader
from pennon.model import Compat, Condition, Layer, Rule, Segment, SegmentRule, Serve, Split, Staleness, Target, Weight
from pennon.testing import flag

_SPLIT = Serve(split=Split(weights=(Weight("on", 100_000),), by="account"))


def test_a_flag_looks_at_its_targets_conditions_and_units() -> None:
    built = flag("f").on().build()
    found = attributes_of(
        type(built)(
            key="f",
            variations=built.variations,
            on=True,
            fallthrough=_SPLIT,
            targets=(Target(values=("x",), variation="on", attribute="device"),),
            rules=(
                Rule(
                    id="r",
                    conditions=(
                        Condition(op="in", attribute="country", values=("DE",)),
                        Condition(op="exists", attribute="/org/plan"),
                        Condition(op="inBucket", by="company"),
                        Condition(op="inSegment", values=("beta",)),
                    ),
                    serve=Serve(variation="on"),
                ),
            ),
            staleness=Staleness(60, Serve(split=Split(weights=(Weight("on", 100_000),), by="host"))),
        )
    )
    assert found == {"device", "country", "/org/plan", "company", "account", "host"}


def test_a_segment_looks_at_the_targeting_key_and_a_layer_at_its_unit() -> None:
    rules = (SegmentRule(conditions=(Condition(op="in", attribute="plan", values=("pro",)),)),)
    assert attributes_of(Segment(key="s", rules=rules)) == {"targetingKey", "plan"}
    assert attributes_of(Layer(key="l", by="account")) == {"account"}


def test_every_name_in_a_foreign_expression_counts() -> None:
    built = flag("f").on().build()
    expression = {"and": [{"==": [{"var": "user.country"}, "DE"]}, {"var": "age"}]}
    rules = (Rule(id="r", conditions=(Condition(op="expression", value=expression),), serve=Serve(variation="on")),)
    foreign = type(built)(
        key="f",
        variations=built.variations,
        on=True,
        fallthrough=Serve(variation="on"),
        rules=rules,
        compat=Compat("flagd", "python"),
    )
    assert {"targetingKey", "user", "country", "age"} <= attributes_of(foreign)


def test_parts_of_objects_and_lists_come_alone() -> None:
    cut = Attributes(["targetingKey", "/org/plan", "/tags/1"])
    context = {"targetingKey": "u", "org": {"plan": "pro", "owner": "x"}, "tags": ["a", "b", "c"], "email": "e"}
    assert cut.of(context) == {"targetingKey": "u", "org": {"plan": "pro"}, "tags": [None, "b"]}


def test_who_wants_an_object_whole_gets_it_whole() -> None:
    context = {"org": {"plan": "pro", "size": 3}}
    assert Attributes(["/org/plan", "org"]).of(context) == context


def test_what_is_private_goes_wherever_it_lies() -> None:
    context = {"org": {"plan": "pro", "owner": {"name": "x", "id": 1}}, "email": "e", "tags": ["a", "b"]}
    cut = Attributes(["org", "email", "tags"], private=["email", "/org/owner/name", "/tags/0"])
    assert cut.of(context) == {"org": {"plan": "pro", "owner": {"id": 1}}, "tags": [None, "b"]}


def test_nothing_is_wanted_of_nothing() -> None:
    assert Attributes([], private=["/a/b"]).of({"a": {"b": 1, "c": 2}}) == {}


_NAMES = st.sampled_from(["a", "b", "c", "/a", "/a/b", "/a/c/d", "/b/0", "/b/1/a"])
_VALUES = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner)
)


@given(st.sets(_NAMES), st.sets(_NAMES), st.dictionaries(st.sampled_from("abcd"), _VALUES))
def test_a_private_attribute_cannot_be_read_in_what_is_left(
    wanted: set[str], private: set[str], context: dict[str, object]
) -> None:
    left = Attributes(wanted, private=private).of(context)
    for name in private:
        assert attribute_reader(name)(left) is None


@given(st.sets(_NAMES), st.dictionaries(st.sampled_from("abcd"), _VALUES))
def test_a_wanted_attribute_reads_as_before(wanted: set[str], context: dict[str, object]) -> None:
    left = Attributes(wanted).of(context)
    for name in wanted:
        assert attribute_reader(name)(left) == attribute_reader(name)(context)


def test_a_context_without_some_attributes_keeps_the_others() -> None:
    context = {"targetingKey": "u1", "email": "x", "org": {"plan": "pro", "name": "Acme"}, "list": [1, 2]}
    left = without(context, ["email", "/org/name", "/list/0", "missing"])
    assert left == {"targetingKey": "u1", "org": {"plan": "pro"}, "list": [None, 2]}
    assert without(context, []) == context
    assert without(context, ["org", "/org/plan"]) == {"targetingKey": "u1", "email": "x", "list": [1, 2]}
