"""The page of an error in a browser: what happened, and where to go from there. Portuguese, as the API's sentences."""

from collections.abc import Mapping
from typing import Any

from pycemaker.parsing.route_paths import REPORTS_PATH
from pycemaker.web.pages import message_page

TITLES = {401: "É preciso o token", 403: "Sem permissão", 404: "Não encontrado"}
"""The headings by status: the errors that have a page."""

_ASKS = "Recarregue a página e escreva o API_TOKEN como senha; o nome de usuário pode ser qualquer um."
_HINTS = {
    "not_authenticated": "Este endereço só aceita o API_TOKEN em um cabeçalho; um relatório se pede na página inicial.",
    "only_here": "Quem opera este servidor pode definir API_TOKEN, para que se veja isto de outra máquina.",
    "unknown_report": "Confira o link. Relatórios são apagados algum tempo depois de feitos.",
    "unknown_metric": "As métricas que existem estão na página inicial.",
    "not_found": "Confira o endereço, ou comece pela página inicial.",
}


def page(status: int, body: Mapping[str, Any], base_path: str = "", *, asks_browser: bool = False) -> str:
    """The page of an error.

    Args:
        body: the answer that a program gets: `msg`, `error`.
        asks_browser: whether the browser asks its user for the token.
    """
    hint = _ASKS if asks_browser else _HINTS.get(body["error"], "")
    links = [(f"{base_path}/", "Página inicial"), (f"{base_path}{REPORTS_PATH}", "Relatórios")]
    return message_page.page(TITLES[status], body["msg"], fine_print=hint, links=links)
