// A benchmark's page: the table, what follows it in the charts, two models side by side. All that the
// reader chooses is in the address after '#', so that a view can be shared and the back button works.
"use strict";
(() => {
  const { data, element, plain, color, chart, confusion } = window.stem;
  const board = data("data");
  const records = board.records.map((values) =>
    Object.fromEntries(board.fields.map((field, i) => [field, values[i]])),
  );
  const columns = board.columns;
  const measured = records.filter((record) => record.confusion);
  const published = records.filter((record) => record.kind === "published");
  const $ = (id) => document.getElementById(id);

  const selects = ["kind", "team", "length", "scale", "cost", "first", "second"];
  const typed = ["search", "least"];

  /* The view, as text by name; what is as at first is left out of the address. */
  const first = {
    search: "",
    kind: "",
    team: "",
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
        if (use === "display") return content(column, record, board.cells[row][i], board.links[row]);
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

  // What is in a cell, as board.html.j2 has it.
  function content(column, record, text, href) {
    if (column.title === "contribution") {
      const parts = new DocumentFragment();
      parts.append(href ? element("a", { href, rel: "noopener" }, text) : text);
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
  const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));
  const ranks = [...new Set(records.map((record) => record.rank).filter(Boolean))].sort(
    (a, b) => a - b,
  );
  const strength = (rank) => Math.max(0.35, 1 - 0.22 * ranks.indexOf(rank));

  // Published results and the baseline as lines across a chart, `axis` being the accuracy's; the
  // caption says which is which.
  const references = records.filter((record) => record.kind !== "contribution");
  function marks(axis, [low, high]) {
    const other = axis === "x" ? "y" : "x";
    const shapes = [];
    const annotations = [];
    for (const { kind, accuracy } of references) {
      if (accuracy < low || accuracy > high) continue;
      const ink = color(kind === "baseline" ? "muted" : "warm");
      shapes.push({
        type: "line",
        [`${axis}0`]: accuracy,
        [`${axis}1`]: accuracy,
        [`${other}ref`]: "paper",
        [`${other}0`]: 0,
        [`${other}1`]: 1,
        line: { color: ink, width: 1.5, dash: kind === "baseline" ? "dot" : "dash" },
      });
      annotations.push({
        [axis]: accuracy,
        [`${other}ref`]: "paper",
        [other]: axis === "x" ? 1 : 0,
        xanchor: axis === "x" ? "center" : "left",
        yanchor: "bottom",
        showarrow: false,
        font: { color: ink, size: 12 },
        text: score(accuracy),
      });
    }
    return { shapes, annotations };
  }

  const narrow = (host) => host.clientWidth < 480;
  const short = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);

  const drawBars = chart($("bars"), () => {
    const all = shownRecords().filter((record) => record.kind === "contribution");
    const some = all.slice(0, board.bars).reverse(); // Plotly begins at the bottom
    const zoom = view.scale === "zoom";
    const low = Math.min(...some.map((record) => record.low), 1);
    const high = Math.max(...some.map((record) => record.high), 0);
    const pad = Math.max((high - low) * 0.12, 0.005);
    const range = zoom ? [low - pad, high + pad] : [0, 1];
    const trace = {
      y: some.map((_record, i) => i),
      x: some.map((record) => record.accuracy),
      customdata: some.map((record) => [record.low, record.high, record.rank, plain(record.contribution)]),
      hovertemplate:
        "%{customdata[3]}<br>%{x:.4f} (%{customdata[0]:.4f} to %{customdata[1]:.4f})<br>rank %{customdata[2]}<extra></extra>",
      marker: {
        color: color("series-1"),
        opacity: some.map((record) => strength(record.rank)),
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
      ...(zoom ? { type: "scatter", mode: "markers" } : { type: "bar", orientation: "h" }),
    };
    return {
      data: [trace],
      layout: {
        margin: { l: 50, r: 20, t: 28, b: 45 },
        bargap: 0.35,
        xaxis: {
          title: { text: "accuracy" },
          range,
          tickformat: zoom ? ".3f" : ".1f",
          nticks: $("bars").clientWidth / 70,
        },
        yaxis: {
          range: [-0.6, some.length - 0.4],
          showgrid: false,
          zeroline: false,
          tickvals: some.map((_record, i) => i),
          ticktext: some.map(({ contribution }) => short(contribution, narrow($("bars")) ? 14 : 32)),
        },
        ...marks("x", range),
      },
    };
  });

  const COSTS = {
    seconds: ["training time, s", "training time"],
    parameters: ["parameters", "parameters"],
    cpu_seconds: ["CPU time, s", "CPU time"],
    memory_mb: ["memory, MB", "memory"],
  };
  const costKey = () => (view.cost in COSTS ? view.cost : "seconds");
  const costed = () =>
    shownRecords().filter((record) => record.kind === "contribution" && record[costKey()] > 0);

  const drawCosts = chart($("costs"), () => {
    const key = costKey();
    const points = costed().sort((a, b) => a[key] - b[key] || b.accuracy - a.accuracy);
    const accuracies = points.map((record) => record.accuracy);
    const low = Math.min(...accuracies, Math.max(...published.map((record) => record.accuracy), 0.8));
    const high = Math.max(...accuracies, low);
    const pad = Math.max(0.1 * (high - low), 0.01);
    const range = [low - pad, high + pad];
    const labels = points.length <= 12 && !narrow($("costs"));
    const front = [];
    for (const record of points) {
      if (!front.length || record.accuracy > front.at(-1).accuracy) front.push(record);
    }
    const steps = front.map((record) => [record[key], record.accuracy]);
    if (steps.length) steps.push([points.at(-1)[key], front.at(-1).accuracy]);
    return {
      data: [
        {
          type: "scatter",
          mode: labels ? "markers+text" : "markers",
          x: points.map((record) => record[key]),
          y: points.map((record) => record.accuracy),
          text: points.map((record) => short(record.contribution, 32)),
          textposition: labels ? labelPlaces(points, key, range) : "top center",
          textfont: { size: 12, color: color("text") },
          cliponaxis: false,
          hovertemplate: "%{text}<br>%{y:.4f} at %{x:,.4~g}<extra></extra>",
          marker: { size: 11, color: color("series-1"), line: { width: 1, color: color("raised") } },
        },
        {
          type: "scatter",
          mode: "lines",
          x: steps.map(([cost]) => cost),
          y: steps.map(([, accuracy]) => accuracy),
          line: { shape: "hv", color: color("text"), width: 1.5, dash: "dot" },
          hoverinfo: "skip",
        },
      ],
      layout: {
        margin: { l: 60, r: 24, t: 24, b: 50 },
        xaxis: { type: "log", title: { text: COSTS[key][0] }, dtick: 1, range: logRange(points, key) },
        yaxis: {
          title: { text: "accuracy" },
          range,
          tickformat: ".2f",
          nticks: 7,
        },
        ...marks("y", range),
      },
    };
  });

  // Room on both sides for the labels.
  function logRange(points, key) {
    const logs = points.map((record) => Math.log10(record[key]));
    return logs.length ? [Math.min(...logs) - 0.6, Math.max(...logs) + 0.6] : [0, 1];
  }

  // Where each label covers the fewest points and labels; sizes in pixels are estimates.
  const PLACES = {
    "top center": [-0.5, -20],
    "bottom center": [-0.5, 6],
    "middle right": [0, -7],
    "middle left": [-1, -7],
  };
  function labelPlaces(points, key, [low, high]) {
    const [left, right] = logRange(points, key);
    const { clientWidth: width, clientHeight: height } = $("costs");
    const spots = points.map((record) => [
      ((Math.log10(record[key]) - left) / (right - left)) * (width - 90),
      ((high - record.accuracy) / (high - low)) * (height - 80),
    ]);
    const taken = spots.map(([x, y]) => [x - 7, y - 7, x + 7, y + 7]);
    return points.map((record, i) => {
      const length = 7 * record.contribution.length;
      const boxes = Object.entries(PLACES).map(([place, [shift, down]]) => {
        const x = spots[i][0] + shift * length + (shift === -0.5 ? 0 : shift < 0 ? -9 : 9);
        const y = spots[i][1] + down;
        const box = [x, y, x + length, y + 14];
        const clashes = taken.filter((other, j) => j !== i && overlap(box, other)).length;
        return { place, box, clashes };
      });
      const best = boxes.reduce((a, b) => (b.clashes < a.clashes ? b : a));
      taken.push(best.box);
      return best.place;
    });
  }

  const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

  function showCharts() {
    const contributions = shownRecords().filter((record) => record.kind === "contribution");
    const n = Math.min(contributions.length, board.bars);
    $("bars").style.setProperty("--height", `${Math.max(24, 7 + 1.9 * n)}rem`);
    $("bars-note").textContent =
      n < contributions.length ? `The first ${n} of ${contributions.length} rows of the table.` : "";
    const without = contributions.length - costed().length;
    const name = COSTS[costKey()][1];
    $("costs-note").textContent = without ? `${without} without a known ${name}.` : "";
    drawBars();
    drawCosts();
  }

  const SERIES = 6; // colours
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  function drawRobustness() {
    const { series } = board.robustness;
    const models = [...new Set(series.flatMap((one) => Object.keys(one.accuracy)))].sort();
    for (const [i, model] of models.entries())
      $("legend").append(element("li", { class: `series-${(i % SERIES) + 1}` }, model));
    for (const host of document.querySelectorAll("[data-series]")) {
      const { values, accuracy } = series[host.dataset.series];
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
          yaxis: { range: [0, 1.03], tickformat: ".1f", nticks: 6 },
        },
      }));
    }
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
      const caption = `${record.contribution}: test images by class and predicted class`;
      $(`confusion-${id}`).replaceChildren(confusion(record.confusion, board.classes, caption));
    }
  }

  function verdict(a, b) {
    const more = a.n_correct - b.n_correct;
    const text = more
      ? ` has ${Math.abs(more)} more of ${a.n} images correct than `
      : " has as many images correct as ";
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
    const head = ["class", "images", a.contribution, b.contribution, "difference"];
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
        bar(one, 1),
        bar(other, 2),
        element("td", { class: "number" }, signed(difference)),
      );
      body.append(line);
    });
    return element(
      "table",
      { class: "recalls" },
      element("caption", {}, "Recall: the share of each class' images that is predicted as it"),
      element("thead", {}, element("tr", {}, ...head.map((t, i) => heading(t, i > 0)))),
      body,
    );
  }

  const heading = (text, number) =>
    element("th", { scope: "col", class: number ? "number" : "text" }, text);
  const signed = (x) => (x === null ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(4));

  function bar(share, series) {
    const cell = element("td", { class: `number bar series-${series}` }, score(share));
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
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape") host.querySelector("[aria-expanded=true]")?.focus(); // as it closes
    });
    table.on("buttons-action", () => {
      const visible = columns.filter((_, i) => table.column(i).visible()).map((c) => c.title);
      if (visible.join(",") !== view.columns) choose({ columns: visible.join(","), page: view.page });
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
    showTable();
    showCharts();
    if (measured.length) showComparison();
  }

  function listen() {
    const charts = ["scale", "cost", "first", "second"];
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
  if (board.robustness.series) drawRobustness();
  listen();
  show();
  performance.mark("ready");
})();
