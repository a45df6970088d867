"""The hours of a week as a map of colours: when a resource is busy."""

import numpy as np

from pycemaker import i18n
from pycemaker.analysis.capacity import Resource
from pycemaker.i18n.language import N_, _
from pycemaker.metrics import Metric
from pycemaker.presentation.figures.canvas import HEAD_Y, KEY_Y, Picture, Sheet, theme, tint

DAYS = (N_("seg"), N_("ter"), N_("qua"), N_("qui"), N_("sex"), N_("sáb"), N_("dom"))

_LONG_DAYS = (*(N_("segunda"), N_("terça"), N_("quarta"), N_("quinta")), *(N_("sexta"), N_("sábado"), N_("domingo")))
_HEIGHT = 274
_MARGINS = {"left": 46, "right": 2, "top": 64, "bottom": 30}
_STEPS = 24
_DARKEST = 0.35
_KEY_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def hours_of_week(resource: Resource) -> Picture:
    """The p95 of each hour of the week, paler is less; hours at the limit are framed, those without samples are grey.

    The colours always run from 0 to 100%, so that resources compare.
    """
    with theme():
        sheet = Sheet(_HEIGHT, _MARGINS)
        _draw_cells(sheet, resource)
        _write_axes(sheet)
        _head(sheet, resource)
        return sheet.finish(f"{resource.part.metric.id}-week", week_sentence(resource))


def colors_of(metric: Metric) -> list[str]:
    """A metric's colours from 0 to 100%, each darker than the one before, so that hue is not needed to read them."""
    import seaborn as sns
    from matplotlib.colors import to_hex, to_rgb

    darkest = tuple(level * _DARKEST for level in to_rgb(metric.color))
    palette = sns.blend_palette([tint("palest"), metric.color, darkest], _STEPS)
    return [to_hex(color) for color in palette]


def _draw_cells(sheet: Sheet, resource: Resource) -> None:
    import seaborn as sns
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Rectangle

    colors = ListedColormap(colors_of(resource.part.metric)).with_extremes(bad=tint("absent"))
    sns.heatmap(
        np.ma.masked_invalid(resource.week),
        vmin=0,
        vmax=1,
        cmap=colors,
        mask=np.zeros((7, 24), bool),
        linewidths=1.2,
        linecolor="white",
        cbar=False,
        xticklabels=False,
        yticklabels=False,
        ax=sheet.axes,
    )
    for day, hour in np.argwhere(resource.week >= resource.limit):
        frame = Rectangle((hour + 0.1, day + 0.1), 0.8, 0.8, fill=False, edgecolor=tint("full"), linewidth=1.6)
        sheet.axes.add_patch(frame)


def _write_axes(sheet: Sheet) -> None:
    for day, label in enumerate(DAYS):
        end = max(_MARGINS["left"] - 8, sheet.width_of(_(label)))
        sheet.write(end, sheet.to_pixels(0, day + 0.5)[1], _(label), ha="right", color=tint("muted"))
    for hour in range(0, 24, 3):
        at = sheet.to_pixels(hour + 0.5, 0)[0]
        sheet.write(at, _HEIGHT - 13, _("{hour} h", hour=hour), ha="center", color=tint("muted"))


def _head(sheet: Sheet, resource: Resource) -> None:
    """The title; below, the key of the colours."""
    sheet.write(0, HEAD_Y, _("Horas mais cheias da semana"), weight="bold")
    colors = colors_of(resource.part.metric)
    least, most = i18n.percent(0, 0), i18n.percent(1, 0)
    sheet.write(0, KEY_Y, least, color=tint("muted"))
    x = sheet.width_of(least) + 6
    for step in _KEY_STEPS:
        sheet.mark(x, KEY_Y, color=colors[round(step * (_STEPS - 1))], thickness=11)
        x += 16
    sheet.write(x + 6, KEY_Y, most, color=tint("muted"))
    x += sheet.width_of(most) + 28
    if (resource.week >= resource.limit).any():
        text = _("{limit} ou mais", limit=i18n.percent(resource.limit, 0))
        sheet.mark(x, KEY_Y, color=tint("full"), thickness=15)
        sheet.block((x + 2, KEY_Y - 5.5), (12, 11), color=colors[-1])
        sheet.write(x + 22, KEY_Y, text, color=tint("muted"))
        x += sheet.width_of(text) + 44
    if np.isnan(resource.week).any():
        sheet.mark(x, KEY_Y, color=tint("absent"), thickness=11)
        sheet.write(x + 22, KEY_Y, _("sem amostras"), color=tint("muted"))


def week_sentence(resource: Resource) -> str:
    """The sentence that stands for the map: the fullest and the emptiest hour, hours at the limit, unknown ones."""
    part, week = resource.part, resource.week
    when = i18n.period_in_sentence(part.window, part.zone)
    subject = _("{label} por hora e dia da semana {when}", label=part.label, when=when)
    if np.isnan(week).all():
        return f"{subject}: " + _("sem amostras") + "."
    full = int((week >= resource.limit).sum())
    unknown = int(np.isnan(week).sum())
    facts = [
        _("hora mais cheia: {hour}", hour=_hour(week, int(np.nanargmax(week)))),
        _("hora mais vazia: {hour}", hour=_hour(week, int(np.nanargmin(week)))),
        _("{hours} horas da semana em {limit} ou mais", hours=full, limit=i18n.percent(resource.limit, 0)),
    ]
    absent = "; " + _("{hours} horas sem amostras", hours=unknown) if unknown else ""
    return f"{subject}: {', '.join(facts)}{absent}."


def _hour(week: np.ndarray, index: int) -> str:
    facts = {"day": _(_LONG_DAYS[index // 24]), "hour": index % 24, "reading": i18n.percent(float(week.flat[index]))}
    return _("{day} às {hour} h (p95 {reading})", **facts)
