"""The 10 KB JSON document that the POST rows send: records of the kind an API exchanges."""

import json
from pathlib import Path

SIZE = 10 * 1024


def write_json(folder: Path) -> Path:
    """A file of at most 10 KiB, and less than one record short of it."""
    records: list[dict[str, object]] = []
    while len(json.dumps([*records, _record(len(records))])) <= SIZE:
        records.append(_record(len(records)))
    path = folder / "body.json"
    path.write_text(json.dumps(records))
    return path


def _record(number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"record number {number}",
        "price": round(number * 1.37, 2),
        "in_stock": number % 3 == 0,
        "tags": ["alpha", "beta", "gamma"],
    }
