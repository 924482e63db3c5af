// A model card: its learning curves and its reliability diagram, from the numbers of their tables.
"use strict";
(() => {
  const { color, chart } = window.stem;
  const column = (rows, i) => rows.map((row) => row[i]);

  // The numbers of a table's body, null where it has a dash.
  function numbers(table) {
    const number = ({ textContent: text }) => (text === "–" ? null : Number(text));
    return [...table.tBodies[0].rows].map((row) => [...row.cells].map(number));
  }

  // Accuracy or loss of both splits; a dotted line marks the epoch whose weights are kept.
  function epochs({ measure, rows, chosen }) {
    const line = (name, i, ink, dash) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: column(rows, 0),
      y: column(rows, i),
      connectgaps: true,
      line: { color: color(ink), width: 2, dash },
      hovertemplate: "%{y:.4f}<extra>%{fullData.name}</extra>",
    });
    const mark = { type: "line", x0: chosen, x1: chosen, yref: "paper", y0: 0, y1: 1 };
    return {
      data: [
        line("training", 1, "series-1", "solid"),
        line("validation", 2, "series-2", "dash"),
      ].filter(({ y }) => y.some((value) => value !== null)),
      layout: {
        margin: { l: 60, r: 16, t: 32, b: 45 },
        hovermode: "x unified",
        showlegend: true,
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
        xaxis: { title: { text: "epoch" }, nticks: 8 },
        yaxis: { title: { text: measure }, nticks: 6, rangemode: measure === "loss" ? "tozero" : "normal" },
        shapes: chosen === undefined ? [] : [{ ...mark, line: { color: color("muted"), dash: "dot", width: 1.5 } }],
      },
    };
  }

  // Share correct of images of like confidence against that confidence.
  function reliability({ measure, rows }) {
    const axis = { range: [0, 1], tickvals: [0, 0.5, 1] };
    const middle = rows.map(([from, to]) => (from + to) / 2);
    return {
      data: [
        {
          type: "bar",
          x: middle,
          y: column(rows, 4),
          width: rows.map(([from, to]) => to - from - 0.006),
          marker: { color: color("series-1"), opacity: 0.3 },
          hoverinfo: "skip",
        },
        {
          type: "scatter",
          mode: "markers",
          x: column(rows, 3),
          y: column(rows, 4),
          customdata: column(rows, 2),
          cliponaxis: false,
          marker: { color: color("series-1"), size: 8 },
          hovertemplate: "%{y:.3f} at %{x:.3f}, %{customdata} images<extra></extra>",
        },
      ],
      layout: {
        margin: { l: 50, r: 16, t: 16, b: 45 },
        xaxis: { ...axis, title: { text: "confidence" } },
        yaxis: { ...axis, title: { text: measure } },
        shapes: [
          {
            type: "line",
            ...{ x0: 0, y0: 0, x1: 1, y1: 1 },
            line: { color: color("text"), dash: "dash", width: 1 },
          },
        ],
        annotations: rows.map(([, , n], i) => ({
          x: middle[i],
          y: 0,
          yanchor: "bottom",
          showarrow: false,
          font: { size: 11, color: color("text") },
          text: String(n),
        })),
      },
    };
  }

  const figures = { epochs, reliability };
  for (const host of document.querySelectorAll("[data-kind]")) {
    const rows = numbers(host.closest("figure").querySelector("table"));
    chart(host, () => figures[host.dataset.kind]({ rows, ...host.dataset }));
  }
  performance.mark("ready");
})();
