"""What can go wrong in the control plane, in domain words. Knows nothing of HTTP or SQL.

PennonError
├── Invalid                   input that is not acceptable: `problems`, each with a path and a mend
├── NotFound                  no such project, environment, flag, …
├── AlreadyExists             a key that is taken
├── Conflict                  the state does not allow it now
│   ├── FlagStillRequired         other flags have it as a prerequisite
│   ├── FlagArchived              it is kept, and nothing of it is changed before it is restored
│   ├── SegmentStillUsed          flags or segments test for it
│   ├── LayerStillUsed            experiments of flags name it
│   ├── VariationStillServed      an environment serves it, or a prerequisite names it
│   ├── ChangedSince              a change cannot be reverted without undoing later ones
│   ├── FilesOutdated             what files change was changed since their plan was looked at: `problems` names what
│   ├── TurnedOffSince            files would turn flags on again that somebody turned off: `problems` names them
│   ├── RequestOutdated           what a change request proposes was changed since: `problems` names what
│   ├── StillRead                 who reads a flag could not read its new values: `problems` names them
│   ├── StillInUse                it holds other things; deleting it must be confirmed
│   ├── NotConfirmed              deleting it must be confirmed, whatever it holds
│   └── Protected                 the environment demands more of a change: `problems` says what
├── PreconditionFailed        the caller acted on a state that is no longer current: `current`
├── IdempotencyKeyReused      the same idempotency key came with another request
├── TooManyAttempts           somebody guesses: `wait` says how long
├── Unauthenticated           no token or key that is known and alive
├── SignInUnfinished          a sign-in by an identity provider that was begun elsewhere, long ago, or was used
├── SignInRefused             a person whom the identity provider knows, and who is not let in here
├── ProviderFailed            the identity provider does not answer, or not as it should
├── Forbidden                 a known caller, who may not do this
├── Unavailable               the database cannot be reached or takes no writes now; nothing was changed
│   └── OutcomeUnknown            the connection broke while committing: it may or may not have been changed
└── StorageUnusable           at start: a database that this Pennon cannot use at all
"""

import math
from collections.abc import Iterable
from datetime import timedelta

from pennon.model import Problem

_TURNED_OFF = "turn each on by its name (turnOn), keep them off (keepOff), or have the files say that they are off"


class PennonError(Exception):
    """Base of everything the control plane raises on purpose. `mend` says what the caller can do about it."""

    def __init__(self, message: str, *, mend: str = "") -> None:
        self.message = message
        self.mend = mend
        super().__init__(f"{message}; {mend}" if mend else message)

    @property
    def told(self) -> str:
        """What whoever asked is told. As text, an error may hold more, for the log."""
        return str(self.args[0])


class Invalid(PennonError):
    """Input that is not acceptable. Each problem has the JSON pointer to the fault and what to do about it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @classmethod
    def at(cls, path: str, message: str, mend: str = "") -> "Invalid":
        """Return the error of one problem."""
        return cls([Problem(path, message, mend)])


class NotFound(PennonError):
    """There is nothing of this kind by this key."""

    def __init__(self, kind: str, key: str, *, mend: str = "") -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"there is no {kind} {key!r}", mend=mend)


class AlreadyExists(PennonError):
    """There already is something of this kind by this key."""

    def __init__(self, kind: str, key: str, *, mend: str = "") -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"there is {kind} {key!r} already", mend=mend or "choose another key")


class Conflict(PennonError):
    """The state does not allow the command now."""


class FlagStillRequired(Conflict):
    """Other flags, `flags`, have this one as a prerequisite."""

    def __init__(self, key: str, flags: Iterable[str]) -> None:
        self.key = key
        self.flags = tuple(flags)
        names = ", ".join(self.flags)
        super().__init__(f"flag {key!r} is a prerequisite of {names}", mend="remove it from their prerequisites first")


class FlagArchived(Conflict):
    """The flag is archived: its key is reserved, and nothing of it is changed before it is restored."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"flag {key!r} is archived, and its key is reserved", mend="restore it, or choose another key")


class SegmentStillUsed(Conflict):
    """Flags or segments, `users`, test for this segment."""

    def __init__(self, key: str, users: Iterable[str]) -> None:
        self.key = key
        self.users = tuple(users)
        names = ", ".join(self.users)
        super().__init__(f"segment {key!r} is used by {names}", mend="remove it from their conditions first")


class LayerStillUsed(Conflict):
    """Experiments of `flags` name this layer."""

    def __init__(self, key: str, flags: Iterable[str]) -> None:
        self.key = key
        self.flags = tuple(flags)
        names = ", ".join(self.flags)
        super().__init__(f"layer {key!r} is used by {names}", mend="remove it from their experiments first")


class VariationStillServed(Conflict):
    """A variation cannot go: `where` has a JSON pointer for each place that names it, below `{environment}/flags`."""

    def __init__(self, flag: str, variation: str, where: Iterable[str]) -> None:
        self.flag = flag
        self.variation = variation
        self.where = tuple(where)
        places = ", ".join(self.where)
        super().__init__(
            f"variation {variation!r} of flag {flag!r} is still served: {places}", mend="serve another one there first"
        )


class ChangedSince(Conflict):
    """A change cannot be reverted: later ones altered its items. `problems` names each item, revision and actor."""

    def __init__(self, revision: int, problems: Iterable[Problem]) -> None:
        self.revision = revision
        self.problems = tuple(problems)
        later = "; ".join(problem.message for problem in self.problems)
        super().__init__(f"revision {revision} cannot be reverted: {later}", mend="revert the later changes first")


class RequestOutdated(Conflict):
    """A change request is not made: what it changes was changed since. `problems` names each item, revision, actor."""

    def __init__(self, key: str, problems: Iterable[Problem]) -> None:
        self.key = key
        self.problems = tuple(problems)
        later = "; ".join(problem.message for problem in self.problems)
        super().__init__(f"request {key} is outdated: {later}", mend="edit it, so that it is proposed on what is there")


class FilesOutdated(Conflict):
    """Files are not applied: something was changed since their plan was made. `problems` names who changed what."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        later = "; ".join(problem.message for problem in self.problems)
        super().__init__(f"the plan is outdated: {later}", mend="look at the plan again, and apply that")


class TurnedOffSince(Conflict):
    """Files would turn on again what somebody turned off since they were applied. `problems` names each flag."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        flags = "; ".join(problem.message for problem in self.problems)
        super().__init__(f"files turn nothing on that somebody turned off: {flags}", mend=_TURNED_OFF)


class StillRead(Conflict):
    """A flag's values are not replaced: who reads them could not read the new ones. `problems` names versions."""

    def __init__(self, flag: str, problems: Iterable[Problem]) -> None:
        self.flag = flag
        self.problems = tuple(problems)
        said = "; ".join(problem.message for problem in self.problems)
        super().__init__(
            f"flag {flag!r} is still read by older versions: {said}",
            mend="bring them up to date, or break the glass with a reason",
        )


class StillInUse(Conflict):
    """It holds other things, `contents` (as in "3 flags"), which would go with it."""

    def __init__(self, kind: str, key: str, contents: Iterable[str]) -> None:
        self.kind = kind
        self.key = key
        self.contents = tuple(contents)
        holds = ", ".join(self.contents)
        super().__init__(f"{kind} {key!r} holds {holds}", mend=f"to delete them too, confirm with the key {key!r}")


class NotConfirmed(Conflict):
    """Deleting cannot be taken back by restoring, so the key is to be given once more."""

    def __init__(self, kind: str, key: str, *, mend: str) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"deleting {kind} {key!r} is not confirmed", mend=mend)


class Protected(Conflict):
    """An environment demands of a change what this one does not have. `problems` names each thing and a mend."""

    def __init__(self, environment: str, problems: Iterable[Problem]) -> None:
        self.environment = environment
        self.problems = tuple(problems)
        lacking = "; ".join(problem.message for problem in self.problems)
        mends = "; ".join(dict.fromkeys(problem.mend for problem in self.problems))
        super().__init__(f"{environment} is protected: {lacking}", mend=mends)


class PreconditionFailed(PennonError):
    """The caller acted on a version that is no longer current. `current` is the state that is."""

    def __init__(self, message: str, *, current: object) -> None:
        self.current = current
        super().__init__(message, mend="look at the current state and send the command again if it still fits")


class IdempotencyKeyReused(PennonError):
    """The same idempotency key came with another request within its lifetime."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"the idempotency key {key!r} was used for another request", mend="make a new key for each command"
        )


class Unauthenticated(PennonError):
    """No token or key, or one that is unknown, expired or revoked."""


class SignInUnfinished(PennonError):
    """A sign-in by an identity provider that this browser did not begin, began too long ago, or has used already."""


class SignInRefused(PennonError):
    """The identity provider knows this person, or refused him, and he is not let in here."""


class ProviderFailed(PennonError):
    """The identity provider cannot be reached, or answers something that cannot be trusted."""


class TooManyAttempts(PennonError):
    """It failed too often: nothing is tried for *wait*."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        seconds = max(1, math.ceil(wait.total_seconds()))
        super().__init__("it failed too often", mend=f"try again in {seconds} s")


class Forbidden(PennonError):
    """The caller is known and may not do this."""


class Unavailable(PennonError):
    """The database cannot be reached, or takes no writes now. Nothing was changed.

    *cause* is for the log: hosts, sockets and users of databases are nobody's business who asks a server.
    """

    def __init__(self, message: str, *, mend: str = "", cause: str = "") -> None:
        self.cause = cause
        super().__init__(message, mend=mend)

    def __str__(self) -> str:
        return f"{self.told} ({self.cause})" if self.cause else self.told


class OutcomeUnknown(Unavailable):
    """The connection broke while committing, and asking again was not possible either.

    Sending the same command again with the same idempotency key makes it happen exactly once.
    """


class Busy(Unavailable):
    """Others held for too long what the command had to lock. Nothing was changed."""


class Overtaken(Unavailable):
    """A long command was made several times, and each time others changed what it had read. Nothing was changed."""


class StorageUnusable(PennonError):
    """At start: a database URL, file or schema that this Pennon cannot use at all."""
