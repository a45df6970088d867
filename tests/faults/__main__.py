"""`python -m tests.faults [NAME ...]`."""

from __future__ import annotations

import argparse
import logging
import time
import warnings

from tests.faults import alerts, crowd, endurance, hostile, kills, outages, schedules

FAULTS = {
    "kills": lambda options: kills.main(options.count or 200),
    "outages": lambda _options: outages.main(),
    "years": lambda _options: schedules.years(),
    "schedules": lambda options: schedules.main(options.count or 10),
    "alerts": lambda options: alerts.main(options.count or 10),
    "crowd": lambda options: crowd.main(options.count or 100),
    "hostile": lambda _options: hostile.main(),
    "endurance": lambda options: endurance.main(options.count or 300),
}


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Breaks things, and counts mails.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--count", type=int, help="how many kills, requests, reports or minutes, where one is named")
    options = parser.parse_args()
    if unknown := set(options.names) - set(FAULTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    warnings.filterwarnings("ignore", message="Session.login_data")
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    for name in options.names or FAULTS:
        began = time.monotonic()
        print(f"\n=== {name}", flush=True)
        FAULTS[name](options)
        print(f"  ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
