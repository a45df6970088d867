"""The report pipeline up to the message: notebook, page, figures, mail. It takes its collaborators as arguments.

Each result is written to the `Workspace` as soon as it exists, so that a failure leaves the earlier ones. Nothing is
sent from here: a delivery worker sends the message, since it can record that before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pycemaker.errors import PycemakerError, RunnerFailed, StorageRefused
from pycemaker.reports.attachments.kinds import AttachmentResult
from pycemaker.reports.report_model import Collaborators, OnProgress, Page, ReportRequest
from pycemaker.reports.workspace import Workspace

STAGES = ("notebook", "render", "storage", "attachments", "compose", "mail")
"""The stages in order, as progress and errors name them; `attachments` only where some are requested."""


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Turn a library's exception into an error that names the stage.

    Raises:
        RunnerFailed: in place of an exception that is no PycemakerError.
    """
    try:
        yield
    except PycemakerError:
        raise
    except Exception as error:
        raise RunnerFailed(stage=name, reason=f"{type(error).__name__}: {error}"[:200]) from error


def make_report(
    request: ReportRequest, collaborators: Collaborators, workspace: Workspace, on_progress: OnProgress
) -> dict[str, Any]:
    """Make one report up to its checked message, all files in the workspace.

    Where the storage refuses, the figures are inside the mail.
    Fields of the job document: `subject`, `data_digest`, `figures` (names), `figures_in` (`mail` or `storage`),
    `figure_urls`, `severity`, `storage_problem` where there was one, `message_bytes`, `attachments`,
    `attachments_missing` (the reason by kind), `left_out` (outputs that readers do not see, a line each).

    Raises:
        NotebookFailed, NothingToSend, ReportUnfit: the files made until then are in the workspace.
    """
    on_progress("notebook", 0, 1)
    executed, on_cell = workspace.executed_path, partial(on_progress, "notebook")
    collaborators.run_notebook(request.notebook, request.papermill_parameters, executed, on_cell)

    on_progress("render", 0, 1)
    with stage("render"):
        page = collaborators.render_page(executed, request, request.notes)
    workspace.write_page(page)

    on_progress("storage", 0, len(page.figures))
    urls, problem = None, ""
    if collaborators.store_figures and page.mailed_figures:
        try:
            urls = collaborators.store_figures(request.report_id, page.mailed_figures)
        except StorageRefused as error:
            problem = str(error)

    attached = AttachmentResult()
    if request.attach:
        on_progress("attachments", 0, 1)
        with stage("attachments"):
            attached = collaborators.attach(request, page)
        if attached.notes:
            page = collaborators.render_page(executed, request, (*attached.notes, *request.notes))

    on_progress("compose", 0, 1)
    with stage("compose"):
        message = collaborators.compose(page, request.recipients[0], urls, attached.files)
    content = workspace.write_message(message)
    collaborators.check_message(message, page)
    return {
        "subject": page.subject,
        "data_digest": page.data_digest,
        "figures": [figure.name for figure in page.figures],
        "figures_in": "mail" if urls is None else "storage",
        "figure_urls": urls or {},
        "severity": page.severity,
        "message_bytes": len(content),
    } | _optional_fields(request, page, attached, problem)


def _optional_fields(
    request: ReportRequest, page: Page, attached: AttachmentResult, storage_problem: str
) -> dict[str, Any]:
    fields: dict[str, Any] = {"storage_problem": storage_problem} if storage_problem else {}
    if page.left_out:
        fields["left_out"] = list(page.left_out)
    if request.attach:
        fields["attachments"] = [{"kind": e.kind, "name": e.name, "bytes": len(e.content)} for e in attached.files]
        fields["attachments_missing"] = attached.missing
    return fields
