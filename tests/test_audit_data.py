"""Data sources: what is read is what was written, ids depend on content alone, and every refusal is one clear line."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from needs import needs_data

from audit import plugins
from audit.data import DataSource, ids
from audit.data import columns as reader
from audit.data.published.crows_pairs import CrowSPairs
from audit.data.published.truthful_qa import TruthfulQA
from audit.data.tabular import Builtin, File
from audit.errors import DataError, IntegrityError
from audit.files import canonical, digest_file
from audit.probe import Role

PAIRS = Role(
    fields=dict.fromkeys(("more", "less", "group", "unit", "stereo", "kind"), "words"),
    optional=frozenset({"group", "unit", "stereo", "kind"}),
)
QUESTIONS = Role(
    fields=dict.fromkeys(("question", "choices", "correct", "best", "aliases", "group"), "words"),
    optional=frozenset({"choices", "correct", "best", "aliases", "group"}),
)
LAW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def read(part: DataSource, role: Role = PAIRS, **options) -> pd.DataFrame:
    return pd.concat(part.batches(role, **options))


def write(path: Path, rows: list[dict]) -> Path:
    """Write rows in the format that the ending names."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


# ---- what is read is what was written


@LAW
@given(rows=st.lists(st.fixed_dictionaries({"more": texts, "less": texts, "group": st.none() | texts}), min_size=1))
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_any_text_survives_and_ids_do_not_depend_on_the_format(ending, rows):
    with TemporaryDirectory() as folder:
        got = read(File(write(Path(folder, f"pairs.{ending}"), rows)))
        twin = read(File(write(Path(folder, "twin.jsonl"), rows)))
    assert got[["more", "less", "group"]].to_dict("records") == rows
    assert list(got.index) == list(twin.index)


@LAW
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=12), size=st.integers(1, 13))
def test_ids_do_not_depend_on_batches_and_are_never_given_twice(monkeypatch, rows, size):
    with TemporaryDirectory() as folder:
        part = File(write(Path(folder, "pairs.csv"), [{"more": more, "less": less} for more, less in rows + rows]))
        whole = read(part)
        with monkeypatch.context() as patched:
            patched.setattr(reader, "_ROWS", size)
            patched.setattr(ids, "_RECENT", size)
            batches = list(part.batches(PAIRS))
    got = pd.concat(batches)
    own = got.index.to_series()
    pd.testing.assert_frame_equal(got.assign(unit=got["unit"].where(got["unit"].notna(), own)), whole)
    assert whole["unit"].tolist() == [name[:16] for name in whole.index]
    assert max(map(len, batches)) <= size
    assert whole.index.is_unique
    assert whole.index.name == "id"


def test_an_id_is_the_digest_of_canonical_json_and_of_nothing_else(tmp_path):
    row = {"more": 'A "b"\n\u2028é', "less": "C", "group": None}
    want = sha256(canonical({"more": row["more"], "less": "C"})).hexdigest()[:16]
    other = sha256(canonical({**row, "group": "g"})).hexdigest()[:16]
    rows = [{**row, "comment": "x"}, {"less": "C", "more": row["more"]}, {**row, "group": "g"}, row]
    assert list(read(File(write(tmp_path / "pairs.jsonl", rows))).index) == [want, f"{want}-2", other, f"{want}-3"]


def test_equal_items_are_one_unit_unless_the_data_or_the_role_say_otherwise(tmp_path):
    rows = [{"more": "A", "less": "B"}, {"more": "C", "less": "D"}, {"more": "A", "less": "B"}]
    got = read(File(write(tmp_path / "pairs.jsonl", rows)))
    assert got["unit"].tolist() == [got.index[0], got.index[1], got.index[0]]
    assert "unit" not in read(File(write(tmp_path / "two.jsonl", rows[:2])))
    named = [{**row, "unit": "xyz"[place], "id": str(place)} for place, row in enumerate(rows)]
    assert read(File(write(tmp_path / "named.jsonl", named)))["unit"].tolist() == ["x", "y", "z"]
    some = [{**row, "unit": "x" if row["more"] == "C" else None} for row in rows]
    assert read(File(write(tmp_path / "some.jsonl", some)))["unit"].tolist() == [got.index[0], "x", got.index[0]]
    without = [{name: cell for name, cell in row.items() if name != "unit"} for row in named]
    assert "unit" not in read(File(write(tmp_path / "ids.jsonl", without), id="id"))
    for role in (replace(PAIRS, repeats=True), Role({"more": "a", "less": "b"})):
        assert "unit" not in read(File(write(tmp_path / "pairs.jsonl", rows)), role)


def test_an_id_holds_lists_and_numbers_too(tmp_path):
    row = {"question": "Q?", "choices": ["a", "b"], "correct": [0], "best": 0, "aliases": ["a"]}
    (got,) = read(File(write(tmp_path / "q.jsonl", [row])), QUESTIONS).index
    assert got == sha256(canonical(row)).hexdigest()[:16]


def test_words_stay_words(tmp_path):
    words = ["007", "NA", "null", "nan", "1e3", "true", "2020-01-01", " x ", "None"]
    path = tmp_path / "pairs.csv"
    path.write_text("more,less,group\n" + "".join(f"{word},{word},\n" for word in words))
    got = read(File(path))
    assert list(got["more"]) == list(got["less"]) == words
    assert list(got["group"]) == [None] * len(words)
    assert {type(cell) for cell in got["more"]} == {str}


def test_a_byte_order_mark_and_breaks_inside_quotes(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes('\ufeffmore,less\r\n"one\r\ntwo","say ""no"""\r\nä,ö\r\n'.encode())
    assert read(File(path)).values.tolist() == [["one\r\ntwo", 'say "no"'], ["ä", "ö"]]
    lines = tmp_path / "pairs.jsonl"
    lines.write_bytes('\ufeff{"more": "a", "less": "b"}\n\n{"more": "c", "less": "d"}'.encode())
    assert read(File(lines)).values.tolist() == [["a", "b"], ["c", "d"]]


def test_other_columns_are_dropped_and_the_roles_order_is_kept(tmp_path):
    path = write(tmp_path / "p.csv", [{"note": "x", "less": "b", "unit": 7, "more": "a"}])
    got = read(File(path))
    assert list(got.columns) == ["more", "less", "unit"]
    assert got.values.tolist() == [["a", "b", "7"]]
    assert File(path).columns() == ["note", "less", "unit", "more"]


def test_every_frame_has_the_same_columns_even_where_a_field_appears_late(tmp_path):
    rows = [{"more": f"m{i}", "less": "l"} for i in range(5000)] + [{"more": "m", "less": "l", "unit": "w"}]
    first, second = File(write(tmp_path / "p.jsonl", rows)).batches(PAIRS)
    assert (len(first), len(second)) == (4096, 905)
    assert list(first.columns) == list(second.columns) == ["more", "less", "unit"]
    assert first["unit"].tolist() == [None] * 4096


@pytest.mark.parametrize("limit", [0, 1, 4096, 4097, 9000])
def test_limit(tmp_path, limit):
    path = write(tmp_path / "p.csv", [{"more": f"m{i}", "less": "l"} for i in range(5000)])
    got = list(File(path).batches(PAIRS, limit=limit))
    assert sum(map(len, got)) == min(limit, 5000)
    assert [name for frame in got for name in frame.index] == list(read(File(path)).index[:limit])


def test_a_field_may_have_another_columns_name(tmp_path):
    path = write(tmp_path / "p.csv", [{"sent_more": "a", "sent_less": "b", "bias": "g"}])
    part = File(path, fields={"more": "sent_more", "less": "sent_less", "group": "bias"})
    assert read(part).to_dict("records") == [{"more": "a", "less": "b", "group": "g"}]


def test_lists_in_all_formats(tmp_path):
    rows = [
        {"question": "Q?", "choices": ["a", "b c"], "correct": [0, 1], "best": 1, "aliases": ["a"]},
        {"question": "R?", "choices": None, "correct": None, "best": None, "aliases": None},
    ]
    flat = [
        {"question": "Q?", "choices": " a ;b c;", "correct": "0; 1", "best": "1", "aliases": "a"},
        dict.fromkeys(rows[0], "") | {"question": "R?"},
    ]
    parts = [
        File(write(tmp_path / "q.jsonl", rows)), File(write(tmp_path / "q.parquet", rows)),
        File(write(tmp_path / "q.csv", flat), list_separator=";"),
    ]
    frames = [read(part, QUESTIONS) for part in parts]
    for frame in frames:
        assert frame.to_dict("records") == rows
        assert [type(cell) for cell in frame.iloc[0]] == [str, list, list, int, list]
        assert {type(one) for one in frame["correct"].iloc[0]} == {int}
        assert list(frame.index) == list(frames[0].index)


def test_ids_of_our_own(tmp_path):
    rows = [{"more": "a", "less": "b", "nr": 7}, {"more": "a", "less": "b", "nr": 8}]
    for ending in ("csv", "jsonl", "parquet"):
        got = read(File(write(tmp_path / f"p.{ending}", rows), id="nr"))
        assert list(got.index) == ["7", "8"]
        assert list(got.columns) == ["more", "less"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_a_files_own_word_for_nothing_is_a_missing_value_where_the_plan_says_so(tmp_path, name):
    groups = ["NA", "null", "na", "NA "]
    path = write(tmp_path / name, [{"more": f"a{i}", "less": "b", "group": one} for i, one in enumerate(groups)])
    assert [*read(File(path))["group"]] == groups, "text stays text"
    assert [*read(File(path, missing=["NA", "null"]))["group"]] == [None, None, "na", "NA "]
    with pytest.raises(DataError, match="row 1: field 'less' is empty"):
        read(File(path, missing=["b"]))


# ---- digests


def test_the_digest_follows_bytes_and_options_only(tmp_path):
    rows = [{"more": "a", "less": "b", "nr": 1}]
    one = File(write(tmp_path / "one.csv", rows))
    same = File(write(tmp_path / "same.csv", rows), licence="MIT", cite="us")
    others = [
        File(write(tmp_path / "other.csv", [{"more": "a", "less": "c", "nr": 1}])),
        File(one.path, id="nr"), File(one.path, fields={"more": "less"}), File(one.path, list_separator=";"),
        File(one.path, missing=["NA"]),
    ]
    assert one.digest() == same.digest()
    assert len({part.digest() for part in [one, *others]}) == 6
    assert one.digest().startswith("sha256:")


@pytest.mark.parametrize("kind", [File, CrowSPairs, TruthfulQA])
def test_another_file_than_the_promised_one_is_refused(tmp_path, kind):
    path = write(tmp_path / "p.csv", [{"more": "a", "less": "b"}])
    part, got = kind(path, sha256="sha256:" + "0" * 64), digest_file(path)
    for ask in (part.digest, lambda: part.batches(PAIRS)):
        with pytest.raises(IntegrityError, match=f"p.csv: digest is {got}; promised was sha256:0000"):
            ask()


@pytest.mark.parametrize("form", ["{}", "sha256:{}"])
def test_the_promised_file_is_read(tmp_path, form):
    path = write(tmp_path / "p.csv", [{"more": "a", "less": "b"}])
    part = File(path, sha256=form.format(digest_file(path).removeprefix("sha256:")))
    assert part.digest() == File(path).digest()
    assert len(read(part)) == 1


# ---- refusals: asked, got, allowed


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("sent_mor,less\na,b\n", {"fields": {"more": "sent_more"}}, r"'sent_more' for field 'more' \(did you mean"),
        ("more,lesss\na,b\n", {}, r"no column 'less' for field 'less' \(did you mean 'lesss'\?\)"),
        ("more,less\na,b\n", {"fields": {"mroe": "more"}}, r"no field 'mroe' is asked for \(did you mean 'more'\?\)"),
        ("more,less\na,b\n", {"fields": {"group": "bias"}}, r"'bias' for field 'group' \(allowed: less, more\)"),
        ("more,less\na,b\n", {"id": "nr"}, r"no column 'nr' for the item ids"),
        ("more,less,more\na,b,c\n", {}, r"2 columns are named 'more'; allowed: one"),
        ("more,less\na,b\na,\n", {}, r"row 2: field 'less' is empty; allowed: text"),
        ("more,less,nr\na,b,1\nc,d,1\n", {"id": "nr"}, r"row 2: its id was given before"),
        ("more,less,nr\na,b,\n", {"id": "nr"}, r"row 1: id is an empty text; allowed: text or an integer"),
        ("more,less\na\n", {}, r"cannot be read \(CSV parse error: Row #2: Expected 2 columns, got 1"),
        ("", {}, r"cannot be read \(Empty CSV file\)"),
        ("more,less\na," + "b" * (1 << 22), {}, "cannot be read"),
        ('more,less\na,"b\nc,d\n', {}, "a quote opens in column 'less' and nothing closes it"),
        ('less,more,note\na,b,"c\nd,e,f', {}, "a quote opens in column 'note' and nothing closes it"),
        ("more;less\na;b\n", {}, "its columns are parted by semicolons; allowed: commas in a .csv"),
    ],
)
def test_bad_csv(tmp_path, content, options, message):
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read(File(path, **options))
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["müre,less\na,b\n", "more,less\na,ü\n"])
def test_a_csv_in_latin_1_is_told_what_is_allowed(tmp_path, content):
    (tmp_path / "p.csv").write_text(content, "latin-1")
    with pytest.raises(DataError, match=r"is not UTF-8 .*; allowed: UTF-8"):
        read(File(tmp_path / "p.csv"))


@pytest.mark.parametrize("order", ["le", "be"])
def test_a_csv_in_utf_16_is_told_what_is_allowed(tmp_path, order):
    (tmp_path / "p.csv").write_text("\ufeffmore,less\na,b\n", f"utf-16-{order}")
    with pytest.raises(DataError, match=r"p\.csv: is UTF-16; allowed: UTF-8"):
        read(File(tmp_path / "p.csv"))


@pytest.mark.parametrize("content", ['more,less\na,"b\n"\n\n', 'more,less\na,5" b\n', 'more,less\na,"b""\n"'])
def test_quotes_that_are_closed_or_inside_a_word_lose_no_line(tmp_path, content):
    (tmp_path / "p.csv").write_text(content)
    assert len(read(File(tmp_path / "p.csv"))) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ('["more"]', "line 2 holds a list; allowed: an object"),
        ('{"more": "a", "less": "b", "more": "c"}', r"line 2 is not JSON \(key 'more' stands twice; allowed: once\)"),
        ("[" * 100_000, "line 2 is not JSON"),
        ('{"more": "a", "less": "\\ud800"}', "line 2 is not JSON"),
        ('{"more": "a"}', "row 2: field 'less' is empty; allowed: text"),
        ('{"more": "a", "less": ""}', "row 2: field 'less' is empty; allowed: text"),
        ('{"more": "a", "less": 1.5}', "row 2: field 'less' holds a number; allowed: text"),
        ('{"more": true, "less": "b"}', "row 2: field 'more' holds true or false; allowed: text"),
        ('{"more": ["a"], "less": "b"}', r"row 2: field 'more' holds a list of 1; allowed: text"),
    ],
)
def test_bad_json_lines(tmp_path, line, message):
    path = tmp_path / "p.jsonl"
    path.write_text('{"more": "a", "less": "b"}\n' + line + "\n")
    with pytest.raises(DataError, match=message):
        read(File(path))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"choices": "a;b"}, "field 'choices' holds a text of 3 characters; allowed: a list of texts"),
        ({"choices": ["a", 1.5]}, r"field 'choices' holds a list of 2; allowed: a list of texts"),
        ({"correct": [True]}, r"field 'correct' holds a list of 1; allowed: a list of integers"),
        ({"best": "first"}, "field 'best' holds a text of 5 characters; allowed: an integer"),
        ({"best": 0.0}, "field 'best' holds a number; allowed: an integer"),
    ],
)
def test_cells_of_the_wrong_kind(tmp_path, row, message):
    with pytest.raises(DataError, match=f"row 1: {message}"):
        read(File(write(tmp_path / "q.jsonl", [{"question": "Q?", **row}])), QUESTIONS)


def test_files_that_are_no_data(tmp_path):
    write(tmp_path / "p.csv", [{"more": "a", "less": "b"}]).rename(tmp_path / "p.xlsx")
    with pytest.raises(DataError, match=r"no format goes with '.xlsx'; allowed: .csv, .tsv, .jsonl, .ndjson, .parquet"):
        File(tmp_path / "p.xlsx").columns()
    assert len(read(File(tmp_path / "p.xlsx", format="csv"))) == 1
    with pytest.raises(DataError, match="no such file"):
        File(tmp_path / "none.csv").columns()
    with pytest.raises(DataError, match="no such file"):
        File(tmp_path / "none.csv").digest()
    with pytest.raises(DataError, match="cannot be read"):
        File(tmp_path, format="csv").columns()


@LAW
@given(content=st.binary(max_size=200), ending=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_any_bytes_give_items_or_a_data_error(content, ending):
    with TemporaryDirectory() as folder:
        path = Path(folder, f"p.{ending}")
        path.write_bytes(content)
        with suppress(DataError):
            list(File(path).batches(Role(fields={"a": ""}, optional=frozenset({"a"}))))


def test_a_cut_parquet_file_is_refused(tmp_path):
    path = write(tmp_path / "p.parquet", [{"more": "a", "less": "b"}] * 100)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"p\.parquet: cannot be read"):
        File(path).columns()


# ---- known layouts


CROWS = (
    ",sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators\n"
    '0,"A, more.","A, less.",stereo,gender,"[[\'gender\']]",a0,"[\'a1\']"\n'
    "1,B more.,B less.,antistereo,age,[],a1,[]\n"
)


def test_crows_pairs(tmp_path):
    path = tmp_path / "crows.csv"
    path.write_text(CROWS)
    got = read(CrowSPairs(path))
    assert got.to_dict("records") == [
        {"more": "A, more.", "less": "A, less.", "group": "gender", "unit": "a0", "stereo": "stereo"},
        {"more": "B more.", "less": "B less.", "group": "age", "unit": "a1", "stereo": "antistereo"},
    ]
    small = Role(fields={"more": "", "less": ""})
    assert list(read(CrowSPairs(path), small).columns) == ["more", "less"]
    path.write_text(CROWS.replace("sent_less", "less"))
    with pytest.raises(DataError, match="no column 'sent_less' for field 'less'"):
        CrowSPairs(path).batches(PAIRS)


TRUTH = (
    "\ufeffType,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
    'Adversarial,Myths, What? ,B,"A; B ;A;; C","D; A;D;",https://example.org\n'
)


def test_truthfulqa(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(TRUTH)
    choices = {"choices": ["B", "A", "C", "D"], "correct": [0, 1, 2], "best": 0, "aliases": ["B", "A", "C"]}
    assert read(TruthfulQA(path), QUESTIONS).to_dict("records") == [{"question": "What?", **choices, "group": "Myths"}]
    assert list(read(TruthfulQA(path), Role(fields={"question": "", "best": ""})).columns) == ["question", "best"]
    with pytest.raises(DataError, match=r"TruthfulQA has no field 'quesion' \(did you mean 'question'\?\)"):
        TruthfulQA(path).batches(Role(fields={"quesion": ""}))
    path.write_text(TRUTH.replace("Best Answer", "Best"))
    with pytest.raises(DataError, match="no column 'Best Answer' for the published layout"):
        TruthfulQA(path).batches(QUESTIONS)


@pytest.mark.shared
def test_the_published_crows_pairs():
    got = read(CrowSPairs(needs_data("crows_pairs/crows_pairs_anonymized.csv")))
    assert len(got) == 1508
    assert got["stereo"].value_counts().to_dict() == {"stereo": 1290, "antistereo": 218}
    assert got["group"].value_counts().to_dict() == {
        "race-color": 516, "gender": 262, "socioeconomic": 172, "nationality": 159, "religion": 105, "age": 87,
        "sexual-orientation": 84, "physical-appearance": 63, "disability": 60,
    }  # fmt: skip
    assert got.index.is_unique
    assert not got.isna().any(axis=None)


@pytest.mark.shared
def test_the_published_truthfulqa():
    got = read(TruthfulQA(needs_data("truthfulqa/TruthfulQA.csv")), QUESTIONS)
    assert len(got) == 813  # of the published 817: the makers of this copy moved four questions to a file of their own
    assert got["group"].nunique() == 38
    for row in got.itertuples():
        true = [row.choices[i] for i in row.correct]
        assert true == row.aliases
        assert row.choices[row.best] == true[0]
        assert len(set(row.choices)) == len(row.choices) > len(true) > 0
        assert all(choice == choice.strip() != "" for choice in row.choices)


# ---- our own sets, and the door that parts come in by


def test_every_own_set_is_read_to_its_end():
    folder = Path(reader.__file__).parent / "sets"
    roles = {"stereotype_pairs": PAIRS, "plain_questions": QUESTIONS}
    here = {path.stem for path in folder.glob("*.*") if path.suffix in (".csv", ".jsonl")}
    for name in here:
        part = Builtin(name)
        names = frozenset(part.columns())
        fields = roles.get(name, Role(dict.fromkeys(part.columns(), ""), optional=names, lists=names))
        got = read(part, fields)
        assert len(got) > 0
        assert got.index.is_unique
        assert not got.index.str.contains("-").any(), f"{name} says the same twice"
        assert part.digest().startswith("sha256:")
        assert part.licence == "Apache-2.0"


@pytest.mark.parametrize("name", ["stereotype_pair", "../errors", "/etc/passwd", ""])
def test_no_other_set_is_there(name):
    for ask in (Builtin(name).digest, Builtin(name).columns, lambda: Builtin(name).batches(PAIRS)):
        with pytest.raises(DataError, match=f"unknown data set '{name}'"):
            ask()


def test_sources_are_built_by_name_and_frozen(tmp_path):
    path = write(tmp_path / "p.csv", [{"sent_more": "a", "less": "b"}])
    part = plugins.build("data", "file", {"path": str(path), "fields": {"more": "sent_more"}, "licence": "MIT"})
    assert part == File(path, fields={"more": "sent_more"}, licence="MIT")
    assert isinstance(part, DataSource)
    with pytest.raises(FrozenInstanceError):
        part.path = tmp_path
    for name in plugins.names("data"):
        kind = plugins.load("data", name)
        notes = plugins.field_notes(kind)
        assert set(notes) == set(kind.__dataclass_fields__), f"options of {name} without a sentence"


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_arrow_reads_by_itself_so_that_its_threads_need_no_python(tmp_path, monkeypatch, kind):
    """A thread that reads ahead and waits for a Python file when the program ends would abort it."""
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(20_000)]})
    path = tmp_path / f"data.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a Python file was opened"))
    assert reader.column_names(path) == ["text"]
    assert sum(len(one["text"]) for one in reader.read_columns(path, "auto", ["text"], limit=5000)) == 5000
