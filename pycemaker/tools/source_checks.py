"""Check of the sources of COLLECT_FILE, for `doctor`."""

from collections.abc import Callable
from datetime import UTC, datetime

from pycemaker.collect.collect_file import CollectFile
from pycemaker.collect.source_leases import read_states
from pycemaker.errors import InvalidSettings, PycemakerError
from pycemaker.telemetry.check_runner import FAIL, OK, SKIP, WARN, Outcome
from pycemaker.tools.service_checks import SharedConnection


def check_sources(shared: SharedConnection, read_file: Callable[[], CollectFile]) -> Outcome:
    """Checks that the file can be used, and that some process collects from each source, which answers."""
    try:
        sources = read_file().sources
        states = read_states(shared.open(), sources) if sources else []
    except InvalidSettings as error:
        return Outcome(FAIL, "; ".join(error.facts["problems"]), "docs/collecting.md says what each key takes")
    except PycemakerError:
        return Outcome(SKIP, "the database does not answer")
    if not sources:
        return Outcome(OK, "COLLECT_FILE is not set: others write the samples, or the server its own machine's")
    now_utc = datetime.now(UTC)
    if failing := [state for state in states if state.fault]:
        faults = "; ".join(
            f"{state.name} for {state.failing_minutes(now_utc):.0f} min: {state.fault}" for state in failing
        )
        return Outcome(WARN, faults, "python -m pycemaker collect --check shows what each source gives")
    if idle := [state.name for state in states if not state.is_held]:
        return Outcome(
            WARN, f"nobody collects from {', '.join(idle)}", "start the server, or python -m pycemaker collect"
        )
    left_days = sum(state.gap_seconds for state in states) / 86_400
    return Outcome(
        OK, f"{len(states)} collected" + (f"; {left_days:.1f} days of the past to fetch" if left_days else "")
    )
