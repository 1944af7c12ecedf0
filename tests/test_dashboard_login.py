"""The dashboard behind a login: who is let in, what their role lets them do, and what keeps others out."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from dashboard_fixtures import FIRST
from needs import needs_chromium
from oidc_provider import CLIENT, SECRET, provider
from playwright.sync_api import expect, sync_playwright
from report_fixtures import mixed
from review_fixtures import small_audit
from screens import FLAGS, follow
from streamlit.testing.v1 import AppTest
from test_dashboard_views import PACKAGE, rerun, seen

from audit.errors import PlanError, UsageError
from audit.record import load_record
from audit.review import Comment, Decision, Owner, Status, add_reviews, call_item, read_reviews, signature_of, state_of
from audit.signing import KEYS, make_key
from dashboard import loading
from dashboard.blind_review import BLIND, seen_by
from dashboard.login import login_of
from dashboard.people import ROLES, Person, read_people
from dashboard.server import Certificate, Guard, policy, serve
from dashboard.speakers import PEOPLE, must_speak
from reports.text import words_of

expect.set_options(timeout=180_000)
W = words_of("en")
APP = PACKAGE / "app.py"
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
NOW = 1_800_000_000
PEOPLE_FILE = """\
others: refuse
people:
  - {email: minji@example.org, role: approver, key: keys/Kim Minji}
  - {subject: "park", role: reviewer, key: keys/Park Jiwon}
  - {email: lee@example.org, role: reader}
"""
CLAIMS = {
    "minji": {"sub": "1", "email": "Minji@example.org", "email_verified": True, "name": "M. K."},
    "park": {"sub": "park", "email": "park@example.org", "email_verified": False, "name": "Kim Minji"},
    "lee": {"sub": "3", "email": "lee@example.org", "email_verified": True, "name": "Lee"},
    "mallory": {"sub": "4", "email": "minji@example.org", "name": "Kim Minji"},
    "nobody": {"sub": "5", "email": "nobody@example.org", "email_verified": True},
}


@pytest.fixture
def people(tmp_path, monkeypatch):
    """The file of people, with the keys that it names, which are known here."""
    (tmp_path / "keys").mkdir()
    for name in ("Kim Minji", "Park Jiwon"):
        make_key(tmp_path / "keys" / name)
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    file = tmp_path / "people.yaml"
    file.write_text(PEOPLE_FILE)
    return file


def claims(name, **more):
    return {"is_logged_in": True, "iat": NOW - 60, **CLAIMS[name], **more}


def test_the_account_says_who_one_is_the_file_what_one_may_and_the_key_what_one_is_called(people):
    found = read_people(people)
    minji, park, lee = (found.of(claims(name), NOW) for name in ("minji", "park", "lee"))
    assert (minji.name, minji.role, minji.bound) == ("Kim Minji", "approver", True)
    assert (park.name, park.role) == ("Park Jiwon", "reviewer"), "whatever name and address the account claims"
    assert (lee.name, lee.role, lee.key) == ("Lee", "reader", None)
    assert minji.key.public.fingerprint != park.key.public.fingerprint


REFUSED = [
    ({}, "anonymous"),
    ({**claims("minji"), "is_logged_in": False}, "anonymous"),
    ({**claims("minji"), "is_logged_in": "true"}, "anonymous"),
    ({**claims("minji"), "sub": ""}, "anonymous"),
    (claims("minji", iat=NOW - 12 * 3600), "expired"),
    (claims("minji", iat=None), "expired"),
    (claims("minji", iat=float("nan")), "expired"),
    (claims("mallory"), "unverified"),
    (claims("mallory", email_verified="true"), "unverified"),
    (claims("nobody"), "unknown"),
    (claims("park", sub="Park"), "unknown"),
]


@pytest.mark.parametrize(("told", "why"), REFUSED)
def test_whoever_is_not_known_for_sure_is_not_let_in(people, told, why):
    assert read_people(people).of(told, NOW) == why


def test_others_may_read_where_the_file_says_so_and_nothing_more(people):
    people.write_text(PEOPLE_FILE.replace("refuse", "read").replace("people:", "hours: 1\npeople:"))
    found = read_people(people)
    assert found.of(claims("nobody"), NOW) == Person("nobody@example.org", "reader")
    assert found.of(claims("mallory"), NOW) == "unverified"
    assert found.of(claims("lee", iat=NOW - 3600), NOW) == "expired"


BROKEN = {
    "role: admin": "got 'admin'",
    "role: reviewer": "a reviewer and an approver need a key, a reader needs none",
    "role: reader, subject: x": "one of them",
    "role: reader, password: x": "unknown key 'password'",
    "role: reader}\n  - {email: LEE@example.org, role: reader": "lee@example.org is listed twice",
    "role: reviewer, key: keys/Kim Minji": "Kim Minji has another account above",
}


@pytest.mark.parametrize(("written", "told"), BROKEN.items())
def test_a_file_that_says_too_little_or_too_much_lets_nobody_in(people, written, told):
    people.write_text(PEOPLE_FILE.replace("role: reader", written))
    with pytest.raises(PlanError, match=r"people.yaml:\d+:\d+: ") as error:
        read_people(people)
    assert told in str(error.value)


def test_a_key_that_nobody_vouches_for_signs_for_nobody(people, tmp_path):
    (tmp_path / "keys" / "Park Jiwon.pub").rename(tmp_path / "Park Jiwon.pub")
    os.environ[KEYS] = f"{tmp_path / 'keys'}/"  # another setting, so that the folder is read anew
    with pytest.raises(UsageError, match="Park Jiwon: not a known key"):
        read_people(people)


SAYS = {
    Comment(text="x"): "reviewer",
    Owner(check="c", owner="Lee"): "reviewer",
    Status(check="c", status="accepted"): "reviewer",
    Decision(decision="in review"): "reviewer",
    Decision(decision="changes asked"): "reviewer",
    Decision(decision="approved"): "approver",
    Decision(decision="rejected"): "approver",
    Status(check="c", status="waived", reason="x", until=datetime(2027, 1, 1, tzinfo=UTC).date()): "approver",
}


def test_each_role_may_what_those_before_it_may():
    for says, least in SAYS.items():
        assert [role for role in ROLES if Person("x", role).may(says)] == [*ROLES[ROLES.index(least):]]


AUTH = f"""\
[auth]
redirect_uri = "https://audits.example.org/oauth2callback"
cookie_secret = "{'x' * 32}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "https://login.example.org/.well-known/openid-configuration"
"""


def secrets_file(folder, text=AUTH, mode=0o600):
    path = folder / "secrets.toml"
    path.touch(mode=0o600)
    path.chmod(mode)
    path.write_text(text)
    return path


def test_where_people_reach_it_is_what_the_provider_knows(people, tmp_path):
    login = login_of(people, secrets_file(tmp_path))
    assert (login.origin, login.host, login.path, login.encrypted) == (
        "https://audits.example.org", "audits.example.org", "", True)
    below = AUTH.replace("org/oauth2", "org:8443/some/audits/oauth2")
    login = login_of(people, secrets_file(tmp_path, below))
    assert (login.host, login.name, login.path) == ("audits.example.org:8443", "audits.example.org", "some/audits")


WRONG = [
    (AUTH.replace("https://audits", "http://audits"), "auth.redirect_uri: got 'http://audits.example.org/oauth2callback'"),
    (AUTH.replace("https://login", "http://login"), "auth.server_metadata_url: got"),
    (AUTH.replace("/oauth2callback", "/"), "auth.redirect_uri"),
    (AUTH.replace("oauth2callback", "oauth2callback?x=1"), "auth.redirect_uri"),
    (AUTH.replace("//audits", "//me@audits"), "auth.redirect_uri"),
    (AUTH.replace("x" * 32, "x" * 31), "auth.cookie_secret: string should have at least 32 characters"),
    (AUTH.replace("client_secret", "client_secrets"), "auth.client_secret: field required"),
    (AUTH + "[auth.other]\nclient_id = 'x'\n", "auth.other: extra inputs are not permitted"),
    ("[other]\n", "auth: "),
    ("[auth\n", "not TOML"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_provider_that_is_not_safe_or_not_whole_is_told_at_the_start(people, tmp_path, text, told):
    with pytest.raises(UsageError) as error:
        login_of(people, secrets_file(tmp_path, text))
    assert told in str(error.value)


def test_secrets_that_others_can_read_are_refused(people, tmp_path):
    with pytest.raises(UsageError, match=r"secrets.toml: others can read it; chmod 600"):
        login_of(people, secrets_file(tmp_path, mode=0o640))
    with pytest.raises(UsageError, match="No such file"):
        login_of(people, tmp_path / "none.toml")


def test_nothing_is_sent_in_the_clear_where_it_could_be_read(people, tmp_path):
    login = login_of(people, secrets_file(tmp_path))
    with pytest.raises(UsageError, match="could be read on its way"):
        serve(tmp_path, "0.0.0.0", 0, "en", print, login=login)
    shown = Certificate(tmp_path / "secrets.toml", tmp_path / "secrets.toml")
    with pytest.raises(UsageError, match="no certificate with its key"):
        serve(tmp_path, "0.0.0.0", 0, "en", print, login=login, certificate=shown)
    with pytest.raises(UsageError, match="--tls-cert: no login is reached by https"):
        serve(tmp_path, "127.0.0.1", 0, "en", print, certificate=shown)


ORIGIN = "https://audits.example.org"
CALLS = [
    ("/", "audits.example.org", None, 200),
    ("/", "Audits.example.org", ORIGIN, 200),
    ("/healthz", "127.0.0.1:8501", None, 200),
    ("/", "127.0.0.1:8501", None, 400),
    ("/", "evil.example", None, 400),
    ("/", "audits.example.org.evil.example", None, 400),
    ("/", "audits.example.org", "https://evil.example", 403),
    ("/", "audits.example.org", "http://audits.example.org", 403),
    ("/", "audits.example.org", "null", 403),
]


@pytest.mark.parametrize(("path", "host", "origin", "status"), CALLS)
def test_behind_a_login_it_answers_to_its_name_and_its_own_page(path, host, origin, status):
    sent = []

    async def app(scope, receive, send):
        cookies = [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2; Secure")]
        await send({"type": "http.response.start", "status": 200, "headers": cookies})

    async def send(message):
        sent.append(message)

    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    scope = {"type": "http", "path": path, "method": "GET", "headers": headers}
    call = Guard(app, "", words_of("en"), ORIGIN)(scope, None, send)
    with pytest.raises(StopIteration):
        call.send(None)
    assert sent[0]["status"] == status
    if status == 200:
        assert (b"set-cookie", b"a=1; Path=/; Secure") in sent[0]["headers"]
        assert (b"set-cookie", b"b=2; Secure") in sent[0]["headers"]
        assert (b"content-security-policy", policy(ORIGIN).encode()) in sent[0]["headers"]
        assert "wss://audits.example.org" in policy(ORIGIN)


@pytest.fixture
def home(people, tmp_path, monkeypatch):
    mixed(tmp_path / "audits" / FIRST, 3)
    monkeypatch.setenv(loading.AUDITS, str(tmp_path / "audits"))
    monkeypatch.setenv(PEOPLE, str(people))
    return tmp_path / "audits"


def screen(name, **query):
    """Run the dashboard as somebody sees it; None: nobody is logged in."""
    app = AppTest.from_file(str(APP), default_timeout=180)
    for key, value in query.items():
        app.query_params[key] = value
    app.user = {} if name is None else {**claims(name), "iat": time.time()}
    return rerun(app)


def labels(app):
    return {one.label for one in app.button}


@pytest.mark.parametrize(("name", "why"), [(None, "anonymous"), ("mallory", "unverified")])
def test_whoever_is_not_let_in_sees_nothing_of_the_audits(home, name, why):
    app = screen(name, screen="audit", audit=FIRST)
    assert W(f"login.{why}") in seen(app)
    assert labels(app) == {W("login.in" if name is None else "login.out")}
    assert load_record(home / FIRST).record.title not in seen(app)
    assert FIRST not in seen(app)


def test_a_file_of_people_that_cannot_be_read_lets_nobody_in(home, people):
    people.write_text("people: []\n")
    assert W("login.unreadable") in seen(screen("minji", screen="audit", audit=FIRST))


def test_a_reader_sees_all_and_is_offered_nothing_to_say(home):
    app = screen("lee", screen="finding", audit=FIRST, check="facts")
    assert W("login.reads") in seen(app)
    assert load_record(home / FIRST).record.title in seen(app)
    assert not {W("form.send"), W("form.sample_send"), W("register.give_send")} & labels(app)
    assert not labels(screen("lee", screen="audit", audit=FIRST, tab="reviews"))


def test_a_reviewer_speaks_under_the_keys_name_and_is_not_offered_what_an_approver_does(home):
    app = screen("park", screen="audit", audit=FIRST, tab="reviews")
    assert W("decide.return") in labels(app)
    assert not {W("decide.approve"), W("decide.waive")} & labels(app)
    [name] = [one for one in app.text_input if one.label == W("form.author")]
    assert (name.value, name.disabled) == ("Park Jiwon", True)
    [decision] = [one for one in app.selectbox if one.label == W("form.decision")]
    assert not {W("decision.approved"), W("decision.rejected")} & {*decision.options}
    decision.set_value("in review")
    name.proto.disabled = False  # a browser may send what it likes
    name.set_value("Kim Minji")
    next(one for one in app.button if one.label == W("form.send")).click()
    rerun(app)
    [entry] = read_reviews(home / FIRST).entries
    assert (entry.author, signature_of(entry)) == ("Park Jiwon", "holds")


def test_what_a_form_sends_is_refused_once_the_role_is_taken_away(home, people):
    """A screen that stays open, or a browser that sends what no form offers, is asked who it is at each word."""
    app = screen("minji", screen="audit", audit=FIRST, tab="reviews")
    [decision] = [one for one in app.selectbox if one.label == W("form.decision")]
    decision.set_value("approved")
    people.write_text(PEOPLE_FILE.replace("approver", "reviewer"))
    with pytest.raises(UsageError, match="Kim Minji does not approve, reject or waive here"):
        must_speak(read_people(people).of(claims("minji"), NOW), Decision(decision="approved"))
    next(one for one in app.button if one.label == W("form.send")).click()
    rerun(app)
    assert not read_reviews(home / FIRST).entries
    people.write_text(PEOPLE_FILE.replace("role: approver, key: keys/Kim Minji", "role: reader"))
    app = screen("minji", screen="audit", audit=FIRST, tab="reviews")
    assert W("form.send") not in labels(app)


def self_signed(folder):
    """A certificate for this machine's name, as an authority of one's own makes it, and its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, names = datetime.now(UTC), [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for end, data in (("crt", made.public_bytes(serialization.Encoding.PEM)), ("key", private)):
        (folder / f"server.{end}").write_bytes(data)
    return [str(folder / "server.crt"), str(folder / "server.key")]


def pin_of(certificate):
    """What a browser knows a certificate's key by: the digest of the key, in base 64."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    whole = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(whole).digest()).decode()


START = """
import sys
from pathlib import Path
from dashboard.commands import show
into, port, people, secrets, cert, key = sys.argv[1:]
show(Path(into), int(port), "0.0.0.0", "en", "", Path(people), Path(secrets), Path(cert), Path(key))
"""


@contextmanager
def serving(home, people, folder, at):
    """The command at work with https on all addresses of this machine, with a login; gives where people reach it."""
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    text = AUTH.replace("https://login.example.org", at)
    text = text.replace("https://audits.example.org", f"https://localhost:{port}")
    given = [str(home), str(port), str(people), str(secrets_file(folder, text)), *self_signed(folder)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", START, *given], text=True, **quiet) as process:
        try:
            address = process.stdout.readline().strip()
            known = ssl.create_default_context(cafile=folder / "server.crt")
            for _ in range(300):
                with suppress(URLError), urlopen(f"https://127.0.0.1:{port}/healthz", context=known):
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def log_in(page, name):
    page.get_by_role("button", name=W("login.in")).click()
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(".crumbs .me")


@pytest.mark.slow
def test_in_a_real_browser_a_reader_looks_a_reviewer_reviews_and_an_approver_signs(people, tmp_path):
    """Over https and wss, with a provider that checks the code, its client, its address and its PKCE verifier."""
    audit = small_audit(tmp_path)
    item = f"?screen=item&audit={audit.folder.name}&check=limited"
    with (
        provider(CLAIMS) as made, serving(audit.folder.parent, people, tmp_path, made.address) as address,
        sync_playwright() as playwright,
    ):
        ours = f"--ignore-certificate-errors-spki-list={pin_of(tmp_path / 'server.crt')}"  # so that pages are cached
        browser = playwright.chromium.launch(executable_path=needs_chromium(), args=[*FLAGS, ours])
        page = browser.new_page(reduced_motion="reduce", locale="en-US")
        page.set_default_timeout(180_000)
        page.goto(f"{address}{item}")
        expect(page.locator(".login")).to_contain_text(W("login.anonymous"))
        assert audit.record.title not in page.content()
        a_reader_looks(page)
        page.get_by_role("link", name=W("login.out")).click()
        expect(page.locator(".login")).to_contain_text(W("login.anonymous"))
        assert made.ended == 1
        a_reviewer_calls_an_item(page, item)
        page.get_by_role("link", name=W("login.out")).click()
        an_approver_signs(page, f"?screen=audit&audit={audit.folder.name}")
        browser.close()
    said = read_reviews(audit.folder).entries
    assert [(one.author, one.says.kind, signature_of(one)) for one in said] == [
        ("Park Jiwon", "override", "holds"), ("Kim Minji", "decision", "holds")]
    assert state_of(load_record(audit.folder)).decision == "approved"


def a_reader_looks(page):
    log_in(page, "lee")
    expect(page.locator(".crumbs .me")).to_contain_text(f"Lee · {W('login.reader')}")
    expect(page.locator("header.item")).to_be_visible()  # the screen that was wanted
    expect(page.locator(".reads")).to_contain_text(W("login.reads"))
    assert page.locator("[class*='st-key-press-']").count() == 0
    sent = page.context.cookies()
    assert {"_streamlit_user", "_streamlit_xsrf"} <= {one["name"] for one in sent}
    assert all(one["secure"] for one in sent)
    assert all(one["httpOnly"] and one["sameSite"] == "Lax" for one in sent if one["name"] == "_streamlit_user")


def a_reviewer_calls_an_item(page, screen):
    log_in(page, "park")
    page.wait_for_selector(IDLE)
    follow(page, screen)
    expect(page.locator(".crumbs .me")).to_contain_text(f"Park Jiwon · {W('login.reviewer')}")
    page.wait_for_selector(IDLE)
    page.wait_for_selector("[class*='st-key-press-w-'] button:enabled")
    page.keyboard.press("w")
    expect(page.locator("header.item .over")).to_contain_text(W("dashboard.item_at", at=2, kept=81))


def an_approver_signs(page, screen):
    log_in(page, "minji")
    page.wait_for_selector(IDLE)
    follow(page, screen)
    page.wait_for_selector(IDLE)
    page.get_by_role("button", name=W("decide.approve"), exact=True).click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name=W("form.reason")).fill("Looked at")
    form.get_by_role("button", name=W("decide.approve"), exact=True).click()
    expect(page.locator(".doc .path .acts")).to_contain_text(W("decision.approved"))


@pytest.fixture
def spoken(tmp_path, monkeypatch):
    """Lee called two items and said why; Kim called the first of them."""
    audit = small_audit(tmp_path)
    monkeypatch.setenv(loading.AUDITS, str(audit.folder.parent))
    first, second = (str(name) for name in audit.items("limited").index[:2])
    said = [call_item(audit, "limited", one, "wrong", f"Lee's reason for {one}") for one in (first, second)]
    add_reviews(audit, *said, Comment(check="limited", item=second, text="Lee's comment"), author="Lee")
    add_reviews(audit, Comment(check="limited", text="of the finding"), author="Lee")
    add_reviews(audit, call_item(audit, "limited", first, "right"), author="Kim")
    return audit, first, second


def test_who_judges_alone_sees_what_others_said_of_an_item_once_they_said_their_own(spoken, monkeypatch):
    audit, first, second = spoken
    whole = state_of(audit)
    assert seen_by(Person("Kim", "approver", bound=False), whole) is whole, "unless it is asked for"
    monkeypatch.setenv(BLIND, "1")
    kim, park, lee = (seen_by(Person(name, "reviewer"), whole) for name in ("Kim", "Park", "Lee"))
    assert {*kim.calls["limited"]} == {first}
    assert {*kim.calls["limited"][first]} == {"name kim", "name lee"}
    assert park.calls == {}
    assert lee.calls == whole.calls
    assert [one.says.kind for one in park.entries] == ["comment"]
    assert park.of("limited").comments == whole.of("limited").comments
    assert park.of("limited", second).comments == kim.of("limited", second).comments == ()
    assert park.verdict == whole.verdict
    assert park.reviewed["limited"].changes == ()
    monkeypatch.setenv(PEOPLE, "people.yaml")
    assert seen_by(Person("Park", "approver"), whole) is whole, "somebody has to decide"


SCREENS = [
    ({"screen": "item", "check": "limited", "item": "2"}, "Lee's comment"),
    ({"screen": "finding", "check": "limited"}, "✎ wrong"),
]


@pytest.mark.parametrize(("place", "told"), SCREENS)
def test_no_screen_shows_it_before(spoken, monkeypatch, place, told):
    place["audit"] = spoken[0].folder.name
    assert told in seen(screen(None, **place))
    monkeypatch.setenv(BLIND, "1")
    page = seen(screen(None, **place))
    assert told not in page
    assert "Lee's" not in page
    assert "of the finding" in page or place["screen"] == "item"
