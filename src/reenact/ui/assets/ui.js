"use strict";
const $ = id => document.getElementById(id);
const ROW = 30, PAGE = 100, PAUSE = 2000;
const FIXED = [
  {key: "", title: "", width: "34px"},
  {key: "id", title: "run", width: "190px"},
  {key: "name", title: "name", width: "130px"},
  {key: "status", title: "status", width: "118px"},
  {key: "started", title: "started", width: "96px"},
  {key: "duration", title: "took", width: "72px", number: true},
  {key: "verdict", title: "verdict", width: "118px", unsorted: true},
  {key: "tags", title: "tags", width: "100px", unsorted: true},
];
const MARKS = {finished: "✓", failed: "✗", interrupted: "◌", running: "●", unreadable: "?", missing: "?", identical: "✓", equivalent: "≈", diverged: "✗", "not-replayable": "?"};

function make(name, set = {}, ...children) {
  const {role, label, ...rest} = set, made = Object.assign(document.createElement(name), rest);
  if (role) made.setAttribute("role", role);
  if (label) made.setAttribute("aria-label", label);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

async function ask(path, query = {}, options = {}) {
  const told = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value != null && value !== false));
  let answer;
  try { answer = await fetch(`/api/${path}?${told}`, options); }
  catch (error) { if (error.name === "AbortError") throw error; throw new Error("reenact ui does not answer: was it ended?"); }
  if (answer.status === 403 && answer.headers.get("Content-Type").startsWith("text/plain")) throw new Error(await answer.text());
  const data = await answer.json();
  if (!answer.ok) throw new Error([data.error, data.valid && `valid: ${data.valid}`, data.fix].filter(Boolean).join("; "));
  return data;
}

function age(started) {
  const s = (Date.now() - Date.parse(started)) / 1000;
  for (const [limit, unit, name] of [[60, 1, "s"], [3600, 60, "m"], [86400, 3600, "h"], [1209600, 86400, "d"], [31536000, 604800, "w"]])
    if (s < limit) return name === "s" ? "just now" : `${Math.floor(s / unit)}${name} ago`;
  return Number.isNaN(s) ? "?" : `${Math.floor(s / 31536000)}y ago`;
}

function took(s) {
  if (s == null) return "";
  if (s < 60) return `${s < 9.95 ? s.toFixed(1) : Math.round(s)}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(Math.floor(s % 60)).padStart(2, "0")}s`;
  return `${Math.floor(s / 3600)}h${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}m`;
}

function value(found) {
  if (found == null) return "";
  if (typeof found === "number") return short(found);
  return typeof found === "string" ? found : JSON.stringify(found);
}

const badge = word => make("span", {className: `badge ${word}`, textContent: `${MARKS[word] || ""} ${word}`.trim()});

// ---- the list -------------------------------------------------------------------------------------------------------

const list = {
  where: "", sort: "", group: "", columns: "", all: false, total: 0, shown: [], pages: new Map(), asked: new Map(), round: 0, chosen: new Set(), drawn: new Map(),

  query() { return {where: this.where, sort: this.sort, columns: this.keys().join("\n"), all: this.all && "1"}; },
  keys() { return this.columns.split(",").map(word => word.trim()).filter(Boolean); },

  // Everything anew: another filter, order, or other columns.
  async load() {
    this.round += 1;
    this.asked.clear();
    const round = this.round;
    $("groups").hidden = !this.group;
    $("table").hidden = !!this.group;
    try {
      if (this.group) return await this.loadGroups(round);
      const found = await ask("runs", {...this.query(), offset: 0, limit: PAGE});
      if (round !== this.round) return;
      this.pages.clear();
      this.pages.set(0, found.rows);
      this.shown = found.columns;
      this.settle(found);
      $("table").scrollTop = 0;
      this.head();
      this.draw();
    } catch (error) { if (round === this.round) this.fail(error); }
  },

  settle(found) {
    $("problem").hidden = true;
    this.version = found.version;
    this.total = found.total;
    $("total").textContent = `${found.total.toLocaleString("en")} ${found.total === 1 ? "run" : "runs"}`;
    $("space").style.height = `${found.total * ROW}px`;
  },

  fail(error) { $("problem").textContent = error.message; $("problem").hidden = false; },

  head() {
    const columns = [...FIXED.map(one => one.width), ...this.shown.map(one => one.kind === "metric" ? "100px" : "110px"), "minmax(200px, 1fr)"];
    $("table").style.setProperty("--columns", columns.join(" "));
    const by = this.sort.replace(/^-/, "");
    const cell = (key, title, numeric, fixed) => {
      if (!key || fixed) return make("span", {role: "columnheader", textContent: title});
      const sorted = by === key, button = make("button", {type: "button", role: "columnheader", title: `sort by ${title}`, className: numeric ? "n" : ""});
      button.textContent = title + (sorted ? this.sort.startsWith("-") ? " ↓" : " ↑" : "");
      if (sorted) button.setAttribute("aria-sort", this.sort.startsWith("-") ? "descending" : "ascending");
      button.onclick = () => { this.sort = !sorted ? key : this.sort.startsWith("-") ? "" : `-${key}`; remember(); };
      return button;
    };
    $("head").replaceChildren(
      ...FIXED.map(one => cell(one.key, one.title, one.number, one.unsorted)),
      ...this.shown.map(one => cell(one.key, one.key, true)), make("span", {textContent: ""}));
  },

  draw() {
    const top = $("table").scrollTop, high = $("table").clientHeight;
    const first = Math.max(0, Math.floor(top / ROW) - 8), last = Math.min(this.total, Math.ceil((top + high) / ROW) + 8), rows = [], drawn = new Map();
    for (let at = first; at < last; at++) {
      const page = Math.floor(at / PAGE), found = this.pages.get(page)?.[at % PAGE];
      // A row that is as it was stays the same element: the focus, a click, a text that is being marked.
      const key = found ? JSON.stringify([found, this.chosen.has(found.id), age(found.started), this.shown.length]) : `waiting ${at}`;
      const row = this.drawn.get(key) ?? (found ? this.row(found) : make("div", {className: "row waiting"}, make("span"), make("span", {textContent: "…"})));
      drawn.set(key, row);
      rows.push(row);
      if (!found && !this.pages.has(page)) this.fetch(page);
    }
    $("rows").style.transform = `translateY(${first * ROW}px)`;
    this.drawn = drawn;
    $("nothing").hidden = this.total > 0;
    const now = $("rows").children;
    if (now.length !== rows.length || rows.some((row, at) => now[at] !== row)) $("rows").replaceChildren(...rows);
  },

  // Scrolled past: only what is still in sight after a moment is asked for.
  fetch(page) {
    if (this.asked.has(page)) return;
    this.asked.set(page, null);
    const round = this.round;
    setTimeout(async () => {
      const top = $("table").scrollTop / ROW, seen = page * PAGE < top + $("table").clientHeight / ROW + PAGE && (page + 1) * PAGE > top - PAGE;
      if (round !== this.round || !seen) { this.asked.delete(page); return; }
      try { await this.take(page, round); } catch (error) { this.fail(error); }
      this.asked.delete(page);
    }, 60);
  },

  async take(page, round) {
    const found = await ask("runs", {...this.query(), columns: this.shown.map(one => one.key).join("\n"), offset: page * PAGE, limit: PAGE});
    if (round !== this.round) return;
    this.pages.set(page, found.rows);
    if (this.pages.size > 60) this.pages.delete(this.pages.keys().next().value);
    this.settle(found);
    this.draw();
  },

  row(run) {
    const tick = make("input", {type: "checkbox", checked: this.chosen.has(run.id), label: `choose ${run.name || run.id}`});
    tick.onclick = event => { event.stopPropagation(); this.choose(run.id, tick.checked); };
    const id = make("a", {href: `#/run/${run.id}`, textContent: run.id});
    const status = badge(run.status);
    if (run.exit_code) status.append(` (${run.exit_code})`);
    const tags = make("span", {title: run.tags.join(", ")}, ...run.tags.map(tag => make("span", {className: "tag", textContent: tag})));
    const cells = [
      make("span", {}, tick), make("span", {}, id), make("span", {textContent: run.name || "", title: run.name || ""}), make("span", {}, status),
      make("span", {textContent: age(run.started), title: run.started}), make("span", {className: "n", textContent: took(run.duration)}),
      make("span", {}, run.verdict ? badge(run.verdict) : run.gaps ? make("span", {className: "badge gaps", textContent: "! gaps"}) : null), tags,
      ...run.values.map(one => make("span", {className: typeof one === "number" ? "n" : "", textContent: value(one), title: value(one)})),
      make("span", {className: "dim", textContent: run.note || run.command, title: run.note || run.command}),
    ];
    for (const cell of cells) cell.setAttribute("role", "cell");
    const made = make("div", {className: "row" + (this.chosen.has(run.id) ? " chosen" : ""), role: "row"}, ...cells);
    made.onclick = event => { if (event.target.tagName !== "A") location.hash = `#/run/${run.id}`; };
    return made;
  },

  choose(id, yes) {
    if (yes) this.chosen.add(id); else this.chosen.delete(id);
    const many = this.chosen.size;
    $("compare").disabled = many < 1;
    $("compare").textContent = many ? `compare ${many}` : "compare";
    $("clear").hidden = !many;
    this.draw();
  },

  async loadGroups(round) {
    const found = await ask("groups", {where: this.where, key: this.group, metrics: this.keys().join("\n"), all: this.all && "1"});
    if (round !== this.round) return;
    $("problem").hidden = true;
    $("total").textContent = `${found.length.toLocaleString("en")} ${found.length === 1 ? "group" : "groups"}`;
    const metrics = [...new Set(found.flatMap(group => Object.keys(group.metrics)))];
    const head = make("tr", {}, ...[this.group, "runs", ...metrics.flatMap(name => [name, "best"])].map(text => make("th", {textContent: text})));
    const rows = found.map(group => {
      const open = make("a", {href: "#", textContent: group.value === null ? "(none)" : value(group.value)});
      open.onclick = event => { event.preventDefault(); location.hash = `#/compare/${group.runs.slice(0, 50).join(",")}`; };
      const cells = metrics.flatMap(name => {
        const stat = group.metrics[name];
        const best = make("td", {className: "n"}, stat.best_run ? make("a", {href: `#/run/${stat.best_run}`, textContent: value(stat.best)}) : "");
        return [make("td", {className: "n", textContent: stat.mean == null ? "–" : `${value(stat.mean)}${stat.std == null ? "" : ` ± ${Number(stat.std).toPrecision(2)}`}${stat.count < group.count ? ` (${stat.count} of ${group.count})` : ""}`}), best];
      });
      return make("tr", {}, make("td", {}, open), make("td", {className: "n", textContent: group.count}), ...cells);
    });
    $("groups").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  },

  // What came or changed meanwhile: the pages in sight again.
  async again() {
    const {version} = await ask("version");
    if (version === this.version) { this.draw(); return; }
    if (this.group) { this.version = version; return this.loadGroups(this.round); }
    const top = $("table").scrollTop, first = Math.floor(top / ROW / PAGE), last = Math.floor((top + $("table").clientHeight) / ROW / PAGE);
    for (const page of [...this.pages.keys()]) if (page < first || page > last) this.pages.delete(page);
    if (first === 0 && !this.keys().length) {
      // New params and metrics come into the columns that choose themselves.
      const found = await ask("runs", {...this.query(), offset: 0, limit: PAGE});
      if (JSON.stringify(found.columns) !== JSON.stringify(this.shown)) { this.shown = found.columns; this.head(); this.pages.clear(); }
      this.pages.set(0, found.rows);
      this.settle(found);
      this.draw();
      if (last === 0) return;
    }
    for (let page = Math.max(first, this.keys().length ? 0 : 1); page <= last; page++) await this.take(page, this.round);
    if (first > 0) this.draw();
  },
};

// ---- one run, or several --------------------------------------------------------------------------------------------

const view = {
  charts: null, runs: [], running: false, log: null, round: 0,

  async open(runs) {
    const round = ++this.round;
    this.runs = runs;
    this.charts = null;
    this.logged = undefined;
    $("view").replaceChildren(make("p", {className: "dim", textContent: "…"}));
    try {
      const one = runs.length === 1;
      const found = one ? await ask("run", {run: runs[0]}) : await ask("compare", {runs: runs.join("\n")});
      if (round !== this.round) return;
      const body = make("div");
      body.innerHTML = found.html;  // escaped where it was made
      $("view").replaceChildren(this.actions(found), body);
      $("view").scrollTop = 0;
      this.running = one ? found.running : true;
      this.log = one && found.running ? {at: 0, box: null} : null;
      const labels = one ? [{label: found.label}] : found.names.map(label => ({label}));
      this.charts = new Charts($("curves"), labels, {more: async (metric, from, to) => (await ask("curves", {runs: runs.join("\n"), metric, from, to, points: 1500})).curves});
      await this.draw(round);
      if (runs.length === 2) this.diff(round);
    } catch (error) { if (round === this.round) $("view").replaceChildren(back(), make("p", {className: "no", role: "alert", textContent: error.message})); }
  },

  async draw(round) {
    const points = this.runs.length > 10 ? 300 : 800;
    const found = await ask("curves", {runs: this.runs.join("\n"), points});
    if (round !== this.round) return;
    this.charts.show(found.panels);
    if (this.runs.length === 1 && this.logged !== undefined && this.logged !== found.media) {
      const now = make("div");
      now.innerHTML = (await ask("logged", {run: this.runs[0]})).html;  // escaped where it was made
      if (round !== this.round) return;
      const before = $("media");
      if (before) before.replaceWith(...now.childNodes); else $("curves").closest("section").after(...now.childNodes);
    }
    this.logged = found.media;
    const none = $("view").querySelector(".nocurves");
    if (!found.panels.length && !none) $("curves").append(make("p", {className: "dim nocurves", textContent: "no metric has more than one point"}));
    else if (found.panels.length) none?.remove();
    return found;
  },

  async diff(round) {
    const place = $("why");
    place.replaceChildren(make("p", {className: "dim", textContent: "comparing step by step …"}));
    try {
      const found = await ask("diff", {a: this.runs[0], b: this.runs[1]});
      if (round !== this.round) return;
      place.innerHTML = found.why;  // escaped where they were made
      $("differences").innerHTML = found.differences;
    } catch (error) { place.textContent = error.message; }
  },

  actions(found) {
    const report = make("a", {href: `/api/report?runs=${encodeURIComponent(this.runs.join("\n"))}`, textContent: "report as one file", download: ""});
    const edit = make("button", {type: "button", textContent: "edit name, tags, note", hidden: !found.labels || !site.writable});
    const box = make("div", {className: "actions"}, back(), edit, report);
    if (found.running) box.append(make("span", {className: "badge running", textContent: "● live"}));
    edit.onclick = () => { edit.disabled = true; box.after(this.form(found.labels, () => { edit.disabled = false; })); };
    return box;
  },

  form(labels, done) {
    const name = make("input", {type: "text", name: "name", value: labels.name || ""});
    const tags = make("input", {type: "text", name: "tags", value: labels.tags.join(", ")});
    const note = make("textarea", {name: "note", value: labels.note || ""});
    const problem = make("span", {className: "no", role: "alert"});
    const form = make("form", {className: "labels"}, make("label", {textContent: "name"}), name, make("label", {textContent: "tags"}), tags, make("label", {textContent: "note"}), note,
      make("span"), make("span", {}, make("button", {type: "submit", textContent: "save"}), " ", make("button", {type: "button", textContent: "cancel", onclick: () => { form.remove(); done(); }}), " ", problem));
    form.onsubmit = async event => {
      event.preventDefault();
      const run = this.runs[0];
      const body = {run, name: name.value, note: note.value, tags: [...new Set(tags.value.split(",").map(tag => tag.trim()).filter(Boolean))]};
      try {
        await ask("labels", {}, {method: "POST", headers: {"X-Reenact": "write", "Content-Type": "application/json"}, body: JSON.stringify(body)});
        await this.open([run]);
      } catch (error) { problem.textContent = error.message; }
    };
    return form;
  },

  // A run that goes on: curves and log grow; when it has ended, the page is made anew, as its record is whole then.
  async again() {
    if (!this.charts || !this.running) return;
    const round = this.round, found = await this.draw(round);
    if (round !== this.round || !found) return;
    if (this.log) await this.tail(round);
    if (found.running) return;
    this.running = false;
    if (this.runs.length === 1) await this.reopen();
  },

  async reopen() {
    const top = $("view").scrollTop;
    await this.open(this.runs);
    $("view").scrollTop = top;
  },

  async tail(round) {
    const found = await ask("log", {run: this.runs[0], from: this.log.at});
    if (round !== this.round) return;
    let box = $("view").querySelector("pre.log");
    if (!box && found.text) {
      box = make("pre", {className: "log"});
      $("view").lastChild.append(make("section", {id: "log"}, make("h2", {textContent: "Log"}), box));
    }
    if (!box) return;
    const bottom = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    if (this.log.at === 0) box.textContent = "";
    // A progress bar writes over its line: what stood there is gone.
    const text = (box.textContent + found.text).slice(-200_000).split("\n").map(line => line.replace(/\r$/, "").split("\r").at(-1)).join("\n");
    box.textContent = text;
    this.log.at = found.next;
    if (bottom) box.scrollTop = box.scrollHeight;
  },
};

const back = () => make("a", {href: `#/${list.address ?? ""}`, textContent: "← all runs"});
let site = {writable: false};

// ---- where we are: the address after the # --------------------------------------------------------------------------

function remember() {
  const told = new URLSearchParams();
  for (const key of ["where", "sort", "group", "columns"]) if (list[key]) told.set(key, list[key]);
  if (list.all) told.set("all", "1");
  const address = `#/${String(told) ? `?${told}` : ""}`;
  if (location.hash === address) list.load(); else location.hash = address;
}

function go() {
  const where = decodeURIComponent(location.hash.slice(1).split("?")[0]), run = where.match(/^\/run\/(.+)/), several = where.match(/^\/compare\/(.+)/);
  const looking = !!(run || several);
  $("list").hidden = looking;
  $("view").hidden = !looking;
  if (looking) {
    document.title = run ? `${run[1]} · reenact` : "compare · reenact";
    view.open(run ? [run[1]] : several[1].split(","));
    return;
  }
  view.round += 1;
  view.charts = null;
  document.title = "reenact";
  const told = new URLSearchParams(location.hash.split("?")[1] || "");
  for (const key of ["where", "sort", "group", "columns"]) { list[key] = told.get(key) || ""; if ($(key)) $(key).value = list[key]; }
  list.all = $("all").checked = told.has("all");
  const address = location.hash.slice(2);
  if (list.loaded && list.address === address) { list.draw(); list.again().catch(error => list.fail(error)); return; }
  list.address = address;
  list.loaded = true;
  list.load();
}

async function tick() {
  try {
    if (document.visibilityState === "visible") {
      if (!$("list").hidden && list.loaded) { await list.again(); } else if (!$("view").hidden) await view.again();
    }
  } catch (error) { list.fail(error); }
  setTimeout(tick, PAUSE);
}

let waiting = null;
$("where").oninput = () => { clearTimeout(waiting); waiting = setTimeout(() => { list.where = $("where").value; remember(); }, 250); };
for (const key of ["group", "columns"]) $(key).onchange = () => { list[key] = $(key).value.trim(); remember(); };
$("all").onchange = () => { list.all = $("all").checked; remember(); };
$("tools").onsubmit = event => { event.preventDefault(); clearTimeout(waiting); list.where = $("where").value; remember(); };
$("compare").onclick = () => { location.hash = list.chosen.size === 1 ? `#/run/${[...list.chosen][0]}` : `#/compare/${[...list.chosen].join(",")}`; };
$("clear").onclick = () => { list.chosen.clear(); list.choose(null, false); };
$("table").onscroll = () => requestAnimationFrame(() => list.draw());
new ResizeObserver(() => list.draw()).observe($("table"));
document.addEventListener("keydown", event => {
  if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) { event.preventDefault(); $("where").focus(); }
  if (event.key === "Escape" && !$("view").hidden && event.target.tagName !== "CANVAS") location.hash = `#/${list.address ?? ""}`;
});
window.onhashchange = go;
ask("project").then(found => {
  site = found;
  $("project").textContent = found.project;
  $("links").replaceChildren(...Object.entries(found.links).map(([name, url]) => make("a", {href: url, textContent: name, target: "_blank", rel: "noopener"})));
}, error => list.fail(error));
ask("names").then(names => $("names").replaceChildren(...names.map(name => new Option(name, name))), () => {});
go();
setTimeout(tick, PAUSE);
