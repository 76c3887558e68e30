from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.models.reply import RawChoice, ReplyBuilder, read_reply, read_usage
from saiten.models.sse import BATCH_BYTES, EventStream
from saiten.models.wire import Malformed, decode_chunks, decode_completion, mend, strict_json
from saiten.types import Usage

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


def chunk(index: int = 0, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def read(stream: bytes, n: int = 1, portions: int = 1 << 20) -> dict[int, RawChoice]:
    builder = ReplyBuilder(n)
    events = EventStream(builder.add)
    for start in range(0, len(stream), portions):
        events.feed(stream[start : start + portions])
    events.parse(last=True)
    return builder.reply().choices


@given(st.lists(ANY_TEXT, max_size=8), st.integers(1, 40), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_a_stream_reads_the_same_however_it_is_cut_and_ended(
    parts: list[str], portions: int, end: str, escaped: bool
) -> None:
    events = [chunk(content=part) for part in parts] + [chunk(reason="stop")]
    lines = [f"data: {json.dumps(event, ensure_ascii=escaped)}{end}{end}" for event in events]
    raw = ("".join(lines) + f"data: [DONE]{end}{end}").encode("utf-8", "surrogatepass" if not escaped else "strict")
    whole, cut = read(raw), read(raw, portions=portions)
    assert cut == whole
    if escaped or not any("\ud800" <= c <= "\udfff" for part in parts for c in part):
        assert (cut[0].text or "") == mend("".join(parts))


@given(ANY_TEXT)
def test_whole_answers_keep_any_text(text: str) -> None:
    body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}
    choice = read_reply(decode_completion(json.dumps(body).encode()), 1).choices[0]
    assert choice.text == mend(text)


def test_long_streams_are_parsed_in_batches_of_bounded_size() -> None:
    builder = ReplyBuilder(1)
    events = EventStream(builder.add)
    line = f"data: {json.dumps(chunk(content='tok '))}\n\n".encode()
    most = 0
    for _ in range(5000):
        events.feed(line)
        most = max(most, len(events._buffer))
    assert most < BATCH_BYTES + len(line)
    assert events.events == 5000
    events.parse(last=True)
    assert builder.reply().choices[0].text == "tok " * 5000


def test_a_farewell_is_a_whole_line_and_not_a_word_of_the_model() -> None:
    events = EventStream(ReplyBuilder(1).add)
    events.feed(b'data: {"choices": [{"delta": {"content": "data: [DONE]')
    assert not events.at_done
    events.feed(b'"}}]}\n\n')
    assert not events.at_done
    events.feed(b"data: [DONE]")
    assert not events.at_done
    events.feed(b"\n")
    assert events.at_done


def test_choices_are_put_together_by_index() -> None:
    events = [
        chunk(1, content="b"),
        chunk(0, content="a"),
        chunk(1, "length", content="B"),
        chunk(0, "stop", content="A"),
    ]
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    choices = read(raw, n=2)
    assert {index: (c.text, c.finish_reason) for index, c in choices.items()} == {
        0: ("aA", "stop"),
        1: ("bB", "length"),
    }
    assert list(choices) == [0, 1]


def test_choices_that_nobody_asked_for_are_left_out() -> None:
    assert list(read(b"".join(b'data: {"choices": [{"index": %d}]}\n\n' % i for i in range(4)), n=2)) == [0, 1]


def test_reasoning_and_content_of_a_stream_are_kept_apart() -> None:
    events = [
        chunk(role="assistant", content=""),
        chunk(reasoning="a"),
        chunk(reasoning_content="b"),
        chunk(content="C"),
        chunk(reason="stop"),
    ]
    (choice,) = read("".join(f"data:{json.dumps(event)}\n\n" for event in events).encode()).values()
    assert (choice.reasoning, choice.text) == ("ab", "C")


def test_the_opening_empty_content_of_a_stream_means_nothing_beside_reasoning() -> None:
    events = [chunk(content=""), chunk(reasoning="a"), chunk(reason="length")]
    (choice,) = read("".join(f"data:{json.dumps(event)}\n\n" for event in events).encode()).values()
    assert choice.text is None


@pytest.mark.parametrize(
    "text",
    [b'{"a": 1, "a": 2}', b'[{"b": {"a": 1, "a": 1}}]', b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b"{", b"",
     b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b'{"a": 1} x', b"\xff\xfe"],
)  # fmt: skip
def test_what_strict_json_refuses(text: bytes) -> None:
    with pytest.raises(Malformed):
        strict_json(text)


@pytest.mark.parametrize("text", [b'"\\ud835"', b'"\xf0\x9f"', b'"\xed\xa0\x80"', b'\xef\xbb\xbf"x"'])
def test_what_strict_json_keeps_can_be_written_again(text: bytes) -> None:
    found = strict_json(text)
    assert json.loads(json.dumps(found)) == found


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists, max_leaves=20))
def test_strict_json_agrees_with_the_standard(value: Any) -> None:
    assert strict_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoders_crash(data: bytes) -> None:
    for decode in (decode_completion, lambda d: decode_chunks([d, d]), lambda d: read(b"data: " + d + b"\n\n")):
        with suppress(Malformed):
            decode(data)


def test_a_duplicate_key_in_one_event_of_a_batch_is_found() -> None:
    good = json.dumps(chunk(content="a")).encode()
    bad = b'{"choices": [{"delta": {"content": "a", "content": "b"}}]}'
    assert len(decode_chunks([good] * 3)) == 3
    with pytest.raises(Malformed, match="twice"):
        decode_chunks([good, bad, good])


def test_words_of_the_model_are_no_duplicate_keys() -> None:
    said = '{"content": "x", "content": "y", "choices": [], "finish_reason": 1}' * 3
    assert decode_chunks([json.dumps(chunk(content=said)).encode()])[0].choices is not None


@pytest.mark.parametrize(
    ("found", "usage"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 5}, Usage(input_tokens=3, output_tokens=5)),
        ({"completion_tokens": 0}, Usage(output_tokens=0)),
        ({"prompt_tokens": "3", "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, Usage()),
        ({"completion_tokens_details": {"reasoning_tokens": 4}}, Usage(reasoning_tokens=4)),
        ({"completion_tokens_details": [4]}, Usage()),
        (None, Usage()),
        ("12", Usage()),
    ],
)
def test_unknown_token_counts_stay_unknown(found: Any, usage: Usage) -> None:
    assert read_usage(found) == usage


@given(ANY_TEXT)
def test_mending_changes_nothing_but_what_was_split(text: str) -> None:
    mended = mend(text)
    assert mend(mended) == mended
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert mended == text
    assert json.loads(json.dumps(mended)) == mended
