"""What pages load: every file at two addresses, one of which is the same bytes for good."""

import asyncio
import base64
import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hatchling.builders.wheel import WheelBuilder

from pennon.stream.http import Answer, Refusal, Request
from pennon.stream.modules import INTEGRITY, answer_module, assets, handed_out

ROOT = Path(__file__).parents[3]
ENTRIES = {"pennon.js", "pennon-local.js", "pennon-sampling.js", "pennon-vitals.js"}
"""What pages import by themselves."""
PARTS = {"pennon-comparisons.js", "pennon-patterns.js", "pennon-references.js"}
"""What local evaluation loads where rules need it."""


def asked(name: str, **headers: str) -> Answer:
    """Ask for *name*, with headers whose names have `_` for `-`."""
    lines = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]

    async def receive() -> Any:
        return await asyncio.Future[Any]()

    scope = {"method": "GET", "path": f"/js/v1/{name}", "query_string": b"", "headers": lines}
    return answer_module(Request(scope, receive), name)


def test_every_entry_is_there_under_its_name_and_under_one_with_its_hash() -> None:
    listing = json.loads(bytes(asked(INTEGRITY).body))
    assert listing.keys() == ENTRIES | PARTS
    for name, told in listing.items():
        plain, pinned = asked(name), asked(told["path"].removeprefix("/js/v1/"))
        assert plain.body == pinned.body
        assert hashlib.sha256(plain.body).hexdigest()[:16] in told["path"]
        assert told["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(plain.body).digest()).decode()
        assert dict(plain.headers)["content-type"] == "text/javascript; charset=utf-8"
        assert "max-age=3600" in dict(plain.headers)["cache-control"]
        assert dict(pinned.headers)["cache-control"] == "public, max-age=31536000, immutable"


def test_a_tag_that_is_current_gets_no_body() -> None:
    whole = dict(asked("pennon.js").headers)
    answer = asked("pennon.js", if_none_match=whole["etag"])
    assert (answer.status, answer.body) == (304, b"")
    assert asked("pennon.js", if_none_match='"another"').status == 200
    packed = dict(asked("pennon.js", accept_encoding="gzip").headers)
    assert packed["etag"] == f"W/{whole['etag']}"
    assert asked("pennon.js", if_none_match=packed["etag"]).status == 304


def zstd(body: bytes) -> bytes:
    try:
        return bytes(importlib.import_module("compression.zstd").decompress(body))
    except ImportError:
        return bytes(importlib.import_module("backports.zstd").decompress(body))


@pytest.mark.parametrize(
    ("coding", "read"),
    [
        ("gzip", lambda body: importlib.import_module("gzip").decompress(body)),
        ("br", lambda body: importlib.import_module("brotli").decompress(body)),
        ("zstd", zstd),
    ],
)
def test_bodies_are_compressed_as_the_browser_likes(coding: str, read: Any) -> None:
    plain, packed = asked("pennon.js"), asked("pennon.js", accept_encoding=coding)
    assert dict(packed.headers)["content-encoding"] == coding
    assert len(packed.body) < len(plain.body)
    assert read(packed.body) == plain.body
    assert dict(plain.headers)["vary"] == dict(packed.headers)["vary"] == "Accept-Encoding"
    assert asked("pennon.js", accept_encoding=coding).body is packed.body


def test_who_takes_no_coding_at_all_is_told_which_there_are() -> None:
    with pytest.raises(Refusal) as refused:
        asked("pennon.js", accept_encoding="*;q=0")
    assert refused.value.status == 406


@pytest.mark.parametrize(
    "name", ["", "pennon", "../modules.py", "released", "released/pennon.js", "pennon-0000000000000000.js"]
)
def test_nothing_else_is_handed_out(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(name)
    assert refused.value.status == 404
    assert INTEGRITY in refused.value.detail


def test_a_file_of_an_earlier_release_stays_at_its_address(tmp_path: Path) -> None:
    (tmp_path / "pennon.js").write_text("export const now = 1;")
    (tmp_path / "README.md").write_text("not handed out")
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "pennon-1b2c3d4e5f607182.js").write_text("export const then = 1;")
    found = handed_out(tmp_path)
    assert found["pennon-1b2c3d4e5f607182.js"].body == b"export const then = 1;"
    assert "immutable" in found["pennon-1b2c3d4e5f607182.js"].fresh[1]
    assert msgspec.json.decode(found[INTEGRITY].body).keys() == {"pennon.js"}
    assert len(found) == 4


def test_what_is_handed_out_is_made_once() -> None:
    assert assets() is assets()


def test_a_wheel_has_the_files_and_so_nobody_needs_node() -> None:
    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"pennon/stream/javascript/{name}" for name in ENTRIES | PARTS} <= included
