"""Leads the host name that a client has fixed in its code to a running emulator: an HTTPS proxy, as firms have.

`python proxy.py NAME URL CA_FILE FOLDER` prints one line of JSON: `proxy`, the address for HTTPS_PROXY, and
`ca_file`, an authority to trust for NAME and the emulator's own. The client stays as its makers wrote it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_CHUNK = 65_536


async def serve(name: str, url: str, inside: ssl.SSLContext, outside: ssl.SSLContext, ca_file: str) -> None:
    """Take CONNECT for that name only, end its TLS and speak to the emulator over TLS of one's own."""
    port = int(urlsplit(url).port or 443)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ")[:2] != [b"CONNECT", f"{name}:443".encode()]:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(inside)
        there, back = await asyncio.open_connection("127.0.0.1", port, ssl=outside)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps({"proxy": address, "ca_file": ca_file}), flush=True)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
    sink.close()


def _signed(name: str, issuer: Any, key: Any, signer: Any, extension: x509.ExtensionType) -> x509.Certificate:
    now, subject = datetime.datetime.now(datetime.UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(issuer or subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
    return made.add_extension(extension, critical=True).sign(signer, hashes.SHA256())


def _certify(name: str, folder: Path) -> tuple[ssl.SSLContext, str]:
    """What the proxy shows for that name, and the authority to trust for it as PEM."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed("proxy", None, authority_key, authority_key, x509.BasicConstraints(ca=True, path_length=0))
    alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
    shown = _signed(name, authority.subject, key, authority_key, alternative)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    chain = folder / "proxy.pem"
    chain.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()) + shown.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, authority.public_bytes(pem).decode()


def main(name: str, url: str, ca_file: str, folder: str) -> int:
    """Lead until it is ended."""
    inside, authority = _certify(name, Path(folder))
    bundle = Path(folder) / "proxy-ca.pem"
    bundle.write_text(authority + Path(ca_file).read_text(encoding="utf-8"), encoding="utf-8")
    outside = ssl.create_default_context(cafile=ca_file)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(name, url, inside, outside, str(bundle)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
