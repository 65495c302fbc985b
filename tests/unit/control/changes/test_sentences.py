"""What a person reads of a change."""

from typing import Any

import pytest

from pennon.control.changes.sentences import condition_text, sentences, serve_text
from pennon.control.flags.definitions import FlagDefinition
from pennon.model import (
    Condition,
    Experiment,
    Item,
    Layer,
    Prerequisite,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Slot,
    Target,
    Variation,
)
from tests.unit.control.changes.build import BETA, GERMANS, flag, split


def said(before: Any, after: Any, kind: str | None = None) -> list[str]:
    """The sentences, without the item's name before them."""
    name = kind or type(before or after).__name__.lower()
    texts = (None if model is None else Item.of(model).text for model in (before, after))
    return [sentence.partition(": ")[2] or sentence for sentence in sentences(name, *texts)]


def test_items_come_and_go() -> None:
    assert said(None, flag()) == ["flag checkout created, on"]
    assert said(None, Segment("beta")) == ["segment beta created"]
    assert said(flag(), None) == ["flag checkout deleted"]
    assert sentences("flag", None, None) == ()


def test_keys_and_tokens_are_known_by_their_names_and_not_by_a_whole_hash() -> None:
    text = b'{"key": "7df4c59a8471694bbfd4", "name": "checkout", "revoked": false}'
    assert sentences("key", None, text) == ("key 7df4c59a8471 (checkout) created",)
    assert sentences("key", text, text.replace(b"false", b"true")) == (
        "key 7df4c59a8471 (checkout): revoked is true (was false)",
    )
    assert sentences("token", b'{"key": "7df4c59a8471694bbfd4"}', None) == ("token 7df4c59a8471 deleted",)


def test_every_sentence_names_its_item() -> None:
    texts = (Item.of(flag()).text, Item.of(flag(on=False)).text)
    assert sentences("flag", *texts) == ("flag checkout: turned off",)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"fallthrough": Serve("on")}, "fallthrough serves on (was off)"),
        (
            {"fallthrough": split(("on", 10_000), ("off", 85_000), ("on", 5_000))},
            "fallthrough serves 15 % on, 85 % off by targetingKey (was off)",
        ),
        ({"off_variation": None}, "off variation is the caller's default (was off)"),
        ({"salt": "s2"}, "has a new salt: its percentages choose their users anew"),
        ({"critical": True}, "critical is true"),
        ({"exposures": "all"}, "exposures is all"),
        ({"rules": (GERMANS,)}, "rule r1 added as number 1: if country is DE, serve on"),
        ({"rules": (Rule("r1", (), Serve("on")),)}, "rule r1 added as number 1: if anybody, serve on"),
        ({"targets": (Target(("u1", "u2"), "on"),)}, "u1, u2 targeted with on"),
        ({"targets": (Target(("acme",), "on", "company"),)}, "company acme targeted with on"),
        ({"prerequisites": (Prerequisite("a", ("x", "y")),)}, "requires flag a to serve x or y"),
    ],
)
def test_a_field_is_told_in_words(fields: dict[str, Any], sentence: str) -> None:
    assert said(flag(), flag(**fields)) == [sentence]


def test_a_rule_is_told_by_its_description() -> None:
    served = Rule("r2", BETA.conditions, Serve("on"), "beta users")
    assert said(flag(rules=(BETA,)), flag(rules=(served,))) == ["rule r2 (beta users) serves on (was off)"]
    assert said(flag(rules=(BETA,)), flag()) == ["rule r2 (beta users) removed"]


def test_conditions_of_a_rule_are_told_before_and_after() -> None:
    changed = Rule("r1", (*GERMANS.conditions, Condition("exists", "plan")), GERMANS.serve)
    assert said(flag(rules=(GERMANS,)), flag(rules=(changed,))) == [
        "rule r1 asks for: country is DE and plan is there (was: country is DE)"
    ]


def test_a_condition_of_true_is_not_one_of_one() -> None:
    one, true = (Rule("r1", (Condition("in", "beta", (value,)),), Serve("on")) for value in (1, True))
    assert said(flag(rules=(one,)), flag(rules=(true,))) == ["rule r1 asks for: beta is true (was: beta is 1)"]


def test_rules_in_another_order_are_told() -> None:
    assert said(flag(rules=(GERMANS, BETA)), flag(rules=(BETA, GERMANS))) == ["rules are now in the order r2, r1"]


def test_targets_and_prerequisites_that_went_are_told() -> None:
    before = flag(targets=(Target(("u1",), "on"),), prerequisites=(Prerequisite("a", ("on",)),))
    assert said(before, flag()) == ["u1 no longer targeted with on", "requires flag a no longer"]


def test_variations_are_told_with_their_values() -> None:
    before = flag(kind="number", variations=(Variation("a", 1), Variation("b", 2)))
    after = flag(kind="number", variations=(Variation("a", 1.5), Variation("c", 3)))
    assert said(before, after) == ["variation b removed", "variation a is 1.5 (was 1)", "variation c added: 3"]


def test_segments_tell_whom_they_take_in() -> None:
    before = Segment("beta", included=("u1",), excluded=("x",))
    rule = SegmentRule((Condition("endsWith", "email", ("@example.org",)),))
    after = Segment("beta", included=tuple(f"u{number}" for number in range(2, 10)), rules=(rule,))
    assert said(before, after) == [
        "u2, u3, u4, u5, u6 and 3 more included",
        "u1 no longer included",
        "x no longer excluded",
        "takes in those for whom: email ends with @example.org",
    ]
    assert said(after, Segment("beta", included=after.included)) == ["takes in nobody by rules"]


def test_layers_tell_how_they_are_shared_out() -> None:
    assert said(Layer("l"), Layer("l", slots=(Slot(0, 2_500, "exp-a"),))) == ["is shared out as 2.5 % exp-a"]
    assert said(Layer("l", slots=(Slot(0, 1, "e"),)), Layer("l")) == ["is shared out as nothing"]


def test_a_default_that_is_written_out_differs_from_none_in_nothing() -> None:
    left_out = b'{"key":"search","salt":"q81mz2"}'
    written_out = b'{"key":"search","salt":"q81mz2","by":"targetingKey","slots":[]}'
    assert sentences("layer", left_out, written_out) == ()
    assert sentences("layer", written_out, left_out) == ()
    other = left_out.replace(b"}", b',"by":"account"}')
    assert sentences("layer", written_out, other) == ("layer search: by is account",)


def test_a_definition_tells_its_fields() -> None:
    before, after = FlagDefinition(key="k", name="Old"), FlagDefinition(key="k", name="New", owner="shop")
    assert said(before, after, "definition") == ["name is New (was Old)", "owner is shop"]
    assert said(after, before, "definition") == ["name is Old (was New)", "owner is at its default (was shop)"]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition("in", "country", ("DE", "FR")), "country is DE or FR"),
        (Condition("in", "country", ("DE",), negate=True), "not (country is DE)"),
        (Condition("inSegment", values=("beta",), negate=True), "not in segment beta"),
        (Condition("in", "u", tuple("abcdefg")), "u is a or b or c or d or e or 2 more"),
        (Condition("later", "x", (1,)), "x later 1"),
        (Condition("exists", "plan"), "plan is there"),
    ],
)
def test_conditions_read_like_sentences(condition: Condition, text: str) -> None:
    assert condition_text(condition) == text


def test_splits_tell_their_experiment_and_foreign_weights_as_shares() -> None:
    experiment = split(("on", 50_000), ("off", 50_000), experiment=Experiment("exp-a"))
    assert serve_text(experiment) == "50 % on, 50 % off by targetingKey for experiment exp-a"
    assert serve_text(split(("on", 1), ("off", 3), hash="murmur3")) == "25 % on, 75 % off by targetingKey"
    assert serve_text(Serve()) == "a form of a newer Pennon"


def test_long_values_are_shortened() -> None:
    before = flag(kind="string", variations=(Variation("a", "x"),))
    after = flag(kind="string", variations=(Variation("a", "y" * 500),))
    (sentence,) = said(before, after)
    assert len(sentence) < 120
