"""Dead letters: what was not understood can be read again, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptrader.errors import StreamError
from sptrader.model.ports import Entry
from sptrader.streams.codec import decode
from sptrader.streams.deadletters import MOST_BYTES, decode_dead_letter, encode_dead_letter
from sptrader.streams.memory import MemoryStreams

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(fields=st.dictionaries(names, st.binary(max_size=50), max_size=4), reason=st.text(max_size=20))
def test_an_entry_comes_back_as_it_was(fields, reason):
    letter = decode_dead_letter(encode_dead_letter(Entry("signals:live", "5-0", fields), reason, at_ns=7))

    assert letter.entry == Entry("signals:live", "5-0", fields)
    assert letter.reason == reason.encode("utf-8", "backslashreplace").decode()
    assert (letter.at_ns, letter.is_cut) == (7, False)


def test_fields_of_the_letters_own_names_do_no_harm():
    entry = Entry("s", "1-0", {"reason": b"mine", "field:reason": b"too", "id": b"9"})

    assert decode_dead_letter(encode_dead_letter(entry, "why", at_ns=0)).entry == entry


def test_what_is_too_large_is_cut_and_says_so():
    entry = Entry("s", "1-0", {"a": b"x" * (MOST_BYTES - 10), "b": b"y" * 100, "c": b"z"})
    letter = decode_dead_letter(encode_dead_letter(entry, "too large", at_ns=0))

    assert letter.is_cut
    assert sum(map(len, letter.entry.fields.values())) <= MOST_BYTES
    assert letter.entry.fields["a"] == entry.fields["a"]


def test_it_travels_through_a_stream():
    streams = MemoryStreams()
    streams.add("signals:live", {"signal": b"\xff"})
    entry = streams.history("signals:live")[0]
    with pytest.raises(StreamError) as refused:
        decode(entry.fields)
    streams.add("deadletter:signals:live", encode_dead_letter(entry, str(refused.value), at_ns=1))

    letter = decode_dead_letter(streams.history("deadletter:signals:live")[0].fields)
    assert letter.entry == entry
    assert letter.reason == str(refused.value)


@pytest.mark.parametrize("fields", [{}, {"signal": b"{}"}, {"stream": b"s", "id": b"1", "reason": b"", "at_ns": b"x"}])
def test_what_is_no_dead_letter_is_refused(fields):
    with pytest.raises(StreamError, match="no dead letter"):
        decode_dead_letter(fields)
