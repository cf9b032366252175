// Maps: images as points in the plane, coloured by a choice of groups, each image shown where the pointer or the arrow keys are.
const MARGIN = 12, REACH = 28, SHOWN = 96;
const WAYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

class PointMap {
  constructor(figure, spec) {
    Object.assign(this, {figure, spec, plot: figure.querySelector(".plot"), sheet: figure.querySelector("img"), legend: figure.querySelector(".legend")});
    this.by = Object.keys(spec.groups)[0];
    this.only = null;
    for (const button of figure.querySelectorAll("[data-by]")) button.addEventListener("click", () => this.colour(button.dataset.by));
    tool(figure, "csv").addEventListener("click", () => this.csv());
    tool(figure, "png").addEventListener("click", () => this.png());
    this.plot.addEventListener("pointermove", event => this.hover(event));
    this.plot.addEventListener("pointerdown", event => this.hover(event));
    this.plot.addEventListener("pointerleave", () => this.leave());
    this.plot.addEventListener("blur", () => this.leave());
    this.plot.addEventListener("keydown", event => this.key(event));
    this.draw();
    new ResizeObserver(() => requestAnimationFrame(() => this.plot.clientWidth !== this.width && this.draw())).observe(this.plot);
  }

  draw() {
    this.width = this.plot.clientWidth;
    if (!this.width) return;
    this.height = Math.min(this.width, 460);
    this.plot.replaceChildren();
    this.svg = add(this.plot, "svg", {viewBox: `0 0 ${this.width} ${this.height}`, "aria-hidden": "true"});
    // A ground of regions covers the square between -1 and 1.
    const {x, y, cells} = this.spec, corners = cells ? [-1, 1] : [];
    const [left, right] = [Math.min(...x, ...corners), Math.max(...x, ...corners)];
    const [low, high] = [Math.min(...y, ...corners), Math.max(...y, ...corners)];
    // One scale for both directions, so that distances can be compared.
    const scale = Math.min((this.width - 2 * MARGIN) / (right - left || 1), (this.height - 2 * MARGIN) / (high - low || 1));
    const at = (across, up) => [this.width / 2 + (across - (left + right) / 2) * scale, this.height / 2 - (up - (low + high) / 2) * scale];
    if (cells) this.ground(cells, at, scale);
    this.places = x.map((value, index) => at(value, y[index]));
    this.points = this.places.map(([cx, cy]) => add(this.svg, "circle", {r: this.width < 500 ? 3 : 3.5, cx: cx.toFixed(1), cy: cy.toFixed(1)}));
    this.ring = add(this.svg, "circle", {class: "ring", r: 7, visibility: "hidden"});
    this.colour(this.by);
  }

  // A rectangle for each run of equal cells in a row; rows begin at the bottom.
  ground(cells, at, scale) {
    const side = 2 / cells.length;
    cells.forEach((row, line) => {
      for (let first = 0, next; first < row.length; first = next) {
        next = row.findIndex((cell, index) => index > first && cell !== row[first]);
        if (next < 0) next = row.length;
        const [x, y] = at(first * side - 1, (line + 1) * side - 1);
        // A little wider than it is, so that no seam is seen.
        add(this.svg, "rect", {class: `region c${row[first] % 10}`, x: x.toFixed(2), y: y.toFixed(2), width: ((next - first) * side * scale + 0.2).toFixed(2), height: (side * scale + 0.2).toFixed(2)});
      }
    });
  }

  group(index) {
    return this.spec.groups[this.by][index];
  }

  colour(by) {
    if (by !== this.by) this.only = null;
    this.by = by;
    for (const button of this.figure.querySelectorAll("[data-by]")) button.setAttribute("aria-pressed", button.dataset.by === by);
    this.points.forEach((point, index) => {
      const group = this.group(index);
      point.setAttribute("class", `member ${group < 0 ? "none" : `c${group % 10}`}${this.only === null || this.only === group ? "" : " aside"}`);
    });
    this.names();
  }

  // The legend: each group with its size; a press puts the others aside.
  names() {
    const counts = new Map();
    for (const group of this.spec.groups[this.by]) counts.set(group, (counts.get(group) ?? 0) + 1);
    const focused = this.legend.contains(document.activeElement) ? document.activeElement.dataset.group : null;
    this.legend.replaceChildren();
    for (const group of [...counts.keys()].sort((a, b) => a - b)) {
      const button = document.createElement("button"), swatch = document.createElement("span");
      Object.assign(button, {type: "button", title: `${counts.get(group)} images`});
      button.dataset.group = group;
      button.setAttribute("aria-pressed", this.only === group);
      swatch.className = `swatch ${group < 0 ? "none" : `c${group % 10}`}`;
      button.append(swatch, this.name(this.by, group));
      button.addEventListener("click", () => { this.only = this.only === group ? null : group; this.colour(this.by); });
      this.legend.appendChild(document.createElement("li")).append(button);
      if (String(group) === focused) button.focus();
    }
  }

  name(by, group) {
    return group < 0 ? "unknown" : this.spec.names[by][group] ?? String(group);
  }

  hover(event) {
    const frame = this.plot.getBoundingClientRect(), at = [event.clientX - frame.left, event.clientY - frame.top];
    const index = this.nearest(place => Math.hypot(place[0] - at[0], place[1] - at[1]));
    const [x, y] = this.places[index];
    if (Math.hypot(x - at[0], y - at[1]) < REACH) this.show(index);
    else this.leave();
  }

  nearest(distance) {
    let best = 0, least = Infinity;
    this.places.forEach((place, index) => {
      const far = this.only === null || this.only === this.group(index) ? distance(place, index) : Infinity;
      if (far < least) [best, least] = [index, far];
    });
    return best;
  }

  // An arrow goes to the nearest point in its direction; the first one to the point nearest to the middle.
  key(event) {
    if (event.key === "Escape") this.leave();
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    const here = this.shown === undefined ? [this.width / 2, this.height / 2] : this.places[this.shown];
    this.show(this.nearest((place, index) => {
      const [x, y] = [place[0] - here[0], place[1] - here[1]], along = x * way[0] + y * way[1], aside = Math.abs(x * way[1]) + Math.abs(y * way[0]);
      if (this.shown === undefined) return Math.hypot(x, y);
      return index === this.shown ? 1e9 : along > 0.1 && aside <= 2 * along ? along + 2 * aside : Infinity;
    }));
  }

  show(index) {
    this.shown = index;
    const [x, y] = this.places[index];
    for (const [name, value] of Object.entries({cx: x, cy: y, visibility: "visible"})) this.ring.setAttribute(name, value);
    const tip = tipAt(this.plot, x), lines = Object.keys(this.spec.groups).map(by => `${by} ${this.name(by, this.spec.groups[by][index])}`);
    tip.replaceChildren(...(this.sheet ? [this.image(index)] : []), lines.join("\n"));
    tip.place();
    tip.style.top = `${Math.max(0, Math.min(y - tip.offsetHeight / 2, this.height - tip.offsetHeight))}px`;
  }

  // The image of a point, out of the sheet that holds them all: rows of images with a line of one pixel between them.
  image(index) {
    const {columns} = this.spec, rows = Math.ceil(this.places.length / columns);
    const width = (this.sheet.naturalWidth - 1) / columns, height = (this.sheet.naturalHeight - 1) / rows;
    const canvas = Object.assign(document.createElement("canvas"), {width: width - 1, height: height - 1});
    const [left, top] = [(index % columns) * width + 1, Math.floor(index / columns) * height + 1];
    canvas.getContext("2d").drawImage(this.sheet, left, top, width - 1, height - 1, 0, 0, width - 1, height - 1);
    canvas.style.width = `${SHOWN}px`;
    return canvas;
  }

  leave() {
    this.shown = undefined;
    this.ring.setAttribute("visibility", "hidden");
    this.plot.querySelector(".tip")?.remove();
  }

  csv() {
    const groups = Object.keys(this.spec.groups);
    const rows = this.spec.x.map((x, index) => [x, this.spec.y[index], ...groups.map(by => this.name(by, this.spec.groups[by][index]))]);
    saveCsv(this.spec.name, [["x", "y", ...groups], ...rows]);
  }

  png() {
    this.leave();
    saveDrawing(this.spec.name, this.svg, this.width, this.height, legendOf(this.figure));
  }
}

for (const spec of run.maps) new PointMap(document.querySelector(`[data-map="${spec.id}"]`), spec);
