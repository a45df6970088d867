"""Head of a mail, out of a report's findings: the headline of its subject, and the line that inboxes preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycemaker import i18n
from pycemaker.analysis.findings.choice import all_clear
from pycemaker.i18n.language import _

if TYPE_CHECKING:
    from pycemaker.analysis.findings.finding import Finding
    from pycemaker.series.period import Period


def mail_head(findings: tuple[Finding, ...], period: Period) -> dict[str, Any]:
    """The mail's `headline`, its `preheader` and `is_sample`: plain text, which the renderer escapes."""
    until = period.sample_until_utc
    if not findings:
        clear = all_clear(period)
        is_sample = bool(until and until > period.window.start_utc)
        return {"headline": clear.headline, "preheader": clear.detail, "is_sample": is_sample}
    listed = i18n.listed([finding.headline for finding in findings[1:]])
    others = " " + _("Também: {others}.", others=listed) if listed else ""
    return {
        "headline": findings[0].headline,
        "preheader": f"{findings[0].detail}{others}",
        "is_sample": bool(until and until > period.window.start_utc),
    }
