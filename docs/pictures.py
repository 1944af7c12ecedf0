"""Makes the README's pictures of the dashboard from a folder of audits: `python docs/pictures.py AUDITS [FOLDER]`.

    list.png        which audits there are
    decision.png    the one that was asked about most dimensions, as far as a screen shows it
    finding.png     its first failed finding that has a picture

Needs Playwright and Debian's chromium. The quickstart's audits make those that are here; they are copied first, so that
the screens name a folder `audits` and nobody's machine or name.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
WIDE, HIGH, SCALE, COLOURS = 1280, 800, 1.5, 160
STILL = "[data-testid=stApp][data-test-script-state=notRunning]"
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@contextmanager
def served(audits: Path) -> Iterator[str]:
    """Serve a copy of the audits; gives the address."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(audits, Path(scratch) / "audits")
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        show = [sys.executable, "-m", "audit", "show", "--into", "audits", "--port", "0"]
        with subprocess.Popen(
            show, cwd=scratch, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, **NOBODY, "PYTHONPATH": path},
        ) as process:
            assert process.stdout is not None
            try:
                yield next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
            finally:
                process.terminate()


def opened(page: Page, address: str) -> None:
    """Open a screen and wait until it is drawn and its files have been compared with what was stored."""
    page.goto(address)
    page.wait_for_selector(STILL)
    page.wait_for_selector(".doc .foot")
    for looking in (".chip:has-text('Being checked')", ".quick a:has-text('…')"):
        page.locator(looking).first.wait_for(state="hidden")
    page.wait_for_selector(STILL)


def shot(page: Page, path: Path) -> None:
    """Write the screen as a PNG of few colours."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def widest(page: Page) -> str:
    """Return the link of the row of the list that was asked about most dimensions, the worst of such."""
    rows = page.locator("table.audits tbody tr").all()
    asked = [row.locator("td.cell img").count() for row in rows]
    link = rows[asked.index(max(asked))].locator("td.audit a").get_attribute("href")
    assert link is not None
    return link


def main(audits: Path, into: Path, browser: str = "") -> None:
    """Write the three pictures."""
    with served(audits) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser or shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(
            viewport={"width": WIDE, "height": HIGH}, device_scale_factor=SCALE, reduced_motion="reduce", locale="en-GB"
        )
        page.set_default_timeout(60_000)
        opened(page, address)
        shot(page, into / "list.png")
        audit = widest(page)
        opened(page, address + audit)
        shot(page, into / "decision.png")
        links = [one.get_attribute("href") for one in page.locator("table.findings tr:has(img[alt=Failed]) a").all()]
        for link in dict.fromkeys(one for one in links if one and "screen=finding" in one):
            opened(page, address + link)
            if page.locator("figure img.picture").count():
                break
        shot(page, into / "finding.png")
        chromium.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs")
