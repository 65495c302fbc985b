"""Sticky buckets: what GrowthBook's SDK stored of users, who keep their variations though rules changed since."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pennon.importers.growthbook.vendor import VENDOR
from pennon.importers.plan import ImportRefused
from pennon.model import DECODE_ERRORS, Problem, decoding_problem, pointer
from pennon.model.repeats import repeated_members


class StickyDocument(msgspec.Struct, rename="camel"):
    """The assignments of one user: `<experiment>__<bucket version>` to the key of a variation."""

    attribute_name: str
    attribute_value: str
    assignments: dict[str, str]


class Assigned(NamedTuple):
    """Who, by the value of one attribute, has an assignment of an experiment.

    `kept`: by the variation's index. `unknown`: to a variation that is no more. `blocked`: of a version too old.
    """

    kept: Mapping[int, list[str]]
    unknown: list[str]
    blocked: list[str]


class StickyBuckets:
    """What is known of the SDK's sticky buckets. `is_used`: whether it has a store of them; None where nobody said."""

    def __init__(self, documents: Sequence[StickyDocument] = (), *, is_used: bool | None = None) -> None:
        self.is_used = is_used
        self._of: dict[str, dict[str, dict[str, str]]] = {}
        for document in documents:
            self._of.setdefault(document.attribute_name, {})[document.attribute_value] = document.assignments

    def units(self, most: int) -> Iterator[tuple[str, str]]:
        """Yield attributes with the units, of each *most*, that something is stored of."""
        for attribute, stored in self._of.items():
            yield from ((attribute, unit) for unit in sorted(stored)[:most])

    def assigned(
        self, attribute: str, experiment: str, *, version: int, least: int, keys: Sequence[str | None]
    ) -> Assigned:
        """Return who is assigned by *attribute*. *keys* are those of the variations, *least* the least version."""
        wanted, old = f"{experiment}__{version}", [f"{experiment}__{number}" for number in range(least)]
        kept: dict[int, list[str]] = {}
        unknown, blocked = [], []
        for unit, assignments in sorted(self._of.get(attribute, {}).items()):
            if any(key in assignments for key in old):
                blocked.append(unit)
            elif wanted in assignments:
                key = assignments[wanted]
                if key in keys:
                    kept.setdefault(keys.index(key), []).append(unit)
                else:
                    unknown.append(unit)
        return Assigned(dict(sorted(kept.items())), unknown, blocked)


OFF = "off"


def read_sticky(option: bytes | str | None) -> StickyBuckets:
    """Read what the option `sticky` says: nothing, `off`, or the stored documents. Raises `ImportRefused`."""
    if option is None:
        return StickyBuckets()
    text = option if isinstance(option, str) else option.decode("utf-8", "replace")
    if text.strip() == OFF:
        return StickyBuckets(is_used=False)
    try:
        given = msgspec.json.decode(option)
        if repeated := repeated_members(option):
            raise ImportRefused(VENDOR, [problem.under("/sticky") for problem in repeated])
        documents = list(_documents(given))
    except DECODE_ERRORS as error:
        problem = decoding_problem(error, "/sticky")
        raise ImportRefused(VENDOR, [Problem(problem.path, problem.message, _EXPECTED)]) from error
    if not all(document.attribute_value for document in documents):
        raise ImportRefused(VENDOR, [Problem("/sticky", "a document is of nobody: attributeValue is empty", _EXPECTED)])
    return StickyBuckets(documents, is_used=True)


_EXPECTED = (
    'give [{"attributeName": "id", "attributeValue": "u1", "assignments": {"checkout__0": "1"}}, …],'
    " the same by their keys, or off if the SDK has no sticky bucket service"
)


def _documents(given: object) -> Iterator[StickyDocument]:
    if isinstance(given, dict):
        for key, raw in given.items():
            document = msgspec.convert(raw, StickyDocument)
            if f"{document.attribute_name}||{document.attribute_value}" != key:
                message = f"the document is of {document.attribute_name}||{document.attribute_value}"
                raise ImportRefused(VENDOR, [Problem("/sticky" + pointer(key), message, _EXPECTED)])
            yield document
    else:
        yield from msgspec.convert(given, list[StickyDocument])
