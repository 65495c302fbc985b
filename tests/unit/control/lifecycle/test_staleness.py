"""What tells that a flag is no longer needed, at the edges of the evidence."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from pennon.control.lifecycle.counts import EvaluationSpan
from pennon.control.lifecycle.staleness import (
    Code,
    Defined,
    Evidence,
    InEnvironment,
    Reports,
    Served,
    StaleReason,
    stale_reasons,
    variation_to_keep,
)
from pennon.control.projects.views import StaleAfter

NOW = datetime.datetime(2026, 5, 20, 12, 30, tzinfo=datetime.UTC)
DAY = 24 * 3600
LONG_AGO = NOW - datetime.timedelta(days=90)
AFTER = StaleAfter()
FLAG = Defined(key="f")


def hour(days_ago: float) -> int:
    return int((NOW - datetime.timedelta(days=days_ago)).timestamp()) // 3600 * 3600


def reports(days: Sequence[int] = range(31), first_days_ago: float = 80) -> Reports:
    today = int(NOW.timestamp()) // DAY
    return Reports(hour(first_days_ago), [today - each for each in days])


def served(**fields: Any) -> Served:
    return msgspec.convert({"on": True, "fallthrough": {"variation": "on"}, "offVariation": "off"} | fields, Served)


def span(variation: str | None = "on", first: float = 80, last: float = 0.1) -> EvaluationSpan:
    return EvaluationSpan("f", variation, hour(first), hour(last))


def there(
    *spans: EvaluationSpan,
    what: Served | None = None,
    changed: datetime.datetime = LONG_AGO,
    heard: Reports | None = None,
    name: str = "production",
) -> InEnvironment:
    since = msgspec.structs.replace(what or served(on=False), since=changed)
    return InEnvironment(name, since, spans, heard or reports())


def found(*environments: InEnvironment, flag: Defined = FLAG, **fields: Any) -> dict[str, StaleReason]:
    last = max((each.last for one in environments for each in one.spans), default=None)
    evidence = Evidence(flag=flag, environments=environments, **{"evaluated": last, **fields})
    return {reason.reason: reason for reason in stale_reasons(evidence, AFTER, NOW)}


PERMANENT = Defined(key="f", lifetime="permanent")


def test_flag_is_past_its_date_from_the_day_after() -> None:
    today = NOW.date()
    due = Defined(key="f", expected_removal=today)
    assert found(there(span(), span("off")), flag=due) == {}
    late = Defined(key="f", expected_removal=today - datetime.timedelta(days=1))
    reason = found(there(span(), span("off")), flag=late)["pastRemoval"]
    assert reason.since == datetime.datetime(2026, 5, 19, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("fields", "sole"),
    [
        ({}, "on"),
        ({"on": False}, None),
        ({"fallthrough": {"split": {"weights": [{"variation": "on", "weight": 100_000}]}}}, "on"),
        (
            {
                "fallthrough": {
                    "split": {"weights": [{"variation": "on", "weight": 100_000}, {"variation": "off", "weight": 0}]}
                }
            },
            "on",
        ),
        (
            {
                "fallthrough": {
                    "split": {"weights": [{"variation": "on", "weight": 99_999}, {"variation": "off", "weight": 1}]}
                }
            },
            None,
        ),
        (
            {"fallthrough": {"split": {"weights": [{"variation": "on", "weight": 1}], "experiment": {"key": "e"}}}},
            None,
        ),
        ({"fallthrough": {"form": "of a newer Pennon"}}, None),
        ({"rules": [{"serve": {"variation": "on"}}]}, "on"),
        ({"rules": [{"serve": {"variation": "off"}}]}, None),
        ({"targets": [{"variation": "on", "values": ["u"]}]}, "on"),
        ({"targets": [{"variation": "off", "values": ["u"]}]}, None),
        ({"prerequisites": [{"flag": "g"}]}, None),
        ({"prerequisites": [{"flag": "g"}], "offVariation": "on"}, "on"),
    ],
)
def test_fully_rolled_out_is_a_flag_of_which_everybody_gets_one_variation(
    fields: dict[str, Any], sole: str | None
) -> None:
    assert served(**fields).sole_variation == sole
    reason = found(there(what=served(**fields))).get("fullyRolledOut")
    assert (reason.variation if reason else None) == sole


def test_fully_rolled_out_takes_thirty_days_without_a_change_in_every_environment() -> None:
    edge = NOW - datetime.timedelta(days=30)
    reason = found(there(what=served(), changed=edge))["fullyRolledOut"]
    assert (reason.since, reason.environments) == (edge, ("production",))
    younger = edge + datetime.timedelta(seconds=1)
    assert "fullyRolledOut" not in found(there(what=served(), changed=younger))
    assert "fullyRolledOut" not in found(there(what=served()), there(what=served(), changed=younger, name="eu"))
    assert "fullyRolledOut" in found(there(what=served()), there(what=served(), name="eu"))
    other = served(fallthrough={"variation": "off"})
    assert "fullyRolledOut" not in found(there(what=served()), there(what=other, name="eu"))


def test_permanent_flag_may_serve_one_variation_for_ever() -> None:
    assert found(there(span(), what=served()), flag=PERMANENT) == {}
    assert {"fullyRolledOut", "oneVariation"} == set(found(there(span(), what=served())))


def test_one_variation_for_thirty_days_tells_since_when() -> None:
    reason = found(there(span(), span("off", last=45)))["oneVariation"]
    assert (reason.variation, reason.environments) == ("on", ("production",))
    assert reason.since == datetime.datetime.fromtimestamp(hour(45), datetime.UTC)
    alone = found(there(span(first=60)))["oneVariation"]
    assert alone.since == datetime.datetime.fromtimestamp(hour(60), datetime.UTC)


@pytest.mark.parametrize(
    "environment",
    [
        there(span(), span("off", last=29)),
        there(span(first=29)),
        there(span(None)),
        there(span(last=31)),
        there(span(), changed=NOW - datetime.timedelta(days=29)),
        there(span(), heard=Reports()),
        there(span(), heard=reports(first_days_ago=29)),
        there(span(), heard=reports(days=range(14))),
    ],
    ids=[
        "another one 29 days ago",
        "evaluated for 29 days only",
        "the caller's default",
        "nothing lately",
        "changed lately",
        "no reports",
        "young reports",
        "reports on 14 of 30 days",
    ],
)
def test_one_variation_is_not_told_without_evidence(environment: InEnvironment) -> None:
    assert "oneVariation" not in found(environment)


def test_one_variation_takes_all_environments_that_evaluate_it() -> None:
    assert "oneVariation" in found(there(span()), there(name="eu"))
    assert "oneVariation" not in found(there(span()), there(span("off"), name="eu"))
    assert found(there(span()), there(span(), name="eu"))["oneVariation"].environments == ("production", "eu")


def test_reports_on_half_of_the_days_are_enough() -> None:
    assert "oneVariation" in found(there(span(), heard=reports(days=range(15))))


def test_no_evaluations_tells_since_when() -> None:
    reason = found(there(span(last=40)))["noEvaluations"]
    assert reason.since == datetime.datetime.fromtimestamp(hour(40), datetime.UTC) + datetime.timedelta(hours=1)
    assert found(there())["noEvaluations"].since == LONG_AGO
    assert "noEvaluations" in found(there(), flag=PERMANENT)


def test_no_evaluations_is_not_told_without_evidence() -> None:
    assert "noEvaluations" not in found(there(span(last=29.9)))
    assert "noEvaluations" not in found(there(), evaluated=hour(3))  # in staging, say
    assert "noEvaluations" not in found(there(), is_required=True)
    assert "noEvaluations" not in found(there(changed=NOW - datetime.timedelta(days=29)))
    assert "noEvaluations" not in found(there(heard=Reports()))
    assert "noEvaluations" not in found(there(heard=reports(first_days_ago=29)))
    assert "noEvaluations" not in found(there(heard=reports(days=range(3))))
    assert "noEvaluations" not in found()


def test_environment_that_reports_tells_for_one_that_does_not() -> None:
    reason = found(there(), there(heard=Reports(), name="eu"))["noEvaluations"]
    assert reason.environments == ("production",)


def test_not_in_code_takes_scans_of_all_repositories_after_the_last_change() -> None:
    scanned = NOW - datetime.timedelta(days=2)
    code = Code(("shop", "mobile"), {"g"}, scanned)
    reason = found(there(span(), span("off")), code=code)["notInCode"]
    assert (reason.since, reason.repositories) == (scanned, ("shop", "mobile"))
    assert "notInCode" in found(there(), flag=PERMANENT, code=code)
    live = there(span(), span("off"))
    assert "notInCode" not in found(live)
    assert "notInCode" not in found(live, code=Code(("shop",), {"f"}, scanned))
    assert "notInCode" not in found(live, code=code, is_required=True)
    old_scan = Code(("shop",), set(), LONG_AGO - datetime.timedelta(days=1))
    assert "notInCode" not in found(live, code=old_scan)
    assert "notInCode" not in found(there(changed=NOW - datetime.timedelta(days=29)), code=code)


def test_archived_flag_is_not_stale() -> None:
    late = Defined(key="f", expected_removal=datetime.date(2026, 1, 1), archived=True)
    assert found(there(what=served()), flag=late) == {}


def test_thresholds_are_the_projects() -> None:
    evidence = Evidence(flag=FLAG, environments=[there(what=served(), changed=NOW - datetime.timedelta(days=8))])
    week = StaleAfter(fully_rolled_out=7)
    assert [each.reason for each in stale_reasons(evidence, week, NOW)] == ["fullyRolledOut"]
    assert stale_reasons(evidence, AFTER, NOW) == ()


def test_variation_to_keep_is_the_one_that_reasons_name() -> None:
    assert (
        variation_to_keep(stale_reasons(Evidence(flag=FLAG, environments=[there(what=served())]), AFTER, NOW)) == "on"
    )
    assert variation_to_keep([StaleReason(reason="noEvaluations")]) is None
