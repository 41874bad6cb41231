"""What people, departments and places are called: invented, and in many scripts.

Names are written as their bearers write them; addresses use the usual Latin spelling, as most
directories demand of a user principal name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name and how it is spelled in an address."""

    given: str
    surname: str
    display: str
    address: str
    """Local part of an address, ASCII: given.surname."""
    own_script: str = ""
    """Local part in the bearer's own script, where that is not Latin."""


@dataclass(frozen=True, slots=True)
class _Script:
    given: tuple[tuple[str, str], ...]
    surnames: tuple[tuple[str, str], ...]
    weight: int
    surname_first: bool = False
    latin: bool = False


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """'Anna/anna Zoë/zoe' as pairs of a name and its Latin spelling."""
    return tuple((native, latin) for native, latin in (item.split("/") for item in text.split()))


def _plain(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name.lower()) for name in text.split())


_SCRIPTS: tuple[_Script, ...] = (
    _Script(
        _plain(
            "Alice Adele Alex Amber Aaron Bianca Brian Clara Carlos Dana Diego Emily Ethan Fiona Frank Grady "
            "Hannah Henrietta Isaac Irene Joni Johanna Kevin Lee Lidia Lynne Megan Miriam Nestor Nora Oscar "
            "Patti Paul Pradeep Quentin Raul Rosa Sam Sofia Tessa Tom Uma Victor Wanda Xavier Yvonne Zara"
        ),
        _plain(
            "Adams Baker Bowen Carter Deyoung Dunn Ellis Foster Garcia Gupta Hall Hughes Irwin James Keller "
            "Lambert Lopez Martin Meyers Nelson Olson Parker Quinn Reyes Robbins Sanders Sherman Singh Stone "
            "Turner Underwood Vance Wagner Walsh Wilber Xu Young Zimmer"
        ),
        weight=40,
        latin=True,
    ),
    _Script(
        _pairs(
            "Zoë/zoe Jörg/joerg Søren/soren Åsa/asa Łukasz/lukasz Čeněk/cenek Ñusta/nusta Élodie/elodie "
            "Gülşen/gulsen Ørjan/orjan Žofie/zofie Ștefan/stefan Anaïs/anais Müge/muge Iñaki/inaki"
        ),
        _pairs(
            "Müller/mueller Ångström/angstrom Dvořák/dvorak Nuñez/nunez Gómez/gomez Çelik/celik "
            "Kowalczyk/kowalczyk Şahin/sahin Bjørnstad/bjornstad Großmann/grossmann Lefèvre/lefevre "
            "Őry/ory Țăranu/taranu Wójcik/wojcik"
        ),
        weight=18,
        latin=True,
    ),
    _Script(
        _pairs("Юлия/yulia Жанна/zhanna Шамиль/shamil Дмитрий/dmitry Яна/yana Олег/oleg Ганна/hanna"),
        _pairs("Журавлёва/zhuravleva Щукин/shchukin Дьяков/dyakov Юрьева/yuryeva Іваненко/ivanenko Шевчук/shevchuk"),
        weight=7,
    ),
    _Script(
        _pairs("Ωρίων/orion Δάφνη/dafni Ψάλτης/psaltis Ελένη/eleni Γιώργος/giorgos"),
        _pairs("Δημητρίου/dimitriou Ωραιοπούλου/oraiopoulou Παπαδάκης/papadakis Ψαρράς/psarras"),
        weight=4,
    ),
    _Script(
        _pairs("عمر/omar مريم/maryam سلمى/salma عائشة/aisha ياسين/yasin"),
        _pairs("السيد/elsayed منصور/mansour عبدالله/abdullah حداد/haddad"),
        weight=5,
    ),
    _Script(
        _pairs("שירה/shira עומר/omer אביגיל/avigail נועם/noam"),
        _pairs("אברהמי/avrahami שרון/sharon עמית/amit לוי/levi"),
        weight=3,
    ),
    _Script(
        _pairs("伟/wei 丽华/lihua 静怡/jingyi 浩然/haoran 梅/mei"),
        _pairs("王/wang 李/li 田/tian 欧阳/ouyang 陈/chen"),
        weight=6,
        surname_first=True,
    ),
    _Script(
        _pairs("さくら/sakura ゆうき/yuki アキラ/akira 健太/kenta 陽子/yoko"),
        _pairs("佐藤/sato 田中/tanaka 渡辺/watanabe 山本/yamamoto"),
        weight=5,
        surname_first=True,
    ),
    _Script(
        _pairs("민준/minjun 서연/seoyeon 지우/jiwoo 하늘/haneul"),
        _pairs("김/kim 이/lee 박/park 최/choi"),
        weight=4,
        surname_first=True,
    ),
    _Script(
        _pairs("अनिता/anita राहुल/rahul प्रिया/priya विक्रम/vikram"),
        _pairs("शर्मा/sharma वर्मा/verma अय्यर/iyer रेड्डी/reddy"),
        weight=4,
    ),
    _Script(
        _pairs("สมชาย/somchai มาลี/malee กานดา/kanda"),
        _pairs("ศรีสุข/srisuk ทองดี/thongdee บุญมี/boonmee"),
        weight=2,
    ),
    _Script(
        _pairs("ნინო/nino გიორგი/giorgi ლევან/levan"),
        _pairs("ბერიძე/beridze გელაშვილი/gelashvili"),
        weight=1,
    ),
    _Script(_pairs("Արամ/aram Մարիամ/mariam"), _pairs("Պետրոսյան/petrosyan Սարգսյան/sargsyan"), weight=1),
)
_WEIGHTS = tuple(script.weight for script in _SCRIPTS)

UNUSUAL: tuple[Name, ...] = (
    Name("Siobhán", "O'Brien", "Siobhán O'Brien", "siobhan.o'brien"),
    Name("Renée", "D'Angelo-N'Dour", "Renée D'Angelo-N'Dour", "renee.d'angelo-n'dour"),
    Name("Jörg", "Müller", "Müller, Jörg (EXT) <Data & Insights>", "joerg.mueller-ext"),
    Name("محمد", "عبد الرحمن", "محمد عبد الرحمن (Sales)", "mohamed.abdelrahman"),
    Name("Tom", "Barnes & Noble", "Tom Barnes & Noble", "tom.barnes-noble"),
    Name(
        "Maria",
        "von und zu der Tann-Rathsamhausen",
        "Prof. Dr. Dr. h. c. mult. Maria Theresia Walburga Elisabeth Antonia Freifrau von und zu der "
        "Tann-Rathsamhausen-Hohenlohe-Schillingsfürst, Senior Vice President Global Transformation, "
        "Change Enablement and Stakeholder Engagement (EMEA, APAC, LATAM)",
        "maria.vonundzudertann",
    ),
    Name("N", "Null", "N Null", "n.null"),
    Name("=HYPERLINK", "Smith", "=HYPERLINK(Smith)", "h.smith"),
    Name("Anne\u200dMarie", "Løve", 'Anne\u200dMarie "Annie" Løve', "annemarie.love"),
    Name("שירה", "Cohen", "שירה Cohen", "shira.cohen"),
    Name("𝓙ane", "🌻 Doe", "𝓙ane 🌻 Doe", "jane.doe-sunflower"),
)
"""Names that are legitimate and look as if they were meant to break something."""

DEPARTMENTS: tuple[str, ...] = (
    "Sales",
    "Marketing",
    "Finance",
    "R&D",
    "People & Culture",
    "=SUM(Operations)",
    "+Support",
    "-Legacy Systems",
    "@Home Care",
    "Логистика",
    "製造部",
    "الموارد البشرية",
    "Facilities <North>",
    "Legal; Compliance",
    'Studio "Aurora"',
    "IT",
)

JOB_TITLES: tuple[str, ...] = (
    "Account Manager",
    "Analyst",
    "Architect",
    "Assistant",
    "Controller",
    "Designer",
    "Developer",
    "Engineer",
    "Field Technician",
    "Nurse",
    "Project Lead",
    "Researcher",
    "Store Associate",
    "Team Lead",
)

OFFICES: tuple[str, ...] = (
    "18/2111",
    "20/1101",
    "23/3101",
    "Berlin 4.07",
    "München A3",
    "Paris – La Défense",
    "東京 12F",
    "Tel Aviv",
    "São Paulo",
    "",
)

ROOMS: tuple[str, ...] = ("Aalto", "Curie", "Gauß", "Noether", "Ramanujan", "Turing", "Wu", "Zuse")
EQUIPMENT: tuple[str, ...] = ("Projector", "Van", "3D Printer", "Camera Kit", "Drone")
SHARED: tuple[str, ...] = ("Info", "Invoices", "Careers", "Press", "Reception", "Orders")


def person(rng: random.Random) -> Name:
    """A person's name, in one of many scripts."""
    (script,) = rng.choices(_SCRIPTS, _WEIGHTS)
    (given, given_latin), (surname, surname_latin) = rng.choice(script.given), rng.choice(script.surnames)
    display = f"{surname} {given}" if script.surname_first else f"{given} {surname}"
    return Name(
        given,
        surname,
        display,
        f"{given_latin}.{surname_latin}",
        "" if script.latin else f"{given}.{surname}",
    )


def letters(name: Name, rng: random.Random) -> str:
    """The initials a tile shows: one or two letters."""
    first, last = name.given[:1].upper(), name.surname[:1].upper()
    both = first + last if first.isalpha() and last.isalpha() else (first if first.isalpha() else "N")
    return both if rng.random() < 0.7 else both[:1]
