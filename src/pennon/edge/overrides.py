"""The last resort: what a person on the node says that a flag serves while its control plane is dead.

An override is a transformation of what the node serves, between its replica and its hub. The replica holds what the
origin said, byte for byte; the hub is given the flag's item in another text, and so has another digest at the same
revision. Whoever is below sees that in the first heartbeat and asks for the snapshot. See spec/sync.md.

An override never turns a flag back by itself unless the origin was heard of: see `reconciled`.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from pennon.model import Delta, Item, Items, Snapshot, text_hash
from pennon.model.flags import Wire
from pennon.model.problems import DECODE_ERRORS
from pennon.protocol import digest
from pennon.protocol.state import Editable

Document = TypeVar("Document", Snapshot, Delta)
OFF = "off"
MARK = "override"
"""The member of a flag that says that a node replaced what the origin serves: SDKs and nodes below see it."""
_DECIDES = frozenset({"on", "targets", "rules", "prerequisites", "fallthrough", "staleness", "hash", MARK})


class Override(Wire, frozen=True, kw_only=True):
    """What *flag* serves to everybody in *environment*: a variation, or, where that is None, as if it were off.

    `at` is seconds since 1970. `base` is the hash of the origin's item when the origin was first heard of after it.
    `keep`: only a person removes it.
    """

    environment: str
    flag: str
    variation: str | None = None
    at: float
    by: str = ""
    why: str = ""
    keep: bool = False
    base: str = ""

    @property
    def changes(self) -> tuple[str, str, str | None, float]:
        """What of it shows in what is served."""
        return self.environment, self.flag, self.variation, self.at

    @property
    def serves(self) -> str:
        """What it makes of the flag, in a word or two."""
        return OFF if self.variation is None else f"variation {self.variation}"


class _Named(Wire, frozen=True):
    key: str


class _Fallthrough(Wire, frozen=True):
    variation: str | None = None


class _Sketch(Wire, frozen=True):
    on: bool = False
    off_variation: str | None = None
    variations: tuple[_Named, ...] = ()
    prerequisites: tuple[msgspec.Raw, ...] = ()
    targets: tuple[msgspec.Raw, ...] = ()
    rules: tuple[msgspec.Raw, ...] = ()
    fallthrough: _Fallthrough = _Fallthrough()
    override: msgspec.Raw = msgspec.Raw()


_SKETCHES = msgspec.json.Decoder(_Sketch)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def overridden(item: Item, override: Override, node: str) -> Item | None:
    """Return *item* as *override* makes it, with the version that it has; None where that cannot be.

    Members that decide nothing stay byte for byte. Rules go even where it is off: a flag that cannot be compiled for
    them can be turned off all the same. A bound on staleness goes, for it would end what was said for just then.
    """
    try:
        members, sketch = _MEMBERS.decode(item.text), _SKETCHES.decode(item.text)
    except DECODE_ERRORS:
        return None
    variations = [each.key for each in sketch.variations]
    serves = override.variation or sketch.off_variation or next(iter(variations), "")
    if serves not in variations:
        return None
    kept = {name: raw for name, raw in members.items() if name not in _DECIDES}
    said = {
        "on": override.variation is not None,
        "fallthrough": {"variation": serves},
        MARK: {"node": node, "serves": override.serves, "at": override.at},
    }
    stored = msgspec.json.encode(kept | said)
    hash_ = text_hash(stored)
    return Item(item.key, item.version, item.changed_at, hash_, b'{"hash":"%b",%b' % (hash_.encode(), stored[1:]))


def is_overridden(item: Item | None) -> bool:
    """Whether *item* is not the origin's: a node above has overridden it."""
    try:
        return item is not None and bytes(_SKETCHES.decode(item.text).override) not in (b"", b"null")
    except DECODE_ERRORS:
        return False


def serves_the_same(item: Item, override: Override) -> bool:
    """Whether the flag serves to everybody what *override* says, without it."""
    try:
        flag = _SKETCHES.decode(item.text)
    except DECODE_ERRORS:
        return False
    if override.variation is None:
        return not flag.on
    if not flag.on:
        return flag.off_variation == override.variation
    decides = flag.prerequisites or flag.targets or flag.rules
    return not decides and flag.fallthrough.variation == override.variation


class Reconciled(msgspec.Struct, frozen=True):
    """What becomes of an override: it stands as `override` says, or is dropped for the reason `dropped`."""

    override: Override
    dropped: str = ""


def reconciled(override: Override, item: Item | None, *, current_at: float | None) -> Reconciled:
    """Return what becomes of *override*, the origin's flag being *item*, which was current there at *current_at*.

    Nothing, until the origin was heard of after it was made. Then it goes where the origin serves the same, or has
    lost the flag; and, from then on, with the first change of the flag there. A flag that was changed while the node
    was cut off keeps it: whether that was before or after, nobody can tell, and what a person turned off must not
    come on by itself.
    """
    if current_at is None or current_at <= override.at or override.keep or is_overridden(item):
        return Reconciled(override)
    if item is None:
        return Reconciled(override, "the flag is not there at the origin")
    if serves_the_same(item, override):
        return Reconciled(override, "the origin serves the same")
    if not override.base:
        return Reconciled(msgspec.structs.replace(override, base=item.hash))
    if override.base != item.hash:
        return Reconciled(override, "the flag was changed at the origin")
    return Reconciled(override)


class Applied:
    """Overrides by environment and flag, as they are applied to what a node serves. Immutable."""

    def __init__(self, node: str, overrides: Iterable[Override] = ()) -> None:
        self._node = node
        self._by_environment: dict[str, dict[str, Override]] = {}
        for override in overrides:
            self._by_environment.setdefault(override.environment, {})[override.flag] = override

    def of(self, environment: str) -> Mapping[str, Override]:
        """Return the overrides of *environment* by flag."""
        return self._by_environment.get(environment, {})

    def applied(self, document: Document) -> Document:
        """Return a snapshot or a delta as the node is to serve it. It names its environment, and is signed no more."""
        if not (overrides := self.of(document.environment)):
            return document
        if isinstance(document, Delta):
            # The digest that it says is of the origin's items.
            flags = {**document.flags, **self._replaced(document.flags, overrides)}
            return msgspec.structs.replace(document, flags=flags, digest="", heads=())
        return self._snapshot(document, overrides)

    def _snapshot(self, snapshot: Snapshot, overrides: Mapping[str, Override]) -> Snapshot:
        records = snapshot.flags.records
        edits = self._replaced(records, overrides)
        after = snapshot.digest
        for key, item in edits.items():
            after = digest.updated(after, "flag", records[key], item) if after else ""
        edited = records.edited(edits) if isinstance(records, Editable) else {**records, **edits}
        return msgspec.structs.replace(snapshot, flags=Items("flag", edited), digest=after, heads=())

    def _replaced(self, flags: Mapping[str, Item | None], overrides: Mapping[str, Override]) -> dict[str, Item]:
        replaced: dict[str, Item] = {}
        for key, override in overrides.items():
            item = flags.get(key)
            if item is not None and (other := overridden(item, override, self._node)) is not None:
                replaced[key] = other
        return replaced
