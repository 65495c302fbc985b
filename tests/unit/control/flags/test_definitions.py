"""The two halves of a flag, taken apart and put together."""

from msgspec.structs import replace

from pennon.control.flags.definitions import (
    BOOLEAN_VARIATIONS,
    FlagConfiguration,
    FlagDefinition,
    completed,
    configuration_of,
    configured,
    initial_configuration,
    merge,
    redefined,
)
from pennon.model import Compat, Condition, Flag, Prerequisite, Rule, Serve, Split, Staleness, Target, Variation, Weight
from pennon.model.validation import flag_problems

COLOURS = (Variation("red", "#f00"), Variation("green", "#0f0"))
SPLIT = Split((Weight("on", 30_000), Weight("off", 70_000)))


def full_flag() -> Flag:
    """A flag with no field at its default."""
    return Flag(
        key="checkout",
        variations=BOOLEAN_VARIATIONS,
        on=True,
        fallthrough=Serve(split=SPLIT),
        version=7,
        changed_at=9,
        hash="0123456789abcdef",
        kind="boolean",
        salt="s1",
        off_variation="off",
        prerequisites=(Prerequisite("payments", ("on",)),),
        targets=(Target(("u1",), "on"),),
        rules=(Rule("r1", (Condition("in", "country", ("DE",)),), Serve("on")),),
        staleness=Staleness(60, Serve("off")),
        client_side=True,
        critical=True,
        exposures="all",
        needs=("layers",),
        compat=Compat("launchdarkly", "ld-1"),
    )


def test_the_halves_of_a_flag_make_the_flag() -> None:
    flag = full_flag()
    definition = FlagDefinition(
        key=flag.key, kind=flag.kind, variations=flag.variations, client_side=flag.client_side, name="Checkout"
    )
    merged = merge(definition, configuration_of(flag))
    assert merged == replace(flag, version=1, changed_at=0, hash="")


def test_every_field_of_a_flag_belongs_to_one_half_or_is_set_by_the_log() -> None:
    fields = set(FlagConfiguration.__struct_fields__) | {"key", "kind", "variations", "client_side"}
    assert fields | {"version", "changed_at", "hash"} == set(Flag.__struct_fields__)


def test_a_configuration_without_salt_keeps_the_salt() -> None:
    changed = configured(full_flag(), FlagConfiguration(fallthrough=Serve("off")))
    assert (changed.salt, changed.on, changed.rules) == ("s1", False, ())
    assert configured(full_flag(), FlagConfiguration(fallthrough=Serve("off"), salt="s2")).salt == "s2"


def test_another_definition_leaves_the_configuration() -> None:
    flag = full_flag()
    definition = FlagDefinition(key="checkout", variations=(*BOOLEAN_VARIATIONS, Variation("maybe", False)))
    changed = redefined(flag, definition)
    assert configuration_of(changed) == configuration_of(flag)
    assert (changed.variations[-1].key, changed.client_side) == ("maybe", False)


def test_a_removed_variation_takes_the_marks_of_where_it_was_with_it() -> None:
    weights = (Weight("on", 60_000), Weight("gone", 0), Weight("off", 40_000))
    served = Serve(split=Split(weights))
    flag = replace(full_flag(), fallthrough=served, rules=(Rule("r1", (), served),))
    changed = redefined(flag, FlagDefinition(key="checkout", variations=BOOLEAN_VARIATIONS))
    kept = Serve(split=Split((Weight("on", 60_000), Weight("off", 40_000))))
    assert (changed.fallthrough, changed.rules[0].serve) == (kept, kept)


def test_a_new_boolean_flag_is_off_and_serves_true_to_all_when_turned_on() -> None:
    definition = completed(FlagDefinition(key="checkout"))
    flag = merge(definition, initial_configuration(definition, "s1"))
    assert (flag.on, flag.off_variation, flag.fallthrough) == (False, "off", Serve("on"))
    assert flag_problems(flag) == []


def test_a_boolean_flag_with_its_own_names_is_off_at_false_wherever_it_stands() -> None:
    definition = FlagDefinition(key="k", variations=(Variation("no", False), Variation("yes", True)))
    configuration = initial_configuration(definition, "s1")
    assert (configuration.off_variation, configuration.fallthrough) == ("no", Serve("yes"))


def test_a_new_flag_of_another_kind_is_off_at_its_last_variation() -> None:
    configuration = initial_configuration(FlagDefinition(key="k", kind="string", variations=COLOURS), "s1")
    assert (configuration.off_variation, configuration.fallthrough) == ("green", Serve("red"))


def test_only_a_boolean_flag_without_variations_is_completed() -> None:
    assert completed(FlagDefinition(key="k")).variations == BOOLEAN_VARIATIONS
    assert completed(FlagDefinition(key="k", kind="string")).variations == ()
    own = FlagDefinition(key="k", variations=(Variation("yes", True),))
    assert completed(own) is own
