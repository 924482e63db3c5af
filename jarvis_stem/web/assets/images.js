// The image browser: filters, orders and pages through a board's test images. The form and the page
// number are the state; the address's fragment keeps it, so that a view can be shared.
(() => {
  "use strict";
  const PER_PAGE = 48;
  const FIRST = "0".charCodeAt(0);
  const LONG = 30; // characters of an id that a tile has room for
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const tiles = document.getElementById("tiles");
  const template = document.getElementById("tile").content;
  const detail = document.getElementById("detail");
  const truth = positions(data.truth);
  const models = data.models.map((model) => ({ ...model, predicted: positions(model.predicted) }));
  const nCorrect = truth.map((position, n) => models.filter((m) => m.predicted[n] === position).length);
  const byName = new Map(models.map((model) => [model.name, model]));
  let matches = [];
  let page = 1;
  let opened = -1; // position of the image in the dialog
  let details = null; // what dialogs show beside, once its file is there
  let written = ""; // the fragment as this page wrote it last

  function positions(text) {
    return Array.from(text, (character) => character.charCodeAt(0) - FIRST);
  }

  function chosen() {
    return byName.get(form.elements.model.value);
  }

  // Of the predicted class, per mille.
  function confidence(model, n) {
    return model.certain?.[n] ?? 0;
  }

  // State

  function readFragment() {
    const state = new URLSearchParams(location.hash.slice(1));
    form.reset();
    for (const field of form.elements) {
      const value = state.get(field.name);
      const known = field.options ? Array.from(field.options, (o) => o.value) : [value];
      if (field.name && value !== null && known.includes(value)) field.value = value;
    }
    page = Number.parseInt(state.get("page"), 10) || 1;
    filter();
    const n = data.ids.indexOf(state.get("id"));
    if (n >= 0) open(n);
    else if (detail.open) detail.close();
  }

  function writeFragment() {
    const state = new URLSearchParams();
    for (const field of form.elements) {
      const initial = field.options ? field.options[0].value : "";
      if (field.name && field.value !== initial) state.set(field.name, field.value);
    }
    if (page > 1) state.set("page", page);
    if (opened >= 0) state.set("id", data.ids[opened]);
    written = state.size ? `#${state}` : "#";
    history.replaceState(history.state, "", written);
  }

  // Tiles

  function filter() {
    const model = chosen();
    const { class: wantedClass, correct, verdict, predicted, q, sort } = Object.fromEntries(new FormData(form));
    const wanted = q.trim().toLowerCase();
    matches = truth.map((_, n) => n).filter(
      (n) =>
        (wantedClass === "" || data.classes[truth[n]] === wantedClass) &&
        (correct === "" || nCorrect[n] === Number(correct)) &&
        (verdict === "" || (model.predicted[n] === truth[n]) === (verdict === "correct")) &&
        (predicted === "" || data.classes[model.predicted[n]] === predicted) &&
        data.ids[n].toLowerCase().includes(wanted)
    );
    const orders = {
      hardest: (a, b) => nCorrect[a] - nCorrect[b],
      easiest: (a, b) => nCorrect[b] - nCorrect[a],
      confident: (a, b) => confidence(model, b) - confidence(model, a),
      doubtful: (a, b) => confidence(model, a) - confidence(model, b),
      benchmark: (a, b) => a - b,
    };
    matches.sort(orders[sort]);
    show();
  }

  function nPages() {
    return Math.max(1, Math.ceil(matches.length / PER_PAGE));
  }

  function show() {
    page = Math.min(Math.max(1, page), nPages());
    const first = (page - 1) * PER_PAGE;
    tiles.replaceChildren(...matches.slice(first, first + PER_PAGE).map(tile));
    document.getElementById("matches").textContent =
      `${matches.length} of ${data.ids.length} images; page ${page} of ${nPages()}`;
    for (const label of document.querySelectorAll(".page")) {
      label.textContent = `${page} / ${nPages()}`;
    }
    for (const button of document.querySelectorAll("[data-go]")) {
      const back = ["first", "previous"].includes(button.dataset.go);
      // A button that is disabled loses the focus of who presses it.
      button.setAttribute("aria-disabled", back ? page === 1 : page === nPages());
    }
    writeFragment();
  }

  function tile(n) {
    const item = template.cloneNode(true).firstElementChild;
    const button = item.firstElementChild;
    const model = chosen();
    const predicted = model.predicted[n];
    const certain = model.certain?.[n];
    button.dataset.n = n;
    item.querySelector("img").src = thumbnail(n);
    item.querySelector("bdi").textContent = data.ids[n];
    if (data.ids[n].length > LONG) button.title = data.ids[n];
    item.querySelector(".truth").textContent = data.classes[truth[n]];
    const error = item.querySelector(".error");
    if (predicted === truth[n]) error.remove();
    else error.textContent = `taken for ${data.classes[predicted]}`;
    if (certain !== undefined) {
      item.querySelector(".certain").textContent = `p = ${decimal(certain)}`;
    }
    item.querySelector(".count").textContent = `${nCorrect[n]} of ${models.length} correct`;
    return item;
  }

  function thumbnail(n) {
    return `${tiles.dataset.folder}${String(n).padStart(5, "0")}.webp`;
  }

  function decimal(perMille) {
    return (perMille / 1000).toFixed(3);
  }

  function turn(to) {
    const target = { first: 1, previous: page - 1, next: page + 1, last: nPages() }[to];
    if (target < 1 || target > nPages() || target === page) return;
    page = target;
    show();
    if (tiles.getBoundingClientRect().top < 0) tiles.scrollIntoView({ block: "start" });
  }

  // Dialog

  // Its data comes with the first one: most readers look at the tiles alone.
  const script = document.currentScript;
  let asked = false;
  function loadDetails() {
    if (asked) return;
    asked = true;
    const file = document.createElement("script");
    file.src = script.dataset.details;
    file.addEventListener("load", () => {
      details = window.stem_details;
      if (opened >= 0) fill();
    });
    document.head.append(file);
  }

  const LATTICES = 3; // of each image
  const UNITS = [1e4, 1e4, 1e3]; // in an Å, an Å, a degree
  const DIGITS = [4, 4, 3];

  // What is in the file of details; nothing before it is there.
  function fill() {
    document.getElementById("detail-formula").replaceChildren(...formula(details?.formulas[opened] ?? "…"));
    const { rows } = document.getElementById("detail-lattices");
    for (const [i, row] of [...rows].entries()) {
      for (const [j, cell] of [...row.cells].slice(1).entries()) {
        const value = details?.lattices[(opened * LATTICES + i) * UNITS.length + j];
        cell.textContent = details ? (value === null ? "–" : (value / UNITS[j]).toFixed(DIGITS[j])) : "…";
      }
    }
    models.forEach(answer);
  }

  // Numbers of atoms are set low.
  function formula(text) {
    return text.split(/(\d+)/).map((part) => {
      if (!/^\d/.test(part)) return part;
      const low = document.createElement("sub");
      low.textContent = part;
      return low;
    });
  }

  function open(n) {
    opened = n;
    detail.querySelector("#detail-id bdi").textContent = data.ids[n];
    const image = detail.querySelector("img");
    image.src = thumbnail(n);
    image.alt = `STEM image of ${data.ids[n]}`;
    detail.querySelector("#detail-truth").textContent = data.classes[truth[n]];
    detail.querySelector("#detail-correct").textContent = `${nCorrect[n]} of ${models.length}`;
    const jarvis = detail.querySelector("#detail-jarvis");
    const material = /^(JVASP-\d+)(\.jpg)?$/.exec(data.ids[n]);
    jarvis.hidden = !material;
    if (material) {
      jarvis.href = `https://www.ctcms.nist.gov/~knc6/static/JARVIS-DFT/${material[1]}.xml`;
    }
    fill();
    loadDetails();
    for (const button of detail.querySelectorAll("[data-step]")) {
      const next = matches.indexOf(n) + Number(button.dataset.step);
      button.setAttribute("aria-disabled", !(next in matches));
    }
    if (!detail.open) detail.showModal();
    writeFragment();
  }

  function answer(model, row) {
    const [, prediction, ...cells] = document.getElementById("detail-answers").rows[row].cells;
    const correct = model.predicted[opened] === truth[opened];
    prediction.textContent = `${correct ? "correct" : "wrong"}: ${data.classes[model.predicted[opened]]}`;
    prediction.className = correct ? "is-correct" : "is-wrong";
    cells.forEach((cell, position) => {
      const perMille = details?.per_mille[row]?.[opened * data.classes.length + position];
      cell.textContent = perMille === undefined ? (model.certain && !details ? "…" : "–") : decimal(perMille);
      cell.classList.toggle("strong", perMille >= 500);
    });
  }

  function step(by) {
    const next = matches.indexOf(opened) + by;
    if (!(next in matches)) return;
    page = Math.floor(next / PER_PAGE) + 1;
    show();
    open(matches[next]);
  }

  // Events

  form.addEventListener("input", () => {
    page = 1;
    filter();
  });
  document.getElementById("clear").addEventListener("click", () => {
    form.reset();
    page = 1;
    filter();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  tiles.addEventListener("click", (event) => {
    const button = event.target.closest(".tile");
    if (button) open(Number(button.dataset.n));
  });
  detail.addEventListener("close", () => {
    const last = tiles.querySelector(`[data-n="${opened}"]`);
    opened = -1;
    writeFragment();
    last?.focus();
  });
  document.addEventListener("click", (event) => {
    const { go, step: by, close } = event.target.dataset;
    if (go) turn(go);
    else if (by) step(Number(by));
    else if (close !== undefined) detail.close();
  });
  document.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest("input, select, .scroll")) return;
    event.preventDefault();
    if (detail.open) step(by);
    else turn(by < 0 ? "previous" : "next");
  });
  window.addEventListener("hashchange", () => {
    if (location.hash !== written && !(written === "#" && location.hash === "")) readFragment();
  });
  readFragment();
})();
