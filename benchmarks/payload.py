"""What a measurement needs as a file: the 10 KB JSON document that the POST rows send, and a certificate."""

import json
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

SIZE = 10 * 1024


def write_json(folder: Path) -> Path:
    """A file of at most 10 KiB, and less than one record short of it."""
    records: list[dict[str, object]] = []
    while len(json.dumps([*records, _record(len(records))])) <= SIZE:
        records.append(_record(len(records)))
    path = folder / "body.json"
    path.write_text(json.dumps(records))
    return path


def write_certificate(folder: Path) -> Path:
    """Write a key in PKCS 8, which granian asks for, and a certificate for the loopback that no client knows."""
    path = folder / "certificate.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*form) + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return path


def _record(number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"record number {number}",
        "price": round(number * 1.37, 2),
        "in_stock": number % 3 == 0,
        "tags": ["alpha", "beta", "gamma"],
    }
