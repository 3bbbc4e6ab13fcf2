"""`make prices FILE=index.json`: the table of prices, from AWS's public price list of SageMaker.

The file is offers/v1.0/aws/AmazonSageMaker/current/<region>/index.json of pricing.us-east-1.amazonaws.com, or
that of all Regions. Rows of Regions that it doesn't have stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE = "AWS price list AmazonSageMaker"
COLUMNS = ("region", "instance_type", "usd_per_hour", "source", "date")
_USAGE = re.compile(r"(?:[A-Z0-9]+-)?AsyncInf:(ml\.[a-z0-9.-]+)")


def rows_of(offer: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row for each instance type of asynchronous inference in each Region, sorted."""
    date = offer["publicationDate"][:10]
    found: dict[tuple[str, str], str] = {}
    for sku, product in offer["products"].items():
        attributes = product["attributes"]
        usage = _USAGE.fullmatch(attributes.get("usagetype", ""))
        if not usage or "regionCode" not in attributes:
            continue
        key = (attributes["regionCode"], usage[1])
        for term in offer["terms"].get("OnDemand", {}).get(sku, {}).values():
            for dimension in term["priceDimensions"].values():
                usd = dimension["pricePerUnit"].get("USD")
                if usd is None or dimension["unit"] not in ("Hrs", "Hours") or float(usd) <= 0:
                    continue
                price = f"{float(usd):.4f}"
                if found.setdefault(key, price) != price:
                    raise SystemExit(f"{key[1]} has two prices in {key[0]}: {found[key]} and {price}")
    return sorted((*key, price, SOURCE, date) for key, price in found.items())


def merged(old: str, new: Sequence[tuple[str, ...]]) -> str:
    regions = {row[0] for row in new}
    kept = [tuple(row) for row in csv.reader(io.StringIO(old)) if row[0] not in {*regions, COLUMNS[0]}]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted([*kept, *new]))
    return text.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.prices", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--table", type=Path, default=Path("src/prices.csv"))
    options = parser.parse_args(arguments)
    rows = rows_of(json.loads(options.file.read_text(encoding="utf-8")))
    if not rows:
        raise SystemExit(
            f"{options.file} has no price of asynchronous inference (usage types …AsyncInf:ml.…)"
        )
    options.table.write_text(merged(options.table.read_text(encoding="utf-8"), rows), encoding="utf-8")
    print(f"{len(rows)} prices of {len({row[0] for row in rows})} Regions in {options.table}")


if __name__ == "__main__":
    main()
