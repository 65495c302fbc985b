import itertools
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pennon.protocol import Frame, FrameTooLarge, sse


def decoded(*pieces: bytes) -> list[Frame]:
    decoder = sse.Decoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def test_frame_is_written_as_id_event_retry_data() -> None:
    frame = Frame("delta", b'{"age":0}', "1.42", 5000)
    assert sse.encode(frame) == b'id: 1.42\nevent: delta\nretry: 5000\ndata: {"age":0}\n\n'


def test_id_and_retry_are_left_out_where_there_are_none() -> None:
    assert sse.encode(Frame("heartbeat", b"{}")) == b"event: heartbeat\ndata: {}\n\n"


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_text_that_breaks_a_line_is_refused_in_id_and_event(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit on a line"):
        sse.encode(Frame(text, b""))
    with pytest.raises(ValueError, match="does not fit on a line"):
        sse.encode(Frame("delta", b"", text))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    stream = end.join([b"event: delta", b"id: 1.2", b"data: a", b"data: b", b"", b"data: c", b"", b""])
    assert decoded(stream) == [Frame("delta", b"a\nb", "1.2"), Frame("message", b"c")]


def test_return_and_line_feed_in_two_pieces_are_one_line_end() -> None:
    assert decoded(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n") == [Frame("message", b"a\nb")]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_other_line_separators_stay_within_the_data(character: str) -> None:
    frame = Frame("delta", f'{{"a":"x{character}y"}}'.encode())
    assert decoded(sse.encode(frame)) == [frame]


def test_comments_and_unknown_fields_are_ignored() -> None:
    assert decoded(b": ping\n:\nfoo: bar\ndata\nData: x\ndata: a\n\n") == [Frame("message", b"\na")]


def test_event_with_an_empty_name_is_a_message() -> None:
    assert decoded(b"event: delta\nevent:\ndata: a\n\n") == [Frame("message", b"a")]


def test_only_one_space_after_the_colon_is_dropped() -> None:
    assert decoded(b"data:a\n\ndata:  b\n\n") == [Frame("message", b"a"), Frame("message", b" b")]


def test_event_without_data_is_none_and_leaves_nothing_behind() -> None:
    assert decoded(b"event: delta\nid: 1.1\nretry: 9\n\ndata: a\n\n") == [Frame("message", b"a")]


def test_event_with_an_empty_data_line_is_one() -> None:
    assert decoded(b"data:\n\n") == [Frame("message", b"")]


def test_byte_order_mark_is_dropped_at_the_start_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert decoded(mark[:1], mark[1:] + b"data: a\n\n" + mark + b"data: b\n\n") == [Frame("message", b"a")]


def test_byte_order_mark_before_an_empty_line_is_no_event() -> None:
    assert decoded(b"\xef\xbb\xbf\n\ndata: a\n\n") == [Frame("message", b"a")]


def test_unfinished_event_is_none() -> None:
    assert decoded(b"data: a\n\ndata: b\n") == [Frame("message", b"a")]


@pytest.mark.parametrize("value", [b"x", b"-1", b"1.5", b"", b"1" * 5000, "٣".encode()])
def test_retry_that_is_no_number_is_ignored(value: bytes) -> None:
    assert decoded(b"retry: " + value + b"\ndata: a\n\n") == [Frame("message", b"a")]


def test_retry_is_kept_for_the_stream_even_without_data() -> None:
    decoder = sse.Decoder()
    assert decoder.retry_ms is None
    assert decoder.feed(b"retry: 1500\n\ndata: a\n\n") == [Frame("message", b"a")]
    assert decoder.retry_ms == 1500


def test_id_with_a_null_is_ignored() -> None:
    assert decoded(b"id: 1.1\nid: a\0b\ndata: a\n\n") == [Frame("message", b"a", "1.1")]


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    assert decoded(b"event: \xff\nid: \xfe\ndata: \xfd\n\n") == [Frame("\ufffd", b"\xfd", "\ufffd")]


def test_carriage_return_in_data_becomes_a_line_feed() -> None:
    assert decoded(sse.encode(Frame("delta", b"a\rb\r\nc"))) == [Frame("delta", b"a\nb\nc")]


LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
FRAMES = st.builds(
    Frame,
    LINES.filter(bool),
    st.binary().map(lambda data: data.replace(b"\r", b"")),
    st.none() | LINES,
    st.none() | st.integers(0, 10**9 - 1),
)


@given(st.lists(FRAMES))
def test_what_is_encoded_decodes_to_the_same(frames: list[Frame]) -> None:
    assert decoded(*map(sse.encode, frames)) == frames


STREAMS = st.lists(
    st.sampled_from(
        [
            b"\n",
            b"\r",
            b"\r\n",
            b"data: ",
            b"data",
            b"event:",
            b"id: ",
            b"retry: 5",
            b":",
            b" ",
            b"x",
            b"\xef\xbb\xbf",
            b"\0",
        ]
    )
).map(b"".join)


@given(STREAMS | st.binary(), st.lists(st.integers(0, 60)))
@example(b"\xef\xbb\xbfdata: a\r\n\r\n", [1, 2, 3, 11, 12, 13])
def test_any_pieces_of_a_stream_give_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert b"".join(pieces) == stream
    assert decoded(*pieces) == decoded(stream) == decoded(*(bytes([byte]) for byte in stream))


def is_refused(limit: int, *pieces: bytes) -> bool:
    decoder = sse.Decoder(limit=limit)
    try:
        for piece in pieces:
            decoder.feed(piece)
    except FrameTooLarge:
        return True
    return False


@given(STREAMS, st.integers(1, 30))
def test_limit_holds_whatever_the_pieces(stream: bytes, limit: int) -> None:
    assert is_refused(limit, stream) == is_refused(limit, *(bytes([byte]) for byte in stream))


def test_event_of_exactly_the_limit_passes() -> None:
    assert sse.Decoder(limit=10).feed(b"data: abcd\n\ndata: abcd\n\n") == [Frame("message", b"abcd")] * 2


@pytest.mark.parametrize(
    "stream", [b"data: abcde\n\n", b"data: abcde", b"data: a\ndata: b\n", b":" + b"x" * 10, b"id: 1\nid: 2\nid: 3\n"]
)
def test_event_over_the_limit_is_refused_with_the_limit(stream: bytes) -> None:
    with pytest.raises(FrameTooLarge, match="larger than 10 bytes") as refused:
        sse.Decoder(limit=10).feed(stream)
    assert refused.value.limit == 10


def test_a_line_in_many_small_pieces_takes_linear_time() -> None:
    def seconds(pieces: int) -> float:
        decoder = sse.Decoder()
        start = time.perf_counter()
        for _ in range(pieces):
            decoder.feed(b"x" * 64)
        assert decoder.feed(b"\ndata: a\n\n") == [Frame("message", b"a")]
        return time.perf_counter() - start

    few, many = min(seconds(4_000) for _ in range(3)), min(seconds(64_000) for _ in range(3))
    assert many < 100 * few  # sixteen times the bytes; quadratic work would take 256 times as long
