// Charts: lines over steps or epochs, bars and outlines of histograms; read by pointer or arrow keys.
const HEIGHT = 176, TOP = 8, RIGHT = 8, BOTTOM = 24;
const groups = {};

function stepOf(low, high, most) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map(factor => factor * power).find(size => size >= raw * 0.999);
}

// The ends moved out to ticks, so that nothing lies beyond the last one.
function outward(low, high, most) {
  const step = stepOf(low, high, most);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

function linearTicks(low, high, step) {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    const value = index * step || 0; // never minus zero
    const text = Math.abs(value) >= 1e6 || (value && digits > 4) ? value.toExponential(0)
      : value.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
    ticks.push([value, text.replace(/^-0(\.0*)?$/, "0$1").replaceAll("-", "\u2212")]);
  }
  return ticks;
}

function logTicks(low, high) {
  const factors = high - low < 1.5 ? [1, 2, 5] : [1], every = Math.ceil((high - low) / 5), ticks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    for (const factor of factors) {
      const place = power + Math.log10(factor);
      const text = power < -3 || power > 4 ? factor + "e" + power : String(+(factor * 10 ** power).toPrecision(1));
      if (place >= low && place <= high && power % every === 0) ticks.push([place, text.replaceAll("-", "\u2212")]);
    }
  }
  return ticks;
}

class Chart {
  constructor(figure, spec) {
    Object.assign(this, {figure, spec, plot: figure.querySelector(".plot"), now: figure.querySelector(".now")});
    this.last = this.now?.textContent;
    this.base = spec.reference && spec.group === "terms" ? spec.reference[0] : 0;
    const values = spec.series.flatMap(series => series.y).filter(value => value !== null);
    const smallest = Math.min(...values), largest = Math.max(...values);
    this.log = spec.group === "terms" && !spec.reference && smallest > 0 && largest / smallest > 1000;
    this.canLog = spec.group === "terms" && smallest > this.base;
    this.buttons();
    this.plot.addEventListener("pointermove", event => this.hover(event));
    this.plot.addEventListener("pointerdown", event => this.hover(event));
    this.plot.addEventListener("pointerleave", () => this.leave());
    this.plot.addEventListener("blur", () => this.leave());
    this.plot.addEventListener("keydown", event => this.key(event));
    this.draw();
    // In a frame of its own, as drawing changes the size that is observed.
    new ResizeObserver(() => requestAnimationFrame(() => this.plot.clientWidth !== this.width && this.draw())).observe(this.plot);
  }

  buttons() {
    const log = tool(this.figure, "log");
    tool(this.figure, "csv").addEventListener("click", () => this.csv());
    tool(this.figure, "png").addEventListener("click", () => this.png());
    log.hidden = !this.canLog;
    log.setAttribute("aria-pressed", this.log);
    log.title = this.base ? "Distance from the known minimum on a logarithmic axis" : "Logarithmic axis";
    log.addEventListener("click", () => {
      this.log = !this.log;
      log.setAttribute("aria-pressed", this.log);
      this.draw();
    });
  }

  // The vertical axis: every epoch mean, the reference, and single steps but for rare spikes, which are cut at the edge.
  domain() {
    const transform = value => this.log ? Math.log10(value - this.base) : value;
    const all = this.spec.series.flatMap(series => series.y).filter(value => value !== null).map(transform).sort((a, b) => a - b);
    const kept = this.spec.series.filter(series => !series.faint).flatMap(series => series.y).filter(value => value !== null).map(transform);
    const at = share => all[Math.round(share * (all.length - 1))];
    const slack = 1.5 * (at(0.99) - at(0.01));
    let low = Math.min(Math.max(at(0), at(0.01) - slack), ...kept), high = Math.max(Math.min(at(1), at(0.99) + slack), ...kept);
    this.beyond = all.filter(value => value < low || value > high).length;
    const named = this.log ? [] : [...this.spec.include, ...(this.spec.reference ? [this.spec.reference[0]] : [])];
    low = Math.min(low, ...named);
    high = Math.max(high, ...named);
    const span = high - low || Math.abs(high) || 1;
    // The name of the reference stands on its far side from where the curve ends, so it needs room there.
    this.below = !this.log && this.spec.reference && this.spec.reference[0] <= kept.at(-1);
    const open = side => !this.spec.include.includes(side);
    const room = !this.log && this.spec.reference ? 0.14 : 0.05;
    const floor = !this.log && !this.below && low >= 0 ? 0 : -Infinity; // what is never negative has no axis below 0
    return [open(low) ? Math.max(floor, low - span * (this.below ? room : 0.05)) : low, open(high) ? high + span * (this.below ? 0.05 : room) : high];
  }

  draw() {
    this.width = this.plot.clientWidth;
    if (!this.width) return;
    this.plot.replaceChildren();
    const svg = this.svg = add(this.plot, "svg", {viewBox: `0 0 ${this.width} ${HEIGHT}`, "aria-hidden": "true"});
    const domain = this.domain(), [low, high] = this.log ? domain : outward(...domain, 5);
    const ticks = this.log ? logTicks(low, high) : linearTicks(low, high, stepOf(...domain, 5));
    // At least as wide as the axis name, so that charts below each other line up.
    const left = this.left = Math.max(48, 10 + 6.4 * Math.max(...ticks.map(tick => tick[1].length)));
    const [first, last] = this.spec.x_range ?? this.counted();
    const bottom = HEIGHT - BOTTOM, right = this.width - RIGHT;
    this.x = value => left + (value - first) / (last - first) * (right - left);
    this.back = place => first + (place - left) / (right - left) * (last - first);
    this.y = value => {
      const place = this.log ? Math.log10(value - this.base) : value;
      return Math.min(bottom, Math.max(TOP, bottom - (place - low) / (high - low) * (bottom - TOP)));
    };
    for (const [value, text] of ticks) {
      const y = bottom - (value - low) / (high - low) * (bottom - TOP);
      add(svg, "line", {class: "axis", x1: left, x2: right, y1: y, y2: y});
      add(svg, "text", {class: "tick", x: left - 6, y: y + 4, "text-anchor": "end"}, text);
    }
    this.across(first, last, right);
    for (const mark of this.spec.marks) add(svg, "line", {class: "failure", x1: this.x(mark), x2: this.x(mark), y1: bottom - 1, y2: bottom + 5});
    for (const series of this.spec.series) series.shape === "line" ? this.curve(series) : this.bins(series, bottom);
    if (this.spec.diagonal) this.diagonal(first, last);
    this.reference(right);
    if (this.beyond) add(svg, "text", {class: "tick", x: right, y: TOP + 4, "text-anchor": "end"}, `${this.beyond} beyond the axis`);
    this.cursor = add(svg, "g", {});
  }

  // The horizontal axis; counts have ticks at whole numbers.
  across(first, last, right) {
    const step = stepOf(first, last, Math.max(2, Math.floor((right - this.left) / 70)));
    for (const [value, text] of linearTicks(first, last, this.spec.x_range ? step : Math.max(1, step))) {
      const anchor = value > first + (last - first) * 0.95 ? "end" : "middle";
      add(this.svg, "text", {class: "tick", x: this.x(value), y: HEIGHT - 6, "text-anchor": anchor}, text);
    }
    if (!this.spec.x_range) add(this.svg, "text", {class: "tick", x: 0, y: HEIGHT - 6}, this.spec.x);
  }

  // From 0 to the last place; a single place stands in the middle.
  counted() {
    const places = this.spec.series.flatMap(series => series.x), first = Math.min(0, ...places), last = Math.max(first + 1, ...places);
    return [first, new Set(places).size > 1 ? last : 2 * last - first];
  }

  // Bins of equal width: a bar each, or the outline of all.
  bins(series, bottom) {
    const half = series.x.length > 1 ? (series.x[1] - series.x[0]) / 2 : 0.5, colour = series.colour === null ? "" : ` c${series.colour}`;
    let outline = `M${this.x(series.x[0] - half).toFixed(1)} ${bottom}`;
    series.x.forEach((place, index) => {
      const left = this.x(place - half), right = this.x(place + half), value = series.y[index], top = this.y(value ?? 0);
      outline += `V${top.toFixed(1)}H${right.toFixed(1)}`;
      if (series.shape === "bars" && value !== null) add(this.svg, "rect", {class: `bar${colour}`, x: left + 0.5, y: top, width: Math.max(0, right - left - 1), height: bottom - top});
    });
    if (series.shape === "outline") add(this.svg, "path", {class: `curve outline${colour}`, d: `${outline}V${bottom}`});
  }

  diagonal(first, last) {
    add(this.svg, "line", {class: "reference", x1: this.x(first), y1: this.y(first), x2: this.x(last), y2: this.y(last)});
  }

  curve(series) {
    let path = "", pen = "M";
    series.y.forEach((value, index) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${this.x(series.x[index]).toFixed(1)} ${this.y(value).toFixed(1)}`;
      pen = "L";
    });
    const colour = series.colour === null ? "" : ` c${series.colour}`;
    add(this.svg, "path", {class: `curve${series.faint ? " faint" : ""}${colour}`, d: path});
    const alone = series.y.filter(value => value !== null).length === 1;
    if (!alone && (series.faint || series.y.length > 30)) return;
    series.y.forEach((value, index) => value !== null && add(this.svg, "circle", {class: `dot${colour}`, r: alone ? 4 : 2, cx: this.x(series.x[index]), cy: this.y(value)}));
  }

  reference(right) {
    if (!this.spec.reference) return;
    const [value, name] = this.spec.reference, text = `${name} ${Number.isInteger(value) ? value : show(value)}`.replace("-", "\u2212");
    if (this.log) {
      add(this.svg, "text", {class: "name", x: right, y: TOP + (this.beyond ? 18 : 4), "text-anchor": "end"}, `distance from ${text}`);
      return;
    }
    const y = this.y(value);
    add(this.svg, "line", {class: "reference", x1: this.left, x2: right, y1: y, y2: y});
    add(this.svg, "text", {class: "name", x: right, y: y + (this.below ? 13 : -5), "text-anchor": "end"}, text);
  }

  hover(event) {
    this.read(this.back(event.clientX - this.plot.getBoundingClientRect().left));
  }

  key(event) {
    const places = this.spec.series.at(-1).x, at = this.place === undefined ? places.length - 1 : nearest(places, this.place);
    const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: places.length - 1}[event.key];
    if (event.key === "Escape") this.leave();
    if (to === undefined) return;
    event.preventDefault();
    this.read(places[Math.min(places.length - 1, Math.max(0, to))]);
  }

  // Show the values at a place here, and move the cursors of the charts beside this one.
  read(place) {
    this.place = place;
    for (const chart of groups[this.spec.group]) chart.point(place, chart === this);
  }

  leave() {
    this.place = undefined;
    for (const chart of groups[this.spec.group]) chart.clear();
  }

  clear() {
    this.cursor?.replaceChildren();
    this.plot.querySelector(".tip")?.remove();
    if (this.now) this.now.textContent = this.last;
  }

  point(place, told) {
    if (!this.svg) return;
    this.cursor.replaceChildren();
    const finest = this.spec.series[0].x, here = finest[nearest(finest, place)];
    const name = value => `${this.spec.x} ${this.spec.x_range ? show(value) : value.toLocaleString("en-US")}`, lines = [name(here)];
    for (const series of this.spec.series) {
      const index = nearest(series.x, place), value = series.y[index], at = series.x[index];
      lines.push(`${series.label} ${show(value)}${at === here ? "" : ` (${name(at)})`}`);
      const colour = series.colour === null ? "" : ` c${series.colour}`;
      if (value !== null) add(this.cursor, "circle", {class: `point${colour}`, r: 4, cx: this.x(at), cy: this.y(value)});
      if (this.now) this.now.textContent = show(value);
    }
    const x = this.x(here);
    this.cursor.prepend(add(this.cursor, "line", {class: "cross", x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM}));
    if (told) this.tip(x, lines.join("\n"));
  }

  tip(x, text) {
    const tip = tipAt(this.plot, x);
    tip.textContent = text;
    tip.place();
  }

  csv() {
    const rows = [["series", this.spec.x, this.spec.name]];
    for (const series of this.spec.series) series.x.forEach((x, index) => rows.push([series.label, x, series.y[index]]));
    if (this.spec.reference) rows.push([this.spec.reference[1], "", this.spec.reference[0]]);
    saveCsv(this.spec.name, rows);
  }

  png() {
    this.leave();
    saveDrawing(this.spec.name, this.svg, this.width, HEIGHT, legendOf(this.figure));
  }
}

for (const spec of run.charts) {
  const figure = document.querySelector(`[data-chart="${spec.id}"]`);
  (groups[spec.group] ??= []).push(new Chart(figure, spec));
}
