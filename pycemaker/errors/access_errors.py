"""Refused requests: callers, recipients and origins without permission, limits, and a server that is busy."""

from pycemaker.errors.base import PycemakerError


class NotAuthenticated(PycemakerError):
    """The token is missing or wrong. Facts: `asks_browser`, whether a password is taken too; nothing of the request."""

    message = "the token is missing or wrong"
    status = 401
    sentence = "Token ausente ou incorreto."


class OnlyHere(PycemakerError):
    """Without API_TOKEN, messages, notebooks and posting samples are for the server's own machine. No facts."""

    message = "without API_TOKEN this is for callers on this machine only"
    status = 403
    sentence = "Sem API_TOKEN, isto só é possível na própria máquina do servidor."


class RecipientNotAllowed(PycemakerError):
    """Facts: `address`, never the allow-list; `field`, where it is another one than `email_to`."""

    message = "{address} may not receive reports from here (REPORT_RECIPIENTS)"
    status = 403
    sentence = "Este endereço não está autorizado a receber relatórios."
    field = "email_to"
    shows = ("field",)


class FetchRefused(PycemakerError):
    """A browser made this request by itself. Facts: `purpose`: prefetch, prerender, preview or embed."""

    message = "nothing is done for a {purpose}"
    status = 403
    sentence = "Nada foi feito: o navegador pediu este endereço por conta própria. Abra-o para pedir o relatório."
    shows = ("purpose",)


class ForeignOrigin(PycemakerError):
    """A page of another site sent a request that acts. Facts: `origin`, or `null`."""

    message = "a page of {origin} may not have this done (CORS_ORIGINS)"
    status = 403
    sentence = (
        "Nada foi feito: o pedido veio de uma página de outra origem. Quem opera este servidor pode aceitá-la em "
        "CORS_ORIGINS; a do próprio servidor, em PUBLIC_URL."
    )
    shows = ("origin",)


class TooManyReports(PycemakerError):
    """The queue is full. Facts: `waiting`, `retry_after_seconds`."""

    message = "{waiting} reports are waiting already; try again in {retry_after_seconds} s"
    status = 429
    sentence = "Há relatórios demais na fila. Tente de novo em {retry_after_seconds} s."


class AskedTooOften(PycemakerError):
    """One recipient has reached its limit. Facts: `address`, `retry_after_seconds`."""

    message = "{address} was sent too many reports lately; try again in {retry_after_seconds} s"
    status = 429
    sentence = "Este endereço recebeu relatórios demais. Tente de novo em {retry_after_seconds} s."


class TooManyRequests(PycemakerError):
    """One caller has reached its limit. Facts: `caller`, an address or `token`; `retry_after_seconds`."""

    message = "{caller} asked too often; try again in {retry_after_seconds} s"
    status = 429
    sentence = "Pedidos demais. Tente de novo em {retry_after_seconds} s."


class TooManyStreams(PycemakerError):
    """Every slot for long answers is taken. Facts: `streaming`, `retry_after_seconds`."""

    message = "{streaming} long answers are being sent already; try again in {retry_after_seconds} s"
    status = 503
    sentence = "Há respostas longas demais em andamento. Tente de novo em {retry_after_seconds} s."


class ServerBusy(PycemakerError):
    """Every slot for requests has been taken for some seconds. Facts: `retry_after_seconds`."""

    message = "no place for this request"
    status = 503
    sentence = "O servidor está ocupado demais. Tente de novo em {retry_after_seconds} s."


class TooManyBodies(ServerBusy):
    """Every slot for request bodies is taken. Facts: `retry_after_seconds`."""

    code = ServerBusy.code
    message = "no place for this request's body"
    sentence = "O servidor já lê corpos de pedidos demais. Tente de novo em {retry_after_seconds} s."


class NotReady(PycemakerError):
    """A vital check of `/ready` failed. Facts: `failed`, names by commas; `checks`, the outcome of each as JSON."""

    message = "not ready: {failed}"
    status = 503
    sentence = "O serviço não está pronto: veja {failed}."
    shows = ("checks",)
    retry_after_seconds = 2
