from __future__ import annotations

import asyncio
import base64
import hmac
import json
from hashlib import sha256

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ceilings import Ceilings
from gateway.core.errors import InvalidKey, NoTarget
from gateway.core.names import NAME
from gateway.directory.records import TeamRecord
from gateway.identity.bearer import MAX_LENGTH, bearer
from gateway.identity.documents import MOST_BYTES, read_document
from gateway.identity.doors import Doors
from gateway.identity.jwks import Jwks
from gateway.identity.keys import KeyRing
from gateway.identity.oidc import LEEWAY_S, OidcTokens, caller_name
from gateway.limits.scope import counter_key
from gateway.settings.access import Oidc
from tests.identity.provider import EC, EC_384, ED, RSA, RSA_2, SMALL_RSA, jwk, provider
from tests.identity.scene import Scene, settle

ALL = ("RS256", "PS256", "ES256", "ES384", "EdDSA")


class Door(Scene):
    """A scene that takes the tokens of ``idp``."""

    def __init__(self, idp, **said):
        super().__init__()
        self.idp = idp
        oidc = Oidc.model_validate({"issuer": idp.issuer, "audience": "sluice", "algorithms": ALL, **said})
        self.jwks = Jwks(oidc.issuer, oidc.jwks_url, read_document, self.clock)
        self.tokens = OidcTokens(oidc, self.jwks, self.teams, self.clock)
        self.doors = Doors(KeyRing((), self.clock), self.keys, self.tokens, is_open=False)

    def token(self, **claims):
        return self.idp.token(self.clock, **claims)

    def team(self, name, **terms):
        known = {**self.teams._configured, name: TeamRecord(name=name, created_at=0, created_by="file", **terms)}
        self.teams.configure(known)


@pytest.fixture
async def idp():
    async with provider() as running:
        yield running


async def refusal(door, token):
    with pytest.raises(InvalidKey) as caught:
        await door.call(token)
    assert len(token) < 20 or str(token)[:20] not in caught.value.message
    return caught.value.message


async def is_untold(door, token):
    with pytest.raises(NoTarget) as caught:
        await door.call(token)
    return caught.value.status == 503


# Who it is


@pytest.mark.parametrize(
    ("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (EC_384, "ES384"), (ED, "EdDSA")]
)
async def test_a_token_that_the_provider_signed_says_who_calls(idp, key, alg):
    idp.keys = [jwk(key, "one")]
    door = Door(idp, models=["gpt-*"], limits={"rpm": 5})

    caller = await door.call(token := door.token(key=key, alg=alg, kid="one"))

    assert (caller.key, caller.models) == ("oidc/alice", ("gpt-*",))
    assert caller.scopes == (("key oidc/alice", Ceilings(rpm=5)),)
    assert door.known(token) is caller, "it is verified once"
    assert idp.asked == ["/realm/.well-known/openid-configuration", "/realm/keys"]


async def test_the_keys_are_fetched_from_where_the_settings_say_and_once(idp):
    door = Door(idp, jwks_url=f"{idp.issuer}/other")
    await asyncio.gather(*(door.call(door.token(sub=f"u{i}")) for i in range(20)))
    assert idp.asked == ["/realm/other"]


async def test_a_claim_says_the_team_by_its_name_or_through_a_map(idp):
    plain = Door(idp, team_claim="groups", team="rest")
    mapped = Door(idp, team_claim="groups", teams={"/g/lab": "research"}, team="rest")
    for door in (plain, mapped):
        door.team("research", ceilings=Ceilings(rpm=9), tags=("lab",))
        door.team("rest")

    async def team(door, **claims):
        return (await door.call(door.token(**claims))).team

    assert await team(plain, groups="research") == "research"
    assert await team(plain, groups=["nobody", 7, "research", "rest"]) == "research"
    assert await team(plain, groups=["../etc", {"a": 1}]) == await team(plain) == "rest"
    assert await team(mapped, groups=["research", "/g/lab"]) == "research"
    assert await team(mapped, groups="research") == "rest"
    caller = await mapped.call(mapped.token(groups="/g/lab"))
    assert (caller.scopes, caller.tags) == ((("team research", Ceilings(rpm=9)),), ("lab",))


async def test_a_team_that_changes_holds_for_tokens_that_were_verified_before(idp):
    door = Door(idp, team="rest")
    door.team("rest", ceilings=Ceilings(rpm=9))
    await door.call(token := door.token())
    door.team("rest", ceilings=Ceilings(rpm=1))
    assert (await door.call(token)).scopes == (("team rest", Ceilings(rpm=1)),)


async def test_a_team_whose_change_could_not_be_read_is_read_again_while_its_tokens_are_used(idp):
    door = Door(idp, team_claim="groups")
    await door.put_team("research", ceilings=Ceilings(rpm=9))
    await door.call(token := door.token(groups=["research"]))
    door.directory.is_out = True
    await door.put_team("research", version=2, ceilings=Ceilings(rpm=1))
    await settle()
    door.directory.is_out = False
    door.clock.advance(1)

    await door.call(token)
    await settle()

    assert (await door.call(token)).scopes == (("team research", Ceilings(rpm=1)),)


async def test_a_group_that_is_no_team_keeps_no_token_out_while_the_directory_is(idp):
    door = Door(idp, team_claim="groups")
    await door.put_team("research", ceilings=Ceilings(rpm=9))
    await door.call(door.token(groups=["research"]))
    door.directory.is_out = True
    door.clock.advance(5)

    assert (await door.call(door.token(groups=["everyone", "research"]))).team == "research"
    assert (await door.call(newcomer := door.token(groups=["new"]))).team is None
    door.directory.is_out = False
    await door.put_team("new")
    await settle()

    assert (await door.call(newcomer)).team == "new"


@pytest.mark.parametrize("said", [{"team_claim": "groups"}, {"team": "rest"}])
async def test_while_nothing_is_known_of_teams_no_token_that_needs_them_is_let_in_or_called_invalid(idp, said):
    door = Door(idp, **said)
    door.directory.is_out = True

    assert await is_untold(door, door.token(groups=["everyone"]))


@given(st.text(st.characters(), min_size=1, max_size=200), st.text(st.characters(), min_size=1, max_size=200))
def test_no_two_callers_share_a_name_and_none_has_that_of_a_key(one, other):
    first, second = caller_name(one), caller_name(other)
    assert (first == second) == (one == other)
    assert not NAME.fullmatch(first)
    assert counter_key(f"key {first}", "rpm").count(":") == 2
    assert first.isascii()
    assert first.isprintable()
    assert " " not in first
    assert len(first) <= 69


# Whom it is not


def hs256_with_the_public_key(door):
    """What libraries took that let the token say how it is verified."""
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body, _ = door.token().split(".")
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": "rsa"})
    signature = hmac.new(public, f"{head}.{body}".encode(), sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_head(door, **head):
    _, body, signature = door.token().split(".")
    return ".".join([encoded({"alg": "RS256", "kid": "rsa", **head}), body, signature])


HOSTILE = {
    "alg none": lambda door: jwt.encode({"sub": "alice"}, None, algorithm="none") + "AA",
    "alg none, unsigned": lambda door: jwt.encode({"sub": "alice"}, None, algorithm="none"),
    "HS256 with the public key": hs256_with_the_public_key,
    "an algorithm that isn't allowed": lambda door: door.token(alg="RS512"),
    "an algorithm of another case": lambda door: with_head(door, alg="rs256"),
    "another's key": lambda door: door.token(key=RSA_2),
    "another's key under our key's own address": lambda door: door.token(
        key=RSA_2, headers={"jku": "http://127.0.0.1:1/", "jwk": jwk(RSA_2, "rsa"), "x5u": "http://127.0.0.1:1/"}
    ),
    "a changed claim": lambda door: ".".join(
        [door.token().split(".")[0], encoded({"sub": "root"}), door.token().split(".")[2]]
    ),
    "a changed head": lambda door: with_head(door, typ="x"),
    "a key of another kind": lambda door: door.token(kid="ec"),
    "wrong audience": lambda door: door.token(aud="another"),
    "no audience": lambda door: door.token(aud=None),
    "wrong issuer": lambda door: door.token(iss="http://127.0.0.1/realm"),
    "no issuer": lambda door: door.token(iss=None),
    "expired": lambda door: door.token(exp=int(door.clock.time() - LEEWAY_S)),
    "no expiry": lambda door: door.token(exp=None),
    "an expiry in words": lambda door: door.token(exp="tomorrow"),
    "an endless expiry": lambda door: door.token(exp=float("inf")),
    "an expiry that no float holds": lambda door: door.token(exp=10**400),
    "an expiry far beyond all clocks": lambda door: door.token(exp=1e300),
    "a beginning that no float holds": lambda door: door.token(nbf=-(10**400)),
    "an expiry that is true": lambda door: door.token(exp=True),
    "not valid yet": lambda door: door.token(nbf=int(door.clock.time() + LEEWAY_S + 1)),
    "signed in the future": lambda door: door.token(iat=int(door.clock.time() + LEEWAY_S + 1)),
    "nobody": lambda door: door.token(sub=None),
    "an empty name": lambda door: door.token(sub=""),
    "a name that is no text": lambda door: door.token(name_claim={"a": "b"}, sub=None),
    "a path as the key's id": lambda door: door.token(kid="../../../../dev/null"),
    "a query as the key's id": lambda door: door.token(kid="x' UNION SELECT 'secret"),
    "a key's id that is no text": lambda door: with_head(door, kid={"$ne": ""}),
    "an extension that must be understood": lambda door: door.token(headers={"crit": ["exp"], "exp": 1}),
    "a payload that isn't encoded": lambda door: with_head(door, b64=False, crit=["b64"]),
    "a head of nested lists": lambda door: f"{encoded(b'[' * 3_000)}.e30.AA",
    "a head with nested lists": lambda door: (
        encoded(b'{"alg":"RS256","kid":"rsa","x":' + b"[" * 3_000 + b"]" * 3_000 + b"}") + ".e30.AA"
    ),
    "a head that is no object": lambda door: f"{encoded([1])}.e30.AA",
    "a head that is no JSON": lambda door: f"{encoded(b'%ff')}.e30.AA",
    "no base64": lambda door: "a.b.c",
    "five parts": lambda door: door.token() + ".AA.AA",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_token_is_refused_that_is(idp, name):
    door = Door(idp, algorithms=["RS256", "ES256"])
    assert await refusal(door, HOSTILE[name](door))
    assert (await door.call(door.token())).key == "oidc/alice"
    assert all(path.startswith("/realm/") for path in idp.asked)


@given(st.binary(max_size=300))
def test_no_text_is_too_odd_to_be_refused(text):
    async def ask():
        async def nothing(url):
            raise OSError("nothing is fetched")

        scene = Scene()
        said = Oidc.model_validate({"issuer": "https://idp", "audience": "x"})
        tokens = OidcTokens(said, Jwks("https://idp", "", nothing, scene.clock), scene.teams, scene.clock)
        scene.doors = Doors(KeyRing((), scene.clock), scene.keys, tokens, is_open=False)
        with pytest.raises((InvalidKey, NoTarget)):
            await scene.call(text)

    asyncio.run(ask())


async def test_a_huge_token_is_as_good_as_none(idp):
    door = Door(idp)
    token = door.token(x="y" * MAX_LENGTH).encode()
    assert bearer([(b"authorization", b"Bearer " + token)]) is None
    assert bearer([(b"authorization", b"Bearer " + door.token(x="y" * 4_000).encode())]) is not None


async def test_a_key_too_small_to_be_safe_verifies_nothing(idp):
    idp.keys = [jwk(SMALL_RSA, "rsa")]
    door = Door(idp)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = door.token(key=SMALL_RSA)
    assert await refusal(door, token)


async def test_a_shared_secret_or_a_key_for_encryption_among_the_keys_is_passed_over(idp):
    shared = {"kty": "oct", "kid": "oct", "k": encoded(b"s" * 64)}
    idp.keys = [shared, jwk(RSA_2, "enc", use="enc"), jwk(RSA, "rsa")]
    door = Door(idp)
    assert (await door.call(door.token())).key == "oidc/alice"
    assert await refusal(door, door.token(key=RSA_2, kid="enc"))


async def test_a_verified_token_expires_too(idp):
    door = Door(idp)
    await door.call(token := door.token())
    door.clock.advance(300 + LEEWAY_S - 0.1)
    assert (await door.call(token)).key == "oidc/alice"
    door.clock.advance(0.1)
    assert "expired" in await refusal(door, token)
    assert "expired" in await refusal(door, token)


# Keys that change, and a provider that is out


async def test_a_new_key_of_the_provider_is_fetched_when_it_is_first_used_at_most_every_30_s(idp):
    door = Door(idp)
    await door.call(door.token())
    idp.keys = [jwk(RSA_2, "new"), jwk(RSA, "rsa")]
    fetched = len(idp.asked)
    assert await refusal(door, door.token(key=RSA_2, kid="new"))
    for i in range(100):
        assert await refusal(door, door.token(key=RSA_2, kid=f"made-up-{i}"))
    assert len(idp.asked) == fetched

    door.clock.advance(30)
    assert (await door.call(door.token(key=RSA_2, kid="new"))).key == "oidc/alice"
    assert (await door.call(door.token())).key == "oidc/alice"
    assert len(idp.asked) == fetched + 2


async def test_a_key_that_the_provider_took_out_is_good_no_longer_even_for_tokens_that_were_verified(idp):
    door = Door(idp)
    await door.call(token := door.token(exp=int(door.clock.time()) + 9_999))
    idp.keys = [jwk(RSA_2, "new")]
    door.clock.advance(600)
    await door.call(door.token(key=RSA_2, kid="new"))
    assert await refusal(door, token)


async def test_while_the_provider_is_out_its_keys_stay_good(idp):
    door = Door(idp)
    await door.call(door.token())
    idp.status = 500
    door.clock.advance(86_400)
    assert (await door.call(door.token(sub="bob"))).key == "oidc/bob"


@pytest.mark.parametrize(
    "fault",
    [
        lambda idp: setattr(idp, "status", 500),
        lambda idp: setattr(idp, "status", 302),
        lambda idp: setattr(idp, "body", b"<html>"),
        lambda idp: setattr(idp, "body", b"{}"),
        lambda idp: setattr(idp, "body", b"[" * 100_000),
        lambda idp: setattr(idp, "body", b" " * (MOST_BYTES + 1)),
        lambda idp: setattr(idp, "keys", []),
        lambda idp: idp.document.update(issuer="https://another.example"),
        lambda idp: idp.document.update(jwks_uri="http://example.com/keys"),
        lambda idp: idp.document.update(jwks_uri="file:///etc/passwd"),
    ],
)
async def test_a_provider_whose_keys_cannot_be_had_makes_no_token_invalid(idp, fault):
    body, document, keys = idp.body, dict(idp.document), idp.keys
    fault(idp)
    door = Door(idp)
    assert await is_untold(door, door.token())
    asked = len(idp.asked)
    assert await is_untold(door, door.token())
    await settle()
    assert len(idp.asked) == asked, "not more often than every few seconds"

    idp.status, idp.body, idp.document, idp.keys = 200, body, document, keys
    door.clock.advance(5)
    assert (await door.call(door.token())).key == "oidc/alice"


async def test_a_provider_that_is_not_there_makes_no_token_invalid():
    async with provider() as gone:
        pass
    door = Door(gone)
    assert await is_untold(door, door.token())
