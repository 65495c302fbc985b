from pennon.control.errors import (
    AlreadyExists,
    FlagStillRequired,
    Invalid,
    NotFound,
    OutcomeUnknown,
    SegmentStillUsed,
    StillInUse,
    Unavailable,
)
from pennon.model import Problem


def test_errors_say_what_is_wrong_and_what_to_do() -> None:
    assert str(NotFound("flag", "x")) == "there is no flag 'x'"
    assert str(AlreadyExists("flag", "x")) == "there is flag 'x' already; choose another key"
    assert str(FlagStillRequired("x", ["a", "b"])) == (
        "flag 'x' is a prerequisite of a, b; remove it from their prerequisites first"
    )
    assert str(SegmentStillUsed("beta", ["a"])) == (
        "segment 'beta' is used by a; remove it from their conditions first"
    )
    assert str(StillInUse("project", "shop", ["2 flags"])) == (
        "project 'shop' holds 2 flags; to delete them too, confirm with the key 'shop'"
    )


def test_invalid_input_lists_every_problem_with_its_path() -> None:
    error = Invalid([Problem("/a", "is wrong", "mend it"), Problem("/b", "is missing")])
    assert [problem.path for problem in error.problems] == ["/a", "/b"]
    assert str(error) == "/a: is wrong (mend it); /b: is missing"
    assert Invalid.at("/a", "is wrong").problems == (Problem("/a", "is wrong"),)


def test_unknown_outcome_is_a_kind_of_unavailable() -> None:
    assert issubclass(OutcomeUnknown, Unavailable)
