"""The limits that services publish, as far as one run of ours can meet them.

Not here: Graph's 2,000 requests a second an app and its resource units (3,500 and more in 10 seconds, a page of
users costs one), which four requests under way never reach, and its 10,000 photo requests in 10 minutes, which are
counted for each mailbox. Four photo requests under way for each app are held by the gate (`GRAPH_AT_ONCE`), and so
are Exchange's 27 connections (ews-throttling-in-exchange).
"""

from __future__ import annotations

from auditor.services.pacing import PEOPLE, Limit

GRAPH_AT_ONCE = 4
"""Microsoft's stricter reading of its photo limit: four requests in flight for each app (throttling-limits)."""
YAMMER = (Limit(10, 30),)
"""Ten requests in 30 seconds for each user and app, `all other endpoints` (Yammer, rest-api-rate-limits)."""
_PEOPLE = ((1_000, 3_000), (5_000, 6_000), (15_000, 9_000), (50_000, 12_000))
_PEOPLE_LARGEST = 15_000


def sharepoint(users: int) -> tuple[Limit, ...]:
    """SharePoint's limit for PeopleManager in 5 minutes, of a tenant of at least so many licences.

    By licences: up to 1,000, 5,000, 15,000, 50,000 and more (how-to-avoid-getting-throttled-or-blocked). The
    number of users in scope stands for them: it is never larger, so that no limit is taken for higher than it is.
    The app's units a minute (1,250 to 6,250) are told by `RateLimit-*` headers from 80 % on and heeded there
    (`auditor.services.pacing`): what a request costs in units is not published for all that is asked here.
    """
    return (Limit(next((limit for licences, limit in _PEOPLE if users <= licences), _PEOPLE_LARGEST), 300, PEOPLE),)
