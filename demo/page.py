"""The answers of the marts as one HTML page, which holds all that it needs and asks no network."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from demo.marts import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from demo.marts import Answers, Feature, Month, Week

_TEMPLATE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_ACCENT = "#2f6f8f"
_LIGHT = "#9cc4d6"
_FONT = "system-ui, sans-serif"
_FONT_SIZE = 13
_WEEKS_A_CHANGE = 4


def write(file: Path, answers: Answers) -> None:
    """Write the page, with the library that draws it."""
    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    file.write_text(page(answers, library), encoding="utf-8")


def page(answers: Answers, library: str) -> str:
    """Return the page; the script `library` gives it `vegaEmbed`."""
    specs = {
        "weeks": _spec(week_chart(answers.weeks)),
        "features": _spec(feature_chart(answers.features)),
        "months": _spec(month_chart(answers.months)),
    }
    return _TEMPLATE.substitute(
        about="Half a year of a small product, made up by px-sandbox, a stand-in for Gainsight PX: "
        "read by tap-gainsight-px, loaded into Postgres, and made into marts by dbt, in the schema "
        f"{SCHEMA}.",
        tiles="\n".join(_tiles(answers)),
        figures="\n".join(_figures()),
        library=library,
        # So that no text of a chart ends the script.
        specs=json.dumps(specs).replace("</", "<\\/"),
    )


def _spec(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """Return a chart in the language of Vega-Lite, as wide as the page lets it be."""
    text = {f"{part}Font": _FONT for part in ("label", "title")}
    sizes = {f"{part}FontSize": _FONT_SIZE for part in ("label", "title")}
    styled = (
        chart.properties(width="container")
        .configure(font=_FONT, background="white")
        .configure_view(stroke=None)
        .configure_axis(**text, **sizes, domain=False, ticks=False, gridColor="#e8ecf0")
        .configure_legend(**text, **sizes, orient="top", title=None)
    )
    found: dict[str, Any] = styled.to_dict()
    return found


def week_chart(weeks: Sequence[Week]) -> alt.Chart:
    """Draw the active accounts of each week."""
    rows = [{"week": f"{one.week}", "accounts": one.active, "new": one.new} for one in weeks]
    # Days as text: as times they would be those of the reader's own time zone.
    x = alt.X("week:O", title=None).axis(
        labelExpr="utcFormat(toDate(datum.value), '%-d %b')",
        labelAngle=0,
        labelOverlap=True,
        labelPadding=8,
    )
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(rows), height=240)
        .mark_bar(color=_ACCENT)
        .encode(
            x=x,
            y=alt.Y("accounts:Q", title=None).axis(tickCount=5),
            tooltip=[
                alt.Tooltip("week:N", title="week from"),
                alt.Tooltip("accounts:Q", title="active accounts"),
                alt.Tooltip("new:Q", title="never active before"),
            ],
        )
    )
    return chart


def feature_chart(features: Sequence[Feature]) -> alt.LayerChart:
    """Draw the share of active users who use each feature, the most used one first."""
    rows = [asdict(feature) for feature in features]
    # With room for the number beside the longest bar, also on a phone.
    scale = alt.Scale(domain=[0, 1.3 * max((one.share for one in features), default=1)])
    base = alt.Chart(alt.InlineData(rows), height=alt.Step(26)).encode(
        x=alt.X("share:Q", title=None, axis=None, scale=scale),
        y=alt.Y("name:N", title=None, sort=None).axis(labelLimit=160, labelPadding=8),
        tooltip=[
            alt.Tooltip("name:N", title="feature"),
            alt.Tooltip("module:N"),
            alt.Tooltip("users:Q", title="users in four weeks"),
            alt.Tooltip("share:Q", title="of active users", format=".1%"),
        ],
    )
    bars = base.mark_bar(color=_ACCENT)
    numbers = base.mark_text(align="left", dx=5, fontSize=_FONT_SIZE).encode(
        text=alt.Text("share:Q", format=".0%")
    )
    chart: alt.LayerChart = bars + numbers
    return chart


def month_chart(months: Sequence[Month]) -> alt.LayerChart:
    """Draw the Net Promoter Score of each month; one that has not ended is pale."""
    rows = [
        asdict(month)
        | {"month": f"{month.month}", "name": f"{month.month:%B %Y}", "label": f"{month.nps:+.0f}"}
        for month in months
    ]
    base = alt.Chart(alt.InlineData(rows), height=240).encode(
        x=alt.X("month:O", title=None).axis(
            labelExpr="utcFormat(toDate(datum.value), '%b')", labelAngle=0, labelPadding=8
        ),
        y=alt.Y("nps:Q", title=None).axis(tickCount=5),
        tooltip=[
            alt.Tooltip("name:N", title="month"),
            alt.Tooltip("nps:Q", title="NPS", format="+.1f"),
            alt.Tooltip("answers:Q"),
        ],
    )
    bars = base.mark_bar().encode(
        color=alt.Color("is_complete:N", legend=None).scale(
            domain=[True, False], range=[_ACCENT, _LIGHT]
        )
    )
    numbers = base.mark_text(dy=-9, fontSize=_FONT_SIZE).encode(text="label:N")
    chart: alt.LayerChart = bars + numbers
    return chart


def _figures() -> Iterator[str]:
    for name, title, what, mart, css in (
        (
            "weeks",
            "Accounts active in each week",
            "Whole weeks, each from its Monday on, UTC.",
            "weekly_active",
            "wide",
        ),
        (
            "features",
            "Features most used",
            "Share of the users active in the last four weeks who used them.",
            "feature_adoption",
            "",
        ),
        (
            "months",
            "Net Promoter Score",
            "Promoters less detractors, of 100 answers. Pale: the month goes on.",
            "nps_monthly",
            "",
        ),
    ):
        yield (
            f'<figure class="{css}"><h2>{title}</h2><p class="faint">{what}</p>'
            f'<div class="chart" id="{name}"></div>'
            f'<figcaption class="faint">from <code>gainsight_px__{mart}</code>'
            "</figcaption></figure>"
        )


def _tiles(answers: Answers) -> Iterator[str]:
    """Yield the newest figures, each with what it is to be compared with."""
    if weeks := answers.weeks:
        change = ""
        if len(weeks) > _WEEKS_A_CHANGE:
            change = (
                f"{weeks[-1].active - weeks[-1 - _WEEKS_A_CHANGE].active:+,} on four weeks before"
            )
        yield _tile(f"{weeks[-1].active:,}", "accounts active in the last whole week", change)
    if features := answers.features:
        text = f"of active users used “{features[0].name}” in four weeks"
        yield _tile(f"{features[0].share:.0%}", text, f"{features[0].users:,} users")
    if months := [month for month in answers.months if month.is_complete]:
        text = f"Net Promoter Score in {months[-1].month:%B}"
        before = f", {months[-2].nps:+.0f} in {months[-2].month:%B}" if months[1:] else ""
        yield _tile(f"{months[-1].nps:+.0f}", text, f"of {months[-1].answers:,} answers{before}")


def _tile(figure: str, text: str, more: str) -> str:
    return (
        f'<div><p class="figure">{escape(figure)}</p><p>{escape(text)}</p>'
        f'<p class="faint">{escape(more)}</p></div>'
    )
