"""Do several emulators share a folder without taking each other's trust away?"""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulators.loopback.tls import CA_FILE, server_context


def trusted(server: ssl.SSLContext, ca_file: Path) -> bool:
    """Whether a client that trusts the file shakes hands with the server, both in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=str(ca_file))
    near = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (near, far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return near.version() is not None


def test_a_second_emulator_in_the_same_folder_leaves_the_first_trusted(tmp_path: Path) -> None:
    first = server_context(tmp_path)
    second = server_context(tmp_path)
    assert trusted(first, tmp_path / CA_FILE)
    assert trusted(second, tmp_path / CA_FILE)
    assert not trusted(server_context(tmp_path / "another"), tmp_path / CA_FILE)


def test_those_that_start_at_the_same_time_are_all_trusted(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        servers = list(pool.map(server_context, [tmp_path] * 8))
    assert all(trusted(server, tmp_path / CA_FILE) for server in servers)


@pytest.mark.parametrize(
    "left", [b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_written_over(tmp_path: Path, left: bytes) -> None:
    (tmp_path / CA_FILE).write_bytes(left)
    assert trusted(server_context(tmp_path), tmp_path / CA_FILE)


def test_the_oldest_authorities_go_in_the_end(tmp_path: Path) -> None:
    servers = [server_context(tmp_path) for _ in range(33)]
    assert [trusted(server, tmp_path / CA_FILE) for server in (servers[0], servers[1], servers[-1])] == [
        False,
        True,
        True,
    ]
