"use strict";
// Curves on a canvas: zoom, hover, log scale, smoothing. No library.

const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#6a6a6a"];
const colorOf = place => COLORS[place % COLORS.length];
const dashOf = place => DASHES[Math.floor(place / COLORS.length) % DASHES.length];

// What comes over the wire: sums of differences, and texts where JSON has no number.
function unpack(curve) {
  const numbers = {nan: NaN, inf: Infinity, "-inf": -Infinity};
  let at = 0, clock = 0;
  return {
    ...curve,
    steps: Float64Array.from(curve.steps, by => at += by),
    times: curve.times && Float64Array.from(curve.times, by => by === null ? NaN : (clock += by) / 1000),
    values: Float64Array.from(curve.values, value => typeof value === "string" ? numbers[value] : value),
  };
}

function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(4).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(6)));
}

// Of an axis: 469M, not 4.69e+8.
function mark(value) {
  const size = Math.abs(value), power = size >= 1e6 && size < 1e15 ? Math.floor(Math.log10(size) / 3 + 1e-9) : 0;
  return power ? short(value / 1000 ** power) + ["", "k", "M", "G", "T"][power] : short(value);
}

function ticks(low, high, most) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw) || power * 10, found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9 && found.length < 50; n++) found.push(n * step);
  return found;
}

function logTicks(low, high, most) {
  const from = Math.floor(low), to = Math.ceil(high), every = Math.max(1, Math.ceil((to - from) / most)), found = [];
  for (let p = from; p <= to; p += every)
    for (const m of every === 1 && to - from <= 3 ? [1, 2, 5] : [1]) {
      const tick = Math.log10(m * 10 ** p);
      if (tick >= low - 1e-9 && tick <= high + 1e-9) found.push(tick);
    }
  return found.length > 1 ? found : ticks(low, high, most);
}

// TensorBoard's: an exponential moving average without the bias of its beginning; it starts again after a gap.
function smoothed(values, weight) {
  if (!weight) return values;
  const out = new Float64Array(values.length);
  let last = 0, count = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) { out[i] = values[i]; continue; }
    last = last * weight + (1 - weight) * values[i];
    out[i] = last / (1 - weight ** ++count);
  }
  return out;
}

function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

// Printed, all charts are drawn, also those that nobody has scrolled to: of a size that the sheet only scales, on white. What is folded
// and marked for it is open.
const paper = {media: matchMedia("print"), now: false, wide: 480, high: 264, ink: "#444a52", grid: "#dcdfe3", opened: []};
paper.turn = now => {
  paper.now = now;
  if (now) paper.opened.push(...document.querySelectorAll("details.printed:not([open])"));
  for (const one of now ? paper.opened : paper.opened.splice(0)) one.open = now;
  for (const {chart} of document.querySelectorAll("figure.chart")) if (now) chart.paint(); else chart.draw();
};
paper.turn(paper.media.matches);
paper.media.addEventListener("change", () => paper.turn(paper.media.matches));
addEventListener("beforeprint", () => paper.turn(true));
addEventListener("afterprint", () => paper.turn(paper.media.matches));

class Chart {
  // panel: {name, curves}; runs: [{label}] by place; settings, shared by the charts of a page: {log, smooth, x, hidden};
  // more(name, low, high): a promise of curves with more points of that stretch of steps.
  constructor(place, panel, runs, settings, more = null) {
    Object.assign(this, {runs, settings, more, zoom: null, zoomed: null});
    this.box = document.createElement("figure");
    this.box.className = "chart";
    this.box.chart = this;
    const title = document.createElement("figcaption");
    title.textContent = panel.name;
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.box.append(title, this.canvas, this.tip);
    place.append(this.box);
    this.update(panel);
    this.listen();
    this.seen = false;
    new IntersectionObserver(found => {
      this.seen = found.at(-1).isIntersecting;
      if (this.seen) this.draw();
    }, {rootMargin: "200px"}).observe(this.box);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  update(panel) {
    this.name = panel.name;
    this.curves = panel.curves.map(unpack);
    const last = this.curves.map(c => `${this.runs[c.run]?.label ?? ""} ${short(c.values.at(-1))}`.trim());
    this.canvas.setAttribute("aria-label", `${panel.name}, last value: ${last.slice(0, 8).join(", ")}`);
    this.draw();
  }

  shown() { return (this.zoomed ?? this.curves).filter(c => !this.settings.hidden?.has(c.run)); }

  xs(curve) {
    if (this.settings.x !== "time" || !curve.times) return this.settings.x === "time" ? null : curve.steps;
    return curve.times;
  }

  // Places that are drawn: the stretch of x, and of y in the scale's own units.
  frame() {
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    const log = this.settings.log, lines = [];
    for (const curve of this.shown()) {
      const xs = this.xs(curve);
      if (!xs || !xs.length) continue;
      const values = smoothed(curve.values, curve.held ? 0 : this.settings.smooth);
      lines.push({curve, xs, values});
      for (let i = 0; i < xs.length; i++) {
        if (this.zoom && (xs[i] < this.zoom[0] || xs[i] > this.zoom[1])) continue;
        if (xs[i] < x0) x0 = xs[i];
        if (xs[i] > x1) x1 = xs[i];
        const y = log ? (values[i] > 0 ? Math.log10(values[i]) : NaN) : values[i];
        if (!Number.isFinite(y)) continue;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
      }
    }
    if (this.zoom) [x0, x1] = this.zoom;
    if (x0 > x1) return null;
    if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
    const nothing = y0 > y1;
    if (nothing) { y0 = 0; y1 = 1; }
    if (y0 === y1) { const by = Math.abs(y0) * 0.1 || 0.5; y0 -= by; y1 += by; }
    const edge = (y1 - y0) * 0.04;
    return {x0, x1, y0: y0 - edge, y1: y1 + edge, lines, nothing};
  }

  draw() {
    if (!(this.seen || paper.now) || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.paint(); });
  }

  paint() {
    const canvas = this.canvas, ratio = paper.now ? 2 : window.devicePixelRatio || 1;
    const wide = paper.now ? paper.wide : canvas.clientWidth, high = paper.now ? paper.high : canvas.clientHeight;
    if (!wide || !high) return;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
    }
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, wide, high);
    pen.font = "11px system-ui, sans-serif";
    const ink = paper.now ? paper.ink : style.getPropertyValue("--dim"), grid = paper.now ? paper.grid : style.getPropertyValue("--line");
    const frame = this.place = this.frame();
    if (!frame) {
      pen.fillStyle = ink;
      pen.fillText(this.settings.x === "time" ? "no times are recorded for this metric" : "nothing to draw", 12, high / 2);
      return;
    }
    const {x0, x1, y0, y1, lines} = frame, log = this.settings.log;
    const marks = (log ? logTicks(y0, y1, 5) : ticks(y0, y1, 5)).map(y => [y, mark(log ? Number((10 ** y).toPrecision(3)) : Number(y.toPrecision(10)))]);
    const left = Math.ceil(Math.max(24, ...marks.map(([, text]) => pen.measureText(text).width))) + 12, right = 10, top = 8, bottom = 22;
    Object.assign(frame, {left, right: wide - right, top, bottom: high - bottom});
    const X = x => left + (x - x0) / (x1 - x0) * (wide - right - left);
    const Y = y => high - bottom - (y - y0) / (y1 - y0) * (high - bottom - top);
    Object.assign(frame, {X, Y});
    pen.strokeStyle = grid; pen.fillStyle = ink; pen.lineWidth = 1;
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (const [y, text] of marks) {
      const at = Math.round(Y(y)) + 0.5;
      pen.beginPath(); pen.moveTo(left, at); pen.lineTo(wide - right, at); pen.stroke();
      pen.fillText(text, left - 6, at);
    }
    pen.textAlign = "center"; pen.textBaseline = "top";
    for (const x of ticks(x0, x1, Math.max(2, Math.floor(wide / 90)))) {
      if (this.settings.x !== "time" && !Number.isInteger(x)) continue;
      const text = this.settings.x === "time" ? clock(x) : mark(x), half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(X(x), wide - half - 2), high - bottom + 6);
    }
    if (frame.nothing) pen.fillText(log ? "no value is above zero" : "no value is a finite number", (left + wide) / 2, high / 2);
    pen.save();
    pen.beginPath(); pen.rect(left, 0, wide - left - right, high - bottom + 1); pen.clip();
    for (const {curve, xs, values} of lines) {
      const bold = this.settings.focus === curve.run;
      pen.globalAlpha = this.settings.focus == null || bold ? 1 : 0.25;
      if (this.settings.smooth && !curve.held) {
        const alpha = pen.globalAlpha;
        pen.globalAlpha = alpha * 0.25;
        this.trace(pen, curve, xs, curve.values, X, Y, 1);
        pen.globalAlpha = alpha;
      }
      this.trace(pen, curve, xs, values, X, Y, bold ? 2.5 : 1.5);
    }
    pen.restore();
  }

  trace(pen, curve, xs, values, X, Y, wide) {
    const log = this.settings.log;
    pen.strokeStyle = pen.fillStyle = colorOf(curve.run);
    pen.lineWidth = wide; pen.lineJoin = "round"; pen.setLineDash(dashOf(curve.run));
    pen.beginPath();
    let drawing = false, before = 0, alone = null;
    const dots = [], odd = [];
    for (let i = 0; i < xs.length; i++) {
      const value = log ? (values[i] > 0 ? Math.log10(values[i]) : NaN) : values[i];
      if (!Number.isFinite(value) || !Number.isFinite(xs[i])) {
        if (alone) dots.push(alone);
        alone = null; drawing = false;
        if (!Number.isFinite(values[i]) && Number.isFinite(xs[i])) odd.push([X(xs[i]), values[i]]);
        continue;
      }
      const x = X(xs[i]), y = Y(value);
      if (drawing) { if (curve.held) pen.lineTo(x, before); pen.lineTo(x, y); alone = null; } else { pen.moveTo(x, y); alone = [x, y]; }
      drawing = true; before = y;
    }
    if (alone) dots.push(alone);
    pen.stroke();
    pen.setLineDash([]);
    for (const [x, y] of dots) { pen.beginPath(); pen.arc(x, y, 2.5, 0, 7); pen.fill(); }
    // What is no number stands at the edge where it would be: NaN below, infinity above.
    const {top, bottom} = this.place;
    for (const [x, value] of odd.slice(0, 500)) {
      const y = value === Infinity ? top + 4 : bottom - 4;
      pen.beginPath(); pen.moveTo(x - 3, y - 3); pen.lineTo(x + 3, y + 3); pen.moveTo(x + 3, y - 3); pen.lineTo(x - 3, y + 3); pen.stroke();
    }
  }

  listen() {
    const canvas = this.canvas;
    let from = null, shade = null;
    const at = event => event.clientX - canvas.getBoundingClientRect().left;
    const back = x => { const f = this.place; return f.x0 + (Math.min(Math.max(x, f.left), f.right) - f.left) / (f.right - f.left) * (f.x1 - f.x0); };
    canvas.addEventListener("pointerdown", event => {
      if (!this.place || event.button) return;
      from = at(event);
      canvas.setPointerCapture(event.pointerId);
      shade = document.createElement("div");
      shade.className = "shade";
      this.box.append(shade);
    });
    canvas.addEventListener("pointermove", event => {
      this.hover(at(event), event);
      if (from === null) return;
      const to = at(event);
      Object.assign(shade.style, {left: `${canvas.offsetLeft + Math.min(from, to)}px`, width: `${Math.abs(to - from)}px`, top: `${canvas.offsetTop}px`, height: `${canvas.clientHeight - 22}px`});
    });
    const end = event => {
      if (from === null) return;
      const to = at(event), start = from;
      from = null;
      shade.remove();
      if (event.type === "pointerup" && Math.abs(to - start) > 5) this.zoomTo(back(Math.min(start, to)), back(Math.max(start, to)));
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("dblclick", () => this.zoomTo());
    canvas.addEventListener("keydown", event => { if (event.key === "Escape") this.zoomTo(); });
  }

  async zoomTo(low = null, high = null) {
    this.zoom = low === null ? null : [low, high];
    this.zoomed = null;
    this.draw();
    if (!this.zoom || !this.more || this.settings.x === "time") return;
    const asked = this.zoom, found = await this.more(this.name, Math.floor(low), Math.ceil(high));
    if (this.zoom === asked && found) { this.zoomed = found.map(unpack); this.draw(); }
  }

  hover(x, event) {
    const frame = this.place;
    if (!frame || !frame.X || x < frame.left - 4 || x > frame.right + 4) { this.tip.hidden = true; return; }
    const aim = frame.x0 + (x - frame.left) / (frame.right - frame.left) * (frame.x1 - frame.x0);
    const rows = frame.lines.filter(line => line.xs.length).map(line => {
      const i = nearest(line.xs, aim);
      return {run: line.curve.run, x: line.xs[i], step: line.curve.steps[i], raw: line.curve.values[i], value: line.values[i], away: Math.abs(frame.X(line.xs[i]) - x)};
    });
    const close = Math.min(...rows.map(row => row.away));
    const kept = rows.filter(row => row.away <= close + 24).sort((a, b) => b.value - a.value).slice(0, 16);
    this.tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = this.settings.x === "time" ? clock(aim) : `step ${Math.round(kept[0]?.x ?? aim).toLocaleString("en")}`;
    this.tip.append(head);
    for (const row of kept) {
      const line = document.createElement("div"), color = document.createElement("i");
      color.style.background = colorOf(row.run);
      const smooth = this.settings.smooth && row.value !== row.raw ? `  (${short(row.value)} smoothed)` : "";
      const step = this.settings.x === "time" || row.step !== kept[0].step ? `  @ ${row.step}` : "";
      line.append(color, `${this.runs[row.run]?.label ?? ""}  ${short(row.raw)}${smooth}${step}`);
      this.tip.append(line);
    }
    this.tip.hidden = !kept.length;
    const far = x > this.canvas.clientWidth / 2;
    this.tip.style.left = `${this.canvas.offsetLeft + (far ? x - this.tip.offsetWidth - 12 : x + 12)}px`;
    this.tip.style.top = `${this.canvas.offsetTop + Math.max(0, event.offsetY - 20)}px`;
  }
}

function clock(seconds) {
  const s = Math.abs(seconds);
  if (s < 60) return `${Number(seconds.toPrecision(3))}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(Math.round(s % 60)).padStart(2, "0")}`;
  return `${Math.floor(s / 3600)}h${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}`;
}

// All charts of a page, with what is set for all of them: scale, smoothing, x axis, which runs, which metrics.
class Charts {
  constructor(place, runs, {log = false, more = null} = {}) {
    this.settings = {log, smooth: 0, x: "step", hidden: new Set(), focus: null};
    Object.assign(this, {runs, more, charts: new Map()});
    this.bar = document.createElement("div");
    this.bar.className = "bar";
    this.grid = document.createElement("div");
    this.grid.className = "charts";
    place.replaceChildren(this.bar, this.grid);
    this.tools();
  }

  tools() {
    const add = (text, input) => { const label = document.createElement("label"); label.append(text, input); this.bar.append(label); return input; };
    const make = (name, set) => Object.assign(document.createElement(name), set);
    const log = add("log scale ", make("input", {type: "checkbox", name: "log", checked: this.settings.log}));
    log.onchange = () => { this.settings.log = log.checked; this.draw(); };
    const smooth = add("smoothing ", make("input", {type: "range", name: "smooth", min: 0, max: 0.99, step: 0.01, value: 0}));
    smooth.oninput = () => { this.settings.smooth = Number(smooth.value); this.draw(); };
    const x = add("x ", make("select", {name: "x"}));
    x.append(new Option("step", "step"), new Option("time", "time"));
    x.onchange = () => { this.settings.x = x.value; for (const chart of this.charts.values()) { chart.zoom = chart.zoomed = null; chart.draw(); } };
    const filter = add("", make("input", {type: "search", name: "metric", placeholder: "metrics…"}));
    filter.oninput = () => { this.filter = filter.value.toLowerCase(); this.sift(); };
    const reset = make("button", {type: "button", textContent: "reset zoom"});
    reset.onclick = () => { for (const chart of this.charts.values()) chart.zoomTo(); };
    this.bar.append(reset);
    this.legend = make("div", {className: "legend"});
    if (this.runs.length > 1) this.bar.append(this.legend);
    this.runs.forEach((run, place) => {
      const entry = make("button", {type: "button", title: "click: hide or show"}), color = document.createElement("i");
      color.style.background = colorOf(place);
      entry.append(color, run.label);
      entry.setAttribute("aria-pressed", "true");
      entry.onclick = () => {
        const hidden = this.settings.hidden;
        if (!hidden.delete(place)) hidden.add(place);
        entry.setAttribute("aria-pressed", String(!hidden.has(place)));
        this.draw();
      };
      entry.onpointerenter = () => { this.settings.focus = place; this.draw(); };
      entry.onpointerleave = () => { this.settings.focus = null; this.draw(); };
      this.legend.append(entry);
    });
  }

  show(panels) {
    for (const panel of panels) {
      const chart = this.charts.get(panel.name);
      if (chart) chart.update(panel);
      else this.charts.set(panel.name, new Chart(this.grid, panel, this.runs, this.settings, this.more));
    }
    this.sift();
  }

  sift() { for (const [name, chart] of this.charts) chart.box.hidden = !!this.filter && !name.toLowerCase().includes(this.filter); }

  draw() { for (const chart of this.charts.values()) chart.draw(); }
}
