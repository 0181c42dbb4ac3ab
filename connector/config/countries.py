"""Which ISO 3166 alpha-2 code does a country's name or code stand for?

Names come from CLDR through Babel, in English and in the languages that CRM records are commonly kept in; a short
list adds names in daily use. Nothing is guessed: an unknown word is None.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from babel import Locale
from babel.core import get_global

_LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl", "ja", "zh", "ko")

_DAILY = {
    "US": ("USA", "U.S.", "U.S.A.", "United States of America", "America", "The United States"),
    "GB": ("UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland"),
    "AE": ("UAE", "U.A.E.", "Emirates"),
    "BO": ("Plurinational State of Bolivia",),
    "BN": ("Brunei Darussalam",),
    "CD": ("DRC", "DR Congo", "Democratic Republic of the Congo", "Congo, Democratic Republic of the"),
    "CG": ("Republic of the Congo", "Congo"),
    "CI": ("Ivory Coast", "Cote d'Ivoire"),
    "CN": ("PRC", "People's Republic of China", "Mainland China"),
    "CV": ("Cape Verde",),
    "CZ": ("Czech Republic",),
    "DE": ("Federal Republic of Germany",),
    "FM": ("Federated States of Micronesia",),
    "HK": ("Hong Kong", "Hongkong", "Hong Kong SAR"),
    "IE": ("Republic of Ireland", "Eire"),
    "IR": ("Islamic Republic of Iran", "Iran, Islamic Republic of"),
    "KP": ("Democratic People's Republic of Korea",),
    "KR": ("Korea", "Republic of Korea", "Korea, Republic of", "South Korea", "Korea, South"),
    "LA": ("Lao People's Democratic Republic", "Lao PDR"),
    "MD": ("Republic of Moldova", "Moldova, Republic of"),
    "MK": ("Macedonia", "FYROM"),
    "MM": ("Burma", "Myanmar"),
    "MO": ("Macau", "Macao"),
    "NL": ("Holland", "The Netherlands"),
    "PS": ("Palestine", "State of Palestine"),
    "RU": ("Russian Federation",),
    "SY": ("Syrian Arab Republic",),
    "SZ": ("Swaziland",),
    "TL": ("East Timor",),
    "TR": ("Turkey", "Turkiye"),
    "TW": ("Taiwan, Province of China", "Republic of China", "ROC"),
    "TZ": ("United Republic of Tanzania",),
    "VA": ("Vatican", "Holy See"),
    "VE": ("Bolivarian Republic of Venezuela", "Venezuela, Bolivarian Republic of"),
    "VN": ("Viet Nam",),
}


@functools.lru_cache(maxsize=4096)
def country_code(word: str) -> str | None:
    """The alpha-2 code of a name ("Deutschland", "U.S.A."), an alpha-2, alpha-3 or numeric code; None if unknown."""
    plain = _plain(word)
    return _english().get(plain) or (_foreign().get(plain) if plain else None)


@functools.cache
def _codes() -> frozenset[str]:
    every = (str(code) for code in Locale.parse("en").territories)
    return frozenset(code for code in every if re.fullmatch(r"[A-Z]{2}", code) and code not in _NOT_COUNTRIES)


@functools.cache
def _english() -> dict[str, str]:
    names = {_plain(code): code for code in _codes()}
    for code, aliases in get_global("territory_aliases").items():
        if len(aliases) == 1 and aliases[0] in _codes():
            names.setdefault(_plain(code), aliases[0])
    names.update({_plain(name): code for code, name in Locale.parse("en").territories.items() if code in _codes()})
    names.update({_plain(name): code for code, spoken in _DAILY.items() for name in spoken})
    return names


@functools.cache
def _foreign() -> dict[str, str]:
    """Loaded only once a word is not English: a dozen locales take half a second."""
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in _codes():
                names.setdefault(_plain(name), code)
    return names


_NOT_COUNTRIES = frozenset(("EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"))


def _plain(word: str) -> str:
    """Letters and digits only, without case and accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", "", bare.replace("&", " and "))
