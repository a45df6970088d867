"""Reports that could not be made, stored or delivered."""

from typing import Any, ClassVar

from pycemaker.errors.base import PycemakerError


class ReportFailed(PycemakerError):
    """The report could not be made."""

    sentence = "O relatório não pôde ser feito."


class NotebookFailed(ReportFailed):
    """A cell raised an error. Facts: `cell` (from 1; 0 where no cell is to blame), `reason` in English, `exception`."""

    message = "the notebook failed in cell {cell}: {reason}"
    sentence = "O notebook do relatório falhou na célula {cell} ({exception}). Nada foi enviado."
    shows = ("cell", "exception")


class NotebookUnusable(ReportFailed):
    """The notebook's file, or its parameters cell, cannot be read. Facts: `name`, `reason` in English."""

    message = "notebook {name!r}: {reason}"
    sentence = "O notebook não pode ser lido: veja sua célula de parâmetros."
    shows = ("name",)

    def __init__(self, *, name: str = "?", **facts: Any) -> None:
        super().__init__(name=name, **facts)


class NothingToSend(ReportFailed):
    """The notebook ran but left no figure or no text. Facts: `reason` in English."""

    message = "the notebook produced nothing to send: {reason}"
    sentence = "O notebook não produziu nada para enviar."


class ReportUnfit(ReportFailed):
    """The message did not pass the check before sending. Facts: `findings`, a line each."""

    message = "the report is not fit to be sent: {findings}"
    sentence = "O relatório não passou na verificação antes do envio. Nada foi enviado."
    shows = ("findings",)


class RunnerFailed(ReportFailed):
    """The process that makes the report ended without a result. Facts: `stage`, `reason`."""

    message = "the report's process ended during {stage!r}: {reason}"
    sentence = "O processo do relatório terminou antes da hora."
    shows = ("stage",)


class ReportTooLarge(ReportFailed):
    """The report's processes held more memory than REPORT_MEMORY_MB. Facts: `stage`, `limit_mb`, `held_mb`."""

    message = "the report's processes held {held_mb} MB during {stage!r}, more than the {limit_mb} MB they may"
    sentence = "O relatório usou mais memória do que pode ({limit_mb} MB). Nada foi enviado."
    shows = ("stage", "limit_mb")


class ReportWroteTooMuch(ReportFailed):
    """The report's cells wrote more files than they may. Facts: `stage`, `limit_mb`."""

    message = "the report's cells wrote more than the {limit_mb} MB they may during {stage!r}"
    sentence = "O relatório gravou mais em disco do que pode ({limit_mb} MB). Nada foi enviado."
    shows = ("stage", "limit_mb")


class ReportExpired(ReportFailed):
    """The report was given up after REPORT_RETRY_SECONDS. Facts: `reason`."""

    message = "the report was given up: {reason}"
    sentence = "O relatório não pôde ser entregue a tempo; não haverá nova tentativa."


class ReportTimedOut(PycemakerError):
    """The report ran past its deadline. Facts: `stage`, `limit_seconds`."""

    message = "the report was still at {stage!r} after {limit_seconds} s"
    status = 504
    sentence = "O relatório não terminou em {limit_seconds} s."
    shows = ("stage", "limit_seconds")


class StorageRefused(PycemakerError):
    """Firebase Storage did not take a figure. Facts: `reason`, without secrets."""

    message = "the figure storage refused: {reason}"
    status = 502
    sentence = "O armazenamento das figuras recusou o envio. Nada foi enviado."


class MailRefused(PycemakerError):
    """The mail server did not take the message.

    Facts: `reason`, without secrets; `possibly_sent`; `is_temporary`, whether trying again may help.
    """

    message = "the mail server refused: {reason}"
    status = 502
    sentence = "O servidor de e-mail não aceitou a mensagem."
    shows: ClassVar[tuple[str, ...]] = ("possibly_sent",)


class MailDeferred(MailRefused):
    """The mail server deferred the message; it is tried again. Facts: `reason`, `next_attempt_at` (ISO 8601, UTC)."""

    message = "the mail server did not take it yet ({reason}); it is tried again at {next_attempt_at}"
    sentence = "O servidor de e-mail ainda não aceitou a mensagem; uma nova tentativa será feita."
    shows = ("next_attempt_at", "possibly_sent")


class MailPartlySent(MailRefused):
    """Only some recipients have the message. Facts: `reason`; `recipients`, a line each."""

    message = "not every recipient has it: {reason}"
    sentence = "Nem todos os destinatários receberam o relatório."
    shows = ("recipients",)


class RecipientSuppressed(MailRefused):
    """Every recipient has asked for no more reports. Facts: `reason`."""

    message = "the recipient has asked for no more reports"
    status = 403
    sentence = "Este endereço pediu para não receber mais relatórios."
    field = "email_to"
    shows = ()
