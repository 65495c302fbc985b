"""Laws of removing a flag: the code does what it did for who got the variation, and a second time nothing changes."""

import ast
import functools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.codemod.code import removed

_FLAG = 'client.boolean("k", {"targetingKey": user}, default=False)'
_TEXT_FLAG = 'client.string("k", {"targetingKey": user})'
_OTHER_TESTS = ["a", "b > 1", "not c", "ask(1)", "ask(0)", 'client.boolean("o")']
_LOCALS = ("a", "b", "c")


class Stub:
    """A client that serves everybody the variation that is kept, and knows no other flag."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def boolean(self, flag: str, context: object = None, *, default: bool = False) -> Any:
        return self._value if flag == "k" else default

    string = boolean


def flag_tests(flag: str) -> st.SearchStrategy[str]:
    if flag == _FLAG:
        return st.sampled_from([_FLAG, f"not {_FLAG}", f"bool({_FLAG})", f"({_FLAG}) is True", "is_new", "not is_new"])
    return st.sampled_from([f'{flag} == "blue"', f'"red" != {flag}', f'{flag} in ("blue", "red")', flag, "not is_new"])


@functools.cache
def conditions(flag: str) -> st.SearchStrategy[str]:
    simple = st.one_of(flag_tests(flag), st.sampled_from(_OTHER_TESTS))
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
            inner.map(lambda test: f"not ({test})"),
            st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} if {three[1]} else {three[2]})"),
        ),
        max_leaves=4,
    )


@functools.cache
def statements(flag: str) -> st.SearchStrategy[list[str]]:
    test, name, number = conditions(flag), st.sampled_from(_LOCALS), st.integers(0, 3)
    leaf = st.one_of(
        st.tuples(name, number).map(lambda one: [f"{one[0]} = {one[1]}"]),
        st.tuples(name, test).map(lambda one: [f"{one[0]} = {one[1]}"]),
        number.map(lambda one: [f"log({one})  # {one}"]),
        test.map(lambda one: [f"return {one}"]),
        test.map(lambda one: [f'log(f"{{{_quoted(one)}}} so")']),
        test.map(lambda one: [f"log([i for i in range(3) if {one} if i])"]),
        st.just([flag]),
        st.just(["# a comment", "pass"]),
    )

    def nest(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
        return st.one_of(
            st.tuples(inner, inner).map(lambda two: two[0] + two[1]),
            st.tuples(test, inner).map(lambda one: _block(f"if {one[0]}:", one[1])),
            st.tuples(test, inner, inner).map(
                lambda one: _block(f"if {one[0]}:", one[1]) + _block("else:  # other", one[2])
            ),
            st.tuples(test, inner, test, inner, inner).map(
                lambda one: (
                    _block(f"if {one[0]}:", one[1]) + _block(f"elif {one[2]}:", one[3]) + _block("else:", one[4])
                )
            ),
            st.tuples(test, inner).map(
                lambda one: _block("for i in range(2):", [*_block(f"if {one[0]}:", ["break"]), *one[1]])
            ),
            st.tuples(test, inner).map(
                lambda one: _block("while more():", [*_block(f"if {one[0]}:", ["continue"]), *one[1]])
            ),
            inner.map(lambda one: [*_block("def inner(a=a, b=b, c=c):", one), "log(inner())"]),
            inner.map(lambda one: _block("try:", one) + _block("finally:", ["log(9)"])),
            st.tuples(inner, inner).map(
                lambda two: _block(
                    f"match {flag}:",
                    _block('case True | "blue":', two[0])
                    + _block("case False if a:", two[1])
                    + _block("case _:", ["log(8)"]),
                )
            ),
        )

    return st.recursive(leaf, nest, max_leaves=10)


def _block(head: str, body: list[str]) -> list[str]:
    return [head, *(f"    {line}" for line in body)]


def _quoted(test: str) -> str:
    return test.replace('"', "'")


def program(body: list[str], flag: str) -> str:
    first = f"is_new = {flag}" if flag == _FLAG else f'is_new = {flag} == "blue"'
    lines = ["import shop", "", "def run(user, a, b, c, ask, log, more):", f"    {first}"]
    return "\n".join([*lines, *(f"    {line}" for line in body), "    return a, b, c", ""])


def outcome(code: str, value: Any, seed: int) -> object:
    """Return all that can be seen of running *code*: what it asked and logged, and what it returned or raised."""
    seen: list[object] = []
    rounds = iter(range(3))
    names: dict[str, Any] = {"client": Stub(value), "__import__": None}
    exec(compile(code.removeprefix("import shop\n"), "<program>", "exec"), names)

    def ask(answer: int) -> int:
        seen.append(("asked", answer))
        return answer

    def more() -> bool:
        return next(rounds, None) is not None

    result = names["run"]("u1", seed & 1, seed >> 1, seed >> 2, ask, seen.append, more)
    return seen, repr(result)


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), st.booleans(), st.integers(0, 7))
def test_rewritten_code_does_what_the_code_did_for_a_boolean(data: st.DataObject, value: bool, seed: int) -> None:
    check(program(data.draw(statements(_FLAG)), _FLAG), value, seed)


@settings(max_examples=settings().max_examples // 2)
@given(st.data(), st.sampled_from(["blue", "red", ""]), st.integers(0, 7))
def test_rewritten_code_does_what_the_code_did_for_a_string(data: st.DataObject, value: str, seed: int) -> None:
    check(program(data.draw(statements(_TEXT_FLAG)), _TEXT_FLAG), value, seed)


def check(code: str, value: Any, seed: int) -> None:
    done = removed(code, value)
    ast.parse(done.text)
    assert outcome(done.text, value, seed) == outcome(code, value, seed), done.text
    assert 'client.boolean("k"' not in done.text
    assert 'client.string("k"' not in done.text
    again = removed(done.text, value)
    assert again.text == done.text


@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_code_without_the_flag_stays_byte_for_byte(data: st.DataObject) -> None:
    code = program(data.draw(statements(_FLAG)), _FLAG).replace('"k"', '"other"').replace("'k'", "'other'")
    assert removed(code).text == code
    windows = code.replace("\n", "\r\n")
    assert removed(windows).text == windows
