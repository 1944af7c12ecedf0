"""Every screen and document as readers see it: widths, languages, themes; prints what is wrong, nothing if all is well.

    python tests/screens.py [--shots FOLDER] [--only WORD] [AUDITS]

AUDITS is a folder of audits (without it: those of the tests). Each screen is laid out 1440, 1024 and 390 pixels wide
and 720, which is 1440 at 200 %, in English and Korean, light and dark. `faults.js` says what counts; besides, axe-core
finds nothing serious, the console stays silent and no request leaves this machine. Exit code 1 for a fault.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain
from pathlib import Path

from dashboard_fixtures import EMPTY, FIRST, HOSTILE, PICTURES, RUNNING, SECOND, UNREADABLE, make_home, serving
from needs import needs_chromium
from playwright.sync_api import Browser, Page, sync_playwright

from audit.errors import DokimasiaError
from audit.record import Audit, load_record
from reports.documents.html_report import render_html
from reports.documents.index_page import render_index
from reports.options import ReportOptions

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--font-render-hinting=none"),
]
WIDTHS = (1440, 1024, 720, 390)
HEIGHT = "(document.querySelector('[data-testid=stMainBlockContainer]') ?? document.body).scrollHeight"
STILL = "[data-testid=stApp][data-test-script-state=notRunning]"
FOLLOW = """query => {
  history.pushState({}, "", query || location.pathname);
  dispatchEvent(new PopStateEvent("popstate"));
}"""
FAULTS = (Path(__file__).parent / "faults.js").read_text("utf-8")
SCREENS = {
    "audits": ("", "table.audits"),
    "audit": (f"?screen=audit&audit={FIRST}", "#gaps"),
    "empty": (f"?screen=audit&audit={EMPTY}", "#checks"),
    "running": (f"?screen=audit&audit={RUNNING}", "text=stored answers so far"),
    "finding": (f"?screen=finding&audit={FIRST}&check=stereotypes", "table.items"),
    "pictures": (f"?screen=finding&audit={PICTURES}&check=unseen", "table.items"),
    "item": (f"?screen=item&audit={FIRST}&check=facts&item=3", "dl.facts"),
    "picture": (f"?screen=item&audit={PICTURES}&check=unseen&item=5", "figure img.series"),
    "compare": (f"?screen=compare&audit={FIRST}&other={SECOND}", "table.beside"),
    "register": ("?screen=register", "table.register"),
    "trends": ("?screen=trends&model=SmolLM2-135M&check=stereotypes", "img.trend"),
    "frameworks": ("?screen=frameworks", "table.frameworks"),
    "framework": (f"?screen=framework&audit={FIRST}&framework=eu-ai-act", "table.of-clauses"),
    "verify": (f"?screen=verify&audit={FIRST}", ".alarm"),
    "export": (f"?screen=export&audit={FIRST}", "h1"),
    "lost": (f"?screen=audit&audit={UNREADABLE}", ".alarm"),
    "hostile audit": (f"?screen=audit&audit={HOSTILE}", "#gaps"),
    "hostile finding": (f"?screen=finding&audit={HOSTILE}&check=check-0", "table.items"),
    "hostile item": (f"?screen=item&audit={HOSTILE}&check=check-0&item=4", ".foot"),
    "audits searched": ("?search=nothing+is+called+so", ".empty"),
    "nowhere": ("?screen=audit&audit=0123456789abcdef", ".alarm"),
}
"""Name -> (query, what is there when it is drawn) of the screens of the tests' audits."""


def screens_of(home: Path) -> dict[str, str]:
    """Return the screens of a folder of real audits: of those that ask the same, the first one's."""
    found = {"audits": "", "register": "?screen=register", "trends": "?screen=trends", "compare": "?screen=compare"}
    asked: dict[tuple[str, ...], str] = {}
    for folder in sorted(home.iterdir()):
        try:
            record = load_record(folder).record
        except (DokimasiaError, OSError):
            continue
        name, probes = folder.name, tuple(one.probe for one in record.findings)
        if probes in asked:
            found[f"compare {record.title}"] = f"?screen=compare&audit={asked[probes]}&other={name}"
            continue
        asked[probes] = name
        for screen in ("audit", "verify", "export"):
            found[f"{screen} {record.title}"] = f"?screen={screen}&audit={name}"
        for one in record.findings:
            there = f"audit={name}&check={one.check}"
            found[f"finding {record.title} {one.check}"] = f"?screen=finding&{there}"
            if one.evidence:
                found[f"item {record.title} {one.check}"] = f"?screen=item&{there}&item=1"
    return found


def audits_of(home: Path, screens: dict[str, str]) -> list[Audit]:
    """Return the audits that screens are of, as far as their records can be read."""
    named = {one.partition("&audit=")[2] for one in screens.values() if one.startswith("?screen=audit&")}
    return [load_record(home / name) for name in sorted(named - {RUNNING, UNREADABLE, "0123456789abcdef"})]


def faults(page: Page, root: str) -> list[str]:
    """Return what is wrong with the page as it stands."""
    return page.evaluate(FAULTS, root)


def serious(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical, with the first place of each."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"axe: {one['id']}: {one['nodes'][0]['html'][:110]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def follow(page: Page, query: str) -> None:
    """Go to a screen as a link does, and wait until it is being drawn: a page loaded anew reads 4 MB of script."""
    before = page.query_selector(".doc .crumbs")
    page.evaluate(FOLLOW, query)
    page.wait_for_function("before => document.querySelector('.doc .crumbs') !== before", arg=before, polling=50)


@contextmanager
def watched(browser: Browser, here: str) -> Iterator[tuple[Page, list[str]]]:
    """A page and what it says on its console or asks elsewhere than `here`."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", locale="en-GB")
    page.set_default_timeout(180_000)
    said: list[str] = []
    ours = (here, here.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda call: None if call.url.startswith(ours) else said.append(f"request: {call.url}"))
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"console: {error}"))
    yield page, said
    page.close()


def looked_at(page: Page, root: str, shot: Path | None) -> Iterator[tuple[int, str, str]]:
    """Yield (width, theme, fault): the layout in every width, axe-core in both themes, widest and narrowest."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(150)
            found = faults(page, root) if theme == "light" else []
            found += serious(page) if width in (WIDTHS[0], WIDTHS[-1]) else []
            yield from ((width, theme, one) for one in found)
            if shot:
                high = page.evaluate(HEIGHT)
                page.set_viewport_size({"width": width, "height": min(high + 20, 4000)})
                page.screenshot(path=shot.with_name(f"{shot.name}-{width}-{theme}.png"))


def of_dashboard(browser: Browser, home: Path, screens: dict[str, str], shots: Path | None) -> Iterator[str]:
    """Yield a line for every fault of the dashboard's screens."""
    with serving(home) as address, watched(browser, address) as (page, said):
        for name, query in screens.items():
            for lang in ("en", "ko"):
                page.goto(f"{address}{query}{'&' if query else '?'}lang={lang}")
                page.wait_for_selector(STILL)
                page.wait_for_selector(".doc .foot, .doc .alarm")
                shot = shots / f"{re.sub(r'[^a-z0-9-]+', '_', name.lower())[:60]}-{lang}" if shots else None
                for width, theme, fault in looked_at(page, "[data-testid=stMain]", shot):
                    yield f"{name} {lang} {width} {theme}: {fault}"
                yield from (f"{name} {lang}: {one}" for one in said)
                said.clear()


def of_documents(browser: Browser, audits: list[Audit], folder: Path, shots: Path | None) -> Iterator[str]:
    """Yield a line for every fault of the audits' HTML reports and of the page over them."""
    for lang in ("en", "ko"):
        options = ReportOptions(lang=lang)
        pages = [(f"report {one.record.title}", render_html(one, options)["report.html"]) for one in audits]
        for name, data in [*pages, ("index", render_index(audits, lang))]:
            path = folder / "page.html"
            path.write_bytes(data)
            with watched(browser, path.as_uri()) as (page, said):
                page.goto(path.as_uri())
                shot = shots / f"{re.sub(r'[^a-z0-9-]+', '_', name.lower())[:60]}-{lang}" if shots else None
                for width, theme, fault in looked_at(page, "body", shot):
                    yield f"{name} {lang} {width} {theme}: {fault}"
                yield from (f"{name} {lang}: {one}" for one in said)


def main() -> int:
    """Sweep, and print what is wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("audits", nargs="?", type=Path)
    asked.add_argument("--shots", type=Path)
    asked.add_argument("--only", default="")
    given = asked.parse_args()
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs_chromium(), args=FLAGS)
        home = given.audits or make_home(Path(scratch) / "audits")
        screens = screens_of(home) if given.audits else {name: query for name, (query, _) in SCREENS.items()}
        chosen = {name: query for name, query in screens.items() if given.only in name}
        lines = of_dashboard(browser, home, chosen, given.shots)
        if given.only in "reports":
            lines = chain(lines, of_documents(browser, audits_of(home, screens), Path(scratch), given.shots))
        count = 0
        for line in lines:
            count += 1
            print(line, flush=True)
        print(f"{count} faults on {len(chosen)} screens")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
