"""One line an event, on the stream that was named, and never a secret in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from pennon.cli.logs import set_up_logs

SECRET = "pennon_token_" + "a1_-" * 10 + "abc"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def logged(form: str, *, level: str = "info") -> tuple[io.StringIO, structlog.stdlib.BoundLogger]:
    stream = io.StringIO()
    set_up_logs(level=level, form=form, stream=stream)  # type: ignore[arg-type]  # one of the three
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("pennon.test")
    return stream, logger


def test_json_is_one_object_a_line_with_time_level_and_fields() -> None:
    stream, logger = logged("json")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logger.info("happened", what="this")
    logging.getLogger("library").warning("and %s", "that")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "happened", "what": "this", "level": "info", "logger": "pennon.test", "request_id": "r1"}
    assert (second["event"], second["level"], second["logger"]) == ("and that", "warning", "library")


def test_auto_is_json_where_nobody_watches() -> None:
    stream, logger = logged("auto")
    logger.info("happened")
    assert json.loads(stream.getvalue())["event"] == "happened"


def test_what_is_less_serious_than_the_level_is_left_out() -> None:
    stream, logger = logged("json", level="warning")
    logger.info("quiet")
    logger.warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_cut_out_of_fields_messages_and_tracebacks(form: str) -> None:
    stream, logger = logged(form)
    logger.info(f"with {SECRET}", path=f"/x/{SECRET}")
    logging.getLogger("library").warning("secret %s", SECRET)
    hidden = SECRET
    try:
        raise ValueError(f"bad {hidden}")
    except ValueError:
        logger.exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "pennon_token_…" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_secrets_of_webhooks_are_cut_out() -> None:
    stream, logger = logged("json")
    secret = "whsec_" + "aB+/" * 10 + "abc="
    logger.info("made", told=f"secret {secret}, and more")
    assert "secret whsec_…, and more" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_values_of_variables_are_not_logged(form: str) -> None:
    stream, logger = logged(form)
    password = "hunter" + "2"
    try:
        raise ValueError(len(password))
    except ValueError:
        logger.exception("failed")
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_that_is_logged_makes_a_line_of_its_own_or_plays_with_the_terminal(form: str) -> None:
    stream, logger = logged(form)
    hostile = "a\nforged\r\x1b[2J\x9b31m\x07\u2028b"
    logger.warning(hostile, account=hostile)
    logging.getLogger("library").warning("%s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().split("\n")
    assert not [line for line in lines if line.startswith("forged") and "library" in line]
    assert not set(stream.getvalue()) & {"\r", "\x1b", "\x9b", "\x07", "\u2028"}
    if form == "json":
        assert len([json.loads(line) for line in lines if line]) == 3
    assert r"\n" in lines[0]
