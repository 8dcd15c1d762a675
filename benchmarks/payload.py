"""What a measurement needs as a file: the 10 KB JSON document that the POST rows send, and a certificate."""

import json
from pathlib import Path

import trustme

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
    """A file with a key and a certificate for the loopback, signed by nobody that a client knows."""
    path = folder / "certificate.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def _record(number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"record number {number}",
        "price": round(number * 1.37, 2),
        "in_stock": number % 3 == 0,
        "tags": ["alpha", "beta", "gamma"],
    }
