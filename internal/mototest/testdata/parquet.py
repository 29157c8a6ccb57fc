"""Opens Parquet files with pyarrow and with Polars, and writes their rows as JSON.

Arguments: folder to write to, files. Prints what each library found: the
number of rows, and the accounts they are about.
"""

import base64
import datetime
import json
import pathlib
import sys

import polars
import pyarrow.parquet


def plain(v):
    if isinstance(v, datetime.datetime):
        return v.isoformat()
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    raise TypeError(f"{type(v)} has no form in JSON")


to, found = pathlib.Path(sys.argv[1]), {}
for path in map(pathlib.Path, sys.argv[2:]):
    table, frame = pyarrow.parquet.read_table(path), polars.read_parquet(path)
    if table.column_names != frame.columns:
        sys.exit(f"{path}: pyarrow reads the columns {table.column_names}, Polars {frame.columns}")
    # Two entries of one key in a map are an error, which a plain dict would hide.
    rows = table.to_pylist(maps_as_pydicts="strict")
    with (to / f"{path.stem}.jsonl").open("w") as f:
        for row in rows:
            json.dump(row, f, default=plain)
            f.write("\n")
    accounts = [] if "account_id" not in frame.columns else frame["account_id"].drop_nulls().unique().sort().to_list()
    found[path.stem] = {"pyarrow": len(rows), "polars": frame.height, "accounts": accounts}
json.dump(found, sys.stdout)
