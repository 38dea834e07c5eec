"use strict";
(() => {
  const form = document.getElementById("filter");
  const get = (id) => document.getElementById(id);
  // What can be filtered is gathered when the first filter is used: large pages open sooner.
  let gathered = null;
  const articles = () => (gathered ??= [...document.querySelectorAll(".scenario")].map((el) => ({
    el,
    head: el.querySelector("h3").textContent + " " + el.querySelector(".meta").textContent,
    cases: [...el.querySelectorAll(".case")].map((c) => ({
      el: c,
      kernel: c.dataset.kernel,
      labels: c.dataset.labels.split(" "),
      checks: [...c.querySelectorAll("[data-v]")].map((k) => ({ el: k, verdict: k.dataset.v })),
    })),
  })));
  const text = (o, s) => (o.text ??= s().toLowerCase());

  function apply() {
    const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((i) => i.value));
    const words = get("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [label, kernel, claim] = ["f-label", "f-kernel", "f-claim"].map((id) => get(id).value);
    let shown = 0;
    let all = 0;
    for (const a of articles()) {
      let some = false;
      for (const c of a.cases) {
        const fits = (!label || c.labels.includes(label)) && (!kernel || c.kernel === kernel);
        const around = words.length ? text(c, () => a.head + " " + c.el.firstElementChild.textContent) : "";
        let any = false;
        for (const k of c.checks) {
          const ok = fits && verdicts.has(k.verdict) && (!claim || k.el.querySelector(`[href="#${claim}"]`) !== null) &&
            words.every((w) => around.includes(w) || text(k, () => k.el.textContent).includes(w));
          if (k.el.hidden === ok) k.el.hidden = !ok;
          any ||= ok;
          all++;
          if (ok) shown++;
        }
        if (c.el.hidden === any) c.el.hidden = !any;
        some ||= any;
      }
      if (a.el.hidden === some) a.el.hidden = !some;
    }
    get("f-count").textContent = shown === all ? `${all} checks` : `${shown} of ${all} checks`;
  }

  // A link may lead into something that is folded or filtered away.
  function reveal() {
    let el = null;
    try {
      el = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    if (!el) return;
    const target = el;
    if (el.closest("[hidden]")) {
      form.reset();
      apply();
    }
    for (; el; el = el.parentElement) if (el.localName === "details") el.open = true;
    target.scrollIntoView();
  }

  // The diagrams and the evidence of checks that passed may be packed: they are unpacked
  // when the first is asked for.
  let packed = null;
  async function unpack() {
    const bytes = Uint8Array.from(atob(get("ways").dataset.z), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return (await new Response(stream).text()).split("\0");
  }
  async function unfold(way) {
    const at = way.closest("[data-v]").dataset;
    if (way.dataset.done) return;
    way.dataset.done = "1";
    way.insertAdjacentHTML("beforeend", (await (packed ??= unpack()))[(at.w ?? at.e) - 1]);
  }
  // What is packed gets a place when its case is unfolded.
  function offer(c) {
    for (const check of c.querySelectorAll("[data-w],[data-e]")) {
      if (check.querySelector(".way")) continue;
      const row = check.insertRow();
      row.className = "ev";
      row.innerHTML = '<td colspan="4"><details class="way"><summary></summary></details></td>';
      row.querySelector("summary").textContent = check.dataset.w ? "The frames’ way" : "Evidence";
    }
  }
  if ("DecompressionStream" in window) {
    for (const c of document.querySelectorAll(".case[open]")) offer(c);
  }
  document.addEventListener("toggle", (e) => {
    const d = e.target;
    if (!(d instanceof HTMLDetailsElement) || !d.open) return;
    if (d.matches(".case") && "DecompressionStream" in window) offer(d);
    else if (d.matches(".way")) unfold(d);
    else for (const pre of d.querySelectorAll(".heatmap pre")) pre.replaceWith(tabulated(pre.textContent));
  }, true);

  // A cell of a matrix says in words what it shows.
  const said = {
    g: "got it, as expected", n: "did not get it, as expected", m: "did not get it, though that was expected",
    x: "got it, though that was not expected", u: "is not known", "": "was sent none",
  };
  const kinds = ["", "g", "n", "m", "x", "u"];
  const colours = { "63,163,138": 1, "212,69,18": 3, "123,47,168": 4, "232,185,46": 5 };
  // A matrix that stands in the page as text becomes a table: columns end with tabs.
  function tabulated(text) {
    const lines = text.split("\n").map((line) => line.split("\t"));
    const names = lines.map((line) => line.at(-1).replace(/^\d+ /, ""));
    const table = document.createElement("table");
    table.className = "heat";
    table.tabIndex = 0;
    const heading = (row, scope, content) => {
      const th = row.appendChild(document.createElement("th"));
      th.scope = scope;
      th.append(content);
      return th;
    };
    const head = table.createTHead().insertRow();
    head.insertCell();
    lines[0].slice(0, -1).forEach((n, i) => { heading(head, "col", n).title = names[i + 1]; });
    const body = table.createTBody();
    for (const line of lines.slice(1)) {
      const row = body.insertRow();
      const name = document.createElement("bdi");
      name.textContent = names[body.rows.length];
      heading(row, "row", name).append(` ${body.rows.length}`);
      for (const sign of line.slice(0, -1)) {
        const cell = row.insertCell();
        if (sign === "·") continue;
        cell.className = { "+": "g", "−": "n" }[sign] ?? "u";
        cell.textContent = sign;
      }
    }
    return table;
  }
  class Heat {
    constructor(el) {
      this.el = el;
      this.out = el.querySelector("output");
      this.table = el.querySelector("table");
      this.img = el.querySelector("img");
      this.row = this.column = 0;
      if (this.table) {
        const rows = [...this.table.tBodies[0].rows];
        this.rows = rows.length;
        this.columns = rows.length ? rows[0].cells.length - 1 : 0;
        this.from = rows.map((r) => r.cells[0].querySelector("bdi").textContent);
        this.to = [...this.table.tHead.rows[0].cells].slice(1).map((h) => h.title);
      } else {
        this.rows = this.img.naturalHeight;
        this.columns = this.img.naturalWidth;
        this.from = el.dataset.from.split("\n");
        this.to = el.dataset.to ? el.dataset.to.split("\n") : this.from;
        const canvas = new OffscreenCanvas(this.columns, this.rows);
        this.pixels = canvas.getContext("2d", { willReadFrequently: true });
        this.pixels.drawImage(this.img, 0, 0);
        this.lens = document.createElement("canvas");
        this.lens.width = this.lens.height = 231;
        this.out.before(this.lens);
      }
    }
    kind() {
      if (this.table) return this.cell().className.replace("at", "").trim();
      const [r, g, b, a] = this.pixels.getImageData(this.column, this.row, 1, 1).data;
      return kinds[a === 0 ? 0 : a < 255 ? 2 : colours[`${r},${g},${b}`] ?? 5];
    }
    cell() { return this.table.tBodies[0].rows[this.row].cells[this.column + 1]; }
    show(row, column) {
      if (!this.rows || !this.columns) return;
      this.table?.querySelector(".at")?.classList.remove("at");
      this.row = Math.max(0, Math.min(this.rows - 1, row));
      this.column = Math.max(0, Math.min(this.columns - 1, column));
      const name = (all, i) => all[i] || `number ${i + 1}`;
      this.out.textContent = `${name(this.to, this.column)} ${said[this.kind()]}, from ${name(this.from, this.row)}`;
      if (this.table) this.cell().classList.add("at");
      else this.magnify();
    }
    magnify() {
      const c = this.lens.getContext("2d");
      c.imageSmoothingEnabled = false;
      c.clearRect(0, 0, 231, 231);
      c.drawImage(this.pixels.canvas, this.column - 10, this.row - 10, 21, 21, 0, 0, 231, 231);
      c.strokeStyle = getComputedStyle(this.el).color;
      c.lineWidth = 2;
      c.strokeRect(110, 110, 11, 11);
    }
    point(e) {
      if (this.img) {
        const box = this.img.getBoundingClientRect();
        this.show(Math.floor(((e.clientY - box.top) / box.height) * this.rows), Math.floor(((e.clientX - box.left) / box.width) * this.columns));
        return;
      }
      const cell = e.target.closest("tbody td");
      if (cell) this.show(cell.parentElement.sectionRowIndex, cell.cellIndex - 1);
    }
    move(key) {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
      if (step) this.show(this.row + step[0], this.column + step[1]);
      return Boolean(step);
    }
  }
  const heats = new Map();
  function heatOf(e) {
    const thing = e.target instanceof Element && e.target.closest(".heat,.heatmap img");
    if (!thing) return null;
    const el = thing.closest(".heatmap");
    if (!heats.has(el)) heats.set(el, new Heat(el));
    return heats.get(el);
  }
  document.addEventListener("click", (e) => heatOf(e)?.point(e));
  document.addEventListener("keydown", (e) => {
    if (heatOf(e)?.move(e.key)) e.preventDefault();
  });

  const fold = (open) => {
    for (const a of articles()) for (const c of a.cases) if (!c.el.hidden) c.el.open = open;
  };
  form.reset(); // browsers remember what was chosen before
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => queueMicrotask(apply));
  form.addEventListener("submit", (e) => e.preventDefault());
  get("f-open").addEventListener("click", () => fold(true));
  get("f-close").addEventListener("click", () => fold(false));
  window.addEventListener("hashchange", reveal);
  form.hidden = false;
  if (location.hash) reveal();
})();
