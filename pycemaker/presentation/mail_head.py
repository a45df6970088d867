"""Head of a mail, out of a report's findings: the headline of its subject, and the line that inboxes preview."""

from typing import Any

from pycemaker import i18n
from pycemaker.analysis.findings.choice import all_clear
from pycemaker.analysis.findings.finding import Finding
from pycemaker.i18n.language import _
from pycemaker.series.period import Period


def mail_head(findings: tuple[Finding, ...], period: Period) -> dict[str, Any]:
    """The mail's `headline` and its `preheader`, plain text, which the renderer escapes; and `severity`.

    The severity is that of the worst finding, 1 to 3; 0 without one.
    """
    if not findings:
        clear = all_clear(period)
        return {"headline": clear.headline, "preheader": clear.detail, "severity": 0}
    listed = i18n.listed([finding.headline for finding in findings[1:]])
    others = " " + _("Também: {others}.", others=listed) if listed else ""
    severity = max(finding.severity for finding in findings)
    return {"headline": findings[0].headline, "preheader": f"{findings[0].detail}{others}", "severity": severity}
