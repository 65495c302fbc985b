"""Laws of changes, tried with edits at random: many of them refused, none of them half done."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pennon.control.changes.edits import AnyEdit
from pennon.control.errors import Conflict, Invalid
from pennon.control.lifecycle.views import LifecycleViews
from pennon.control.storage import Storage
from pennon.control.working.state import content_text
from pennon.engine import compile_snapshot
from pennon.model import Flag, Reason
from tests.contract.shop import ANNA, Shop
from tests.editing import read_edits

_NUMBERS = count(1)
_SETTINGS = settings(
    max_examples=settings().max_examples // 6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FLAGS = st.sampled_from(["a", "b", "c"])
SEGMENTS = st.sampled_from(["s", "t"])
VARIATIONS = st.sampled_from(["on", "off", "other"])
SOME_KEYS = st.lists(st.sampled_from(["u1", "u2", "u3"]), max_size=3)
SHARES = st.integers(0, 10).map(lambda tenths: {"on": tenths * 10_000, "off": 100_000 - tenths * 10_000})
CONDITIONS = st.one_of(
    st.builds(lambda segment: {"op": "inSegment", "values": [segment]}, SEGMENTS),
    st.builds(lambda values: {"op": "in", "attribute": "targetingKey", "values": values}, SOME_KEYS),
    st.sampled_from([{"op": "exists", "attribute": "plan"}, {"op": "matches", "attribute": "x", "values": ["(?=a)"]}]),
)
SERVES = st.one_of(
    st.builds(lambda variation: {"variation": variation}, VARIATIONS),
    st.builds(
        lambda shares: {"split": {"weights": [{"variation": k, "weight": v} for k, v in shares.items()]}}, SHARES
    ),
)
RULES = st.builds(
    lambda rule_id, conditions, serve: {"id": rule_id, "conditions": conditions, "serve": serve},
    st.sampled_from(["r1", "r2", ""]),
    st.lists(CONDITIONS, max_size=2),
    SERVES,
)


def edit(word: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"do": st.just(word), **members})


def definition(key: str, third: str | None, client_side: bool) -> dict[str, Any]:
    variations = [{"key": "on", "value": True}, {"key": "off", "value": False}]
    if third is not None:
        variations.append({"key": third, "value": False})
    return {"key": key, "variations": variations, "clientSide": client_side, "name": f"{third}"}


DEFINITIONS = st.builds(definition, FLAGS, st.sampled_from([None, "other"]), st.booleans())
SLOTS = st.lists(
    st.builds(
        lambda start, length: {"from": start * 10_000, "to": (start + length) * 10_000, "experiment": "e"},
        st.integers(0, 9),
        st.integers(0, 3),
    ),
    max_size=2,
)
EXPERIMENTS = st.sampled_from([None, {"key": "e", "layer": "l", "otherwise": "off"}])
EDITS = st.one_of(
    edit("turnOn", flag=FLAGS),
    edit("turnOff", flag=FLAGS),
    edit("setFallthrough", flag=FLAGS, serve=SERVES),
    edit("addTarget", flag=FLAGS, variation=VARIATIONS, values=SOME_KEYS),
    edit("removeTarget", flag=FLAGS, values=SOME_KEYS),
    edit("addRule", flag=FLAGS, rule=RULES, position=st.sampled_from([None, 0, 1])),
    edit("removeRule", flag=FLAGS, rule=st.sampled_from(["r1", "r2"])),
    edit("setWeights", flag=FLAGS, weights=SHARES, rule=st.sampled_from([None, "r1"])),
    edit("setSplit", flag=FLAGS, weights=SHARES, experiment=EXPERIMENTS),
    edit("newSalt", flag=FLAGS),
    edit(
        "addPrerequisite",
        flag=FLAGS,
        prerequisite=st.fixed_dictionaries({"flag": FLAGS, "variations": st.lists(VARIATIONS, max_size=2)}),
    ),
    edit("setPrerequisites", flag=FLAGS, prerequisites=st.just([])),
    edit("putFlag", definition=DEFINITIONS),
    edit(
        "putFlag",
        definition=DEFINITIONS,
        configuration=st.fixed_dictionaries({"fallthrough": SERVES, "on": st.booleans()}),
    ),
    edit("deleteFlag", flag=FLAGS),
    edit("archiveFlag", flag=FLAGS),
    edit("archiveFlag", flag=FLAGS),
    edit("restoreFlag", flag=FLAGS, how=st.sampled_from(["off", "asItWas", "new"])),
    edit(
        "putSegment",
        segment=st.builds(
            lambda key, included, conditions: {"key": key, "included": included, "rules": [{"conditions": conditions}]},
            SEGMENTS,
            SOME_KEYS,
            st.lists(CONDITIONS, max_size=1),
        ),
    ),
    edit("addToSegment", segment=SEGMENTS, keys=SOME_KEYS),
    edit("removeFromSegment", segment=SEGMENTS, keys=SOME_KEYS),
    edit("deleteSegment", segment=SEGMENTS),
    edit("putLayer", layer=st.fixed_dictionaries({"key": st.just("l"), "slots": SLOTS})),
    edit("setSlots", layer=st.just("l"), slots=SLOTS),
    edit("deleteLayer", layer=st.just("l")),
)
CHANGES = st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=1, max_size=8)
START = [
    {"do": "putFlag", "definition": definition("a", "other", False)},
    {"do": "putFlag", "definition": definition("b", None, False)},
    {"do": "putSegment", "segment": {"key": "s"}},
    {"do": "putLayer", "layer": {"key": "l", "slots": [{"from": 0, "to": 50_000, "experiment": "e"}]}},
]


class Walk:
    """A project of its own, and what all of it says."""

    def __init__(self, storage: Storage) -> None:
        self.shop = Shop(storage.log, f"shop-{next(_NUMBERS)}")
        self.shop.open()
        self.shop.edit(*START, on=self.shop.production)

    @property
    def revision(self) -> int:
        return self.shop.revision(self.shop.production)

    def all(self) -> tuple[object, ...]:
        shop = self.shop
        return shop.contents(shop.production), shop.contents(shop.staging), shop.definitions(), self.archived()

    def archived(self) -> dict[str, dict[str, bytes]]:
        """What is archived, and what environments keep of it."""
        definitions = LifecycleViews(self.shop.log, self.shop.flag_views).archived(self.shop.project).items
        found = {"definitions": {each.definition.key: content_text(each.definition) for each in definitions}}
        with self.shop.log.reading() as reading:
            for name in (self.shop.production, self.shop.staging):
                kept = reading.items(name.log, "archivedFlag")
                found[name.environment] = {item.key: content_text(item.read(Flag)) for item in kept}
        assert all(found["definitions"].keys() == found[name].keys() for name in ("production", "staging"))
        return found

    def apply(self, edits: list[AnyEdit]) -> bool:
        """Apply edits and tell whether they changed something. What is refused must change nothing."""
        before, revision = self.all(), self.revision
        try:
            outcome = self.shop.changes.apply(self.shop.production, edits, by=ANNA)
        except (Invalid, Conflict):
            assert (self.all(), self.revision) == (before, revision)
            return False
        assert outcome.position.revision == revision + outcome.changed
        assert (self.all() != before) is outcome.changed
        return outcome.changed

    def revert(self, revision: int) -> None:
        self.shop.changes.revert(self.shop.production, revision, by=ANNA)


@given(changes=CHANGES)
@_SETTINGS
def test_a_change_and_its_reversal_leave_the_state_as_it_was(storage: Storage, changes: list[list[Any]]) -> None:
    walk = Walk(storage)
    for edits in map(read_edits, changes):
        before = walk.all()
        if walk.apply(edits):
            after = walk.all()
            walk.revert(walk.revision)
            assert walk.all() == before
            walk.revert(walk.revision)
            assert walk.all() == after


@given(changes=CHANGES)
@_SETTINGS
def test_what_was_accepted_evaluates_and_the_log_folded_is_the_state(
    storage: Storage, changes: list[list[Any]]
) -> None:
    walk = Walk(storage)
    views, production = walk.shop.change_views, walk.shop.production
    for edits in map(read_edits, changes):
        walk.apply(edits)
        now = views.snapshot(production)
        rules = compile_snapshot(now)
        for key in now.flags:
            assert rules.evaluate(key, {"targetingKey": "u1", "x": "y"}).reason is not Reason.ERROR
    assert views.snapshot(production, revision=walk.revision) == views.snapshot(production)
    assert views.difference(production, walk.revision, walk.revision).items == ()
    assert storage.log.check(production.log).problem is None


@given(changes=CHANGES)
@_SETTINGS
def test_a_preview_foretells_the_change(storage: Storage, changes: list[list[Any]]) -> None:
    walk = Walk(storage)
    views, production = walk.shop.change_views, walk.shop.production
    for edits in map(read_edits, changes):
        before = walk.revision
        try:
            preview = walk.shop.changes.preview(production, edits)
        except (Invalid, Conflict):
            assert not walk.apply(edits)
            continue
        assert walk.apply(edits) is preview.changed
        told = [(item.kind, item.key, item.what) for item in preview.items if item.kind != "definition"]
        made = views.difference(production, before, walk.revision).items
        assert told == [(item.kind, item.key, item.what) for item in made]
