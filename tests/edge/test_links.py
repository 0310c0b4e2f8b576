"""Clients who want links to images get them, whoever draws: from the provider, or from the gateway's own store."""

from __future__ import annotations

import asyncio
import base64
import json
import resource
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from openai import AsyncOpenAI

from gateway.core.errors import ConfigError
from tests.client import Client, ask
from tests.clock import MovableClock
from tests.media.pictures import JPEG, PNG
from tests.serving import serving
from tests.upstream import Loop, ScriptedUpstream, Send, read_request, reply

GENERATIONS = "/v1/images/generations"
JSON = b"content-type: application/json"
ASKED = {"model": "m", "prompt": "a sea", "response_format": "url"}


def items(*found) -> bytes:
    data = [{"b64_json": base64.b64encode(each).decode()} if isinstance(each, bytes) else each for each in found]
    return reply(json.dumps({"created": 1, "data": data, "size": "1024x1024"}).encode(), 200, JSON)


def config(url: str, media=None, **capabilities) -> dict:
    able = {"endpoints": ["images/generations"], "features": ["streaming"], **capabilities}
    target = {"provider": "a", "model": "draws", "price": "free", "capabilities": able}
    return {
        "server": {"media": media} if media is not None else {},
        "providers": {"a": {"kind": "openai", "base_url": f"{url}/v1", "api_key": "sk-upstream"}},
        "models": {"m": {"targets": [target]}},
    }


@asynccontextmanager
async def gateway(data: bytes, media, *, clock=None, **capabilities):
    async with (
        ScriptedUpstream([Loop([read_request, Send(data)])]) as upstream,
        serving(config(upstream.url, media, **capabilities), clock=clock) as found,
    ):
        found.upstream = upstream
        yield found


@pytest.fixture
def media(tmp_path) -> dict:
    return {"path": str(tmp_path / "media")}


async def link(found) -> str:
    """The link to an image, at the address where it can be fetched from here."""
    url = (await ask(found.url, GENERATIONS, ASKED)).json["data"][0]["url"]
    assert url.startswith("http://gateway/v1/media/"), "as the client's Host header has it"
    return url.replace("http://gateway", found.url)


async def fetched(url: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, url)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_client_gets_a_link_and_fetches_the_picture_without_a_key(media):
    async with gateway(items(PNG, JPEG), media) as found:
        async with AsyncOpenAI(base_url=found.base_url, api_key="sk-any", max_retries=0) as client:
            images = (await client.images.generate(**ASKED, n=2)).data
        pictures = [await fetched(image.url) for image in images]

    assert [image.b64_json for image in images] == [None, None]
    assert all(image.url.startswith(f"{found.url}/v1/media/") for image in images)
    assert [picture.content for picture in pictures] == [PNG, JPEG]
    assert [picture.headers["content-type"] for picture in pictures] == ["image/png", "image/jpeg"]
    headers = pictures[0].headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-length"] == str(len(PNG))
    private, age, _ = headers["cache-control"].split(", ")
    assert private == "private"
    assert 3_590 <= int(age.removeprefix("max-age=")) <= 3_600


async def test_the_rest_of_the_reply_stays(media):
    item = {"b64_json": base64.b64encode(PNG).decode(), "revised_prompt": "a blue sea"}
    async with gateway(items(item), media) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)

    (image,) = answer.json["data"]
    assert set(image) == {"url", "revised_prompt"}
    assert (answer.json["created"], answer.json["size"]) == (1, "1024x1024")
    assert answer.headers["content-length"] == str(len(answer.body))


async def test_links_of_the_provider_are_left_alone(media, tmp_path):
    async with gateway(items({"url": "https://a.test/1.png"}), media, features=["image_links"]) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)

    assert answer.json["data"] == [{"url": "https://a.test/1.png"}]
    assert [each.name for each in (tmp_path / "media").iterdir()] == ["secret"]


@pytest.mark.parametrize("wish", [{}, {"response_format": "b64_json"}])
async def test_who_asks_for_no_link_gets_none(media, wish):
    async with gateway(items(PNG), media) as found:
        answer = await ask(found.url, GENERATIONS, {"model": "m", "prompt": "a sea", **wish})

    assert answer.json["data"] == [{"b64_json": base64.b64encode(PNG).decode()}]


async def test_without_a_store_links_are_refused_beforehand():
    async with gateway(items(PNG), None) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)
        served = await fetched(f"{found.url}/v1/media/{'0' * 32}.png?expires=1&signature=x")

    assert (answer.status, answer.json["error"]["param"]) == (400, "response_format")
    assert "server.media" in answer.json["error"]["message"]
    assert found.upstream.requests == []
    assert code(served) == (404, "not_found")


async def test_a_provider_that_knows_no_links_is_not_asked_for_them(media):
    async with gateway(items(PNG), media) as found:
        await ask(found.url, GENERATIONS, ASKED)

    assert "response_format" not in json.loads(found.upstream.requests[0].body)


async def test_a_stream_holds_base64_and_a_wish_for_links_is_refused(media):
    async with gateway(items(PNG), media) as found:
        answer = await ask(found.url, GENERATIONS, ASKED | {"stream": True})

    assert (answer.status, answer.json["error"]["param"]) == (400, "response_format")


async def test_a_link_ends(media):
    clock = MovableClock()
    async with gateway(items(PNG), media | {"expires_s": 60}, clock=clock) as found:
        url = await link(found)
        assert (await fetched(url)).status_code == 200
        clock.advance(61)
        assert code(await fetched(url)) == (403, "link_expired")


async def test_a_forged_link_is_refused(media):
    async with gateway(items(PNG), media) as found:
        url = await link(found)
        bare, _, query = url.partition("?")
        expires = query.partition("&")[0]
        forged = [
            bare,
            f"{bare}?{expires}",
            f"{bare}?{expires}&signature=",
            f"{bare}?{expires}0&signature={query.rpartition('=')[2]}",
            url[:-1] + ("A" if url[-1] != "A" else "B"),
            f"{found.url}/v1/media/secret?{query}",
            f"{found.url}/v1/media/..%2fmedia%2fsecret?{query}",
            f"{found.url}/v1/media/?{query}",
        ]
        answers = [await fetched(each) for each in forged]

    assert {code(answer) for answer in answers} == {(403, "invalid_link")}
    assert all(answer.headers["cache-control"] == "no-store" for answer in answers)


async def test_a_picture_that_is_gone_is_not_found(media, tmp_path):
    async with gateway(items(PNG), media) as found:
        url = await link(found)
        for file in (tmp_path / "media").glob("*.png"):
            file.unlink()
        assert code(await fetched(url)) == (404, "not_found")


async def test_links_hold_over_a_restart_and_on_all_who_share_the_folder(media):
    async with gateway(items(PNG), media) as found:
        url = await link(found)
        async with gateway(items(PNG), media) as replica:
            assert (await fetched(replica.url + url.removeprefix(found.url))).content == PNG
    async with gateway(items(PNG), media) as again:
        assert (await fetched(again.url + url.removeprefix(found.url))).content == PNG
    async with gateway(items(PNG), media | {"secret": "another-secret-0123456789"}) as other:
        assert code(await fetched(other.url + url.removeprefix(found.url))) == (403, "invalid_link")


async def test_a_configured_secret_is_not_written_down(media, tmp_path):
    async with gateway(items(PNG), media | {"secret": "a-secret-of-the-config-0123"}) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)

    assert b"a-secret-of-the-config" not in answer.body
    assert not (tmp_path / "media" / "secret").exists()


@pytest.mark.parametrize("url", ["https://ai.example.com", "https://ai.example.com/v1", "https://example.com/ai/"])
async def test_links_begin_with_the_configured_address(media, url):
    async with gateway(items(PNG), media | {"base_url": url}) as found:
        link = (await ask(found.url, GENERATIONS, ASKED)).json["data"][0]["url"]

    assert link.startswith(url.removesuffix("/v1").rstrip("/") + "/v1/media/")


async def test_a_host_that_is_none_stands_in_no_link(media):
    async with gateway(items(PNG), media) as found, Client(found.url) as client:
        links = []
        for host in ("ai.test:8443", "[::1]:80", 'evil"><script>', "a.test/x?", ""):
            body = json.dumps(ASKED).encode()
            head = f"POST {GENERATIONS} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
            client.writer.write(head.encode() + body)
            links.append((await client.answer()).json["data"][0]["url"])

    origins = ["{0.scheme}://{0.netloc}".format(urlsplit(link)) for link in links]
    assert origins == ["http://ai.test:8443", "http://[::1]:80", found.url, found.url, found.url]


async def test_other_methods_are_named(media):
    async with gateway(items(PNG), media) as found:
        url = await link(found)
        head, post = await fetched(url, "HEAD"), await fetched(url, "POST")

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(PNG)))
    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD")


async def test_a_large_picture_comes_whole_to_a_client_who_takes_his_time(media):
    large = PNG + bytes(5_000_000)
    async with gateway(items(large), media) as found:
        url = await link(found)
        async with Client(found.url, limit=10_000) as client:
            client.get(url.removeprefix(found.url))
            await client.head()
            await asyncio.sleep(0.05)
            assert await client.chunk() == large


async def test_one_who_goes_while_a_picture_is_sent_leaves_nothing_open(media):
    large = PNG + bytes(20_000_000)
    async with gateway(items(large), media) as found:
        url = await link(found)
        before = len(asyncio.all_tasks())
        async with Client(found.url, limit=10_000) as client:
            client.get(url.removeprefix(found.url))
            await client.head()
            client.reset()
        await found.until(lambda: len(asyncio.all_tasks()) <= before)


@pytest.mark.parametrize("data", [b"<svg onload=alert(1)>", b"", "%%%"])
async def test_what_is_no_picture_is_never_served_and_comes_as_it_was(media, data):
    given = data if isinstance(data, str) else base64.b64encode(data).decode()
    async with gateway(items({"b64_json": given}, PNG), media) as found:
        answer = await ask(found.url, GENERATIONS, ASKED)

    first, second = answer.json["data"]
    assert (answer.status, first) == (200, {"b64_json": given})
    assert set(second) == {"url"}
    (error,) = answer.json["sluice"]["errors"]
    assert error["code"] == "not_kept"
    assert "sent as base64" in error["message"]


async def test_a_full_disk_loses_no_reply(media, tmp_path):
    large = PNG + bytes(50_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with gateway(items(large, PNG), media) as found:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            answer = await ask(found.url, GENERATIONS, ASKED)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    first, second = answer.json["data"]
    assert (set(first), set(second)) == ({"b64_json"}, {"url"})
    assert [error["code"] for error in answer.json["sluice"]["errors"]] == ["not_kept"]
    assert len(list((tmp_path / "media").glob("*"))) == 2, "the secret and the one picture"


async def test_parts_that_failed_and_pictures_that_were_not_kept_are_told_together(media):
    failed = reply(b'{"error":{"message":"slow down"}}', 429, JSON)
    scripts = [[Loop([read_request, Send(data)])] for data in (items(PNG), failed, items(b"no picture"))]
    async with (
        ScriptedUpstream(*scripts) as upstream,
        serving(config(upstream.url, media, max_images=1)) as found,
    ):
        answer = await ask(found.url, GENERATIONS, ASKED | {"n": 3})

    assert [set(image) for image in answer.json["data"]] == [{"url"}, {"b64_json"}]
    said = answer.json["sluice"]
    assert (said["requested"], said["produced"]) == (3, 2)
    assert [error["code"] for error in said["errors"]] == ["rate_limited", "not_kept"]


async def test_a_folder_that_can_not_be_had_stops_the_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"server\.media\.path"):
        async with gateway(items(PNG), {"path": str(tmp_path / "file" / "media")}):
            pass
