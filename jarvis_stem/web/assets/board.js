// A benchmark's page: the table, what follows it in the charts, two models side by side. All that the
// reader chooses is in the address after '#', so that a view can be shared and the back button works.
"use strict";
(() => {
  const { data, element, plain, breakable, color, chart, confusion } = window.stem;
  const board = data("data");
  const records = board.records.map((values) =>
    Object.fromEntries(board.fields.map((field, i) => [field, values[i] ?? null])),
  );
  const columns = board.columns.map(([title, fields, number, shown]) => ({
    ...{ title, fields, number, shown },
    kind: number ? "number" : title,
  }));
  const measured = records.filter((record) => record.confusion);
  const $ = (id) => document.getElementById(id);
  const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));

  const selects = ["kind", "team", "ids", "length", "scale", "cost", "first", "second"];
  const typed = ["search", "least"];

  /* The view, as text by name; what is as at first is left out of the address. */
  const first = {
    search: "",
    kind: "",
    team: "",
    ids: "",
    least: "",
    columns: columns.filter((c) => c.shown).map((c) => c.title).join(","),
    sort: "-accuracy",
    length: String(board.page),
    page: "1",
    scale: "",
    cost: "",
    first: measured[0]?.contribution ?? "",
    second: (measured[1] ?? measured[0])?.contribution ?? "",
  };
  let view = {};

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    view = { ...first };
    for (const name of Object.keys(first)) if (given.has(name)) view[name] = given.get(name);
    for (const id of selects) {
      const options = [...($(id)?.options ?? [])];
      if (!options.some(({ value }) => value === view[id])) view[id] = first[id];
    }
    if (Number.isNaN(Number(view.least))) view.least = first.least;
  }

  // `step` is one that the back button takes back; typing is not.
  function choose(changes, step = true) {
    const before = address();
    view = { ...view, page: "1", ...changes };
    const now = address();
    if (now !== before) history[step ? "pushState" : "replaceState"](null, "", now);
    show();
  }

  function address() {
    const chosen = Object.entries(view).filter(([name, value]) => value !== first[name]);
    const hash = new URLSearchParams(chosen).toString();
    return hash ? `#${hash}` : location.pathname + location.search;
  }

  /* Accuracies are of all ids, or of those with an image. */
  const OF_IDS = ["accuracy", "low", "high", "n_correct", "n"];
  const ofAll = records.map((record) => OF_IDS.map((field) => record[field]));
  let counted = "";

  function countIds() {
    if (view.ids === counted) return;
    counted = view.ids;
    records.forEach((record, i) => {
      OF_IDS.forEach((field, j) => {
        record[field] = counted ? (record[`${field}_with_structure`] ?? null) : ofAll[i][j];
      });
    });
    table.rows().invalidate();
    const best = records.find((record) => record.kind === "contribution");
    if (!best) return;
    $("best").textContent = score(best.accuracy);
    $("of-ids").textContent = `${counted ? "the" : "all"} ${best.n?.toLocaleString("en")} test ids${counted ? " with an image" : ""}`;
  }

  // What a cell says of the ids that count, where those are not all.
  const COUNTED = {
    accuracy: ({ accuracy }) => score(accuracy),
    "95% interval": ({ low, high }) => `${score(low)} to ${score(high)}`,
    correct: ({ n_correct, n }) => `${n_correct}/${n}`,
  };

  /* The table: of the page's 25 rows DataTables makes one of all records, which it sorts, searches
     and pages. Only rows that are shown have elements. Missing values come last either way. */
  const missingLast = (compare) => (a, b) =>
    a === null || b === null ? (a === null) - (b === null) : compare(a, b);
  const orders = {
    number: (a, b) => a - b,
    text: new Intl.Collator(undefined, { numeric: true }).compare,
  };
  for (const [name, order] of Object.entries(orders)) {
    const reverse = (a, b) => order(b, a);
    DataTable.type(`known ${name}`, {
      order: { asc: missingLast(order), desc: missingLast(reverse) },
    });
  }
  const table = new DataTable("#results", {
    autoWidth: false,
    createdRow: (row, record) => row.classList.add(record.kind),
    data: records,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    order: [],
    orderDescReverse: false, // equals stay in the records' order
    pageLength: board.page,
    columns: columns.map((column, i) => ({
      cellType: column.title === "contribution" ? "th" : "td",
      className: column.kind,
      createdCell: (cell) => cell.tagName === "TH" && cell.setAttribute("scope", "row"),
      data: null,
      orderSequence: column.number ? ["desc", "asc"] : ["asc", "desc"],
      render: (record, use, _, { row }) => {
        if (use === "display") {
          const text = counted && COUNTED[column.title];
          const shown = text ? (record.accuracy === null ? "" : text(record)) : board.cells[row][i];
          return content(column, record, shown === 0 ? own(record[column.fields[0]]) : shown, board.links[row]);
        }
        if (use === "sort") return known(record[column.fields[0]]);
        return plain(column.fields.map((field) => record[field] ?? "").join(" ")); // read as HTML
      },
      type: column.number ? "known number" : "known text",
      visible: column.shown,
    })),
  });

  function known(value) {
    return value === "" || value === undefined ? null : value;
  }

  function own(value) {
    return typeof value === "number" ? score(value) : value;
  }

  // What is in a cell, as board.html.j2 has it.
  function content(column, record, text, href) {
    if (column.title === "contribution") {
      const parts = new DocumentFragment();
      const name = breakable(text);
      parts.append(href ? element("a", { href }, name) : name);
      if (record.model_name) parts.append(element("bdi", {}, record.model_name));
      return parts;
    }
    if (column.title === "rank") return text && element("span", { class: "rank" }, text);
    return element(column.number ? "span" : "bdi", {}, text);
  }

  table.search.fixed("toolbar", (_text, _row, index) => {
    const record = records[index];
    return (
      (!view.kind || record.kind === view.kind) &&
      (!view.team || record.team === view.team) &&
      (!view.least || record.accuracy >= Number(view.least))
    );
  });
  table.on("order", () => {
    const [column, direction] = table.order()[0] ?? [];
    if (column === undefined) return;
    const sort = (direction === "desc" ? "-" : "") + columns[column].title;
    if (sort !== view.sort) queueMicrotask(() => choose({ sort })); // once this order is drawn
  });

  function showTable() {
    const titles = new Set(view.columns.split(","));
    columns.forEach((column, i) => {
      const visible = titles.has(column.title) || column.title === "contribution";
      if (table.column(i).visible() !== visible) table.column(i).visible(visible, false);
    });
    const title = view.sort.replace(/^-/, "");
    const sorted = columns.findIndex((column) => column.title === title);
    if (sorted >= 0) table.order([[sorted, view.sort.startsWith("-") ? "desc" : "asc"]]);
    table.search(view.search);
    const length = Number.parseInt(view.length, 10);
    table.page.len(length > 0 ? length : -1);
    table.draw();
    const pages = table.page.info().pages;
    table.page(Math.min(Math.max(Number.parseInt(view.page, 10) || 1, 1), Math.max(pages, 1)) - 1);
    table.draw("page");
    markRanks(title);
    const { start, end, recordsDisplay: n, recordsTotal: all, page } = table.page.info();
    const of = n < all ? `${n} of ${all}` : `${n}`;
    $("info").textContent = n ? `Rows ${start + 1} to ${end} of ${of}` : `None of ${all} rows`;
    $("previous").disabled = page <= 0;
    $("next").disabled = page >= pages - 1;
  }

  // A line above the first row of each rank, where the order is the ranks'.
  function markRanks(title) {
    let rank = null;
    for (const index of table.rows({ page: "current" }).indexes().toArray()) {
      const next = records[index].rank;
      const starts = ["accuracy", "rank"].includes(title) && rank && next && next !== rank;
      table.row(index).node().classList.toggle("starts", Boolean(starts));
      rank = next ?? rank;
    }
  }

  function shownRecords() {
    const rows = table.rows({ search: "applied", order: "applied" });
    return rows.indexes().toArray().map((index) => records[index]);
  }

  /* Charts. */
  // Published results and the baseline as lines across a chart, `axis` being the accuracy's, as far
  // as they are in its range; the caption says which is which.
  function inRange([low, high]) {
    return records.filter(
      ({ kind, accuracy }) => kind !== "contribution" && accuracy !== null && accuracy >= low && accuracy <= high,
    );
  }

  function marks(axis, range) {
    const other = axis === "x" ? "y" : "x";
    return inRange(range).map(({ kind, accuracy }) => ({
      type: "line",
      [`${axis}0`]: accuracy,
      [`${axis}1`]: accuracy,
      [`${other}ref`]: "paper",
      [`${other}0`]: 0,
      [`${other}1`]: 1,
      line: {
        color: color(kind === "baseline" ? "muted" : "warm"),
        width: 1.5,
        dash: kind === "baseline" ? "dot" : "dash",
      },
    }));
  }

  function captionOf(range) {
    const drawn = inRange(range).map(({ kind, contribution, accuracy }) =>
      kind === "baseline"
        ? `Dotted: always the most frequent class, ${score(accuracy)}.`
        : `Dashed: ${contribution}, ${score(accuracy)}.`,
    );
    return drawn.join(" ");
  }

  const narrow = (host) => host.clientWidth < 480;
  const short = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);
  const contributed = () =>
    shownRecords().filter(({ kind, accuracy }) => kind === "contribution" && accuracy !== null);

  function barRange(some) {
    if (view.scale === "zero" || !some.length) return [0, 1];
    const low = Math.min(...some.map((record) => record.low));
    const high = Math.max(...some.map((record) => record.high));
    const pad = Math.max((high - low) * 0.12, 0.005);
    return [low - pad, high + pad];
  }

  const drawBars = chart($("bars"), () => {
    const some = contributed().slice(0, board.bars).reverse(); // Plotly begins at the bottom
    const zoom = view.scale !== "zero";
    const phone = narrow($("bars")); // names then stand above the bars, for there is no room beside
    const range = barRange(some);
    const trace = {
      y: some.map((_record, i) => i),
      x: some.map((record) => record.accuracy),
      text: phone ? null : some.map((record) => score(record.accuracy)),
      textfont: { size: 12 },
      customdata: some.map((record) => [record.low, record.high, record.rank, plain(record.contribution)]),
      hovertemplate:
        "%{customdata[3]}<br>%{x:.4f} (%{customdata[0]:.4f} to %{customdata[1]:.4f})<br>rank %{customdata[2]}<extra></extra>",
      marker: {
        color: color("series-1"),
        opacity: zoom ? 1 : 0.85,
        size: 11,
      },
      error_x: {
        type: "data",
        symmetric: false,
        array: some.map((record) => record.high - record.accuracy),
        arrayminus: some.map((record) => record.accuracy - record.low),
        color: color("text"),
        thickness: 1.5,
        width: 4,
      },
      ...(zoom
        ? { type: "scatter", mode: phone ? "markers" : "markers+text", textposition: "top center" }
        : { type: "bar", orientation: "h", textposition: "inside", insidetextanchor: "start" }),
    };
    const above = some.map((record, i) => ({
      x: 0,
      xref: "paper",
      xanchor: "left",
      y: i,
      yshift: zoom ? 17 : 20,
      showarrow: false,
      font: { size: 12, color: color("text") },
      text: plain(`${short(record.contribution, 32)} ${score(record.accuracy)}`),
    }));
    return {
      data: [trace],
      layout: {
        margin: { l: phone ? 16 : 50, r: 20, t: 28, b: 45 },
        bargap: phone ? 0.6 : 0.35,
        xaxis: {
          title: { text: "accuracy" },
          range,
          tickformat: zoom ? ".3f" : ".1f",
          nticks: $("bars").clientWidth / 70,
        },
        yaxis: {
          range: [-0.6, some.length - 0.3],
          showgrid: false,
          zeroline: false,
          showticklabels: !phone,
          tickvals: some.map((_record, i) => i),
          ticktext: some.map(({ contribution }) => plain(short(contribution, 32))),
        },
        shapes: marks("x", range),
        annotations: phone ? above : [],
      },
    };
  });

  const COSTS = {
    seconds: ["training time, s", "training time"],
    parameters: ["parameters", "number of parameters"],
    cpu_seconds: ["CPU time, s", "CPU time"],
    memory_mb: ["memory, MB", "memory"],
  };
  const costKey = () => (view.cost in COSTS ? view.cost : "seconds");
  const costed = () => contributed().filter((record) => record[costKey()] > 0);

  // Those on the line that nothing beats at a lower cost.
  function front(points) {
    const best = [];
    for (const record of points) {
      if (!best.length || record.accuracy > best.at(-1).accuracy) best.push(record);
    }
    return best;
  }

  function costRange(points) {
    const accuracies = points.map((record) => record.accuracy);
    const [low, high] = points.length ? [Math.min(...accuracies), Math.max(...accuracies)] : [0, 1];
    const pad = Math.max(0.3 * (high - low), 0.004); // room for names
    return [low - pad, high + pad];
  }

  const drawCosts = chart($("costs"), () => {
    const key = costKey();
    const points = costed().sort((a, b) => a[key] - b[key] || b.accuracy - a.accuracy);
    const range = costRange(points);
    const best = front(points);
    const steps = best.map((record) => [record[key], record.accuracy]);
    if (steps.length) steps.push([points.at(-1)[key], best.at(-1).accuracy]);
    return {
      data: [
        {
          type: "scatter",
          mode: "lines",
          x: steps.map(([cost]) => cost),
          y: steps.map(([, accuracy]) => accuracy),
          line: { shape: "hv", color: color("line-strong"), width: 1.5, dash: "dot" },
          hoverinfo: "skip",
        },
        {
          type: "scatter",
          mode: "markers",
          x: points.map((record) => record[key]),
          y: points.map((record) => record.accuracy),
          text: points.map((record) => plain(record.contribution)),
          cliponaxis: false,
          hovertemplate: "%{text}<br>%{y:.4f} at %{x:,.4~g}<extra></extra>",
          marker: { size: 11, color: color("series-1"), line: { width: 1, color: color("raised") } },
        },
      ],
      layout: {
        margin: { l: 60, r: 16, t: 16, b: 50 },
        xaxis: { type: "log", title: { text: COSTS[key][0] }, range: logRange(points, key), ...ticks(points, key) },
        yaxis: {
          title: { text: "accuracy" },
          range,
          tickformat: range[1] - range[0] < 0.1 ? ".3f" : ".2f",
          nticks: 7,
        },
        shapes: marks("y", range),
        annotations: costLabels(points, key, range),
      },
    };
  });

  // Room on both sides for the names.
  function logRange(points, key) {
    const logs = points.map((record) => Math.log10(record[key]));
    return logs.length ? [Math.min(...logs) - 0.4, Math.max(...logs) + 0.4] : [0, 1];
  }

  const MANTISSAS = [1, 2, 5];
  function ticks(points, key) {
    const [low, high] = logRange(points, key);
    const fine = (high - low) * (narrow($("costs")) ? 2 : 1) < 2.5 ? MANTISSAS : [1];
    const values = [];
    for (let power = Math.floor(low); power <= high; power++) {
      for (const mantissa of fine) values.push(mantissa * 10 ** power);
    }
    const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 2 });
    return { tickvals: values, ticktext: values.map((value) => compact.format(value)) };
  }

  /* Names beside their points: of all, or of the best ones where these are many. Each goes to the
     nearest place around its point that is inside the plot and clear of points and other names. */
  const MOST_NAMES = 12;
  const DIRECTIONS = Array.from({ length: 16 }, (_, i) => (i * Math.PI) / 8);
  const DISTANCES = [18, 24, 30, 45, 60, 80, 100, 130];
  const pen = document.createElement("canvas").getContext("2d");

  function costLabels(points, key, [low, high]) {
    const host = $("costs");
    const [left, right] = logRange(points, key);
    const [width, height] = [host.clientWidth - 80, host.clientHeight - 66];
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const spot = (record) => [
      ((Math.log10(record[key]) - left) / (right - left)) * width,
      ((high - record.accuracy) / (high - low)) * height,
    ];
    const taken = points.map(spot).map(([x, y]) => [x - 8, y - 8, x + 8, y + 8]);
    const corners = [...front(points).map(spot), [width, height]]; // of the line through the best
    for (let i = 0; i + 1 < corners.length; i++) {
      const [[x, y], [nextX, nextY]] = [corners[i], corners[i + 1]];
      taken.push([x, y - 2, nextX, y + 2]);
      if (i + 2 < corners.length) taken.push([nextX - 2, nextY, nextX + 2, y]);
    }
    const named = points.length <= MOST_NAMES ? points : front(points).slice(-MOST_NAMES);
    return named.map((record) => {
      const text = `${short(record.contribution, 32)} ${score(record.accuracy)}`;
      const [dx, dy, box] = place(spot(record), pen.measureText(text).width + 8, 18, taken, [width, height]);
      taken.push(box);
      return {
        x: Math.log10(record[key]),
        y: record.accuracy,
        ax: dx,
        ay: dy,
        text: plain(text),
        font: { size: 12, color: color("text") },
        arrowhead: 0,
        arrowwidth: 1,
        arrowcolor: color("line-strong"),
        standoff: 6,
      };
    });
  }

  function place([x, y], width, height, taken, [right, bottom]) {
    let best = null;
    for (const distance of DISTANCES) {
      for (const angle of DIRECTIONS) {
        const dx = Math.cos(angle) * (distance + width / 2);
        const dy = Math.sin(angle) * distance;
        const box = [x + dx - width / 2, y + dy - height / 2, x + dx + width / 2, y + dy + height / 2];
        const outside = box[0] < 0 || box[1] < 0 || box[2] > right || box[3] > bottom;
        const clashes = taken.filter((other) => overlap(box, other)).length + (outside ? 100 : 0);
        if (!best || clashes < best.clashes) best = { clashes, place: [dx, dy, box] };
      }
      if (!best.clashes) break;
    }
    return best.place;
  }

  const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

  function showCharts() {
    const contributions = contributed();
    const n = Math.min(contributions.length, board.bars);
    $("bars").style.setProperty("--rows", n);
    const some = n < contributions.length ? `The first ${n} of ${contributions.length} rows of the table. ` : "";
    $("bars-note").textContent = some + captionOf(barRange(contributions.slice(0, n)));
    const points = costed();
    const without = contributions.length - points.length;
    const missing = without ? `${without} without a known ${COSTS[costKey()][1]}. ` : "";
    $("costs-note").textContent = missing + captionOf(costRange(points));
    drawBars();
    drawCosts();
  }

  const SERIES = 6; // colours
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  function drawRobustness() {
    const series = [...document.querySelectorAll(".numbers")].map(measuredIn);
    const models = [...new Set(series.flatMap((one) => Object.keys(one.accuracy)))].sort();
    for (const [i, model] of models.entries())
      $("legend").append(element("li", { class: `series-${(i % SERIES) + 1}` }, model));
    for (const [n, host] of document.querySelectorAll("[data-series]").entries()) {
      const { values, accuracy } = series[n];
      const all = Object.values(accuracy).flat();
      const room = Math.max(0.08 * (Math.max(...all) - Math.min(...all)), 0.01);
      const range = [Math.min(...all) - room, Math.max(...all) + room];
      const wide = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 100;
      chart(host, () => ({
        data: Object.entries(accuracy).map(([model, y]) => {
          const i = models.indexOf(model);
          return {
            type: "scatter",
            mode: "lines+markers",
            name: plain(model),
            x: values,
            y,
            line: {
              color: color(`series-${(i % SERIES) + 1}`),
              dash: DASHES[Math.floor(i / SERIES) % DASHES.length],
              width: 2.5,
            },
            marker: { size: 8 },
            hovertemplate: "%{y:.3f} at %{x:,.4~g}<extra>%{fullData.name}</extra>",
          };
        }),
        layout: {
          margin: { l: 50, r: 16, t: 12, b: 30 },
          hovermode: "x unified",
          xaxis: wide ? { type: "log", dtick: 1 } : {},
          yaxis: { range, tickformat: range[1] - range[0] < 0.2 ? ".2f" : ".1f", nticks: 6 },
        },
      }));
    }
  }

  // A table's first row, and the others by their heading.
  function measuredIn(table) {
    const numbers = (row) => [...row.cells].slice(1).map((cell) => Number(cell.textContent.replaceAll(",", "")));
    const [head, ...rows] = table.rows;
    const accuracy = Object.fromEntries(rows.map((row) => [row.cells[0].textContent, numbers(row)]));
    return { values: numbers(head), accuracy };
  }

  /* Two models side by side. */
  function fillSelects() {
    for (const select of [$("first"), $("second")]) {
      select.append(...measured.map((record) => element("option", {}, record.contribution)));
    }
  }

  function showComparison() {
    const [a, b] = [view.first, view.second].map((name, i) =>
      measured.find((record) => record.contribution === name) ?? measured[Math.min(i, measured.length - 1)],
    );
    $("first").value = a.contribution;
    $("second").value = b.contribution;
    $("verdict").replaceChildren(...verdict(a, b));
    $("recalls").replaceChildren(recalls(a, b));
    for (const [id, record] of [["first", a], ["second", b]]) {
      const without = record.n_without_structure;
      const image = without ? `; ${without} of the ids have no image` : "";
      const caption = `${record.contribution}: test ids by class and predicted class${image}`;
      $(`confusion-${id}`).replaceChildren(confusion(record.confusion, board.classes, caption));
    }
  }

  function verdict(a, b) {
    const more = a.n_correct - b.n_correct;
    const text = more
      ? ` has ${Math.abs(more)} more of ${a.n} ids correct than `
      : " has as many ids correct as ";
    const [better, other] = more >= 0 ? [a, b] : [b, a];
    const sentence = [
      element("strong", {}, better.contribution),
      text,
      element("strong", {}, other.contribution),
      `, ${score(better.accuracy)} against ${score(other.accuracy)}.`,
    ];
    const test = comparison(a, b) ?? comparison(b, a);
    if (test) {
      const p = test < 0.001 ? "p < 0.001" : `p = ${test}`;
      sentence.push(` McNemar's exact test, Holm-corrected: ${p}.`);
    }
    return sentence;
  }

  function comparison(a, b) {
    const name = b.kind === "baseline" ? b.contribution.replace(/ \(baseline\)$/, "") : b.contribution;
    return a.comparisons?.find(([against]) => against === name)?.[3];
  }

  function recalls(a, b) {
    const head = ["class", "ids", a.contribution, b.contribution, "difference"];
    const body = element("tbody");
    board.classes.forEach((name, i) => {
      const n = a.confusion[i].reduce((sum, count) => sum + count, 0);
      const [one, other] = [a, b].map((record) => record[`recall: ${name}`]);
      const difference = one === null || other === null ? null : one - other;
      const line = element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        element("td", { class: "number" }, String(n)),
        bar(one, 1, a.contribution),
        bar(other, 2, b.contribution),
        element("td", { class: "number" }, signed(difference)),
      );
      body.append(line);
    });
    return element(
      "table",
      { class: "recalls" },
      element("caption", {}, "Recall: the share of each class' ids that is predicted as it"),
      element("thead", {}, element("tr", {}, ...head.map((t, i) => heading(t, i > 0)))),
      body,
    );
  }

  const heading = (text, number) =>
    element("th", { scope: "col", class: number ? "number" : "text" }, breakable(text));
  const signed = (x) => (x === null ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(4));

  function bar(share, series, model) {
    const cell = element("td", { class: `number bar series-${series}`, "data-model": model }, score(share));
    cell.style.setProperty("--share", share ?? 0);
    return cell;
  }

  /* Downloads: the rows that are shown, in their order. */
  function save(kind, type, make) {
    const content = new Blob([make(shownRecords())], { type });
    DataTable.fileSave(content, `${board.dataset}.${kind}`);
  }

  // Every value of the columns shown in a field of its own, where a cell can have two as one text.
  function fillCsv(exported) {
    const fields = columns.filter((_, i) => table.column(i).visible()).flatMap((c) => c.fields);
    exported.headerStructure = [fields.map((title) => ({ title }))];
    exported.body = shownRecords().map((record) => fields.map((field) => harmless(record[field])));
  }

  // A spreadsheet would run a text that begins as a formula does; Buttons lets + and - through.
  function harmless(value) {
    return typeof value === "string" && /^\s*[=+\-@]/.test(value) ? `'${value}` : (value ?? "");
  }

  function json(rows) {
    return `${JSON.stringify({ benchmark: board.name, results: rows }, null, 2)}\n`;
  }

  function bib(rows) {
    const entries = rows.filter((record) => record.kind !== "baseline").map((record) => {
      const given = {
        title: tex(record.model_name || record.contribution),
        author: tex(record.team ?? ""),
        year: (record.date ?? "").slice(0, 4),
        howpublished: record.url ? `\\url{${record.url.replaceAll(/[{}\\%]/g, encodeURIComponent)}}` : "",
        note: tex(`${record.contribution}: accuracy ${score(record.accuracy)} on ${board.dataset}`),
      };
      const filled = Object.entries(given).filter(([, value]) => value);
      const lines = filled.map(([key, value]) => `  ${key} = {${key === "author" ? `{${value}}` : value}}`);
      return `@misc{${record.contribution.replaceAll(/[^\w.+-]/g, "-")},\n${lines.join(",\n")}\n}\n`;
    });
    return entries.join("\n");
  }

  const TEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  const tex = (text) => text.replaceAll(/[\\{}$&#^_~%]/g, (c) => TEX[c] ?? `\\${c}`);

  /* The controls. */
  function addMenus() {
    const menu = { extend: "collection", fade: 0, background: false, clickBlurs: false };
    const item = { clickBlurs: false };
    const buttons = new DataTable.Buttons(table, {
      dom: { button: { dropHtml: "" } },
      buttons: [
        {
          ...menu,
          text: "Columns",
          buttons: columns.flatMap(({ title }, i) =>
            title === "contribution" ? [] : { ...item, extend: "columnVisibility", columns: i },
          ),
        },
        {
          ...menu,
          text: "Download",
          autoClose: true,
          buttons: [
            {
              ...item,
              extend: "csvHtml5",
              filename: board.dataset,
              footer: false,
              newline: "\r\n",
              exportOptions: { columns: 0, orthogonal: "sort", customizeData: fillCsv },
            },
            { ...item, text: "JSON", action: () => save("json", "application/json", json) },
            { ...item, text: "BibTeX", action: () => save("bib", "text/plain", bib) },
          ],
        },
      ],
    });
    const host = buttons.container()[0];
    $("buttons").replaceWith(host);
    host.addEventListener("click", () => nameMenu(host));
    host.addEventListener("keydown", ({ key }) => {
      const opened = key === "Escape" && host.querySelector("[aria-expanded=true]");
      if (opened) close(opened);
    });
    table.on("buttons-action", () => {
      const visible = columns.filter((_, i) => table.column(i).visible()).map((c) => c.title);
      if (visible.join(",") !== view.columns) choose({ columns: visible.join(","), page: view.page });
    });
  }

  // Buttons listens for keys from a timer on, which a busy machine can run after the key; this one
  // runs after it.
  function close(opened) {
    opened.focus();
    setTimeout(() => {
      const stillOpen = opened.getAttribute("aria-expanded") === "true";
      if (stillOpen) table.button(opened).popover(false, { fade: 0 });
    });
  }

  // What Buttons leaves out for who listens: the menu's name, and which columns are shown.
  function nameMenu(host) {
    const menu = host.querySelector(".dt-button-collection");
    menu?.setAttribute("aria-label", host.querySelector("[aria-expanded=true]")?.textContent);
    for (const item of menu?.querySelectorAll("button") ?? []) {
      const isColumn = item.classList.contains("buttons-columnVisibility");
      item.setAttribute("role", isColumn ? "menuitemcheckbox" : "menuitem");
      if (isColumn) item.setAttribute("aria-checked", item.classList.contains("dt-button-active"));
    }
  }

  function showControls() {
    for (const id of [...selects, ...typed]) {
      const control = $(id);
      if (control && control.value !== view[id]) control.value = view[id];
    }
  }

  function show() {
    showControls();
    countIds();
    showTable();
    showCharts();
    if (measured.length) showComparison();
  }

  function listen() {
    const charts = ["ids", "scale", "cost", "first", "second"];
    for (const id of selects) {
      const keepPage = charts.includes(id) ? () => ({ page: view.page }) : () => ({});
      $(id)?.addEventListener("change", (e) => choose({ ...keepPage(), [id]: e.target.value }));
    }
    for (const id of typed) {
      $(id).addEventListener("input", (event) => choose({ [id]: event.target.value }, false));
    }
    const turn = (by) => () => choose({ page: String(table.page() + 1 + by) });
    $("previous").addEventListener("click", turn(-1));
    $("next").addEventListener("click", turn(1));
    $("fold").addEventListener("click", () => {
      const open = $("filters").classList.toggle("unfolded");
      $("fold").setAttribute("aria-expanded", open);
    });
    $("swap")?.addEventListener("click", () =>
      choose({ first: view.second, second: view.first, page: view.page }),
    );
    $("reset").addEventListener("click", () => choose(first));
    addEventListener("popstate", () => {
      // An anchor such as the skip link's is no view.
      if (location.hash && !location.hash.includes("=")) return;
      readAddress();
      show();
    });
  }

  if (measured.length) fillSelects();
  addMenus();
  readAddress();
  if ($("legend")) drawRobustness();
  listen();
  show();
  performance.mark("ready");
})();
