"""The sentence that says which samples of a report are made up. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from pycemaker import i18n
from pycemaker.i18n.language import N_, _, pgettext
from pycemaker.series.comparable_samples import Kind, kind_of
from pycemaker.window import Window

_SENTENCES = {
    Kind.REAL: N_("As amostras até {moment} são inventadas, e nada é comparado com elas."),
    Kind.MOSTLY_REAL: N_("As amostras até {moment} são inventadas e ficam fora das contas."),
    Kind.MOSTLY_DEMO: N_("As amostras até {moment} são inventadas; as reais, mais novas, ficam fora das contas."),
    Kind.DEMO: N_("Todas as amostras deste relatório são inventadas."),
}


def demo_notice(window: Window, zone: ZoneInfo, demo_until_utc: datetime | None) -> str:
    """The sentence for the window's two intervals; empty where every sample in them is real."""
    if demo_until_utc is None or demo_until_utc <= window.previous_start_utc:
        return ""
    moment = i18n.clock(demo_until_utc, zone, pgettext("date", "dd/MM/yyyy, HH:mm"))
    return _(_SENTENCES[kind_of(window, demo_until_utc)], moment=moment)
