"""Origins: scheme, host and port; what a token is bound to.

Everything a server says about where to go next is hostile until it has passed through here.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

import httpx


class BadOrigin(ValueError):
    """A URL that no request is ever sent to; the message names why."""


class NotAHost(BadOrigin):
    """What stands where a host should cannot be one."""


def origin_of(url: str) -> str:
    """`https://host[:port]` of an absolute URL, lower case, without the default port.

    Raises `BadOrigin` for anything but https, for user information in the URL, for a missing host
    and for control characters or backslashes (which clients read differently from one another).
    """
    if any(ord(char) <= 0x20 or ord(char) == 0x7F or char == "\\" or "\ud800" <= char <= "\udfff" for char in url):
        raise BadOrigin("the URL holds a space, a control character, half a character or a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadOrigin("the URL cannot be parsed") from None
    if parts.scheme.lower() != "https":
        raise BadOrigin("the URL is not https")
    if parts.username is not None or parts.password is not None:
        raise BadOrigin("the URL carries user information")
    if not parts.hostname:
        raise BadOrigin("the URL names no host")
    host = parts.hostname.lower().rstrip(".")
    if not host:
        raise BadOrigin("the URL names no host")
    if not _can_be_a_host(host):
        raise NotAHost("the URL names a host that cannot be one")
    if ":" in host:
        host = f"[{host}]"
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"


_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
"""Letters, digits and hyphens (RFC 1123, 2.1), and the underscore that some networks use."""


@lru_cache(maxsize=4096)
def _can_be_a_host(host: str) -> bool:
    """Whether a name can be asked for: the client that sends the request raises errors of its own for others."""
    if ":" in host:
        return True
    try:
        url = httpx.URL(f"https://{host}/")
        # Reading `host` raises where `xn--…` cannot be decoded, and httpx reads it when it sends a request.
        sent, readable = url.raw_host.decode("ascii").lower(), url.host
    except (httpx.InvalidURL, ValueError):
        return False
    return bool(readable) and len(sent) <= 253 and all(_LABEL.fullmatch(label) for label in sent.split("."))


def resolve(base: str, location: str) -> str:
    """The absolute URL that `location` (a Location header, a link) means when read at `base`.

    Raises `BadOrigin` where it means nothing.
    """
    try:
        return urljoin(base, location.strip())
    except ValueError:
        raise BadOrigin("the URL cannot be parsed") from None


def is_loopback(origin: str) -> bool:
    """Whether the origin is this machine."""
    host = (urlsplit(origin).hostname or "").rstrip(".")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_matches(origin: str, pattern: str) -> bool:
    """Whether `origin` is `pattern`: an origin, or `*.example.com` for https hosts below it on the default port."""
    if pattern.startswith("*."):
        parts = urlsplit(origin)
        return parts.port is None and (parts.hostname or "").endswith(pattern[1:])
    return origin == pattern
