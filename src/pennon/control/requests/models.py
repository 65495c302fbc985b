"""What a change request is, who has approved it, and what else is said of it. Pure."""

import datetime
from collections.abc import Collection, Iterator
from typing import Literal, TypeAlias

from msgspec.structs import replace

from pennon.control.changes.bases import Base
from pennon.control.changes.edits import AnyEdit
from pennon.control.environments.ownership import AppliedFiles
from pennon.control.errors import Conflict
from pennon.control.log import Actor
from pennon.model import Problem
from pennon.model.flags import Wire

RequestState: TypeAlias = Literal["open", "applied", "withdrawn"]
Verdict: TypeAlias = Literal["approved", "refused"]

ActorKind: TypeAlias = Literal["token", "account", "system", "import"]
Who: TypeAlias = tuple[str, str]

LONGEST_TITLE = 200
MOST_REVIEWS = 100
MOST_COMMENTS = 200
LONGEST_COMMENT = 2000


class Proposal(Wire, frozen=True, kw_only=True):
    """Edits of one environment of the project, and what they were proposed on."""

    environment: str
    edits: tuple[AnyEdit, ...]
    bases: tuple[Base, ...] = ()


class Author(Wire, frozen=True, kw_only=True):
    """Somebody, as at the time."""

    kind: ActorKind
    id: str
    name: str

    @property
    def actor(self) -> Actor:
        """Who makes a change in his name."""
        return Actor(self.kind, self.id, self.name)

    @property
    def who(self) -> Who:
        """What tells him from others. Names are for people."""
        return self.kind, self.id

    @classmethod
    def of(cls, actor: Actor) -> "Author":
        """Return *actor* as it is kept."""
        return cls(kind=actor.kind, id=actor.id, name=actor.name)

    def is_the_same_as(self, other: "Author") -> bool:
        """Return whether both are one."""
        return self.who == other.who


class Review(Wire, frozen=True, kw_only=True):
    """What somebody says of an edition of a request. Of each reviewer the last word counts."""

    by: Author
    verdict: Verdict
    edition: int
    at: int
    comment: str = ""


class Comment(Wire, frozen=True, kw_only=True):
    """What somebody has to say of a request without a verdict. It stays when the request is edited, or has ended."""

    by: Author
    at: int
    text: str


class Attempt(Wire, frozen=True, kw_only=True):
    """That a request was to be made at its time, and why it was not."""

    at: datetime.datetime
    why: str


class ChangeRequest(Wire, frozen=True, kw_only=True):
    """Changes that are proposed together. An item (`request`) of its project's log.

    `edition` is raised whenever what is proposed is edited; what was said of an earlier one counts no more. `files` are
    what it applies to each environment, where files propose it and nobody edited it by hand since. One with
    `apply_at` is made then by itself, if it is approved; `attempt` says why it was not. `break_glass`: it was applied
    without what the environments demand. `since` is the version after which it was only commented on, 0: the own one.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    title: str
    why: str = ""
    author: Author
    proposals: tuple[Proposal, ...]
    created_at: int
    edition: int = 1
    reviews: tuple[Review, ...] = ()
    comments: tuple[Comment, ...] = ()
    state: RequestState = "open"
    ended_by: Author | None = None
    files: tuple[AppliedFiles, ...] = ()
    apply_at: datetime.datetime | None = None
    attempt: Attempt | None = None
    break_glass: bool = False
    since: int = 0

    def is_as_of(self, version: int) -> bool:
        """Return whether who saw *version* knows it, but for comments."""
        return (self.since or self.version) <= version <= self.version

    def without(self, lapsed: Collection[Who]) -> "ChangeRequest":
        """Return it without what those said who may not review it any more."""
        return replace(self, reviews=tuple(each for each in self.reviews if each.by.who not in lapsed))

    def verdicts(self) -> dict[Who, Review]:
        """Return the last word of each reviewer, but the author, on the current edition."""
        return {
            each.by.who: each
            for each in self.reviews
            if each.edition == self.edition and not each.by.is_the_same_as(self.author)
        }

    @property
    def approvals(self) -> int:
        """How many others have approved what is proposed now."""
        return sum(review.verdict == "approved" for review in self.verdicts().values())

    @property
    def refusals(self) -> tuple[Review, ...]:
        """Who does not want it as it is now."""
        return tuple(review for review in self.verdicts().values() if review.verdict == "refused")

    def reviewed(self, review: Review) -> "ChangeRequest":
        """Return it with one review more. Raises `Conflict` for the author's own, and for one that has ended."""
        self.require_open()
        if review.by.is_the_same_as(self.author):
            raise Conflict("nobody reviews a request of his own", mend="ask somebody else")
        return replace(self, reviews=(*self.reviews, review)[-MOST_REVIEWS:], since=0)

    def commented(self, comment: Comment) -> "ChangeRequest":
        """Return it with one comment more, open or ended. Raises `Conflict` for one that has very many.

        Whoever edits or applies what he saw before the comment may do so.
        """
        if len(self.comments) >= MOST_COMMENTS:
            raise Conflict(f"the request {self.key} has {MOST_COMMENTS} comments", mend="go on where you talk")
        return replace(self, comments=(*self.comments, comment), since=self.since or self.version)

    def missed(self, attempt: Attempt) -> "ChangeRequest":
        """Return it with why it was not made at its time."""
        return replace(self, attempt=attempt, since=0)

    def edited(
        self, *, title: str, why: str, proposals: tuple[Proposal, ...], apply_at: datetime.datetime | None
    ) -> "ChangeRequest":
        """Return it with something else proposed, or for another time: it has to be approved again then."""
        self.require_open()
        edited = replace(self, title=title, why=why, proposals=proposals, apply_at=apply_at, attempt=None, since=0)
        if proposals != self.proposals:
            return replace(edited, edition=self.edition + 1, files=())
        return edited if apply_at == self.apply_at else replace(edited, edition=self.edition + 1)

    def ended(self, state: RequestState, by: Author, *, is_break_glass: bool = False) -> "ChangeRequest":
        """Return it applied or withdrawn. Raises `Conflict` for one that has ended."""
        self.require_open()
        return replace(self, state=state, ended_by=by, break_glass=is_break_glass, since=0)

    def require_open(self) -> None:
        """Raise `Conflict` for a request that has ended."""
        if self.state != "open":
            raise Conflict(f"the request {self.key} is {self.state} already", mend="make a new one")


def text_problems(title: str, why: str) -> Iterator[Problem]:
    """Yield what is wrong with the words of a request."""
    if not title.strip():
        yield Problem("/title", "a request needs a title", "say in a line what it changes")
    if len(title) > LONGEST_TITLE or "\n" in title:
        yield Problem("/title", f"is longer than a line of {LONGEST_TITLE} characters", "shorten it")
    if len(why) > 2000:
        yield Problem("/why", "longer than 2000 characters", "shorten it")


def comment_problems(text: str) -> Iterator[Problem]:
    """Yield what is wrong with a comment."""
    if not text.strip():
        yield Problem("/text", "a comment says something", "write it")
    if len(text) > LONGEST_COMMENT:
        yield Problem("/text", f"longer than {LONGEST_COMMENT} characters", "shorten it")
