"""Laws of files, tried with projects at random: they say everything, and applied twice they say nothing."""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pennon.control.errors import Conflict, Invalid
from pennon.control.files.document import Document
from pennon.control.files.folder import files_of, read_folder
from pennon.control.files.service import FileService
from pennon.control.flags.definitions import configuration_of
from pennon.control.log import EnvironmentName
from pennon.control.storage import Storage
from pennon.engine import compile_snapshot
from pennon.model import Flag, Json
from tests.contract.repository import Repository, heads
from tests.contract.shop import ANNA, Shop
from tests.spec.imported import DIALECTS, drawn
from tests.spec.strategies import Chance, likely_context, snapshot

# One makes some two hundred changes.
FEW = settings(
    max_examples=max(2, settings().max_examples // 15),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_accepted(shop: Shop, on: EnvironmentName, edit: dict[str, Any]) -> bool:
    """Make *edit* if it can be, and return whether it could: not all that is drawn is sound."""
    try:
        shop.edit(edit, on=on)
    except (Invalid, Conflict):
        return False
    return True


def furnish(shop: Shop, seed: int) -> None:
    """Make what is sound of what *seed* draws, in both environments."""
    state = snapshot(seed)
    for kind in ("layers", "segments", "flags"):
        for item in reversed(state[kind].values()):
            for name in (shop.production, shop.staging):
                if kind == "flags":
                    furnish_flag(shop, name, item)
                else:
                    is_accepted(shop, name, {"do": f"put{kind[:-1].capitalize()}", kind[:-1]: item})


def furnish_flag(shop: Shop, name: EnvironmentName, item: Json) -> None:
    """Make a flag of *item*, with the prerequisites and rules that are sound."""
    rules, prerequisites = item.get("rules", []), item.get("prerequisites", [])
    bare = {**item, "rules": [], "prerequisites": []}
    if not is_accepted(shop, name, put_flag(bare)):
        return
    key = item["key"]
    for rule in rules:
        is_accepted(shop, name, {"do": "addRule", "flag": key, "rule": rule})
    for prerequisite in prerequisites:
        is_accepted(shop, name, {"do": "addPrerequisite", "flag": key, "prerequisite": prerequisite})


def put_flag(item: Json) -> dict[str, Any]:
    flag = msgspec.convert(item, Flag)
    definition = {name: item[name] for name in ("key", "kind", "variations", "clientSide") if name in item}
    return {"do": "putFlag", "definition": definition, "configuration": msgspec.to_builtins(configuration_of(flag))}


_NUMBERS = count(1)


def new_shop(storage: Storage) -> Shop:
    shop = Shop(storage.log, f"shop-{next(_NUMBERS)}")
    shop.open()
    return shop


def copied(shop: Shop, storage: Storage) -> Shop:
    """Return a new project to which the files of *shop* were applied."""
    other = new_shop(storage)
    files = files_of(FileService(shop.log).document(shop.project), other.project)
    folder = read_folder({name: text.encode() for name, text in files.items()})
    assert folder.faults == ()
    FileService(other.log).apply(other.project, msgspec.convert(folder.document, Document), by=ANNA)
    return other


def answers(shop: Shop, name: EnvironmentName, contexts: list[dict[str, Any]]) -> list[Any]:
    """Return what every flag answers to *contexts*."""
    rules = compile_snapshot(shop.change_views.snapshot(name))
    keys = sorted(shop.change_views.snapshot(name).items("flag"))
    found = [rules.evaluate(key, context, None) for context in contexts for key in keys]
    return [(each.value, each.variation, each.reason, each.rule_id, each.error_code) for each in found]


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_files_applied_elsewhere_answer_everybody_as_before(storage: Storage, seed: int) -> None:
    shop = new_shop(storage)
    furnish(shop, seed)
    other = copied(shop, storage)
    chance = Chance(seed)
    contexts = [likely_context(chance) for _ in range(30)]
    for one, two in ((shop.production, other.production), (shop.staging, other.staging)):
        assert shop.contents(one) == other.contents(two)
        assert answers(shop, one, contexts) == answers(other, two, contexts)
    assert shop.definitions() == other.definitions()
    for each in (shop, other):
        repository = Repository(each)
        assert not repository.plan().changed
        assert repository.plan().absent == ()
    assert Repository(shop).files.keys() == Repository(other).files.keys()
    same = [name for name in Repository(shop).files if name != "pennon.yaml"]
    assert [Repository(shop).files[name] for name in same] == [Repository(other).files[name] for name in same]


@pytest.mark.parametrize(("vendor", "dialect"), sorted({vendor: (vendor, name) for vendor, name in DIALECTS}.values()))
def test_imported_flags_survive_their_files(storage: Storage, vendor: str, dialect: str) -> None:
    shop, imported = new_shop(storage), drawn(vendor, dialect, 7, 40)
    for segment in imported.snapshot.get("segments", {}).values():
        is_accepted(shop, shop.production, {"do": "putSegment", "segment": segment})
    for flag in imported.snapshot["flags"].values():
        is_accepted(shop, shop.production, put_flag(flag))
    assert len(shop.definitions()) > 5
    other = copied(shop, storage)
    assert shop.contents(shop.production) == other.contents(other.production)
    assert answers(shop, shop.production, imported.contexts) == answers(other, other.production, imported.contexts)
    assert not Repository(other).plan().changed


@given(seed=st.integers(0, 2**32 - 1), later=st.integers(0, 2**32 - 1))
@FEW
def test_what_was_applied_leaves_nothing_to_plan(storage: Storage, seed: int, later: int) -> None:
    shop = new_shop(storage)
    furnish(shop, seed)
    repository = Repository(shop)
    furnish(shop, later)
    try:
        plan = repository.plan(keep_off=True, prune=True)
        repository.apply(keep_off=True, prune=True)
    except Conflict:  # what the files lack is still in use
        return
    before = heads(shop)
    again = repository.plan(keep_off=True, prune=True)
    assert not again.changed
    assert again.drift == {}
    assert not repository.apply(keep_off=True, prune=True).changed
    assert heads(shop) == before
    assert plan.changed == bool(plan.definitions or plan.environments)
