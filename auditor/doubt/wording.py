"""Suspicions and their outcomes in words, each said once for the whole tenant."""

from __future__ import annotations

from auditor.doubt.settling import Outcome, Settled, Why
from auditor.doubt.suspicion import Kind
from auditor.model import Confidence, Workload

NAMES = {
    Workload.ENTRA: "Entra ID",
    Workload.EXCHANGE: "Exchange",
    Workload.SHAREPOINT: "SharePoint",
    Workload.YAMMER: "Viva Engage",
}
DOUBTFUL_FACT = "answered_alike"
"""The slug of a tenant fact about answers that are not believed."""
BELIEVED_FACT = "true_of_everybody"
"""The slug of a tenant fact about answers that are believed although many are alike."""
ANSWERED_OTHERWISE = "answered_otherwise"
"""The slug of a tenant fact about answers that another way has replaced."""

_SAID = {
    Kind.ABSENT: "no photo",
    Kind.NOT_PROVISIONED: "no account",
    Kind.DEFAULT: "a placeholder",
    Kind.UNREADABLE: "bytes that are no image",
    Kind.LOST: "no photo where there was one before",
    Kind.ONE_PICTURE: "one and the same picture",
    Kind.OTHERS_PHOTOS: "photos of other users",
    Kind.OTHER_PICTURES: "another photo than the reference's",
    Kind.DISAGREES: "a photo that the copies do not show",
}
_BECAUSE = {
    Why.NO_CONTROL: "there is no user whose answer could be checked",
    Why.CONTROL_FAILED: "users whom it had answered correctly before got another answer when they were asked again",
    Why.NO_ANSWER: "it did not answer when it was asked again",
    Why.SOMEBODYS_PHOTO: "the picture is one user's own photo",
    Why.BOTH_ALIKE: "asked another way, it gave everybody the same answer again",
    Why.OTHERWISE: "asked another way, it said something else, and nothing about these users",
}


def not_believed(outcome: Outcome) -> str:
    """Why one user's answer is not believed, as a sentence without full stop."""
    said = _SAID[outcome.suspicion.kind]
    return f"many users got the same answer ({said}), so it is not believed: {_BECAUSE[outcome.why]}"


def fact(outcome: Outcome, users: int) -> dict[str, str] | None:
    """The tenant fact about an outcome; None where nothing needs to be said. `users`: number of audited users."""
    suspicion = outcome.suspicion
    name, said = NAMES[suspicion.workload], _SAID[suspicion.kind]
    count = f"{len(suspicion.concerned):,} of {users:,} users"
    if outcome.settled is Settled.DOUBTFUL:
        return {
            "workload": str(suspicion.workload),
            "cause": DOUBTFUL_FACT,
            "sentence": f"{name} gave {count} the same answer ({said}), so it is not believed:"
            f" {_BECAUSE[outcome.why]}.",
            "confidence": str(Confidence.CERTAIN),
            "settle": _SETTLE[outcome.why],
            "fix": "Audit again later. If it really is so here, say so in the accepted exceptions ([[true_here]]).",
        }
    if outcome.settled is Settled.REPLACED:
        return {
            "workload": str(suspicion.workload),
            "cause": ANSWERED_OTHERWISE,
            "sentence": f"{name} gave {count} the same answer ({said}). Asked another way it answered otherwise for"
            f" {outcome.asked - outcome.stayed} of {outcome.asked}, so all were asked that way. Something between this"
            " machine and the service may have given the first answers.",
            "confidence": str(Confidence.CERTAIN),
            "settle": "",
            "fix": "",
        }
    if suspicion.kind in {Kind.DISAGREES, Kind.OTHER_PICTURES}:
        return None
    return {
        "workload": str(suspicion.workload),
        "cause": BELIEVED_FACT,
        "sentence": f"{name} shows {said} for {count}; {_AGREE[outcome.why]}.",
        "confidence": str(Confidence.CERTAIN),
        "settle": "",
        "fix": "",
    }


_AGREE = {
    Why.TWO_WAYS_AGREE: "two ways agree",
    Why.THE_USERS_OWN: "two ways agree, and each answer names the user",
    Why.SAID_TO_BE_TRUE: "the accepted exceptions say that it is so here",
}
_SETTLE = {
    Why.BOTH_ALIKE: "The same question from another network, or in the service's own pages.",
    Why.NO_CONTROL: "One user whose photo the service is known to show.",
    Why.CONTROL_FAILED: "The same question from another network, or in the service's own pages.",
    Why.NO_ANSWER: "The same question when the service answers.",
    Why.SOMEBODYS_PHOTO: "The same question from another network: a cache may hand one answer to everybody.",
    Why.OTHERWISE: "The same question from another network, or in the service's own pages.",
}
