"""What of other languages names flags."""

import pytest

from pennon.codemod import Conventions
from pennon.codemod.patterns import find_calls, find_mentions, is_looked_at


def found(text: str, path: str, **conventions: tuple[str, ...]) -> list[tuple[str | None, int, int, str]]:
    calls = find_calls(text, path, Conventions(**conventions))
    return [(each.flag, each.line, each.column, each.call) for each in calls if each.certain]


@pytest.mark.parametrize(
    ("path", "text", "call"),
    [
        ("a.js", 'flags.boolean("k", { targetingKey: "u1" }, false)', "flags.boolean"),
        ("a.ts", "this.client?.string('k', '')", "client.string"),
        ("a.tsx", 'useFlag<boolean>("k", false)', "useFlag"),
        ("a.mjs", "await client.getBooleanValue(`k`, false)", "getBooleanValue"),
        ("a.vue", 'useBooleanFlagValue("k", false)', "useBooleanFlagValue"),
        ("A.java", 'client.getStringDetails("k", "x")', "getStringDetails"),
        ("a.kt", 'client.getIntegerValue("k", 1)', "getIntegerValue"),
        ("a.go", 'client.BooleanValue(\n    ctx, "k", false, who)', "BooleanValue"),
        ("a.go", 'c.Object(ctx.With(1), "k", nil)', None),
        ("a.rb", "client.fetch_boolean_value(flag_key: 'k', default_value: false)", "fetch_boolean_value"),
        ("a.php", "$client->getBooleanValue('k', false)", "getBooleanValue"),
        ("a.cs", 'await client.GetBooleanValueAsync("k", false)', "GetBooleanValueAsync"),
        ("a.swift", 'client.getValue(key: "k", defaultValue: false)', None),
        ("a.swift", 'client.getBooleanValue(key: "k", defaultValue: false)', "getBooleanValue"),
        ("a.html", "{% if flag('k') %}", "flag"),
        ("a.jinja", '{% if flags.boolean("k") %}', "flags.boolean"),
        ("a.yaml", "- flag: k  # on", "flag"),
        ("a.yml", 'feature_flag: "k"', "feature_flag"),
        ("a.json", '  "flagKey": "k",', "flagKey"),
        ("a.js", "// flags.boolean('k')", None),
        ("a.js", " * flags.boolean('k')", None),
        ("a.js", "flags.boolean('k') // pennon: ignore", None),
        ("a.js", "flags.boolean('not a key')", None),
        ("a.js", "schema.string('k')", None),
        ("a.js", "flag('k')", None),
        ("a.js", "flags.boolean(name); other('k')", None),
        ("a.yaml", "flag: [k]", None),
        ("a.rb", "# fetch_boolean_value(flag_key: 'k')", None),
    ],
)
def test_calls(path: str, text: str, call: str | None) -> None:
    assert [(key, name) for key, _, _, name in found(text, path)] == ([("k", call)] if call else [])


def test_names_of_the_code_base_count_in_every_language() -> None:
    assert found("isEnabled('k')", "a.ts", functions=("isEnabled",)) == [("k", 1, 1, "isEnabled")]


def test_a_template_with_parts_is_dynamic() -> None:
    (call,) = find_calls("\n  flags.boolean(`new-${name}`)", "a.js", Conventions())
    assert (call.flag, call.how, call.line, call.column, call.call) == (
        None,
        "dynamic",
        2,
        3,
        "flags.boolean(`new-${name}`)",
    )


def test_mentions_are_whole_strings() -> None:
    text = 'a = "k"\nb = "kk", \'k\'\nc = `k`\n# k "k-2"'
    places = [(each.line, each.column, each.how) for each in find_mentions(text, "a.js", {"k"})]
    assert places == [(1, 5, "mention"), (2, 11, "mention"), (3, 5, "mention")]


def test_a_long_line_takes_no_time_squared() -> None:
    text = "flags.boolean(" * 2_000 + '"k")'
    assert len(found(text, "a.js")) <= 1
    assert found("getBooleanValue(" + " " * 20_000, "a.js") == []


def test_endings() -> None:
    assert is_looked_at("a/B.PY")
    assert not is_looked_at("a/photo.jpg")
    assert not is_looked_at("Makefile")
    assert not is_looked_at("a.js/Makefile")
    assert not is_looked_at(".js")
