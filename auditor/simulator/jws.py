"""JSON Web Signatures with RSA keys: as much as tokens and client assertions need."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class MalformedError(ValueError):
    """The text is no signed token."""


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of base64url with or without padding."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise MalformedError(str(error)) from error


def sign(key: rsa.RSAPrivateKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A compact token, signed RS256."""
    parts = [encode(json.dumps({"alg": "RS256", **header}).encode()), encode(json.dumps(claims).encode())]
    signed = ".".join(parts)
    signature = key.sign(signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode(signature)}"


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what was signed, and the signature; nothing is verified."""
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise MalformedError("a token has three parts")
    try:
        header, claims = (json.loads(decode(part)) for part in parts[:2])
    except ValueError as error:
        raise MalformedError(str(error)) from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise MalformedError("a token holds two objects")
    return header, claims, ".".join(parts[:2]).encode("ascii"), decode(parts[2])


def verify(key: rsa.RSAPublicKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Whether the key made the signature; RS256 and PS256 are known."""
    try:
        if algorithm == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == "PS256":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
            key.verify(signature, signed, pss, hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
