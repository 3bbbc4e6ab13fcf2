"""Does an AWS that this project has not written agree with it? Exit code 0: in all; 1: something differs.

The executable runs in the local Lambda, against fakecloud: an endpoint's life with verified signatures, a
fleet in small pages, and the template as a stack. Where fakecloud itself differs is listed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.runtime import FunctionDied, FunctionError, default_executable
from tools.second_opinion import fleet, stack
from tools.second_opinion.differences import DIFFERENCES
from tools.second_opinion.emulator import Emulator
from tools.second_opinion.life import Life
from tools.second_opinion.report import Report


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.second_opinion", description=__doc__)
    parser.add_argument("--emulator", type=Path, required=True, help="the executable of fakecloud")
    parser.add_argument("--executable", default=default_executable(), help="the function's")
    parser.add_argument("--json", type=Path, help="a file for the result")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    report = Report()
    try:
        with Emulator(options.emulator, verifies_signatures=True) as emulator:
            credentials = emulator.credentials()
            with emulator.function(options.executable, credentials) as function:
                Life(report, emulator, function).run()
                report.same("the function wrote nothing but its log", function.stray_output, [])
        with Emulator(options.emulator, verifies_signatures=False) as emulator:
            fleet.run(report, emulator, options.executable)
        with Emulator(options.emulator, verifies_signatures=False) as emulator:
            stack.run(report, emulator, options.executable)
    except (FunctionError, FunctionDied) as error:
        report.differs.append(str(error))

    report.part("Where fakecloud differs from AWS, and what stands in")
    for name, difference in DIFFERENCES.items():
        print(f"  {name}: AWS: {difference.aws}; here {difference.fakecloud}. So {difference.stands_in}.")
    unseen = sorted(set(DIFFERENCES) - set(report.known))
    if unseen and not report.differs:
        report.differs.append(f"known differences that did not show: {', '.join(unseen)}")
    agreed = report.checks - len(report.differs)
    print(f"\n{agreed} of {report.checks} checks agree, {time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(
            json.dumps({"checks": report.checks, "differs": report.differs}, indent=1) + "\n"
        )
    for line in report.differs:
        print(f"  {line}", file=sys.stderr)
    return 1 if report.differs else 0


if __name__ == "__main__":
    sys.exit(main())
