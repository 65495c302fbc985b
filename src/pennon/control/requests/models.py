"""What a change request is, and who has approved it. Pure."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec.structs import replace

from pennon.control.changes.edits import AnyEdit
from pennon.control.environments.ownership import AppliedFiles
from pennon.control.errors import Conflict
from pennon.control.log import Actor
from pennon.model import Problem
from pennon.model.flags import Wire

RequestState: TypeAlias = Literal["open", "applied", "withdrawn"]
Verdict: TypeAlias = Literal["approved", "refused"]

LONGEST_TITLE = 200
MOST_REVIEWS = 100


class Base(Wire, frozen=True, kw_only=True):
    """The version that an item had when a change of it was proposed. 0: it was not there."""

    kind: str
    key: str
    version: int


class Proposal(Wire, frozen=True, kw_only=True):
    """Edits of one environment of the project, and what they were proposed on."""

    environment: str
    edits: tuple[AnyEdit, ...]
    bases: tuple[Base, ...] = ()


class Author(Wire, frozen=True, kw_only=True):
    """Somebody, as at the time."""

    kind: str
    id: str
    name: str

    @classmethod
    def of(cls, actor: Actor) -> "Author":
        """Return *actor* as it is kept."""
        return cls(kind=actor.kind, id=actor.id, name=actor.name)

    def is_the_same_as(self, other: "Author") -> bool:
        """Return whether both are one. Names are for people."""
        return (self.kind, self.id) == (other.kind, other.id)


class Review(Wire, frozen=True, kw_only=True):
    """What somebody says of an edition of a request. Of each reviewer the last word counts."""

    by: Author
    verdict: Verdict
    edition: int
    at: int
    comment: str = ""


class ChangeRequest(Wire, frozen=True, kw_only=True):
    """Changes that are proposed together. An item (`request`) of its project's log.

    `edition` is raised whenever what is proposed is edited; what was said of an earlier one counts no more. `files` are
    what it applies to each environment, where files propose it and nobody edited it by hand since. `change_id`
    is that of the change which it became.
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
    state: RequestState = "open"
    ended_by: Author | None = None
    files: tuple[AppliedFiles, ...] = ()
    change_id: str | None = None

    def verdicts(self) -> dict[tuple[str, str], Review]:
        """Return the last word of each reviewer, but the author, on the current edition."""
        return {
            (each.by.kind, each.by.id): each
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
        return replace(self, reviews=(*self.reviews, review)[-MOST_REVIEWS:])

    def edited(self, *, title: str, why: str, proposals: tuple[Proposal, ...]) -> "ChangeRequest":
        """Return it with something else proposed: what was approved before has to be approved again."""
        self.require_open()
        if proposals == self.proposals:
            return replace(self, title=title, why=why)
        return replace(self, title=title, why=why, proposals=proposals, edition=self.edition + 1, files=())

    def ended(self, state: RequestState, by: Author, change_id: str | None = None) -> "ChangeRequest":
        """Return it applied or withdrawn. Raises `Conflict` for one that has ended."""
        self.require_open()
        return replace(self, state=state, ended_by=by, change_id=change_id)

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
