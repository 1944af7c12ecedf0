"""What a browser gets first: Streamlit's page with the reader's language, our name and bars where a screen will stand.

    GET /PATH/           the page, so that nobody looks at white while 4 MB of script are read
    GET /PATH/face.otf   the face, where it is installed
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from dashboard.address import Address
from reports.figures import css
from reports.text import languages, typeface

__all__ = ["FACE_FILE", "first_routes"]

FACE_FILE = "face.otf"
_ICON = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'><text y='.9em' font-size='90'>⚖️</text></svg>"


def first_routes(path: str) -> list[Route]:
    """Return what is answered at the screens' path before Streamlit is asked."""
    base = f"/{path}/" if path else "/"
    routes = [Route(base, _page)]
    if typeface():
        routes.append(Route(f"{base}{FACE_FILE}", _face))
    return routes


async def _page(request: Request) -> HTMLResponse:
    lang = request.query_params.get("lang")
    return HTMLResponse(first_page(lang if lang in languages() else Address().lang))


async def _face(request: Request) -> FileResponse:
    path = typeface()
    assert path is not None
    return FileResponse(path, media_type="font/otf", headers={"Cache-Control": "private, max-age=86400"})


@cache
def first_page(lang: str) -> str:
    """Return Streamlit's first page in a language, with bars in place of its empty root."""
    page = (files("streamlit") / "static" / "index.html").read_text("utf-8")
    bars = (files("dashboard") / "templates" / "first_paint.html").read_text("utf-8")
    for old, new in (
        ('<html lang="en">', f'<html lang="{lang}">'),
        ("<title>Streamlit</title>", "<title>Dokimasia</title>"),
        ('"./favicon.png"', f'"data:image/svg+xml,{_ICON}"'),
        ('<div id="root"></div>', f'<div id="root">{bars.replace("COLOURS", css(page=True))}</div>'),
    ):
        page = page.replace(old, new, 1)
    return page
