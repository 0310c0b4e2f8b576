"""The console's files: served as they are, with headers that let a page do little."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import pytest_asyncio

import gateway.admin.console
from gateway.admin.console.files import console_files
from tests.admin.console.signed import browser
from tests.admin.controlling import ADMIN_KEY, CONFIG, error_of
from tests.serving import serving

STATIC = Path(gateway.admin.console.__file__).parent / "static"
UPLOT = STATIC / "vendor" / "uplot"
OURS = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor():
    """Somebody who has no key."""
    async with serving(CONFIG) as served, browser(served) as client:
        yield client


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("path", "content_type"), [
    ("/console", "text/html; charset=utf-8"),
    ("/console/", "text/html; charset=utf-8"),
    ("/console/app.js", "text/javascript; charset=utf-8"),
    ("/console/app.css", "text/css; charset=utf-8"),
    ("/console/icon.svg", "image/svg+xml"),
    ("/console/pages/live.js", "text/javascript; charset=utf-8"),
    ("/console/vendor/uplot/LICENSE", "text/plain; charset=utf-8"),
])  # fmt: skip
async def test_a_file_is_served_as_what_it_is_and_asked_for_again_only_when_it_changed(visitor, path, content_type):
    reply = await visitor.get(path)
    assert (reply.status_code, reply.headers["content-type"]) == (200, content_type)
    assert reply.headers["cache-control"] == "no-cache"

    again = await visitor.get(path, headers={"if-none-match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path", ["/console", "/console/app.js", "/console/session", "/console/nothing", "/console/vendor/uplot/SHA256SUMS"]
)
async def test_every_reply_tells_browsers_to_be_strict(visitor, path):
    headers = (await visitor.get(path)).headers

    assert dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; ")) == POLICY
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path", ["/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/admin/v1/keys", "/admin/v1/nothing"]
)
async def test_nobody_frames_what_has_the_consoles_origin_or_adds_to_it(visitor, path):
    headers = (await visitor.get(path, headers={"authorization": f"Bearer {ADMIN_KEY}"})).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert policy.get("connect-src", "'self'") == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    if path.startswith("/admin"):
        assert headers["cache-control"] == "no-store"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing.js",
        "/console/../auth.py",
        "/console/%2e%2e/auth.py",
        "/console/..%2fauth.py",
        "/console/..%5cauth.py",
        "/console/app.js%00",
        "/console/pages",
        "/console/vendor/uplot/SHA256SUMS",
    ],
)
async def test_there_is_nothing_else(visitor, path):
    reply = await visitor.get(path)

    assert (reply.status_code, error_of(reply)["code"]) == (404, "not_found")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_browser_that_comes_to_the_gateway_is_led_to_the_console(visitor):
    reply = await visitor.get("/", headers={"accept": "text/html,*/*;q=0.8"})
    assert (reply.status_code, reply.headers["location"]) == (307, "/console")

    assert (await visitor.get("/", headers={"accept": "application/json"})).status_code == 404


def test_every_file_of_the_folder_is_served_but_for_records():
    on_disk = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}

    assert on_disk - set(console_files()) == {"vendor/uplot/SHA256SUMS", "vendor/uplot/VERSION"}


def test_the_vendored_files_are_those_that_were_recorded():
    recorded = dict(reversed(line.split("  ")) for line in (UPLOT / "SHA256SUMS").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in UPLOT.iterdir()}
    del found["SHA256SUMS"]

    assert found == recorded, "run scripts/vendor: nobody edits what is vendored"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_script_makes_html_or_code_of_text(path):
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|setHTMLUnsafe|srcdoc"
    )

    assert not re.findall(banned, path.read_text())


@pytest.mark.parametrize("path", [*OURS, STATIC / "app.css", STATIC / "index.html"], ids=lambda path: path.name)
def test_no_file_names_another_host(path):
    code = re.sub(r"^\s*(//|/?\*).*$", "", path.read_text(), flags=re.MULTILINE)
    hosts = set(re.findall(r"https?://([\w.-]+)", code))

    # The namespace of SVG is a name, not an address.
    assert hosts <= {"www.w3.org"}
