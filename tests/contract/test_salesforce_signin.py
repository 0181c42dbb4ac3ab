"""Signing in to an org by both flows, and being refused by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.crm.salesforce.adapter import SalesforceCRM
from connector.errors import Misconfigured

PRIVATE = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
PUBLIC = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.slow
def test_a_signed_assertion_is_taken_and_another_keys_is_not(
    start_emulator: Callable[..., Any], tmp_path: Path
) -> None:
    right, wrong = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    certificate = tmp_path / "registered.pem"
    certificate.write_bytes(right.public_key().public_bytes(*PUBLIC))
    emulator = start_emulator("--jwt-cert", str(certificate))
    by_secret = SalesforceCRM(emulator.connection())
    user = by_secret.fetch("User", [by_secret.who().user], ("Username",)).column("Username").to_pylist()[0]
    settings = {"auth": "jwt", "client_secret": None, "username": user}
    by_key = SalesforceCRM(emulator.connection(**settings, private_key=right.private_bytes(*PRIVATE).decode()))
    assert by_key.identity() == by_secret.identity()
    forged = SalesforceCRM(emulator.connection(**settings, private_key=wrong.private_bytes(*PRIVATE).decode()))
    with pytest.raises(Misconfigured, match="invalid_grant"):
        forged.identity()
    for crm in (by_secret, by_key, forged):
        crm.close()


def test_a_wrong_secret_is_told_without_being_shown(sf: Any) -> None:
    with pytest.raises(Misconfigured, match="Check client_id and client_secret") as caught:
        sf.open(client_secret="not-the-secret").identity()
    assert "not-the-secret" not in str(caught.value)


def test_a_wrong_client_id_is_told(sf: Any) -> None:
    with pytest.raises(Misconfigured, match="invalid_client"):
        sf.open(client_id="nobody").identity()


def test_all_tokens_ending_at_once_costs_one_new_token(sf: Any) -> None:
    sf.crm.schema("Account")
    before = sf.crm.wire.tokens.renewals
    sf.emulator.control("expire_tokens")
    assert sf.crm.schema("Contact") is not None
    assert sf.crm.wire.tokens.renewals == before + 1
