"""Two people with two browsers on one audit: who is late is told who said what, keeps what they typed, decides anew."""

import pytest
from review_fixtures import small_audit
from test_dashboard_review import field, press, said, send
from test_dashboard_views import rerun, screen, seen

from audit.record import load_record
from audit.review import REVIEWS, Comment, Decision, Owner, add_reviews, call_item, state_of
from audit.signing.people import KEY_FILE
from dashboard.blind_review import BLIND
from dashboard.loading import AUDITS
from dashboard.speakers import AUTHOR


@pytest.fixture
def small(tmp_path, monkeypatch):
    audit = small_audit(tmp_path)
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    monkeypatch.delenv(KEY_FILE, raising=False)
    return audit


def everything(audit):
    return said(audit.folder.parent, audit.folder.name)


def finding(audit):
    return screen(screen="finding", audit=audit.folder.name, check="limited")


def test_of_two_owners_the_later_is_told_and_may_say_it_again(small):
    kim, lee = finding(small), finding(small)
    field(lee, "text_input", "Owner").set_value("Lee")
    send(lee, "Lee")
    field(kim, "text_input", "Owner").set_value("Kim")
    field(kim, "text_area", "Comment").set_value("Mine")
    send(kim, "Kim")
    assert "not written: meanwhile Lee said of limited: owner Lee; look again" in seen(kim)
    assert everything(small) == [Owner(check="limited", owner="Lee")]
    assert field(kim, "text_input", "Owner").value == "Kim", "what was typed is not lost"
    send(kim, "Kim")
    assert [one.kind for one in everything(small)] == ["owner", "owner", "comment"]
    assert state_of(small).of("limited").owner == "Kim"
    assert field(kim, "text_input", "Owner").value == "Kim"
    assert field(rerun(lee), "text_input", "Owner").value == "Kim", "and who looks again sees where things stand"


def test_what_others_changed_and_the_late_one_did_not_touch_stays(small):
    """A form that still shows an open finding without an owner puts back neither, and is not lost."""
    kim, lee = finding(small), finding(small)
    field(lee, "selectbox", "Status").set_value("fixed")
    field(lee, "text_input", "Owner").set_value("Lee")
    send(lee, "Lee")
    field(kim, "selectbox", "Rating").set_value("low")
    send(kim, "Kim")
    assert "not written" not in seen(kim)
    now = state_of(small).of("limited")
    assert (now.status, now.owner, now.rating) == ("fixed", "Lee", "low")


def test_an_approval_of_what_was_seen_is_none_of_what_came_since(small):
    add_reviews(small, Decision(decision="in review"), author="Kim")
    app = screen(screen="audit", audit=small.folder.name, tab="reviews")
    add_reviews(small, Comment(text="Do not, the data was wrong"), author="Kim")
    field(app, "selectbox", "Decision").set_value("approved")
    send(app, "Lee")
    assert "meanwhile Kim said: a remark, Do not, the data was wrong" in seen(app)
    assert state_of(small).decision == "in review"
    send(app, "Lee")
    assert state_of(small).decision == "approved"


def test_two_calls_of_one_item_are_told_where_people_see_each_other(small, monkeypatch):
    item = str(small.items("limited").index[0])
    place = {"screen": "item", "audit": small.folder.name, "check": "limited", "item": 1}
    kim, park = screen(**place), screen(**place)
    for app, name in ((kim, "Kim"), (park, "Park")):
        app.session_state[AUTHOR] = name
        rerun(app)
    first = call_item(small, "limited", item, "right")
    add_reviews(small, first, author="Lee")
    press(kim, "w")
    assert "meanwhile Lee said of limited" in seen(kim)
    assert everything(small) == [first]
    press(kim, "w")
    assert [one.word for one in everything(small)] == ["right", "wrong"]
    monkeypatch.setenv(BLIND, "1")
    press(park, "w")
    assert [one.word for one in everything(small)] == ["right", "wrong", "wrong"], "who judges alone is told nothing"


def test_who_judges_alone_hears_that_others_spoke_and_not_what(small, monkeypatch):
    monkeypatch.setenv(BLIND, "1")
    app = screen(screen="audit", audit=small.folder.name, tab="reviews")
    item = str(small.items("limited").index[0])
    add_reviews(small, Comment(check="limited", item=item, text="HIDDEN"), author="Lee")
    field(app, "selectbox", "Decision").set_value("approved")
    send(app, "Kim")
    assert "not written: others spoke of it meanwhile; look again" in seen(app)
    assert "HIDDEN" not in seen(app)
    assert state_of(load_record(small.folder)).decision == "draft"


def test_two_dashboards_on_two_hosts_share_a_database(small, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(small.folder.parent, tmp_path / "there")
    monkeypatch.setenv(REVIEWS, str(tmp_path / "reviews.sqlite"))
    here = finding(small)
    monkeypatch.setenv(AUDITS, str(tmp_path / "there"))
    there = finding(small)
    field(there, "text_input", "Owner").set_value("Lee")
    send(there, "Lee")
    monkeypatch.setenv(AUDITS, str(small.folder.parent))
    field(here, "text_input", "Owner").set_value("Kim")
    send(here, "Kim")
    assert "not written: meanwhile Lee said of limited: owner Lee" in seen(here)
    send(here, "Kim")
    assert everything(small) == [Owner(check="limited", owner="Lee"), Owner(check="limited", owner="Kim")]


def test_giving_many_to_somebody_tells_whom_others_gave_them_to_meanwhile(small):
    kim = screen(screen="register")
    add_reviews(small, Owner(check="limited", owner="Lee"), author="Lee")
    field(kim, "text_input", "To whom").set_value("Park")
    field(kim, "text_input", "Said by").set_value("Kim")
    field(kim, "button", "Give").click().run()
    assert "not written: meanwhile Lee said of limited: owner Lee; look again" in seen(kim)
    assert everything(small) == [Owner(check="limited", owner="Lee")]
    assert field(kim, "text_input", "To whom").value == "Park", "what was typed is not lost"
    field(kim, "button", "Give").click().run()
    assert state_of(small).of("limited").owner == "Park"
    assert not field(kim, "text_input", "To whom").value, "the next form is a new one"
