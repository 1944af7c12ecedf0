"""A bundle of unknown origin: imported, verified, browsed, reported; nothing of it runs, answers or signs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from review_fixtures import small_audit
from streamlit.testing.v1 import AppTest
from test_audit_bundle import rebuilt

import dashboard
from audit.cli.app import main
from audit.integrity import check_bundle, export_audit, seal_audit
from audit.review import Comment, Decision, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key
from dashboard.loading import AUDITS

SCRIPT = "<script>document.title='owned'</script>"


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A stranger's audit of the same plan, approved by two keys of theirs, sealed, with a page that has a script."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))
        audit = small_audit(tmp_path / "theirs", title=f"Small {SCRIPT}", two_person=True)
        one, two = (read_key(tmp_path / name) for name in ("one", "two") if make_key(tmp_path / name))
        add_reviews(audit, Decision(decision="in review"), Comment(text=SCRIPT), author="Kim", key=one)
        add_reviews(audit, Decision(decision="approved"), author="Lee", key=two)
        seal_audit(audit, one, "Kim")
        export_audit(audit.folder, tmp_path / "plain.zip")

    def add(files):
        files["reports/report.html"] = f"<html>{SCRIPT}</html>".encode()

    path = tmp_path / "foreign.zip"
    return rebuilt(tmp_path / "plain.zip", path, add, told_id=check_bundle(tmp_path / "plain.zip").id)


@pytest.fixture
def dokimasia(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv(AUDITS, str(tmp_path / "audits"))

    def command(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["dokimasia", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert (left.value.code or 0) == code, out + err
        return out + err

    return command


def test_a_bundle_of_unknown_origin(bundle, dokimasia, tmp_path):
    public = make_key(tmp_path / "mine.key")
    assert "the key given is" in dokimasia("import", str(bundle), "--public", "mine.key.pub", code=4)
    assert not list(tmp_path.glob("audits/*/record.json"))

    told = dokimasia("import", str(bundle))
    name = check_bundle(bundle).id
    folder = tmp_path / "audits" / name
    for word in ("a key that nobody vouches for", "later ones may be missing", "no part", "not covered"):
        assert (word in told) == (word not in ("no part", "not covered")), told
    assert not (folder / "reports").exists()

    seen = json.loads(dokimasia("verify", name, "--json"))
    assert (seen["own"], seen["signed"], seen["known"], seen["seal"]["known"]) == (False, 3, 0, False)

    for parameters in ({}, {"screen": "audit"}, {"screen": "finding", "check": "limited"}, {"screen": "verify"}):
        app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=180)
        for key, value in {**parameters, **({"audit": name} if parameters else {})}.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception, app.exception[0].message
        assert SCRIPT not in "".join(one.proto.body for one in app.get("html"))

    dokimasia("report", name)
    dokimasia("index")
    for page in (folder / "reports" / "report.html", tmp_path / "audits" / "index.html"):
        assert SCRIPT not in page.read_text("utf-8")
        assert "document.title=" in page.read_text("utf-8"), "told as the text that it is"

    mine = small_audit(tmp_path, title=f"Small {SCRIPT}", two_person=True)
    assert mine.folder.name == f"{name}-2"
    assert (mine.run.adopted, mine.run.calls_asked > 0) == ({}, True)

    keys = {"keys": [public.fingerprint], "two_person": True}
    for rule in ({"approval": keys}, {"sealed_by": [public.fingerprint]}):
        (tmp_path / "policy.yaml").write_text(json.dumps({"title": "Gate", "plan_limits": False, **rule}))
        assert "failed" in dokimasia("judge", name, "--policy", "policy.yaml", code=1)
