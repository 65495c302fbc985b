import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.errors import Invalid
from pennon.control.log import NO_HASH, Actor, Change, Edit
from pennon.control.storage.rows import chained, check_text, has_nul, read_row, write_row
from pennon.model import Item, Segment

WORDS = st.text(st.sampled_from("\0\ud800\\u0a\U0001f600"), max_size=8)
TEXT = Item.of(Segment("beta", included=("u1",))).text


def change(**fields: Any) -> Change:
    return Change(
        **{
            "log": "environments/shop/production",
            "epoch": 1,
            "revision": 7,
            "change_id": "ab" * 16,
            "time": datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC),
            "actor": Actor("token", "abc", "Ada"),
            "action": "putSegment",
            "why": "",
            "edits": (Edit("segment", "beta", None, TEXT),),
            "previous": NO_HASH,
            "hash": "",
            **fields,
        }
    )


def test_row_is_json_with_the_texts_of_its_items_byte_for_byte() -> None:
    row, hashed = write_row(change())
    assert row == (
        b'{"log":"environments/shop/production","epoch":1,"revision":7,"changeId":"abababababababababababababababab",'
        b'"time":"2026-03-14T09:26:53.589793Z","actor":{"kind":"token","id":"abc","name":"Ada"},"action":"putSegment",'
        b'"why":"","edits":[{"kind":"segment","key":"beta","before":null,"after":' + TEXT + b"}]}"
    )
    assert hashed.hash == hashlib.sha256(bytes(32) + row).hexdigest() == chained(NO_HASH, row)


@given(why=st.text(st.characters(exclude_categories=["Cs"])), time=st.datetimes(timezones=st.just(UTC)))
def test_row_reads_as_what_was_written(why: str, time: datetime) -> None:
    row, written = write_row(change(why=why, time=time, edits=(Edit("segment", "beta", TEXT, None),)))
    assert read_row(row, written.previous, written.hash) == written


def test_every_bit_of_a_row_counts() -> None:
    row, hashed = write_row(change())
    assert chained(NO_HASH, row[:-1] + b" ") != hashed.hash
    assert chained("1" + NO_HASH[1:], row) != hashed.hash


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
)
def test_refused_is_exactly_what_holds_a_nul_or_a_surrogate(value: Any) -> None:
    if _is_bad(value):
        with pytest.raises(Invalid):
            check_text(value)
    else:
        check_text(value)
        assert not has_nul(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a\0", "/why"),
        (["a", "b\0"], "/why/1"),
        ({"a": {"b/c": ["\ud800"]}}, "/why/a/b~1c/0"),
        ({"a": {"\0": 1}}, "/why/a"),
    ],
)
def test_path_leads_to_the_first_bad_string(value: object, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_text(value, "why")
    assert [problem.path for problem in refused.value.problems] == [path]


def _is_bad(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return any(map(_is_bad, [*value, *value.values()]))
    return any(map(_is_bad, value))
