"""Statements whose condition is the flag."""

import pytest

from pennon.codemod import NotRewritable
from tests.unit.codemod.code import becomes, reasons, removed


def test_the_kept_branch_takes_the_place_of_the_if() -> None:
    before = """
    def view(request):
        if client.boolean("k", context_of(request), default=False):
            show_new()
            return 1
        else:
            show_old()
            return 2
    """
    becomes(before, "def view(request):\n    show_new()\n    return 1\n")
    becomes(before, "def view(request):\n    show_old()\n    return 2\n", value=False)


def test_what_comes_after_an_early_return_is_dropped() -> None:
    before = """
    def view(request):
        if not client.boolean("k"):
            return old(request)
        basket = basket_of(request)
        return new(basket)
    """
    becomes(before, "def view(request):\n    basket = basket_of(request)\n    return new(basket)\n")
    becomes(before, "def view(request):\n    return old(request)\n", value=False)


@pytest.mark.parametrize("leaving", ["return 1", "raise Stop", "continue", "break"])
def test_each_way_to_leave_ends_a_block(leaving: str) -> None:
    before = f"""
    def run():
        for each in jobs:
            if client.boolean("k"):
                {leaving}
            do(each)
        done()
    """
    becomes(before, f"def run():\n    for each in jobs:\n        {leaving}\n    done()\n")


def test_a_branch_all_of_whose_ends_leave_ends_a_block_too() -> None:
    before = """
    def run(a):
        if client.boolean("k"):
            if a:
                return 1
            elif b():
                raise Stop
            else:
                return 2
        return 3
    """
    after = """
    def run(a):
        if a:
            return 1
        elif b():
            raise Stop
        else:
            return 2
    """
    becomes(before, after)


def test_elif_chains_stay_right() -> None:
    before = """
    if a:
        one()
    elif client.boolean("k"):
        two()
    elif b:
        three()
    else:
        four()
    """
    becomes(before, "if a:\n    one()\nelse:\n    two()\n")
    becomes(before, "if a:\n    one()\nelif b:\n    three()\nelse:\n    four()\n", value=False)


def test_an_elif_takes_the_place_of_its_if() -> None:
    before = """
    if client.boolean("k"):
        one()
    elif b:
        two()
    else:
        three()
    """
    becomes(before, "one()\n")
    becomes(before, "if b:\n    two()\nelse:\n    three()\n", value=False)


def test_a_last_elif_may_vanish() -> None:
    becomes('if a:\n    one()\nelif client.boolean("k"):\n    two()\n', "if a:\n    one()\n", value=False)


def test_an_empty_block_gets_pass_and_a_needless_pass_goes() -> None:
    before = """
    def f():
        if client.boolean("k"):
            pass
        else:
            old()

    def g():
        if client.boolean("k"):
            pass
        else:
            old()
        rest()
    """
    becomes(before, "def f():\n    pass\n\ndef g():\n    rest()\n")
    for head in ("class A:", "try:", "with lock:", "for each in jobs:"):
        tail = "\nfinally:\n    end()" if head == "try:" else ""
        becomes(f'{head}\n    client.boolean("k"){tail}\n', f"{head}\n    pass{tail}\n")


def test_comments_of_kept_branches_stay_where_they_were() -> None:
    before = """
    def view():
        # Since 2024 the new one.
        if client.boolean("k"):  # rolled out
            # First the basket.
            basket()  # all of it
            # Then the rest.
        else:
            # The old one.
            old()
            # Until then.
        # At last.
        return 1
        # Never.
    """
    after = """
    def view():
        # Since 2024 the new one.
        # First the basket.
        basket()  # all of it
        # Then the rest.
        # At last.
        return 1
        # Never.
    """
    becomes(before, after)
    after = """
    def view():
        # Since 2024 the new one.
        # The old one.
        old()
        # Until then.
        # At last.
        return 1
        # Never.
    """
    becomes(before, after, value=False)


def test_lines_within_a_kept_branch_are_indented_anew_and_strings_are_not() -> None:
    before = '''
    def view():
        if client.boolean("k"):
            text = """
            as it is
    """
            call(
                1,  # one
                2,
            )
            if a: b(); c()
    '''
    after = '''
    def view():
        text = """
            as it is
    """
        call(
            1,  # one
            2,
        )
        if a: b(); c()
    '''
    becomes(before, after)


def test_tabs_and_other_indents_stay() -> None:
    becomes('def f():\n\tif client.boolean("k"):\n\t\ta()\n\tb()\n', "def f():\n\ta()\n\tb()\n")
    becomes('def f():\n  if client.boolean("k"):\n        a()\n  b()\n', "def f():\n  a()\n  b()\n")


def test_an_if_on_one_line() -> None:
    becomes('if client.boolean("k"): a(); b()  # both\nelse: c()\n', "a(); b()  # both\n")
    becomes('if client.boolean("k"): a(); b()\nelse: c()\n', "c()\n", value=False)
    becomes('if a: client.boolean("k")\n', "if a: pass\n")


def test_a_loop_that_never_runs_is_dropped_and_its_else_runs() -> None:
    before = 'while client.boolean("k"):\n    a()\nelse:\n    b()\nc()\n'
    becomes(before, "b()\nc()\n", value=False)


def test_a_loop_that_ends_no_more_is_told() -> None:
    becomes('while client.boolean("k"):\n    a()\n', "while True:\n    a()\n")
    assert reasons('while client.boolean("k"):\n    a()\n') == ["this loop does not end by the flag any more"]


def test_assertions() -> None:
    becomes('assert client.boolean("k")\na()\n', "a()\n")
    becomes('assert client.boolean("k"), "off"\na()\n', 'assert False, "off"\na()\n', value=False)


MATCH = """
match client.string("k", ctx, default="green"):
    case "red" | "blue":
        # of the sky
        sky()
    case "green" if day:
        day_grass()
    case "green":
        grass()
    case _:
        other()
"""


def test_a_match_is_folded_where_it_is_sure_which_case_is_taken() -> None:
    becomes(MATCH, "# of the sky\nsky()\n", value="blue")
    becomes(MATCH, "other()\n", value="violet")
    becomes(MATCH, MATCH.lstrip().replace('client.string("k", ctx, default="green")', '"green"'), value="green")
    assert reasons(MATCH, "green") == ["it is not sure which case is taken"]


def test_a_match_without_a_case_for_it_is_dropped() -> None:
    becomes('match client.number("k"):\n    case 1: a()\n    case -2.5: b()\nc()\n', "b()\nc()\n", value=-2.5)
    becomes('match client.number("k"):\n    case 1: a()\nc()\n', "c()\n", value=7)


def test_a_case_that_binds_a_name_is_left() -> None:
    text = 'match client.string("k"):\n    case other:\n        a(other)\n'
    becomes(text, text.replace('client.string("k")', '"x"'), value="x")


def test_a_guard_that_lets_all_pass_is_dropped() -> None:
    text = 'match x:\n    case [a] if client.boolean("k"):\n        b()\n'
    becomes(text, "match x:\n    case [a]:\n        b()\n")
    becomes(text, "match x:\n    case [a] if False:\n        b()\n", value=False)


def test_a_generator_stays_one() -> None:
    text = """
    def rows():
        if client.boolean("k"):
            return []
        yield 1
    """
    becomes(text, text)
    assert reasons(text) == ["its function would be no generator any more"]
    becomes(text, "def rows():\n    yield 1\n", value=False)


def test_a_function_that_is_taken_back_still_has_the_names_around_it() -> None:
    text = """
    def rows():
        is_new = client.boolean("k")
        is_old = not is_new
        if is_old:
            return None
        def inner():
            if is_new:
                return
            yield 1
        return inner
    """
    after = """
    def rows():
        is_new = True
        def inner():
            if is_new:
                return
            yield 1
        return inner
    """
    becomes(text, after)
    assert "its function would be no generator any more" in reasons(text)


def test_windows_line_ends_stay() -> None:
    text = "def f():\r\n    if client.boolean('k'):\r\n        pass\r\n    else:\r\n        b()\r\n"
    assert removed(text).text == "def f():\r\n    pass\r\n"


def test_a_declaration_of_a_global_name_stays() -> None:
    text = """
    def count():
        if client.boolean("k"):
            pass
        else:
            global total
        total = 1
    """
    becomes(text, text)
    assert reasons(text) == ["its function would lose a global or nonlocal declaration"]


def test_what_would_not_compile_any_more_is_refused() -> None:
    text = """
    def outer():
        if client.boolean("k"):
            pass
        else:
            count = 1
        def inner():
            nonlocal count
            count = 2
        return inner
    """
    with pytest.raises(NotRewritable, match="no Python"):
        removed(text)
