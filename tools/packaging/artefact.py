"""The size of what is deployed, which Lambda loads at every cold start, against its ceiling.

The zip is packed as `sam build` and `sam package` do: one file, deflated.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

# Bytes, a little above what was reached. Whatever needs more has to say in its commit what it is worth.
MOST_EXECUTABLE = 12_900_000
MOST_ZIPPED = 4_950_000


def zipped(executable: Path) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(executable, "bootstrap")
    return len(packed.getvalue())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executable", type=Path)
    executable = parser.parse_args().executable
    is_fit = True
    for what, size, most in [
        ("executable", executable.stat().st_size, MOST_EXECUTABLE),
        ("zip", zipped(executable), MOST_ZIPPED),
    ]:
        verdict = "" if size <= most else "  TOO LARGE"
        print(f"{what:<10} {size / 1e6:6.2f} MB of at most {most / 1e6:.2f}{verdict}")
        is_fit = is_fit and size <= most
    return 0 if is_fit else 1


if __name__ == "__main__":
    sys.exit(main())
