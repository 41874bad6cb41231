"""Where a token may go: an origin, read from text that a server sent."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.services.origins import BadOrigin, host_matches, is_loopback, origin_of, resolve


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://graph.microsoft.com/v1.0/users?$top=5", "https://graph.microsoft.com"),
        ("https://Contoso-My.SharePoint.com:443/User%20Photos/x.jpg", "https://contoso-my.sharepoint.com"),
        ("https://127.0.0.1:8443/a", "https://127.0.0.1:8443"),
        ("https://[::1]:8443/a", "https://[::1]:8443"),
        ("HTTPS://example.com.", "https://example.com"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example"),
        ("https://under_score.example/", "https://under_score.example"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//graph.microsoft.com/",
        "https://graph.microsoft.com@evil.example/",
        "https://user:secret@graph.microsoft.com/",
        "https://graph.microsoft.com\\@evil.example/",
        "https://graph.microsoft.com\t.evil.example/",
        "https://evil.example\r\nHost: graph.microsoft.com/",
        "https:///path",
        "https://host:notaport/",
        "https://[::1/",
        "https://xn--0.example.com/",
        "https://xn--.example.com/",
        "https://a..example.com/",
        "https://*.example.com/",
        "https://a%20b.example.com/",
        "https://1.2.3.999/",
        "https://" + "a" * 64 + ".example.com/",
        "",
    ],
)
def test_what_is_no_plain_https_origin_is_refused(url: str) -> None:
    with pytest.raises(BadOrigin):
        origin_of(url)


def test_a_wildcard_covers_hosts_below_the_domain_and_nothing_that_only_ends_alike() -> None:
    assert host_matches("https://mugshot0eu-1.assets-yammer.com", "*.assets-yammer.com")
    assert not host_matches("https://evil-assets-yammer.com", "*.assets-yammer.com")
    assert not host_matches("https://assets-yammer.com.evil.example", "*.assets-yammer.com")
    assert not host_matches("https://mug0.assets-yammer.com:8443", "*.assets-yammer.com")


def test_loopback_is_this_machine_alone() -> None:
    assert all(map(is_loopback, ("https://127.0.0.1:1", "https://localhost", "https://[::1]:2")))
    assert not is_loopback("https://127.0.0.1.evil.example")
    assert not is_loopback("https://10.0.0.1")


@given(st.text(string.printable, max_size=80))
def test_any_location_resolves_to_an_origin_or_is_refused(location: str) -> None:
    try:
        origin = origin_of(resolve("https://graph.microsoft.com/v1.0/users", location))
    except (BadOrigin, ValueError):
        return
    assert origin.startswith("https://")
    assert "@" not in origin
