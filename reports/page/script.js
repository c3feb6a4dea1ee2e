"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const kinds = data.kinds.map(([name, mark, tone, severity, meaning]) => ({ name, mark, tone, severity, meaning }));
  const failures = data.failures.map(([id, engine, blame, op, graph, file]) => ({ id, engine, blame, op, graph, file }));
  const entries = data.entries.map(([engine, op, property, dtype, order, mode, kind, counts, worst, seconds, failed, failed_count, fails]) => ({
    engine, op, property, dtype: data.dtypes[dtype], order, mode: data.modes[mode], kind: kinds[kind],
    counts: pairs(counts), worst, seconds, failed, failed_count, fails: fails === 1,
  }));
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;

  function pairs(flat) {
    const found = [];
    for (let i = 0; i < flat.length; i += 2) found.push([kinds[flat[i]], flat[i + 1]]);
    return found.sort((a, b) => b[0].severity - a[0].severity);
  }

  /** An element with attributes and children; text is always set as text. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const number = (n) => n.toLocaleString("en");
  /** A number of units: four digits, an exponent where it is large or small. */
  function units(n) {
    if (typeof n !== "number") return n === null ? "–" : String(n);
    const size = Math.abs(n);
    return size && (size >= 1e5 || size < 1e-3) ? n.toExponential(3).replace("e+", "e") : String(Number(n.toPrecision(4)));
  }
  const opName = (op) => (data.ops[op] === "graph" ? "random graphs" : data.ops[op]);
  /** A dotted name that may break after a dot or an underscore. */
  const breakable = (name) => name.split(/(?<=[._])/).flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part]));
  const words = (name) => name.replaceAll("_", " ");

  // ---- theme
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = () => { byId("theme").textContent = isDark() ? "Light" : "Dark"; };
  byId("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  dark.addEventListener("change", nameTheme);
  nameTheme();

  // ---- cells: one for each engine, op and property
  const cells = new Map();
  for (const entry of entries) {
    const key = `${entry.engine}/${entry.op}/${entry.property}`;
    const cell = cells.get(key) || { key, engine: entry.engine, op: entry.op, property: entry.property, entries: [], kind: kinds[0], fails: false };
    cell.entries.push(entry);
    cell.fails = cell.fails || entry.fails;
    if (entry.kind.severity > cell.kind.severity) cell.kind = entry.kind;
    cells.set(key, cell);
  }
  // ops that pass alone may be to blame in random graphs
  const blamed = new Map(data.blamed.map(([engine, op, count, kind]) => [`${engine}/${op}`, { count, kind: kinds[kind] }]));
  function counted(cell) {
    const sum = new Map();
    for (const entry of cell.entries) for (const [kind, n] of entry.counts) sum.set(kind, (sum.get(kind) || 0) + n);
    return [...sum].sort((a, b) => b[0].severity - a[0].severity);
  }
  const mayFail = (kind) => kind.severity >= kinds.find((k) => k.name === "LOSSY").severity;
  const declared = (cell) => mayFail(cell.kind) && !cell.fails;

  // ---- matrix
  const table = byId("cells");
  let engine = 0;
  let chosen = null;

  function matches(cell, wanted) {
    if (wanted === "") return true;
    if (wanted === "*") return cell.kind.name !== "AGREE";
    if (wanted === "!") return cell.fails;
    return cell.entries.some((entry) => entry.counts.some(([kind]) => kind.name === wanted) || entry.kind.name === wanted);
  }

  const blameMatches = (guilt, wanted) => wanted === "*" || wanted === "!" || wanted === guilt.kind.name;
  const blameNote = ({ count, kind }) => make("span", { class: "blame bad-text", title: `${kind.name}; see random graphs and the failures below` }, `blamed in ${count ? `${number(count)} ` : ""}graph${count === 1 ? "" : "s"}`);

  function cellButton(cell, wanted) {
    const counts = counted(cell);
    const cases = counts.reduce((sum, [, n]) => sum + n, 0);
    const worst = (counts.find(([kind]) => kind === cell.kind) || [null, 0])[1];
    const told = `${opName(cell.op)}, ${words(data.properties[cell.property])}: ${cell.kind.name}${declared(cell) ? " (declared)" : ""}, ${number(worst)} of ${number(cases)} cases`;
    const label = worst === cases ? number(cases) : `${number(worst)}/${number(cases)}`;
    const button = make("button", { type: "button", class: `cell t-${cell.kind.tone}`, "aria-label": told, title: told, tabindex: "-1", "data-key": cell.key },
      make("span", { class: "sign" }, cell.kind.mark), make("span", { class: "count" }, label));
    if (declared(cell)) button.classList.add("declared");
    if (!matches(cell, wanted)) button.classList.add("dim");
    if (chosen === cell.key) button.setAttribute("aria-pressed", "true");
    return button;
  }

  function draw() {
    const text = byId("text").value.trim().toLowerCase();
    const wanted = byId("verdict").value;
    const properties = data.properties.map((_, i) => i).filter((p) => data.ops.some((_, op) => cells.has(`${engine}/${op}/${p}`)));
    const rows = [];
    for (let op = 0; op < data.ops.length; op++) {
      const mine = properties.map((p) => cells.get(`${engine}/${op}/${p}`));
      const present = mine.filter(Boolean);
      const guilt = blamed.get(`${engine}/${op}`);
      if (!present.length || !opName(op).toLowerCase().includes(text) || !(present.some((cell) => matches(cell, wanted)) || (guilt && blameMatches(guilt, wanted)))) continue;
      const severities = present.map((cell) => cell.kind.severity - (declared(cell) ? 6 : 0));
      rows.push({ op, mine, guilt, severity: Math.max(...severities, guilt ? guilt.kind.severity : 0) });
    }
    const graphFirst = (row) => (data.ops[row.op] === "graph" ? 0 : 1);
    const byName = (a, b) => data.ops[a.op].localeCompare(data.ops[b.op], "en");
    const byWorst = (a, b) => b.severity - a.severity || byName(a, b);
    rows.sort((a, b) => graphFirst(a) - graphFirst(b) || (byId("order").value === "worst" ? byWorst : byName)(a, b));
    const heads = properties.map((p) => make("th", { scope: "col" }, make("span", {}, words(data.properties[p]))));
    const body = make("tbody");
    for (const { op, mine, guilt } of rows) {
      const tds = mine.map((cell) => (cell ? make("td", {}, cellButton(cell, wanted)) : make("td", { class: "empty", title: "never drawn" }, make("span", { class: "hidden" }, "never drawn"))));
      body.append(make("tr", {}, make("th", { scope: "row" }, ...breakable(opName(op)), ...(guilt ? [" ", blameNote(guilt)] : [])), ...tds));
    }
    table.replaceChildren(make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "op"), ...heads)), body);
    const total = data.ops.filter((_, op) => properties.some((p) => cells.has(`${engine}/${op}/${p}`))).length;
    byId("shown").textContent = rows.length === total ? `${total} rows` : `${rows.length} of ${total} rows`;
    if (!rows.length) body.append(make("tr", {}, make("td", { class: "quiet", colspan: String(properties.length + 1) }, total ? "No op matches the filter." : "This engine has no entries.")));
    const first = table.querySelector('[aria-pressed="true"]') || table.querySelector(".cell");
    if (first) first.tabIndex = 0;
  }

  function tools() {
    const box = byId("engines");
    data.engines.forEach((name, i) => {
      const input = make("input", { type: "radio", name: "engine", value: String(i), id: `engine-${i}` });
      input.checked = i === 0;
      input.addEventListener("change", () => { engine = i; draw(); });
      box.append(input, make("label", { for: `engine-${i}` }, name));
    });
    box.hidden = data.engines.length < 2;
    const present = kinds.filter((kind) => entries.some((entry) => entry.kind === kind || entry.counts.some(([k]) => k === kind)));
    byId("verdict").append(make("option", { value: "" }, "all"), make("option", { value: "*" }, "worst is not AGREE"), make("option", { value: "!" }, "fails the run"),
      ...present.sort((a, b) => b.severity - a.severity).map((kind) => make("option", { value: kind.name }, kind.name)));
    byId("text").addEventListener("input", draw);
    for (const id of ["verdict", "order"]) byId(id).addEventListener("change", draw);
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
  }

  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const td = event.target.closest("td");
    if (!step || !td) return;
    event.preventDefault();
    let row = td.parentElement.rowIndex + step[0];
    let column = td.cellIndex + step[1];
    for (; table.rows[row] && table.rows[row].cells[column]; row += step[0], column += step[1]) {
      const next = table.rows[row].cells[column].querySelector(".cell");
      if (next) { focusCell(next); return; }
    }
  });
  function focusCell(button) {
    for (const other of table.querySelectorAll('.cell[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }
  table.addEventListener("click", (event) => {
    const button = event.target.closest(".cell");
    if (button) { focusCell(button); openCell(cells.get(button.dataset.key)); }
  });

  // ---- panel
  const panel = byId("panel");
  let opener = null;

  function openCell(cell) {
    opener = document.activeElement;
    chosen = cell.key;
    for (const other of table.querySelectorAll('[aria-pressed="true"]')) other.removeAttribute("aria-pressed");
    for (const mine of table.querySelectorAll(".cell")) if (mine.dataset.key === cell.key) mine.setAttribute("aria-pressed", "true");
    byId("panel-title").replaceChildren(opName(cell.op), make("span", { class: "quiet" }, ` · ${words(data.properties[cell.property])} · ${data.engines[cell.engine]}`));
    byId("panel-body").replaceChildren(countTable(cell), ...failureList(cell));
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
  }

  function countTable(cell) {
    const mark = (kind) => make("span", { class: `mark t-${kind.tone}`, title: kind.meaning }, kind.mark);
    const rows = cell.entries.map((entry) => make("tr", {},
      make("th", { scope: "row" }, entry.dtype), make("td", { class: "num" }, String(entry.order)), make("td", {}, entry.mode),
      make("td", { class: "counts" }, ...entry.counts.map(([kind, n]) => make("span", { class: "nowrap" }, mark(kind), ` ${number(n)} ${kind.name}`))),
      make("td", { class: "num" }, units(entry.worst)), make("td", { class: "num" }, `${entry.seconds} s`)));
    const heads = ["dtype", "order", "mode", "cases", "worst ÷ bound", "time"].map((name) => make("th", { scope: "col" }, name));
    return make("div", { class: "scroll" }, make("table", { class: "plain" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
  }

  function failureList(cell) {
    const own = [...new Set(cell.entries.flatMap((entry) => entry.failed))];
    const named = cell.entries.reduce((sum, entry) => sum + entry.failed_count, 0);
    const engineName = data.engines[cell.engine];
    const blamed = failures.map((_, i) => i).filter((i) => !own.includes(i) && failures[i].engine === engineName && failures[i].blame === data.ops[cell.op]);
    const parts = [make("h3", {}, named ? `Failures (${named})` : "No failures here")];
    parts.push(...own.map((i) => failureCopy(i, own.length === 1)));
    if (named > own.length) parts.push(make("p", { class: "quiet" }, `${named - own.length} more in the run record.`));
    if (blamed.length) parts.push(make("h3", {}, `Blamed from elsewhere (${blamed.length})`), ...blamed.map((i) => failureCopy(i, false)));
    return parts;
  }

  function failureCopy(i, open) {
    const original = byId(`failure-${i}`);
    const copy = original.cloneNode(true);
    copy.removeAttribute("id");
    copy.querySelector("header").remove();
    const title = make("summary", {}, original.querySelector(".badge").cloneNode(true), " ", original.querySelector("h3").firstChild.textContent, make("span", { class: "quiet" }, ` ${failures[i].id}`));
    const jump = make("a", { href: `#failure-${i}`, class: "jump" }, "Show it in the list of failures");
    jump.addEventListener("click", () => { close(false); setTimeout(() => original.focus(), 0); });
    const box = make("details", { class: "in-panel" }, title, copy, jump);
    box.open = open;
    return box;
  }

  function close(back = true) {
    panel.hidden = true;
    chosen = null;
    for (const other of table.querySelectorAll('[aria-pressed="true"]')) other.removeAttribute("aria-pressed");
    if (back && opener && opener.isConnected) opener.focus();
  }
  byId("close").addEventListener("click", () => close());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !panel.hidden) close(); });

  // ---- copy, download, links to cells
  function say(text) { byId("said").textContent = text; }

  async function copyText(button) {
    const text = button.dataset.copy;
    try { await navigator.clipboard.writeText(text); }
    catch {
      const area = make("textarea", { class: "hidden" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  }

  function download(graph, file) {
    const url = URL.createObjectURL(new Blob([graph], { type: "application/json" }));
    const link = make("a", { href: url, download: file });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    say("Graph saved");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".copy")) copyText(button);
    if (button.matches(".save")) {
      const { failure, dispute } = button.closest("[data-failure], [data-dispute]").dataset;
      if (failure) download(failures[Number(failure)].graph, failures[Number(failure)].file);
      else download(...data.disputed[Number(dispute)]);
    }
    if (button.matches(".link")) {
      const [e, op, p] = [data.engines.indexOf(button.dataset.engine), data.ops.indexOf(button.dataset.op), data.properties.indexOf(button.dataset.property)];
      const cell = cells.get(`${e}/${op}/${p}`);
      if (cell) openCell(cell);
    }
  });

  tools();
  draw();
})();
