"""What of Python source names flags."""

import pytest

from pennon.codemod import Conventions, NotRewritable
from pennon.codemod.python_calls import Call, read_module
from tests.unit.codemod.code import source


def calls(text: str, **conventions: tuple[str, ...]) -> list[Call]:
    module = read_module(source(text), "shop.views", Conventions(**conventions))
    return [*module.calls, *module.constants]


def keys(text: str, **conventions: tuple[str, ...]) -> list[str | None]:
    return [each.key for each in calls(text, **conventions) if each.certain]


@pytest.mark.parametrize(
    "text",
    [
        'client.boolean("k")',
        'self.client.string("k", ctx, default="")',
        'request.flags.number("k")',
        'request_flags().object("k")',
        'my_features.evaluation(flag="k", context=ctx)',
        'anything.boolean("k", default=True)',
        'c = Client()\nc.boolean("k")',
        'def f(c: "Client"): ...\ndef g(c: Client): return c.boolean("k")',
        'def f(c: Annotated[RequestFlags, Depends(x)]): return c.boolean("k")',
        'of.get_boolean_value("k", False)',
        'of.get_object_details_async(flag_key="k", default_value={})',
        '@requires_flags("k")\ndef f(): ...',
        'request_flags().require_current("k")',
        'KEY = "k"\nclient.boolean(KEY)',
        'KEY: Final = "k"\nclient.boolean(KEY)',
        'class Flag(StrEnum):\n    NEW = "k"\nclient.boolean(Flag.NEW)',
        'class Flag(Enum):\n    NEW = "k"\nclient.boolean(Flag.NEW.value)',
        'is_on = client.boolean\nis_on("k")',
        'is_on = api.get_client().get_boolean_value\nis_on("k", False)',
        'from pennon.testing import flag\nflag("k").on()',
        'def is_on(key): return client.boolean(key)\nis_on("k")',
        'x = is_on("k")\ndef is_on(user, *, key="a"): return client.boolean(key)\nis_on(1, key="k")',
        'class A:\n    def on(self, key): return self.client.boolean(key)\n    def f(self): return self.on("k")',
        'async def is_on(key):\n    return await of.get_boolean_value_async(key, False)\nis_on("k")',
        'def a(key): return client.boolean(key)\ndef b(key): return a(key)\nb("k")',
    ],
)
def test_a_call_is_found_and_its_file_is_worth_parsing(text: str) -> None:
    assert keys(text) == ["k"]
    assert Conventions().may_name_flags(text)


@pytest.mark.parametrize("text", ["x = 1", "row.object('k')", "mock.patch.object(a, 'k')", "x.string = 'k'"])
def test_a_file_that_names_no_flag_is_not_parsed(text: str) -> None:
    assert not Conventions().may_name_flags(text)


@pytest.mark.parametrize(
    "text",
    [
        'schema.string("k")',
        'boolean("k")',
        'client.boolean("not a key")',
        "client.boolean()",
        "client.boolean(*keys)",
        'client.boolean("k")  # pennon: ignore',
        'def get(key): return client.boolean(key)\nresponse.get("k")',
        'class A:\n    def get(self, key): return self.client.boolean(key)\nrow.get("k")',
        "\"client.boolean('k')\"",
        'KEY = "k"',
    ],
)
def test_what_only_looks_like_a_call_is_not(text: str) -> None:
    assert keys(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('client.boolean(f"new-{name}")', "f'new-{name}'"),
        ("client.boolean(name)", "name"),
        ('KEY = "a"\nKEY = "b"\nclient.boolean(KEY)', "KEY"),
        ('KEY = "a"\nKEY = other()\nclient.boolean(KEY)', "KEY"),
        ("class A:\n    def __init__(self, key): self.on = client.boolean(key)", "key"),
    ],
)
def test_a_key_that_is_made_while_the_program_runs_is_dynamic(text: str, shown: str) -> None:
    (call,) = calls(text)
    assert (call.key, call.origin, call.text) == (None, None, shown)


def test_a_key_of_another_module_has_its_origin() -> None:
    text = """
    from shop.flags import Flag as F, NEW
    from . import keys
    import shop.more
    client.boolean(NEW)
    client.boolean(F.OLD.value)
    client.boolean(keys.THIRD)
    client.boolean(shop.more.FOURTH)
    """
    origins = [each.origin for each in calls(text)]
    assert origins == ["shop.flags.NEW", "shop.flags.Flag.OLD", "shop.keys.THIRD", "shop.more.FOURTH"]


def test_several_keys_of_one_call() -> None:
    found = calls('@requires_flags("a", KEY, "b", required=True)\ndef f(): ...\n')
    assert [(each.key, each.place) for each in found] == [("a", 0), (None, 1), ("b", 2)]


def test_places_count_characters_from_1() -> None:
    (call,) = calls('größe = "é" + client.string(\n    "k",\n)\n')
    assert (call.start.line, call.start.column, call.end.line, call.end.column) == (1, 15, 3, 2)


def test_a_wrapper_that_does_more_is_not_the_clients_answer() -> None:
    text = """
    def plain(key, user):
        "Return it."
        return client.boolean(key, {"targetingKey": user.id})
    def more(key):
        log(key)
        return client.boolean(key)
    @cache
    def cached(key):
        return client.boolean(key)
    def effect(key):
        return client.boolean(key, charge(1))
    def harmless(key):
        return get_flags().boolean(key, {"targetingKey": str(user.id), **context_of(user)})
    plain("k"), more("k"), cached("k"), effect("k"), harmless("k")
    """
    assert [each.is_plain for each in calls(text)] == [True, False, False, False, True]


def test_the_code_base_may_have_names_of_its_own() -> None:
    for name in ("functions", "methods", "guards"):
        assert Conventions(**{name: ("on",)}).may_name_flags("on('k')")
    assert Conventions(receivers=("ff",)).may_name_flags("ff.boolean('k')")
    assert Conventions(constants=("Keys.F*",)).may_name_flags("    FIRST = 'k'")
    assert keys('is_enabled("k")', functions=("is_enabled",)) == ["k"]
    assert keys('user.may("k")\nmay("j")', methods=("may",)) == ["k"]
    assert keys('ff.boolean("k")', receivers=("ff",)) == ["k"]
    assert keys('@guarded("k", "j")\ndef f(): ...', guards=("guarded",)) == ["k", "j"]
    assert keys('FLAG_A = "k"\nclass Keys:\n    B = "j"\n', constants=("FLAG_*", "Keys.*")) == ["k", "j"]


@pytest.mark.parametrize("text", ["def", "x = (", "print 'a'", "\0"])
def test_what_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(NotRewritable, match="no Python"):
        read_module(text, "m", Conventions())
