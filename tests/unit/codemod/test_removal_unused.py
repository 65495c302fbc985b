"""What nothing needs any more since the flag is gone."""

from pennon.codemod import Conventions
from pennon.codemod.python_calls import read_module
from pennon.codemod.removal import Kept, rewrite
from tests.unit.codemod.code import becomes, reasons, source


def test_imports_that_only_the_flag_needed_are_dropped() -> None:
    before = """
    import logging
    import shop.flags as flags
    from shop.checkout import new_checkout, old_checkout

    from shop.flags import (
        FLAG,
        client,  # the one
    )
    from unused import nobody

    def view(request):
        if client.boolean(FLAG and "k", flags.context_of(request)):
            return new_checkout(request)
        return old_checkout(request)
    """
    becomes(before, source(before))  # whose key is dynamic
    before = before.replace('FLAG and "k"', '"k"')
    after = """
    import logging
    from shop.checkout import new_checkout

    from shop.flags import (
        FLAG,
    )
    from unused import nobody

    def view(request):
        return new_checkout(request)
    """
    becomes(before, after)


def test_an_import_that_a_string_names_stays() -> None:
    before = """
    from typing import cast
    from a import B, C, D, E

    __all__ = ["C"]

    def view(b: "list[B]") -> None:
        if client.boolean("k"):
            return
        B(), C(), D(), E(), cast("D", 1)
    """
    after = """
    from a import B, C

    __all__ = ["C"]

    def view(b: "list[B]") -> None:
        return
    """
    becomes(before, after)


def test_imports_in_functions_and_for_type_checkers_are_dropped_and_tried_ones_stay() -> None:
    before = """
    if TYPE_CHECKING:
        from a import A
    try:
        import fast
    except ImportError:
        fast = None

    def view():
        from b import B
        if client.boolean("k"):
            return 1
        x: A = B(fast)
    """
    after = """
    if TYPE_CHECKING:
        pass
    try:
        import fast
    except ImportError:
        fast = None

    def view():
        return 1
    """
    becomes(before, after)


def test_what_other_modules_take_from_this_one_stays() -> None:
    text = "from shop.flags import client\nif client.boolean('k'):\n    a()\n"
    calls = read_module(text, "m", Conventions()).calls
    done = rewrite(text, calls, Kept("k", "on", value=True), Conventions(), exported={"client"})
    assert done.text == "from shop.flags import client\na()\n"


def test_locals_that_only_the_flag_needed_are_dropped_unless_they_may_do_something() -> None:
    before = """
    def view(request, unused):
        user = request.user
        ctx = {"targetingKey": str(user.pk)}
        basket = load(request)
        never = 1
        if client.boolean("k", {**ctx, "size": len(basket)}):
            return 1
        return 2
    """
    after = """
    def view(request, unused):
        basket = load(request)
        never = 1
        return 1
    """
    becomes(before, after)
    assert reasons(before) == ["`basket` is not read any more, but what it is given may do something"]


def test_parameters_stay() -> None:
    becomes("def view(flags):\n    return 1 if flags.boolean('k') else 2\n", "def view(flags):\n    return 1\n")


def test_functions_that_nothing_here_uses_any_more_are_named() -> None:
    before = """
    def new(): ...
    def old(): ...
    def kept(): old and kept

    class Pay:
        def _old(self): ...
        def run(self):
            return new() if client.boolean("k") else self._old() or old()
    """
    assert reasons(before) == ["nothing in this file uses `_old` any more"]
    assert reasons(before.replace("old and kept", "...")) == [
        "nothing in this file uses `old` any more",
        "nothing in this file uses `_old` any more",
    ]


def test_decorators_that_name_the_flag() -> None:
    before = """
    from pennon.sdk.web import requires_flags

    @app.post("/pay")
    @requires_flags("k")
    def pay():
        request_flags().require_current("k")
        request_flags().require_current("k", "other")

    @app.post("/try")
    @requires_flags("other", "k", required=True)
    async def attempt():
        ...

    @requires_flags("k", required=True)
    class View: ...
    """
    after = """
    from pennon.sdk.web import requires_flags

    @app.post("/pay")
    def pay():
        request_flags().require_current("other")

    @app.post("/try")
    @requires_flags("other", required=True)
    async def attempt():
        ...

    class View: ...
    """
    becomes(before, after)
