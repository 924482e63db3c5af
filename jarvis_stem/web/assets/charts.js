// What the pages' scripts share: embedded data, charts, confusion matrices.
"use strict";
window.stem = (() => {
  const plotlyScript = new URL("plotly.min.js", document.currentScript.src).href;
  let loading = null;

  // The data that the page carries in a script element of JSON.
  function data(id) {
    return JSON.parse(document.getElementById(id).textContent);
  }

  // A new element with attributes and children; text stays text.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  // Text for what would obey the tags in it: Plotly's labels, DataTables' search.
  function plain(text) {
    return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  }

  // A name that a narrow column breaks after its underscores and nowhere within a word.
  function breakable(name) {
    const parts = new DocumentFragment();
    name.split("_").forEach((word, i) => {
      if (i) parts.append("_", element("wbr"));
      parts.append(word);
    });
    return parts;
  }

  // The theme's colours by the names of site.css: color("series-1").
  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  // Plotly takes a while to start, so it is loaded when the first chart is about to be seen.
  function loadPlotly() {
    loading ??= new Promise((resolve, reject) => {
      const script = element("script", { src: plotlyScript });
      script.addEventListener("load", () => resolve(window.Plotly));
      script.addEventListener("error", () => reject(new Error("plotly.min.js is missing")));
      document.head.append(script);
    });
    return loading;
  }

  function layoutOf(own) {
    const axis = (given = {}) => ({
      gridcolor: color("line"),
      linecolor: color("line-strong"),
      zerolinecolor: color("line-strong"),
      automargin: true,
      fixedrange: true,
      ...given,
    });
    const layout = {
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: color("muted") },
      hoverlabel: {
        bgcolor: color("raised"),
        bordercolor: color("line-strong"),
        font: { color: color("text") },
      },
      margin: { l: 50, r: 20, t: 20, b: 45 },
      showlegend: false,
      dragmode: false,
      ...own,
    };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(name)) layout[name] = axis(layout[name]);
    }
    return { xaxis: axis(), yaxis: axis(), ...layout };
  }

  // What is printed was perhaps never scrolled to, and a page does not wait as it is printed: Plotly
  // is there before, once the browser has nothing else to do.
  addEventListener("load", () => {
    if (document.querySelector(".chart")) window.requestIdleCallback?.(loadPlotly);
  });

  // Draws a chart into an element of fixed height when it comes near the viewport, and anew in
  // another theme. `figure` returns Plotly's {data, layout}. Returns a function that draws anew.
  function chart(host, figure) {
    let seen = false;
    async function draw() {
      if (!seen) return;
      const Plotly = await loadPlotly();
      const { data: traces, layout } = figure();
      await Plotly.react(host, traces, layoutOf(layout), {
        responsive: true,
        displayModeBar: false,
      });
      host.dataset.drawn = "true";
    }
    new IntersectionObserver(
      (entries, observer) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen = true;
        observer.disconnect();
        draw();
      },
      { rootMargin: "300px" },
    ).observe(host);
    document.addEventListener("themechange", draw);
    addEventListener("beforeprint", () => {
      seen = true;
      draw();
    });
    return draw;
  }

  // A confusion matrix as a table: counts[class][predicted class], each row coloured by its shares.
  function confusion(counts, classes, caption) {
    const head = element("tr", {}, element("th", { scope: "col" }, "class"));
    for (const name of classes) head.append(element("th", { scope: "col", class: "number" }, name));
    const body = element("tbody");
    counts.forEach((row, i) => {
      const total = row.reduce((sum, n) => sum + n, 0);
      const line = element("tr", {}, element("th", { scope: "row" }, classes[i]));
      row.forEach((n, j) => {
        const cell = element("td", { class: `number ${i === j ? "hit" : "miss"}` }, String(n));
        cell.style.setProperty("--share", total ? n / total : 0);
        line.append(cell);
      });
      body.append(line);
    });
    return element(
      "table",
      { class: "confusion" },
      element("caption", {}, caption),
      element("thead", {}, head),
      body,
    );
  }

  return { data, element, plain, breakable, color, chart, confusion };
})();
