// Files that are dropped or chosen are sent one by one; the page itself is the server's.
(() => {
  "use strict";
  const EVERY = { files: true, folder: true };
  const ZSPY = /^(.*?\.zspy)\//i; // HyperSpy's folder of many small files, which are one picture

  // Files of a dropped folder, with the folders that they are in.
  async function within(entry, folder) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [[folder + file.name, file]];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      // A reader gives a hundred at a time.
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return found;
      for (const one of some) found.push(...(await within(one, `${folder}${entry.name}/`)));
    }
  }

  async function dropped(transfer) {
    // Both at once: a transfer is empty as soon as something has been waited for.
    const items = [...transfer.items].map((item) => [item.webkitGetAsEntry(), item.getAsFile()]);
    const found = [];
    for (const [entry, file] of items) {
      if (entry) found.push(...(await within(entry, "")));
      else if (file) found.push([file.name, file]);
    }
    return found;
  }

  async function send(all) {
    const folders = new Set(all.map(([name]) => ZSPY.exec(name)?.[1]).filter(Boolean));
    if (folders.size) {
      const names = [...folders].join(", ");
      complain(`${names}: not taken here; jarvis-stem predict reads it, or save it as .hspy`);
    }
    const files = all.filter(([name]) => !ZSPY.test(name));
    const page = document.getElementById("drop").dataset.page;
    const batch = Date.now().toString(36);
    const last = ([name]) => name.toLowerCase().endsWith(".emi"); // it wants its .ser beside it
    files.sort((one, two) => one[0].localeCompare(two[0], "en", { numeric: true }));
    files.sort((one, two) => last(one) - last(two));
    for (const [name, file] of files) {
      const headers = { "x-name": encodeURIComponent(name) };
      try {
        const options = { method: "PUT", headers, body: file };
        const answer = await fetch(`/files/${page}/${batch}`, options);
        if (!answer.ok) return complain(await answer.text());
      } catch {
        return complain(`${name}: not sent; is jarvis-stem app still running?`);
      }
    }
  }

  function complain(text) {
    document.querySelector("#drop .alert").textContent = text;
  }

  const isWanted = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.getElementById("drop")?.classList.toggle("over", on);

  document.addEventListener("dragover", (event) => {
    if (!isWanted(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  document.addEventListener("drop", async (event) => {
    if (!isWanted(event)) return;
    event.preventDefault();
    mark(false);
    await send(await dropped(event.dataTransfer));
  });
  document.addEventListener("click", (event) => {
    const opens = event.target.closest?.("[data-opens]");
    if (opens) document.getElementById(opens.dataset.opens).click();
  });
  document.addEventListener("change", async (event) => {
    const input = event.target;
    if (!EVERY[input.id]) return;
    const files = [...input.files].map((file) => [file.webkitRelativePath || file.name, file]);
    input.value = ""; // the same ones can be chosen again
    await send(files);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, .scroll");
    if (typing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const id = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
    if (id) document.getElementById(id)?.click();
  });
})();
