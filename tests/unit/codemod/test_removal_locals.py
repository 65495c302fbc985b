"""Local variables that hold the flag's value."""

import pytest

from tests.unit.codemod.code import becomes, source


def test_a_local_that_is_assigned_once_is_folded_wherever_it_is_read() -> None:
    before = """
    def view(request):
        total = 1

        is_new = request.flags.boolean("k")
        if is_new:
            total = new(request)
        rows = [row for row in rows_of(request) if not is_new or row.ok]

        def later():
            return 1 if is_new else 2

        return render(total, rows, later, is_new=is_new)
    """
    after = """
    def view(request):
        total = 1

        total = new(request)
        rows = [row for row in rows_of(request) if row.ok]

        def later():
            return 1

        return render(total, rows, later, is_new=True)
    """
    becomes(before, after)


def test_what_follows_from_a_local_is_a_local_too() -> None:
    before = """
    def view():
        colour: str = client.string("k")
        is_blue = colour == "blue"
        is_other = not is_blue
        if is_other:
            return 1
        return 2
    """
    becomes(before, "def view():\n    return 2\n", value="blue")
    becomes(before, "def view():\n    return 1\n", value="red")


def test_a_walrus_goes_with_its_uses() -> None:
    before = """
    def view():
        if (colour := client.string("k")) != "red" and paint(colour):
            return colour
        return None
    """
    after = """
    def view():
        if paint("blue"):
            return "blue"
        return None
    """
    becomes(before, after, value="blue")


def test_an_evaluation_in_a_local() -> None:
    before = """
    def view():
        result = client.evaluation("k", ctx)
        log(result.variation)
        if result.value:
            return 1
        return 2
    """
    becomes(before, 'def view():\n    log("on")\n    return 1\n')
    whole = before.replace("result.variation", "result")
    becomes(whole, source(whole))


LEFT = {
    "assigned twice": "is_new = client.boolean('k')\n    if a: is_new = False",
    "a parameter": "def inner(is_new): return is_new\n    is_new = client.boolean('k')",
    "a loop": "for is_new in rows: pass\n    is_new = client.boolean('k')",
    "augmented": "is_new = client.boolean('k')\n    is_new |= a",
    "deleted": "is_new = client.boolean('k')\n    del is_new",
    "with": "is_new = client.boolean('k')\n    with a as is_new: pass",
    "with several": "is_new = client.boolean('k')\n    with a as (b, is_new): pass",
    "except": "is_new = client.boolean('k')\n    try: pass\n    except E as is_new: pass",
    "import": "is_new = client.boolean('k')\n    import is_new.b",
    "import as": "is_new = client.boolean('k')\n    from a import b as is_new",
    "unpacked": "is_new = client.boolean('k')\n    a, *is_new = b",
    "match": "is_new = client.boolean('k')\n    match a:\n        case [is_new]: pass",
    "match rest": "is_new = client.boolean('k')\n    match a:\n        case {**is_new}: pass",
    "comprehension": "is_new = client.boolean('k')\n    x = [1 for is_new in a]",
    "nonlocal": "is_new = client.boolean('k')\n    def inner():\n        nonlocal is_new\n        is_new = 2",
    "global": "global is_new\n    is_new = client.boolean('k')",
    "locals": "is_new = client.boolean('k')\n    locals()",
    "a class": "is_new = client.boolean('k')\n    class is_new: pass",
    "declared": "is_new: bool\n    is_new = client.boolean('k')",
    "two targets": "is_new = b = client.boolean('k')",
}


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT.keys())
def test_a_local_that_may_be_something_else_keeps_its_assignment(body: str) -> None:
    before = f"def view():\n    {body}\n    return is_new\n"
    becomes(before, before.replace("client.boolean('k')", "True"))


def test_a_name_of_another_scope_is_not_the_local() -> None:
    before = """
    is_new = other()

    def view(x=is_new):
        is_new = client.boolean("k")
        return is_new

    class View:
        is_new = client.boolean("k")

    def third():
        return is_new, View.is_new
    """
    after = """
    is_new = other()

    def view(x=is_new):
        is_new = True
        return is_new

    class View:
        is_new = True

    def third():
        return is_new, View.is_new
    """
    becomes(before, after)


def test_a_dict_is_one_thing_and_stays_one() -> None:
    before = "def view():\n    limits = client.object('k')\n    limits['x'] = 1\n    return limits\n"
    becomes(before, before.replace("client.object('k')", "{'a': 1}"), value={"a": 1})
