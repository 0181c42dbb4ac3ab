"""Does a country's name or code lead to its alpha-2 code, and is nothing guessed?"""

from __future__ import annotations

import pytest

from connector.config.countries import country_code


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("276", "DE"),
        ("Germany", "DE"),
        (" germany ", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United States of America", "US"),
        ("UK", "GB"),
        ("England", "GB"),
        ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Viet Nam", "VN"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Czech Republic", "CZ"),
        ("Korea, Republic of", "KR"),
        ("Bosnia & Herzegovina", "BA"),
        ("Bosnia and Herzegovina", "BA"),
        ("日本", "JP"),
        ("Georgia", "GE"),
    ],
)
def test_a_known_word_leads_to_its_country(word: str, code: str) -> None:
    assert country_code(word) == code


@pytest.mark.parametrize("word", ["", " ", "-", "Atlantis", "EU", "EMEA", "Soviet Union", "XX", "ZZ", "Germ"])
def test_an_unknown_word_is_no_country(word: str) -> None:
    assert country_code(word) is None
