"""Requests that cannot be read, or name something that is not there."""

from pycemaker.errors.base import PycemakerError


class InvalidRequest(PycemakerError):
    """The request cannot be read."""

    status = 400
    sentence = "O pedido não pôde ser lido."


class InvalidDate(InvalidRequest):
    """Facts: `text`, cut to 40 characters."""

    message = "not a date: {text!r} (dd-mm-yyyy-HH-MM-SS, 'now', ISO 8601 with an offset, or milliseconds since 1970)"
    sentence = "Data inválida: use dd-mm-aaaa-HH-MM-SS, now, ISO 8601 com fuso ou milissegundos desde 1970."
    field = "date"


class InvalidRange(InvalidRequest):
    """Facts: `text`, cut to 40 characters; `limit` in hours."""

    message = "not a range: {text!r} (whole hours, 1 to {limit})"
    sentence = "Intervalo inválido: use um número inteiro de horas, de 1 a {limit}."
    field = "time_range"
    shows = ("limit",)


class InvalidAddress(InvalidRequest):
    """Facts: `text`, cut to 40 characters."""

    message = "not a mail address: {text!r}"
    sentence = "Endereço de e-mail inválido: use ana@exemplo.com, e vírgula entre vários."
    field = "email_to"


class LocalPartNotAscii(InvalidAddress):
    """An address with letters beyond ASCII before its @, which few mail servers take. Facts: as its base."""

    code = InvalidAddress.code
    message = "not a mail address: {text!r} (before the @ only ASCII is taken)"
    sentence = "Endereço de e-mail inválido: antes do @ não pode haver acentos nem outros caracteres além de ASCII."


class InvalidParameter(InvalidRequest):
    """Facts: `field`; `reason` in English; `takes`, the accepted values in Portuguese; `known`, the accepted names.

    Of a list with an unknown name in it, `given` is that name.
    """

    message = "parameter {field!r}: {reason}"
    sentence = "Parâmetro inválido: {field}."
    shows = ("field", "given", "takes", "known")


class InvalidSamples(InvalidRequest):
    """Some of the posted samples are wrong; the others are stored. Facts: `count`, `stored`, `repeated`.

    And `rejected_count`, with the place of each in `rejected`, up to a hundred.
    """

    message = "{rejected_count} of {count} posted samples are wrong"
    sentence = "{rejected_count} de {count} amostras não foram gravadas: veja rejected."
    shows = ("stored", "repeated", "rejected_count", "rejected")


class TokenInUrl(InvalidRequest):
    """The token is in the URL, which logs and proxies keep. No facts: nothing of the request is kept."""

    message = "a token does not belong into an address"
    sentence = "O token não vai no endereço: troque-o e use o cabeçalho Authorization: Bearer ou X-Api-Key."


class BodyTooLarge(InvalidRequest):
    """Facts: `limit_bytes`."""

    message = "the request's body has more than {limit_bytes} bytes"
    status = 413
    sentence = "O corpo do pedido é grande demais: use até {limit_bytes} bytes."
    shows = ("limit_bytes",)


class FormTooLarge(BodyTooLarge):
    """A form has more bytes than Bottle reads (`MEMFILE_MAX`). No facts."""

    code = BodyTooLarge.code
    message = "the form is too large"
    sentence = "O corpo do pedido é grande demais."


class BodyTooSlow(InvalidRequest):
    """Facts: `limit_seconds`."""

    message = "the request's body was not here within {limit_seconds} s"
    status = 408
    sentence = "O corpo do pedido não chegou em {limit_seconds:g} s."


class IdempotencyKeyReused(InvalidRequest):
    """No facts: the key is the caller's own."""

    message = "this Idempotency-Key was used for another request"
    status = 422
    sentence = "Esta Idempotency-Key já foi usada em outro pedido."
    field = "Idempotency-Key"


class MethodNotAllowed(InvalidRequest):
    """The route does not take this method. No facts: the `Allow` header names those that it takes."""

    message = "the method is not allowed"
    status = 405
    sentence = "Este método não é aceito neste endereço."


class NotFound(PycemakerError):
    """Nothing has this name or path."""

    status = 404
    sentence = "Nada foi encontrado neste endereço."


class UnknownMetric(NotFound):
    """Facts: `name`; `known`, the existing names."""

    message = "no metric {name!r}; there are {known}"
    sentence = "Métrica desconhecida."
    shows = ("known",)


class UnknownApplication(NotFound):
    """No sample names this application. Facts: `application`, cut to 40 characters."""

    message = "no application {application!r}: no sample names it"
    sentence = "Aplicação desconhecida: veja a lista em /apps."
    field = "application"


class UnknownNotebook(NotFound):
    """Facts: `name`; `hint`, in English: the notebooks there are, or why this file is none of them."""

    message = "no notebook {name!r}{hint}"
    sentence = "Notebook desconhecido: veja a lista em /notebooks."


class NotEnoughHistory(PycemakerError):
    """A forecast's history is too short to compare such forecasts with what came, or nothing came in the last hour.

    Facts: `metric`, a metric's id or `health`; `hours`; `missing`, the ids of the metrics that it is for want of;
    `history_hours` and `needed_hours`, the hours with readings that there are and have to be.
    """

    message = "not enough history for {hours} h of {metric}: {missing} has {history_hours} h of {needed_hours}"
    status = 503
    sentence = "Ainda não há histórico para prever {hours} h: são {history_hours} h, e é preciso ter {needed_hours} h."
    shows = ("metric", "missing", "history_hours", "needed_hours")
    retry_after_seconds = 3600


class NoCurrentReading(PycemakerError):
    """The health is unknown now. Facts: `metric`, the id of the first metric that has no reading in this minute."""

    message = "the health is unknown: {metric} has no reading"
    status = 503
    sentence = "A saúde é desconhecida: não há leitura atual de {metric}."
    shows = ("metric",)
    retry_after_seconds = 60


class UnknownReport(NotFound):
    """No such report, or none that may be shown. No facts: an id is a key."""

    message = "no such report"
    sentence = "Relatório desconhecido."


class UnknownSchedule(NotFound):
    """No facts."""

    message = "no such schedule"
    sentence = "Agendamento desconhecido: veja a lista em /schedules."


class TooManySchedules(PycemakerError):
    """Facts: `limit`."""

    message = "there are {limit} schedules already"
    status = 409
    sentence = "Já há {limit} agendamentos: remova algum antes de criar outro."
    shows = ("limit",)


class UnknownRule(NotFound):
    """No facts."""

    message = "no such rule of alerts"
    sentence = "Regra de alerta desconhecida: veja a lista em /alerts/rules."


class TooManyRules(PycemakerError):
    """Facts: `limit`."""

    message = "there are {limit} rules already"
    status = 409
    sentence = "Já há {limit} regras de alerta: remova alguma antes de criar outra."
    shows = ("limit",)


class UnknownLink(NotFound):
    """An unsubscribe link that was never issued or is no longer valid. No facts: it names an address."""

    message = "no such link"
    sentence = "Este link de cancelamento não é válido."


class UnknownAlertLink(UnknownLink):
    """A link in an alert's mail that was never issued, or whose alerts are gone. No facts."""

    code = UnknownLink.code
    sentence = "Este link de alerta não é válido."
