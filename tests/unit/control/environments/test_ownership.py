import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.environments.ownership import (
    FilesOwner,
    file_name,
    file_of,
    owner_objections,
    owner_problems,
    same_source,
)

KEYS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=256)
OWNER = FilesOwner(source="git@github.com:team/flags.git")


def test_a_file_is_called_as_its_item_where_it_can_be() -> None:
    assert file_of("flag", "new-checkout", "production") == "flags/new-checkout.yaml"
    assert file_of("definition", "newCheckout", "") == "flags/newCheckout.yaml"
    assert file_of("segment", "beta", "production") == "segments/production/beta.yaml"
    assert file_of("layer", "checkout", "staging") == "layers/staging/checkout.yaml"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.yaml"),
        ("/etc", "%2Fetc.yaml"),
        (".", "%2E.yaml"),
        ("..", "%2E..yaml"),
        (".git", "%2Egit.yaml"),
        ("a\\b", "a%5Cb.yaml"),
        ("a b", "a%20b.yaml"),
        ("50%", "50%25.yaml"),
        ("~a", "%7Ea.yaml"),
        ("naïve", "na%C3%AFve.yaml"),
        ("nul", "%6Eul.yaml"),
        ("CON.x", "%43ON.x.yaml"),
        ("com1", "%63om1.yaml"),
        ("console", "console.yaml"),
    ],
)
def test_a_key_with_odd_characters_has_a_plain_name(key: str, name: str) -> None:
    assert file_name(key) == name


@given(KEYS)
def test_no_key_leads_out_of_its_folder(key: str) -> None:
    for name in (file_name(key), file_name(key, is_alone=False)):
        assert re.fullmatch(r"[A-Za-z0-9_%-][A-Za-z0-9._%-]*(~[0-9a-f]{12})?\.yaml", name)
        assert len(name) <= 255


@given(st.sets(KEYS | st.sampled_from(["a", "A", "%41", "a" * 256, "a" * 255 + "b", "nul", "%6Eul"]), max_size=6))
def test_no_two_keys_share_a_name(keys: set[str]) -> None:
    assert len({file_name(key) for key in keys}) == len(keys)
    assert len({file_name(key, is_alone=False).lower() for key in keys}) == len(keys)


def test_a_repository_is_known_by_any_of_its_names() -> None:
    names = [
        OWNER.source,
        "https://github.com/team/flags",
        "ssh://git@GitHub.com/team/flags.git/",
        "github.com/team/flags",
    ]
    assert all(same_source(name, OWNER.source) for name in names)
    for other in ("git@github.com:team/Flags", "git@gitlab.com:team/flags", "team/flags", ""):
        assert not same_source(other, OWNER.source)


def test_who_changes_by_hand_is_told_which_files_to_change() -> None:
    items = [("flag", "a"), ("segment", "b"), ("layer", "c"), ("flag", "d")]
    (problem,) = owner_objections(OWNER, None, items, environment="production")
    assert problem.message == f"it belongs to the files of {OWNER.source}"
    assert problem.mend.startswith(
        "change flags/a.yaml, segments/production/b.yaml, layers/production/c.yaml and 1 more there and merge"
    )


def test_the_files_of_another_repository_are_refused() -> None:
    assert list(owner_objections(OWNER, "https://github.com/team/flags", [], environment="e")) == []
    (problem,) = owner_objections(OWNER, "git@github.com:team/other", [], environment="e")
    assert "these are of git@github.com:team/other" in problem.message
    (problem,) = owner_objections(OWNER, "", [], environment="e")
    assert "an unnamed place" in problem.message


def test_an_owner_has_a_name_on_one_line() -> None:
    assert list(owner_problems(OWNER)) == []
    for source in ("", "a\nb", "x" * 501):
        assert [problem.path for problem in owner_problems(FilesOwner(source=source))] == ["/files/source"]
