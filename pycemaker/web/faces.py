"""How each error looks from outside: its status, its word, its sentence in Portuguese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pycemaker import errors


@dataclass(frozen=True)
class Face:
    """How one kind of error looks from outside.

    Attributes:
        status: of HTTP.
        slug: the word that programs compare.
        sentence: in Portuguese; may name the error's facts in braces.
        field: the part of the request that is at fault.
        shows: facts that go into the body too, where the error has them.
    """

    status: int
    slug: str
    sentence: str
    field: str | None = None
    shows: tuple[str, ...] = ()

    def body(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The body: `msg`, `error`, and what helps."""
        more = {name: facts[name] for name in (*self.shows, "report_id") if name in facts}
        told = {"msg": self.sentence.format(**facts), "error": self.slug}
        return told | ({"field": self.field} if self.field else {}) | more


FACES: dict[type[errors.PycemakerError], Face] = {
    errors.PycemakerError: Face(500, "internal", "Ocorreu um erro inesperado."),
    errors.InvalidRequest: Face(400, "invalid_request", "O pedido não pôde ser lido."),
    errors.InvalidDate: Face(
        400,
        "invalid_date",
        "Data inválida: use dd-mm-aaaa-HH-MM-SS, now, ISO 8601 com fuso ou milissegundos desde 1970.",
        field="date",
    ),
    errors.InvalidRange: Face(
        400,
        "invalid_range",
        "Intervalo inválido: use um número inteiro de horas, de 1 a {limit}.",
        field="time_range",
        shows=("limit",),
    ),
    errors.InvalidAddress: Face(
        400,
        "invalid_address",
        "Endereço de e-mail inválido: use ana@exemplo.com, e vírgula entre vários.",
        field="email_to",
    ),
    errors.LocalPartNotAscii: Face(
        400,
        "invalid_address",
        "Endereço de e-mail inválido: antes do @ não pode haver acentos nem outros caracteres além de ASCII.",
        field="email_to",
    ),
    errors.InvalidParameter: Face(
        400, "invalid_parameter", "Parâmetro inválido: {field}.", shows=("field", "given", "takes", "known")
    ),
    errors.TokenInUrl: Face(
        400,
        "token_in_url",
        "O token não vai no endereço: troque-o e use o cabeçalho Authorization: Bearer ou X-Api-Key.",
    ),
    errors.BodyTooLarge: Face(
        413, "body_too_large", "O corpo do pedido é grande demais: use até {limit_bytes} bytes.", shows=("limit_bytes",)
    ),
    errors.BodyTooSlow: Face(408, "body_too_slow", "O corpo do pedido não chegou em {limit_seconds:g} s."),
    errors.IdempotencyKeyReused: Face(
        422, "idempotency_key_reused", "Esta Idempotency-Key já foi usada em outro pedido.", field="Idempotency-Key"
    ),
    errors.NotFound: Face(404, "not_found", "Nada foi encontrado neste endereço."),
    errors.UnknownMetric: Face(404, "unknown_metric", "Métrica desconhecida.", shows=("known",)),
    errors.UnknownNotebook: Face(404, "unknown_notebook", "Notebook desconhecido: veja a lista em /notebooks."),
    errors.UnknownReport: Face(404, "unknown_report", "Relatório desconhecido."),
    errors.UnknownLink: Face(404, "unknown_link", "Este link de cancelamento não é válido."),
    errors.NotAuthenticated: Face(401, "not_authenticated", "Token ausente ou incorreto."),
    errors.OnlyHere: Face(403, "only_here", "Sem API_TOKEN, isto só é mostrado na própria máquina do servidor."),
    errors.RecipientNotAllowed: Face(
        403, "recipient_not_allowed", "Este endereço não está autorizado a receber relatórios.", field="email_to"
    ),
    errors.FetchRefused: Face(
        403,
        "fetch_refused",
        "Nada foi feito: o navegador pediu este endereço por conta própria. Abra-o para pedir o relatório.",
        shows=("purpose",),
    ),
    errors.ForeignOrigin: Face(
        403,
        "foreign_origin",
        "Nada foi feito: o pedido veio de uma página de outra origem. Quem opera este servidor pode aceitá-la em "
        "CORS_ORIGINS; a do próprio servidor, em PUBLIC_URL.",
        shows=("origin",),
    ),
    errors.TooManyReports: Face(
        429, "too_many_reports", "Há relatórios demais na fila. Tente de novo em {retry_after_seconds} s."
    ),
    errors.TooManyStreams: Face(
        503, "too_many_streams", "Há respostas longas demais em andamento. Tente de novo em {retry_after_seconds} s."
    ),
    errors.ServerBusy: Face(
        503, "server_busy", "O servidor está ocupado demais. Tente de novo em {retry_after_seconds} s."
    ),
    errors.TooManyBodies: Face(
        503, "server_busy", "O servidor já lê corpos de pedidos demais. Tente de novo em {retry_after_seconds} s."
    ),
    errors.AskedTooOften: Face(
        429, "asked_too_often", "Este endereço recebeu relatórios demais. Tente de novo em {retry_after_seconds} s."
    ),
    errors.TooManyRequests: Face(429, "too_many_requests", "Pedidos demais. Tente de novo em {retry_after_seconds} s."),
    errors.ReportFailed: Face(500, "report_failed", "O relatório não pôde ser feito."),
    errors.NotebookFailed: Face(
        500,
        "notebook_failed",
        "O notebook do relatório falhou na célula {cell} ({exception}). Nada foi enviado.",
        shows=("cell", "exception"),
    ),
    errors.NotebookUnusable: Face(
        500, "notebook_unusable", "O notebook não pode ser lido: veja sua célula de parâmetros.", shows=("name",)
    ),
    errors.NothingToSend: Face(500, "nothing_to_send", "O notebook não produziu nada para enviar."),
    errors.ReportUnfit: Face(
        500,
        "report_unfit",
        "O relatório não passou na verificação antes do envio. Nada foi enviado.",
        shows=("findings",),
    ),
    errors.RunnerFailed: Face(
        500, "runner_failed", "O processo do relatório terminou antes da hora.", shows=("stage",)
    ),
    errors.ReportTooLarge: Face(
        500,
        "report_too_large",
        "O relatório usou mais memória do que pode ({limit_mb} MB). Nada foi enviado.",
        shows=("stage", "limit_mb"),
    ),
    errors.ReportWroteTooMuch: Face(
        500,
        "report_wrote_too_much",
        "O relatório gravou mais em disco do que pode ({limit_mb} MB). Nada foi enviado.",
        shows=("stage", "limit_mb"),
    ),
    errors.ReportExpired: Face(
        500, "report_expired", "O relatório não pôde ser entregue a tempo; não haverá nova tentativa."
    ),
    errors.StorageRefused: Face(
        502, "storage_refused", "O armazenamento das figuras recusou o envio. Nada foi enviado."
    ),
    errors.MailRefused: Face(
        502, "mail_refused", "O servidor de e-mail não aceitou a mensagem.", shows=("possibly_sent",)
    ),
    errors.MailDeferred: Face(
        502,
        "mail_deferred",
        "O servidor de e-mail ainda não aceitou a mensagem; uma nova tentativa será feita.",
        shows=("next_attempt_at", "possibly_sent"),
    ),
    errors.MailPartlySent: Face(
        502, "mail_partly_sent", "Nem todos os destinatários receberam o relatório.", shows=("recipients",)
    ),
    errors.RecipientSuppressed: Face(
        403, "recipient_suppressed", "Este endereço pediu para não receber mais relatórios.", field="email_to"
    ),
    errors.ReportTimedOut: Face(
        504,
        "report_timed_out",
        "O relatório não terminou em {limit_seconds} s.",
        shows=("stage", "limit_seconds"),
    ),
    errors.DatabaseUnreachable: Face(503, "database_unreachable", "O banco de dados não está respondendo."),
    errors.DatabaseLoginRefused: Face(
        503, "database_login_refused", "O banco de dados não aceita o usuário e a senha de MONGO_DB_URL."
    ),
    errors.DatabaseTlsFailed: Face(
        503, "database_tls_failed", "A conexão TLS com o banco de dados falhou: veja tls em MONGO_DB_URL."
    ),
    errors.WrongReplicaSet: Face(
        503, "wrong_replica_set", "O banco de dados não é do conjunto de réplicas (replicaSet) de MONGO_DB_URL."
    ),
    errors.NoPrimary: Face(
        503,
        "no_primary",
        "O conjunto de réplicas do MongoDB está sem primário: não foi iniciado (rs.initiate), ou falta a maioria.",
    ),
    errors.RightMissing: Face(503, "right_missing", "Falta um direito ao usuário de MONGO_DB_URL."),
    errors.NoRightToRead: Face(
        503, "no_right_to_read", "O usuário de MONGO_DB_URL não tem direito de ler este banco de dados."
    ),
    errors.NoRightToWrite: Face(
        503,
        "no_right_to_write",
        "O usuário de MONGO_DB_URL não tem direito de gravar: só as métricas são servidas, e nenhum relatório é feito.",
    ),
    errors.NoRightToIndex: Face(
        503,
        "no_right_to_index",
        "O usuário de MONGO_DB_URL não tem direito de criar índices, e sem eles nenhum relatório é feito.",
    ),
    errors.IndexesNotReady: Face(
        503, "indexes_not_ready", "O banco de dados ainda está sendo preparado. Tente de novo em instantes."
    ),
    errors.DatabaseNotStarted: Face(503, "database_not_started", "O banco de dados não está respondendo."),
    errors.InvalidSettings: Face(500, "internal", "Ocorreu um erro inesperado."),
}
"""What a caller is told of each leaf of the error tree."""

STATUS_FACES = {
    400: Face(400, "invalid_request", "O pedido não pôde ser lido."),
    404: Face(404, "not_found", "Nada foi encontrado neste endereço."),
    413: Face(413, "body_too_large", "O corpo do pedido é grande demais."),
    405: Face(405, "method_not_allowed", "Este método não é aceito neste endereço."),
    500: Face(500, "internal", "Ocorreu um erro inesperado."),
}
"""The same for what Bottle itself answers, by status."""

NOT_READY = Face(503, "not_ready", "O serviço não está pronto: veja {failed}.", shows=("checks",))
"""What `/ready` answers where a check failed."""


def face_of(error: errors.PycemakerError) -> Face:
    """The face of an error: its own class's, or the nearest base's."""
    return next(FACES[kind] for kind in type(error).__mro__ if kind in FACES)


def sentence(error: errors.PycemakerError) -> str:
    """What a caller is told of an error, in Portuguese."""
    return face_of(error).sentence.format(**error.facts)
