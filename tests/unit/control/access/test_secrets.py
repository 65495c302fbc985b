"""Secrets are found by their hashes and never compared letter by letter: by construction, for time proves nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from pennon.control.access.accounts import AccountService
from pennon.control.access.credentials import NewKey, NewToken, secret_hash
from pennon.control.access.keys import KeyService
from pennon.control.access.people import Account, session_key
from pennon.control.access.service import TokenService
from pennon.control.access.signing_in import SignIns
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.log import SYSTEM, EnvironmentName
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from tests.clock import HandClock
from tests.storages import sqlite_storage

SOURCE = Path(__file__).parents[4] / "src" / "pennon"
WORDS = {"secret", "csrf", "password", "signature", "mac", "hmac", "nonce", "verifier"}


def equalities() -> Iterator[tuple[Path, ast.Compare]]:
    """Yield every comparison that stops at the first difference, of all sources that have one of the words."""
    for file in sorted(SOURCE.rglob("*.py")):
        text = file.read_text()
        if not any(word in text.lower() for word in WORDS):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                yield file, node


def words_of(side: ast.expr) -> set[str]:
    name = side.id if isinstance(side, ast.Name) else side.attr if isinstance(side, ast.Attribute) else ""
    return set() if name.isupper() else set(name.lower().split("_"))  # a constant is no secret


def test_no_secret_is_compared_letter_by_letter() -> None:
    every = list(equalities())
    assert len(every) > 200
    found = [
        f"{file.relative_to(SOURCE)}:{node.lineno}: {ast.unparse(node)}"
        for file, node in every
        if any(words_of(side) & WORDS for side in (node.left, *node.comparators))
    ]
    assert not found, "compare with hmac.compare_digest, or look it up by its hash"


@pytest.mark.parametrize("name", ["secret", "self.password", "given_signature", "_mac"])
def test_the_search_would_find_one(name: str) -> None:
    compared = ast.parse(f"{name} == given", mode="eval").body
    assert isinstance(compared, ast.Compare)
    assert words_of(compared.left) & WORDS


def test_what_is_stored_of_a_secret_is_its_hash(tmp_path: Path) -> None:
    clock, where = HandClock(), EnvironmentName("p", "e")
    with sqlite_storage(tmp_path, clock) as storage:
        log = storage.log
        ProjectService(log).create_project(Project(key="p"), by=SYSTEM)
        EnvironmentService(log, lambda _: None).create_environment("p", Environment(key="e"), by=SYSTEM)
        tokens = TokenService(log, clock, storage.last_used)
        token = tokens.create_token(NewToken(name="t", role="reader"), by=SYSTEM).secret
        key = KeyService(log, clock).create_key([where], NewKey(kind="server"), by=SYSTEM).secret
        AccountService(log, storage.doors).create_account(Account(key="anne"), by=SYSTEM)
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        door = SignIns(log, clock, storage.doors, hasher=hasher)
        door.set_password("anne", password := "correct horse battery")
        session = door.sign_in("anne", password, address="::1")
        assert token is not None
        assert key is not None
        assert tokens.authenticate(token).key == secret_hash(token)
        assert storage.doors.session(session_key(session)) is not None
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for hashed in (secret_hash(token), secret_hash(key), session_key(session)):
        assert hashed.encode() in stored
    for secret in (token, key, session, password):
        assert secret.encode() not in stored
