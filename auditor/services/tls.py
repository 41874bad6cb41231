"""Whom we believe: one TLS context for everything that leaves this process."""

from __future__ import annotations

import ssl
from pathlib import Path

import truststore


class BadBundle(ValueError):
    """The file of certificate authorities cannot be used; the message says why."""


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Certificates are checked against `ca_bundle` alone where given, else against the system's trust store."""
    if ca_bundle is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=str(ca_bundle))
    except (ssl.SSLError, OSError):
        raise BadBundle(f"{ca_bundle} holds no certificates in PEM form") from None
