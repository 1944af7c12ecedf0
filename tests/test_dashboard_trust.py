"""What people decided stands beside the machine's verdict; how far an audit can be trusted is told in three states."""

import os
import shutil
from datetime import date, timedelta

import pytest
from dashboard_fixtures import looked_at
from review_fixtures import small_audit
from test_dashboard_review import field, send
from test_dashboard_views import figures, html, links, rerun, rows_of, screen, seen, text_of

from audit.catalogue import review_status
from audit.errors import UsageError
from audit.integrity import seal_audit
from audit.record import load_record
from audit.review import Decision, Due, Override, Owner, Status, add_reviews, call_item, read_reviews, state_of
from audit.signing import key_owner, known_keys, make_key
from audit.signing.keyring import KEYS
from audit.signing.keys import read_key
from audit.signing.people import KEY_FILE
from dashboard import trust
from dashboard.findings_register import stand_of
from dashboard.loading import AUDITS
from reports.documents.html_report import render_html
from reports.figures import sign
from reports.text import words_of

TODAY = date.today()
SOON = TODAY + timedelta(days=20)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path, monkeypatch):
    """A whole audit of one's own, in a folder with nothing else; Kim's key is known here, Lee's is not."""
    shutil.copytree(made.folder, tmp_path / "audits" / made.folder.name)
    monkeypatch.setenv(AUDITS, str(tmp_path / "audits"))
    monkeypatch.delenv(KEY_FILE, raising=False)
    (tmp_path / "known").mkdir()
    make_key(tmp_path / "kim")
    make_key(tmp_path / "lee")
    shutil.copy(tmp_path / "kim.pub", tmp_path / "known" / "Kim Minji.pub")
    monkeypatch.setenv(KEYS, str(tmp_path / "known"))
    return load_record(tmp_path / "audits" / made.folder.name)


def state(audit):
    trust._stamp.cache_clear()
    looked_at(audit.folder.name)
    return trust.trust_of(audit.folder.name)


def exchange(audit):
    """Put other items in the place of those that were judged, of the same size and time of writing."""
    path = audit.folder / "items" / "limited.parquet"
    facts = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_the_three_states(audit, tmp_path):
    assert state(audit).state == "unsealed"
    seal_audit(audit, read_key(tmp_path / "lee"), "Kim Minji")
    found = state(audit)
    assert (found.state, found.owner) == ("unsealed", ""), "a key that nobody here knows vouches for nothing"
    assert trust.chip_of(found, words_of("en")).word == "Sealed by an unknown key"
    seal_audit(audit, read_key(tmp_path / "kim"), "whoever", again=True)
    found = state(audit)
    assert (found.state, found.owner) == ("sealed", "Kim Minji"), "the key's owner, not the sealer's claim"
    exchange(audit)
    found = state(audit)
    assert found.state == "changed"
    assert "limited.parquet" in found.why


@pytest.mark.parametrize(
    ("place", "sign_of"), [({}, "table"), ({"screen": "audit"}, "alarm"), ({"screen": "finding"}, "alarm")]
)
def test_an_audit_whose_items_were_exchanged_does_not_look_healthy(audit, place, sign_of):
    more = {} if not place else {"audit": audit.folder.name, "check": "limited"}
    state(audit)
    assert "Changed since it was stored" not in seen(screen(**place, **more))
    assert "Unchanged, not sealed" in seen(screen(**place, **more))
    exchange(audit)
    state(audit)
    page = screen(**place, **more)
    assert "Changed since it was stored" in seen(page)
    if sign_of == "alarm":
        assert '<p class="alarm trust">' in html(page)
    else:
        (row,) = rows_of(page, "audits")
        assert text_of(row).startswith("! markov Small Changed since it was stored record: Failed What lies here")
        assert 'alt="Failed"' not in row
        assert "44.4 %" not in text_of(row), "no number of it is shown"


def test_an_audit_that_is_not_looked_at_yet_says_so(audit, monkeypatch):
    trust._stamp.cache_clear()
    monkeypatch.setattr(trust, "MOST_WAITING", 0)
    monkeypatch.setattr("dashboard.screens.audits.look_over", lambda names, state: None)
    shutil.copytree(audit.folder, audit.folder.with_name("copy"))
    assert trust.trust_of("copy") is None
    assert "Being checked" in seen(screen())


def test_each_audit_is_looked_at_once_while_nothing_is_written(audit, monkeypatch):
    looks = []
    monkeypatch.setattr(trust, "_look", lambda folder: looks.append(folder) or trust.Trust("unsealed"))
    (audit.folder / "plan.yaml").write_text("# another")
    for _ in range(3):
        state(audit)
    assert len(looks) == 1
    (audit.folder / "plan.yaml").write_text("# again")
    state(audit)
    assert len(looks) == 2


def test_the_verify_screen_has_a_tick_for_a_known_seal_only(audit, tmp_path):
    place = {"screen": "verify", "audit": audit.folder.name}
    assert 'class="sentence inconclusive' in html(screen(**place))
    seal_audit(audit, read_key(tmp_path / "kim"), "Kim Minji")
    page = screen(**place)
    assert 'class="sentence passed' in html(page)
    assert "Sealed by Kim Minji" in seen(page)
    assert "nobody vouches" not in seen(page)


def test_measures_are_read_only_where_somebody_put_outcomes_in_the_machines_place(audit, monkeypatch):
    read = []
    monkeypatch.setattr(review_status, "load_record", lambda folder: read.append(folder.name) or load_record(folder))
    waiver = Status(check="limited", status="waived", reason="A closed trial", until=SOON)
    add_reviews(audit, waiver, Owner(check="free", owner="Lee"), Decision(decision="approved"), author="Kim")
    found, whole = stand_of(audit.folder.name, TODAY), state_of(audit, TODAY)
    assert read == []
    assert (found.verdict, found.decision, found.waived, found.owners) == (whole.verdict, whole.decision, 1, ("Lee",))
    add_reviews(audit, call_item(audit, "limited", str(audit.items("limited").index[0]), "wrong"), author="Kim")
    assert stand_of(audit.folder.name, TODAY).verdict == state_of(audit, TODAY).verdict
    assert read == [audit.folder.name]


def test_what_people_decided_stands_beside_the_machines_verdict_in_the_list(audit):
    assert stand_of(audit.folder.name, TODAY) is None
    waiver = Status(check="limited", status="waived", reason="A closed trial", until=SOON)
    add_reviews(audit, waiver, Decision(decision="in review"), author="Kim")
    add_reviews(audit, Owner(check="free", owner="Lee"), Due(check="free", due=TODAY - timedelta(days=1)), author="Kim")
    (row,) = rows_of(screen(), "audits")
    told = "markov Small Failed · 1 of 1 decided 44.4 % Failed · ≤ 30 % repeat share + 1 check limited"
    assert text_of(row).startswith(told), "the audited model, and of each dimension the worst with its limit"
    assert 'alt="Failed"' in row, "a sign beside the word"
    assert {"screen": "finding", "audit": audit.folder.name, "check": "limited"} in links(row)
    assert "Measured In review · Kim · 1 waived Lee" in text_of(row)
    assert "overdue" in text_of(row)
    assert 'class="overdue"' in row
    (korean,) = rows_of(screen(lang="ko"), "audits")
    assert "예외 승인 1건" in text_of(korean)


def test_a_waived_finding_is_hollow_on_the_audits_screen_and_in_its_report(audit):
    waiver = Status(check="limited", status="waived", reason="A closed trial", until=SOON)
    add_reviews(audit, waiver, Decision(decision="in review"), author="Kim")
    hollow = str(sign("failed", "Failed · Waived", hollow=True))
    assert hollow in render_html(audit)["report.html"].decode()
    page = screen(screen="audit", audit=audit.folder.name)
    assert any('<title>Failed · Waived</title>' in one for one in figures(html(page)))
    assert "1 failed, 1 waived, 0 still failed" in html(page), "what the funnel says to those who cannot see it"
    limited = next(row for row in rows_of(page, "findings") if "limited" in row)
    assert text_of(limited).startswith("Failed")
    assert text_of(limited).endswith("Waived")


def test_an_overridden_item_is_marked_in_the_list_of_items(audit):
    item = str(audit.items("limited").index[0])
    add_reviews(audit, Override(check="limited", item=item, value=1.0, reason="It repeats"), author="Kim")
    rows = [
        row for number in range(1, 5)
        for row in rows_of(screen(screen="finding", audit=audit.folder.name, check="limited", page=number), "items")
    ]  # fmt: skip
    assert len([row for row in rows if "✎ 1" in text_of(row)]) == 1
    assert len(rows) == 81
    assert all(links(row) for row in rows)


def test_a_key_speaks_in_its_owners_name_only(audit, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "kim"))
    assert key_owner() == "Kim Minji"
    app = screen(screen="audit", audit=audit.folder.name, tab="reviews")
    name = field(app, "text_input", "Your name")
    assert (name.value, name.disabled) == ("Kim Minji", True)
    field(app, "text_area", "Comment").set_value("Seen.")
    send(app, "Alice Secret")
    (entry,) = read_reviews(audit.folder).entries
    assert entry.author == "Kim Minji"
    assert "signature holds, with the key of Kim Minji" in seen(app)
    monkeypatch.delenv(KEYS)
    monkeypatch.delenv(KEY_FILE)
    assert f"signature holds, key {entry.key.fingerprint[:23]}" in seen(rerun(app))


def test_a_key_of_nobody_that_is_named_is_that_of_who_speaks_here(audit, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "lee"))
    monkeypatch.setattr("audit.signing.keyring.author_name", lambda: "Lee Jun")
    assert key_owner() == "Lee Jun"
    assert sorted(known_keys().values()) == ["Kim Minji", "Lee Jun"]


def test_a_folder_of_keys_that_is_none_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv(KEYS, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="not a folder"):
        known_keys()
    (tmp_path / "x.pub").write_text("no key")
    monkeypatch.setenv(KEYS, str(tmp_path))
    with pytest.raises(UsageError, match=r"x\.pub"):
        known_keys()
