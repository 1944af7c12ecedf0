"""The page of texts that cells point at tells what Arrow finds in it, or is left to Arrow."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.files.dictionary_page import sizes_in
from audit.files.parquet import _read_sizes

ANY = st.text("aé한\0 ", max_size=4) | st.sampled_from(["x" * size for size in (255, 256, 257, 65_535, 65_536, 70_000)])
FEW = st.lists(st.none() | ANY, min_size=1, max_size=30)


def written(texts, **more):
    """A file with one column of texts, and what its table of contents tells of it."""
    file = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(texts, "string")}), file, **more)
    contents = pq.read_metadata(file)
    return file, contents, contents.row_group(0).column(0)


@settings(max_examples=100, deadline=None)
@given(FEW, st.sampled_from(["none", "zstd", "snappy", "gzip", "brotli", "lz4"]), st.booleans(), st.booleans())
def test_it_tells_what_arrow_finds_in_it(texts, codec, checked, given_up):
    more = {"dictionary_pagesize_limit": 1, "data_page_size": 1} if given_up else {}
    file, contents, chunk = written(texts, compression=codec, write_page_checksum=checked, **more)
    found = sizes_in(file, chunk)
    assert found in (None, _read_sizes(file, contents, 0, "text"))
    plain = all(text is None or ("\0" not in text and len(text) < 65_536) for text in texts)
    if plain and any(texts) and codec != "lz4":
        assert found is not None or ("" in texts and "x" * 256 in texts)


def test_one_empty_text_among_others_is_one_wherever_it_stands():
    for texts in (["", "a"], ["a", "", "b"], ["a", ""]):
        assert sizes_in(*written(texts)[::2]) == (len(texts), 1, 4 * len(texts) + len("".join(texts)))


def test_a_column_without_such_a_page_is_left_to_arrow():
    file, contents, chunk = written(["a", "bb", "bb"], use_dictionary=False)
    assert sizes_in(file, chunk) is None
    assert _read_sizes(file, contents, 0, "text") == (1, 1, 5)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_of_a_damaged_page_it_tells_nothing_shorter_than_arrow_finds(codec):
    """Whatever one byte becomes: it may be refused by Arrow, but never holds a longer text than was told."""
    file, contents, chunk = written([f"text {number}" * (1 + number) for number in range(12)], compression=codec)
    told, whole = 0, file.getvalue()
    for place in range(chunk.dictionary_page_offset, chunk.data_page_offset):
        for octet in (0, 1, 2, 127, 255, whole[place] ^ 1, whole[place] ^ 16):
            damaged = io.BytesIO(whole[:place] + bytes([octet]) + whole[place + 1 :])
            if octet == whole[place] or (found := sizes_in(damaged, chunk)) is None:
                continue
            try:
                count, longest, _ = _read_sizes(damaged, contents, 0, "text")
            except (OSError, ValueError):
                continue
            told += 1
            assert found[1] == longest
            assert found[0] >= count  # Arrow has a text once that stands twice
    assert told
