"""CODEOWNERS, as GitHub reads it."""

import pytest

from pennon.codemod.owners import read_owners

FILE = """
# Everything.
*                 @everybody
*.js              @js-team   # pages
/build/logs/      @doctocat
docs/*            docs@example.com
apps/             @octocat
/scripts/         @doctocat @octocat
**/logs           @logs
/apps/github
src/**/deep.py    @deep
with\\ space.txt  @space
!apps/never.txt   @nobody
[Section]         @gitlab
"""


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("README.md", "@everybody"),
        ("a/b/page.js", "@js-team"),
        ("build/logs/x.txt", "@logs"),
        ("src/build/x.txt", "@everybody"),
        ("docs/page.md", "docs@example.com"),
        ("docs/deeper/page.md", "@everybody"),
        ("src/docs/page.md", "@everybody"),
        ("apps/shop/views.py", "@octocat"),
        ("src/apps/views.py", "@octocat"),
        ("scripts/a/b.sh", "@doctocat @octocat"),
        ("deeply/nested/logs/a.log", "@logs"),
        ("apps/github/a.py", None),
        ("src/a/b/deep.py", "@deep"),
        ("src/deep.py", "@deep"),
        ("with space.txt", "@space"),
        ("apps/never.txt", "@octocat"),
    ],
)
def test_the_last_pattern_that_matches_names_the_owners(path: str, owner: str | None) -> None:
    assert read_owners(FILE).of(path) == owner


def test_without_rules_nobody_owns_anything() -> None:
    assert read_owners("").of("a.py") is None
