"""Expressions that the flag is a part of."""

from typing import Any

import libcst
import pytest

from pennon.codemod.removal.kept import written
from tests.unit.codemod.code import becomes, reasons


@pytest.mark.parametrize(
    ("before", "on", "off"),
    [
        ("if K and a: x()", "if a: x()", ""),
        ("if a and K: x()", "if a: x()", ""),
        ("if a() and K: x()", "if a(): x()", "if a() and False: x()"),
        ("if K or a: x()", "x()", "if a: x()"),
        ("if a or K: x()", "x()", "if a: x()"),
        ("if a() or K: x()", "if a() or True: x()", "if a(): x()"),
        ("if not K: x()", "", "x()"),
        ("if not (K and a): x()", "if not a: x()", "x()"),
        ("if (a or b) and K: x()", "if (a or b): x()", ""),
        ("if a and (b or K) and c: x()", "if a and c: x()", "if a and b and c: x()"),
        ("if a and not K or b: x()", "if b: x()", "if a or b: x()"),
        ("x = a and K", "x = a and True", "x = a and False"),
        ("x = a == 1 and K", "x = a == 1", "x = False"),
        ("x = a in b or K", "x = True", "x = a in b"),
        ("x = K and a", "x = a", "x = False"),
        ("x = K or a", "x = True", "x = a"),
        ("x = a if K else b", "x = a", "x = b"),
        ("x = (a + 1 if K else b) * 2", "x = (a + 1) * 2", "x = b * 2"),
        ("x = (K and a + 1) * 2", "x = (a + 1) * 2", "x = False * 2"),
        ("x = a if K else b if c else d", "x = a", "x = b if c else d"),
        ("x = [\n    a if K  # new\n    else b\n]", "x = [\n    a\n]", "x = [\n    b\n]"),
        ("x = (\n    a.b\n    if K\n    else c\n)", "x = a.b", "x = c"),
        ("x = [i for i in y if K]", "x = [i for i in y]", "x = [i for i in y if False]"),
        ("x = {i: 1 for i in y if i if not K}", "x = {i: 1 for i in y if i if False}", "x = {i: 1 for i in y if i}"),
        ("x = bool(K)", "x = True", "x = False"),
        ("x = K is True", "x = True", "x = False"),
        ("x = K == False", "x = False", "x = True"),
        ("x = not not K", "x = True", "x = False"),
        ("f(lambda: K)", "f(lambda: True)", "f(lambda: False)"),
        ("def f(x=K): ...", "def f(x=True): ...", "def f(x=False): ..."),
        ('x = f"is {K}"', 'x = "is True"', 'x = "is False"'),
        ('x = f"{K!r} {K:>6}"', 'x = f"{True!r} {True:>6}"', 'x = f"{False!r} {False:>6}"'),
        ("x = K; y = 1", "x = True; y = 1", "x = False; y = 1"),
        ("K; y = 1", "y = 1", "y = 1"),
        ("x = a.lower().startswith(b) and K", "x = a.lower().startswith(b)", "x = False"),
        ("x = isinstance(a, B) and c in d and K", "x = isinstance(a, B) and c in d", "x = False"),
        ("x = True and K", "x = True", "x = False"),
        ("x = a[0] and K", "x = a[0] and True", "x = a[0] and False"),
        ("x = f() and K", "x = f() and True", "x = f() and False"),
        ('x = f"{{{K}}}"', 'x = f"{{True}}"', 'x = f"{{False}}"'),
        ('x = f"{a if K else b}"', 'x = f"{a}"', 'x = f"{b}"'),
    ],
)
def test_folding(before: str, on: str, off: str) -> None:
    call = "client.boolean('k', ctx, default=False)"
    before = before.replace("K", call)
    becomes(before + "\n", on + "\n" if on else "")
    becomes(before + "\n", off + "\n" if off else "", value=False)


BLUE = "client.string('k', ctx, default='green')"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if V == 'blue': x()", "x()"),
        ("if 'blue' == V: x()", "x()"),
        ("if V != 'blue': x()", ""),
        ("if V in ('blue', 'red'): x()", "x()"),
        ("if V not in {'blue'}: x()", ""),
        ("if V in COLOURS: x()", "if 'blue' in COLOURS: x()"),
        ("if V == Colour.BLUE: x()", "if 'blue' == Colour.BLUE: x()"),
        ("if V: x()", "x()"),
        ("if V is None: x()", "if 'blue' is None: x()"),
        ('x = f"theme-{V}"', 'x = "theme-blue"'),
        ('x = f"theme-{p(V)}"', "x = f\"theme-{p('blue')}\""),
        ("x = V.upper()", "x = 'blue'.upper()"),
        ("x = {V: 1}", "x = {'blue': 1}"),
        ("x = a == V == b", "x = a == 'blue' == b"),
    ],
)
def test_strings(before: str, after: str) -> None:
    becomes(before.replace("V", BLUE) + "\n", after + "\n" if after else "", value="blue")


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("x = V + 1", 3, "x = 3 + 1"),
        ("x = V ** 2", -3, "x = (-3) ** 2"),
        ("x = V.real", 3, "x = (3).real"),
        ("x = 1 if V > 2.5 else 0", 3, "x = 1"),
        ("x = 1 if V <= 2.5 else 0", 3, "x = 0"),
        ("x = 1 if V > limit else 0", 3, "x = 1 if 3 > limit else 0"),
        ("x = 1 if V > 'a' else 0", 3, "x = 1 if 3 > 'a' else 0"),
        ("x = 1 if V else 0", 0, "x = 0"),
    ],
)
def test_numbers(before: str, value: float, after: str) -> None:
    becomes(before.replace("V", "client.number('k', ctx)") + "\n", after + "\n", value=value)


def test_objects() -> None:
    value = {"max": 3, "names": ["a", 'b"'], "deep": {"on": True, "none": None}}
    becomes(
        'limits = client.object("k", ctx)\nx = client.object("k")["max"]\n',
        """limits = {"max": 3, "names": ["a", 'b"'], "deep": {"on": True, "none": None}}\nx = 3\n""",
        value=value,
    )
    becomes('x = client.object("k")[name]\n', 'x = {"max": 1}[name]\n', value={"max": 1})
    becomes('x = client.object("k")[1:]\n', "x = [1, 2][1:]\n", value=[1, 2])
    becomes('x = client.object("k")["gone"]\n', 'x = {"max": 1}["gone"]\n', value={"max": 1})


@pytest.mark.parametrize(
    "value", [True, None, "", "it's", 'a "b"', "both ' and \"", "\\ \n", -1.5, 3, [1, [-2]], {"a": {}}]
)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_values_are_written_as_python_reads_them(value: Any, quote: str) -> None:
    code = libcst.Module([]).code_for_node(written(value, quote))
    assert eval(code) == value


@pytest.mark.parametrize(
    ("call", "value", "after"),
    [
        ("api.get_client().get_boolean_value('k', False)", True, "True"),
        ("of.get_string_value(flag_key='k', default_value='x')", "blue", "'blue'"),
        ("of.get_integer_value('k', 1)", 3.0, "3"),
        ("of.get_float_value('k', 1.0)", 3, "3.0"),
        ("of.get_object_value('k', {})", {"a": 1}, "{'a': 1}"),
        ("of.get_boolean_details('k', False).value", True, "True"),
        ("of.get_string_details('k', '').variant", "blue", "'on'"),
        ("client.evaluation('k', ctx).value", "blue", "'blue'"),
        ("client.evaluation('k', ctx).variation", 3, "'on'"),
        ("request_flags().boolean('k')", True, "True"),
        ("self._flags.boolean('k')", True, "True"),
        ("(client.boolean('k'))", True, "True"),
    ],
)
def test_each_call_is_known(call: str, value: Any, after: str) -> None:
    becomes(f"x = {call}\n", f"x = {after}\n", value=value)


def test_awaited_calls() -> None:
    before = """
    async def view():
        if await client.get_boolean_value_async("k", False):
            return await new()
        later = client.get_boolean_value_async("k", False)
        return await later
    """
    becomes(before, "async def view():\n    return await new()\n")
    assert reasons(before, value=False) == ["it is awaited somewhere else"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = client.boolean('k', charge(1))", "`charge(1)` may do something; if it does not, name it in `pure`"),
        ("x = client.boolean('k', (y := 1))", "`(y := 1)` may do something; if it does not, name it in `pure`"),
        ("x = make().boolean('k', default=True)", "`make()` may do something; if it does not, name it in `pure`"),
        (
            "x = client.boolean('k', user.load().id)",
            "`user.load()` may do something; if it does not, name it in `pure`",
        ),
        ("x = client.boolean('k', a[f()])", "`f()` may do something; if it does not, name it in `pure`"),
        ("x = form.boolean('k')", "`form` is not known to be a client; if it is one, name it in `receivers`"),
        (
            "x = client.boolean('k', new_client(1))",
            "`new_client(1)` may do something; if it does not, name it in `pure`",
        ),
        ("x = client.string('k')", "it asks for a string, so it answers its default whatever the flag serves"),
        ("x = client.evaluation('k').reason", "more than the value and the variation of the evaluation is used"),
        ("client.override('k', True)", "it says something of the flag that has to be said no more, or otherwise"),
    ],
)
def test_what_is_not_safe_is_left_and_told(text: str, reason: str) -> None:
    becomes(text + "\n", text + "\n")
    assert reasons(text + "\n") == [reason]


def test_what_the_code_base_says_is_pure_or_a_client_is_taken_so() -> None:
    becomes("x = ff.boolean('k', who(1))\n", "x = True\n", conventions={"pure": ("who",), "receivers": ("ff",)})
    becomes("x = is_enabled('k', user)\n", "x = True\n", conventions={"functions": ("is_enabled",)})
    becomes("x = user.may('k')\n", "x = True\n", conventions={"methods": ("may",)})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(): return client.boolean('k')", "it is returned: what calls this may be simpler now"),
        ("f(on=client.boolean('k'))", "the value of the flag is passed on"),
        ("ON = client.boolean('k')", "it is assigned to what other code may read"),
        ("x = [client.boolean('k')]", "the value of the flag stands here now"),
    ],
)
def test_where_the_value_stands_now_is_told(text: str, reason: str) -> None:
    becomes(text + "\n", text.replace("client.boolean('k')", "True") + "\n")
    assert reasons(text + "\n") == [reason]


def test_a_line_that_says_so_is_passed_over() -> None:
    becomes("x = client.boolean('k')  # pennon: ignore\n", "x = client.boolean('k')  # pennon: ignore\n")


def test_other_flags_stay() -> None:
    becomes("if client.boolean('k') and client.boolean('other'): a()\n", "if client.boolean('other'): a()\n")
