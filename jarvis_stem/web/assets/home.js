// The first page: how the best accuracy of each benchmark rose.
"use strict";
(() => {
  const { data, plain, color, chart } = window.stem;
  const DAY = 24 * 3600 * 1000;
  const day = (date) => Date.parse(`${date}T00:00:00Z`);
  const iso = (time) => new Date(time).toISOString().slice(0, 10);

  // The best published result; what is below it needs no room.
  const best = (published) => published.map(({ accuracy }) => accuracy).sort((a, b) => b - a).slice(0, 1);

  const dots = (results, ink, size) => ({
    type: "scatter",
    mode: "markers",
    cliponaxis: false,
    x: results.map((result) => result.date),
    y: results.map((result) => result.accuracy),
    text: results.map((result) => plain(result.contribution)),
    hovertemplate: "%{text}<br>%{y:.4f}, %{x|%Y-%m-%d}<extra></extra>",
    marker: { size, color: color(ink) },
  });

  // The accuracy beside the dots, of the last alone where they are many.
  const values = (records) => ({
    mode: "markers+text",
    textposition: "middle left",
    text: records.map(({ accuracy }, i) =>
      records.length <= 4 || i === records.length - 1 ? `${accuracy.toFixed(4)}  ` : "",
    ),
    textfont: { color: color("text") },
    customdata: records.map(({ contribution }) => plain(contribution)),
    hovertemplate: "%{customdata}<br>%{y:.4f}, %{x|%Y-%m-%d}<extra></extra>",
  });

  function history(host) {
    const { results, published } = data(host.dataset.history);
    const records = results.filter((result) => result.record);
    const low = Math.min(records[0].accuracy, ...best(published));
    const high = records.at(-1).accuracy;
    const room = Math.max(0.15 * (high - low), 0.01);
    const inView = published.filter(({ accuracy }) => accuracy >= low && accuracy <= high);
    const times = results.map((result) => day(result.date));
    const span = Math.max(...times) - Math.min(...times);
    const pad = Math.max(span * 0.08, 10 * DAY);
    const end = Math.max(Date.now(), ...times); // today, but where the clock is behind
    const steps = [...records.map((r) => [r.date, r.accuracy]), [iso(end), records.at(-1).accuracy]];
    chart(host, () => ({
      data: [
        {
          type: "scatter",
          mode: "lines",
          x: steps.map(([date]) => date),
          y: steps.map(([, accuracy]) => accuracy),
          line: { shape: "hv", color: color("series-1"), width: 2.5 },
          hoverinfo: "skip",
        },
        dots(results.filter((result) => !result.record), "line-strong", 7),
        { ...dots(records, "series-1", 12), ...values(records) },
      ],
      layout: {
        margin: { l: 50, r: 16, t: 16, b: 36 },
        xaxis: { type: "date", range: [iso(Math.min(...times) - pad), iso(end)], nticks: 5 },
        yaxis: {
          range: [low - room, Math.min(high + room, 1)],
          tickformat: high - low < 0.1 ? ".3f" : ".2f",
          nticks: 6,
          title: { text: "accuracy" },
        },
        shapes: inView.map(({ accuracy }) => ({
          type: "line",
          xref: "paper",
          x0: 0,
          x1: 1,
          y0: accuracy,
          y1: accuracy,
          line: { color: color("warm"), width: 1.5, dash: "dash" },
        })),
        annotations: inView.map(({ accuracy }) => ({
          xref: "paper",
          x: 0,
          y: accuracy,
          xanchor: "left",
          yanchor: "bottom",
          showarrow: false,
          font: { color: color("warm"), size: 12 },
          text: `published ${accuracy.toFixed(4)}`,
        })),
      },
    }));
  }

  for (const host of document.querySelectorAll("[data-history]")) history(host);
  performance.mark("ready");
})();
