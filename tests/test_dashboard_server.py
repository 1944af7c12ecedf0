"""The dashboard's server: answers this machine only, and sends every page out with a policy that keeps it here."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from dashboard_fixtures import serving
from report_fixtures import mixed

import dashboard.server
from audit.errors import UsageError
from dashboard.commands import show
from dashboard.login import LOOPBACK
from dashboard.server import policy, serve
from reports.text import typeface

OPTIONS = """
import json, sys
from pathlib import Path
from dashboard.server import application
application(Path("audits"), "en")
from streamlit import config
print(json.dumps({name: config.get_option(name) for name in sys.argv[1:]}))
"""
PARTS = {
    "backgroundColor": "paper", "secondaryBackgroundColor": "fill", "textColor": "ink",
    "linkColor": "ink", "borderColor": "line", "codeBackgroundColor": "fill",
}
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Protocol": "streamlit",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Host, port and path (the token of its start) of a running dashboard."""
    home = tmp_path_factory.mktemp("audits")
    mixed(home / "aaaa000000000001", 2)
    with serving(home) as found:
        yield urlsplit(found).hostname, urlsplit(found).port, urlsplit(found).path.removesuffix("/")


def ask(address, path, **headers):
    """Return status, headers and body; `Host` may be a lie."""
    connection = http.client.HTTPConnection(*address[:2], timeout=180)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = b"" if answer.status == 101 else answer.read()
    connection.close()
    return answer.status, answer.headers, body


def upgrade(address, **headers):
    return ask(address, f"{address[2]}/_stcore/stream", **UPGRADE, **headers)[0]


def test_its_health_is_told(address):
    status, _, body = ask(address, "/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/", "/?screen=audit&audit=aaaa", "/healthz", "/_stcore/health", "/static/x"])
def test_every_answer_carries_the_policy(address, path):
    _, headers, _ = ask(address, path if path == "/healthz" else address[2] + path)
    assert headers["Content-Security-Policy"] == policy(f"http://{address[0]}:{address[1]}")
    _, headers, _ = ask(address, path.replace("/healthz", "/"))
    assert headers["Content-Security-Policy"] == policy("")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_policy_lets_nothing_in_or_out_but_this_server():
    rules = dict(rule.split(" ", 1) for rule in policy("http://127.0.0.1:8501").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert "unsafe-eval" not in rules["script-src"]
    sources = {source for rule in rules.values() for source in rule.split()}
    assert sources == {"'self'", "'none'", "'unsafe-inline'", "data:", "blob:", "ws://127.0.0.1:8501"}


LIES = ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "", "[::", "0.0.0.0", "127.0.0.1:x", "::1",
        "127.0.0.1:1; script-src *", "user@127.0.0.1"]  # fmt: skip


@pytest.mark.parametrize("host", LIES)
def test_a_foreign_name_for_this_machine_is_refused_and_stands_in_no_policy(address, host):
    status, headers, _ = ask(address, f"{address[2]}/", Host=host)
    assert status == 400
    assert "*" not in headers.get("Content-Security-Policy", "")


OUTSIDE = ["/", "/_stcore/health", "/static/x", "/x/_stcore/host-config", "//", "/%2e%2e/", "/%C3%A9"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_without_the_token_of_this_start_nothing_is_answered(address, path):
    status, _, body = ask(address, path)
    assert (status, b"token" in body) == (403, True)


@pytest.mark.parametrize(("query", "lang"), [("", "en"), ("?lang=ko", "ko"), ('?lang="><script>', "en")])
def test_the_first_page_has_the_readers_language_and_bars_where_a_screen_will_stand(address, query, lang):
    status, headers, body = ask(address, f"{address[2]}/{query}")
    assert status == 200
    assert headers["Content-Security-Policy"] == policy("http://{}:{}".format(*address))
    page = body.decode()
    assert f'<html lang="{lang}">' in page
    assert "<title>Dokimasia</title>" in page
    assert 'rel="shortcut icon" href="data:image/svg+xml,' in page
    assert 'class="first-paint"' in page.partition('<div id="root">')[2]
    assert "COLOURS" not in page


def test_the_face_is_served_from_here_as_it_was_looked_at(address):
    status, headers, body = ask(address, f"{address[2]}/face.otf")
    assert (status, headers["Content-Type"], body) == (200, "font/otf", typeface().read_bytes())
    assert ask(address, "/face.otf")[0] == 403


def test_every_start_has_another_token(address, interrupted):
    assert urlsplit(interrupted[0]).path.removesuffix("/") not in (address[2], "")
    assert len(address[2]) > 20


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:8501"])
def test_own_names_are_answered(address, host):
    assert ask(address, "/healthz", Host=host)[0] == 200


def test_the_web_socket_opens_for_its_own_page_only(address):
    own = f"{address[0]}:{address[1]}"
    assert upgrade(address, Origin=f"http://{own}") == 101
    for origin in ("http://localhost:3000", f"http://localhost:{address[1]}", "http://127.0.0.1:9999", "http://0.0.0.0",
                   f"https://{own}", "null", ""):  # fmt: skip
        assert upgrade(address, Origin=origin) == 403, origin
        assert ask(address, f"{address[2]}/", Origin=origin)[0] == 403, origin
    assert upgrade((*address[:2], "/x"), Origin=f"http://{own}") == 403
    assert upgrade(address, Origin="http://evil.example") == 403
    assert upgrade(address, Host="evil.example", Origin="http://evil.example") == 403


@pytest.mark.parametrize("before", ["/", "/app/static/", "/media/", "/static/", "/../", "/static/../../"])
def test_no_file_of_an_audit_is_served(address, before):
    assert b"stereotype" not in ask(address, f"{address[2]}{before}aaaa000000000001/record.json")[2]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.evil.example", ""])
def test_an_address_that_others_could_reach_is_refused_in_one_line(tmp_path, host):
    with pytest.raises(UsageError) as error:
        show(tmp_path, 0, host, "en")
    told = "nobody logs in here; allowed: 127.0.0.1, ::1, localhost, or with --login"
    assert str(error.value) == f"--host {host}: {told}"


def test_a_port_that_is_taken_is_refused_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port}: got 'Address already in use' on 127.0.0.1"):
            serve(tmp_path, "127.0.0.1", port, "en", print)


def test_no_packet_of_an_answer_waits_for_word_of_the_one_before(tmp_path, monkeypatch):
    """As the kernel would have it, 40 ms each, and uvicorn sends every answer as two."""
    waits = []
    monkeypatch.setattr(dashboard.server, "application", lambda *_, **__: None)
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: waits.extend(
        one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0 for one in sockets
    ))  # fmt: skip
    serve(tmp_path, "127.0.0.1", 0, "en", print)
    assert waits == [False]


def test_a_file_is_no_folder_of_audits(tmp_path):
    (tmp_path / "a.zip").touch()
    with pytest.raises(UsageError, match=r"--into .*a.zip: got a file; allowed: a folder of audits"):
        show(tmp_path / "a.zip", 0)


def test_an_unknown_language_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        show(tmp_path, 0, "127.0.0.1", "xx")


def test_the_shipped_settings_hold_whatever_the_place_and_the_variables_say(tmp_path):
    """Telemetry off, no paths in errors, own host names only; STREAMLIT_* and a foreign config.toml change nothing."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[browser]\ngatherUsageStats = true\n[client]\nshowErrorDetails = "full"\n[server]\nallowedHosts = ["*"]\n'
    )
    wanted = {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "viewer",
        "server.allowedHosts": list(LOOPBACK),
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.fileWatcherType": "none",
        "server.trustedUserHeaders": {},
        "theme.dark.backgroundColor": "#14191e",
    }
    home = tmp_path / "home" / ".streamlit"
    home.mkdir(parents=True)
    home.joinpath("config.toml").write_text('[server.trustedUserHeaders]\nX-Sub = "sub"\n')  # says who one is
    env = os.environ | {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true", "STREAMLIT_CLIENT_TOOLBAR_MODE": "auto"}
    env["HOME"] = str(home.parent)
    program = [sys.executable, "-c", OPTIONS, *wanted]
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {**found, "server.allowedHosts": sorted(found["server.allowedHosts"])} == {
        **wanted, "server.allowedHosts": sorted(LOOPBACK)
    }


def test_the_theme_is_the_reports():
    from reports.figures.style import DARK, FONT, MONO, PALETTE

    settings = tomllib.loads((Path(dashboard.__file__).parent / ".streamlit" / "config.toml").read_text("utf-8"))
    theme = settings["theme"]
    for name, colours in (("light", PALETTE), ("dark", DARK)):
        for key, part in PARTS.items():
            assert theme[name][key] == colours[part], (name, key)
        assert theme[name]["primaryColor"] == PALETTE["passed"], "of buttons, whose words are white"
    faces = {key: theme[key].replace("'", '"') for key in ("font", "headingFont", "codeFont")}
    assert faces == {"font": FONT, "headingFont": FONT, "codeFont": MONO}


def test_the_command_is_light_until_it_serves():
    code = "import sys, dashboard.commands; print(*{'streamlit', 'pandas', 'torch', 'uvicorn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_the_dashboard_reaches_no_model_code():
    code = (
        "import sys, os; from streamlit.testing.v1 import AppTest; from pathlib import Path; import dashboard\n"
        "AppTest.from_file(str(Path(dashboard.__file__).parent / 'app.py'), default_timeout=180).run()\n"
        "print(*{'torch', 'transformers', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Another start, interrupted once it answers: its address, its exit code, and what it said."""
    code = "from pathlib import Path; from dashboard.commands import show; show(Path('audits'), 0)"
    program, folder = [sys.executable, "-c", code], tmp_path_factory.mktemp("other")
    with subprocess.Popen(
        program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        told = process.stdout.readline().strip()
        found = urlsplit(told)
        for _ in range(300):
            try:
                if ask((found.hostname, found.port), "/healthz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1]
    return told, process.returncode, said


def test_an_interrupt_ends_it_quietly(interrupted):
    note = "note: audits is not there yet, so that nothing is listed until a run makes it"
    assert interrupted[1:] == (0, f"{note}\nCtrl-C ends it\n")
