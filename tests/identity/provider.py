"""An identity provider on loopback: a real server of discovery document and keys, and what signs its tokens."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
RSA_2 = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SMALL_RSA = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # to be refused
EC = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(key, kid, **rest):
    """The public half, as a JWK Set has it."""
    kind = {"RSAPrivateKey": RSAAlgorithm, "Ed25519PrivateKey": OKPAlgorithm}
    algorithm = next((a for name, a in kind.items() if name in type(key).__name__), ECAlgorithm)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **rest}


class Provider:
    """``keys`` is what it publishes; ``asked`` the paths of what it was asked."""

    def __init__(self, port):
        self.issuer = f"http://127.0.0.1:{port}/realm"
        self.keys = [jwk(RSA, "rsa"), jwk(EC, "ec")]
        self.asked = []
        self.status = 200
        self.document = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        self.body = None
        """Instead of its documents."""

    def answer(self, path):
        self.asked.append(path)
        said = self.document if path.endswith("openid-configuration") else {"keys": self.keys}
        body = json.dumps(said).encode() if self.body is None else self.body
        return b"HTTP/1.1 %d x\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (self.status, len(body), body)

    def token(self, clock, *, key=RSA, alg="RS256", kid="rsa", headers=None, **claims):
        """A token that is good at ``clock`` for five minutes; a claim of None is left out."""
        said = {"iss": self.issuer, "aud": "sluice", "sub": "alice", "exp": int(clock.time()) + 300, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key, algorithm=alg, headers={"kid": kid, **(headers or {})})


@asynccontextmanager
async def provider():
    made = []

    async def serve(reader, writer):
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        writer.write(made[0].answer(line.split()[1].decode()))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.append(Provider(server.sockets[0].getsockname()[1]))
    try:
        yield made[0]
    finally:
        server.close()
        await server.wait_closed()
