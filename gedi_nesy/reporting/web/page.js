"use strict";
// What the page's scripts share: its data, numbers as text, files to save, the theme.
const run = JSON.parse(document.getElementById("data").textContent);
const SVG = document.getElementById("blank").namespaceURI;

function add(parent, tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return parent.appendChild(node);
}

// Numbers as text.py's `show` writes them.
function show(value) {
  if (value === null || value === undefined) return "\u2013";
  const size = Math.abs(value);
  if (size > 0 && size < 5e-4) return value.toExponential(1).replaceAll("-", "\u2212");
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : 3;
  const options = {minimumFractionDigits: digits, maximumFractionDigits: digits};
  return value.toLocaleString("en-US", options).replaceAll("-", "\u2212");
}

function nearest(places, place) {
  let best = 0;
  places.forEach((value, index) => { if (Math.abs(value - place) < Math.abs(places[best] - place)) best = index; });
  return best;
}

function tool(figure, name) {
  return figure.querySelector(`[data-tool="${name}"]`);
}

function save(name, blob) {
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: `${run.name} ${name}`.replace(/[^\w.-]+/g, "-")});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function saveCsv(name, rows) {
  const cell = value => /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value ?? "";
  save(`${name}.csv`, new Blob([rows.map(row => row.map(cell).join(",") + "\n").join("")], {type: "text/csv"}));
}

// A canvas at twice the size, on the page's ground.
function canvasOf(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), {width: 2 * width, height: 2 * height});
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, width, height);
  return [canvas, context];
}

function savePng(name, canvas) {
  canvas.toBlob(blob => save(`${name}.png`, blob));
}

// The names of colours below a drawing, [text, colour] each, in as many lines as they need; gives the height that they take.
function drawLegend(context, names, width, top) {
  let x = 8, y = top + 14;
  context.font = "12px sans-serif";
  for (const [text, colour] of names) {
    const room = context.measureText(text).width + 30;
    if (x > 8 && x + room > width) [x, y] = [8, y + 18];
    context.fillStyle = colour;
    context.fillRect(x, y - 4, 8, 8);
    context.fillStyle = getComputedStyle(document.body).color;
    context.textBaseline = "middle";
    context.fillText(text, x + 13, y);
    x += room;
  }
  return names.length ? y + 12 - top : 0;
}

// Name and colour of each entry of a figure's legend.
function legendOf(figure) {
  return [...figure.querySelectorAll(".legend li")].map(item => [item.textContent, getComputedStyle(item.querySelector(".swatch")).backgroundColor]);
}

// A picture of a drawing with its legend: styles are written into a copy, as a lone SVG knows no style sheet.
function saveDrawing(name, svg, width, height, names) {
  const copy = svg.cloneNode(true), from = svg.querySelectorAll("*"), to = copy.querySelectorAll("*");
  const kept = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "font-family", "font-size", "paint-order", "opacity"];
  from.forEach((node, index) => kept.forEach(key => { to[index].style[key] = getComputedStyle(node).getPropertyValue(key); }));
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image();
  image.onload = () => {
    const below = drawLegend(canvasOf(1, 1)[1], names, width, height);
    const [canvas, context] = canvasOf(width, height + below);
    context.drawImage(image, 0, 0, width, height);
    drawLegend(context, names, width, height);
    savePng(name, canvas);
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
}

// A box of text at a place of a plot, kept inside it.
function tipAt(plot, x) {
  const tip = plot.querySelector(".tip") ?? plot.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.place = () => {
    const left = x > plot.clientWidth / 2 ? x - tip.offsetWidth - 10 : x + 10;
    tip.style.left = `${Math.max(0, Math.min(left, plot.clientWidth - tip.offsetWidth))}px`;
  };
  return tip;
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const pre = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre); // a page from a file may not touch the clipboard
      button.textContent = "Selected";
    }
  });
}

const theme = document.getElementById("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  const isDark = (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  theme.textContent = isDark ? "Light" : "Dark";
  theme.setAttribute("aria-label", `Switch to ${isDark ? "light" : "dark"} colours`);
  theme.onclick = () => { setTheme(isDark ? "light" : "dark"); try { localStorage.theme = isDark ? "light" : "dark"; } catch { /* not kept */ } };
}
let stored = null;
try { stored = localStorage.theme ?? null; } catch { /* a page from a file may have no storage */ }
dark.addEventListener("change", () => setTheme(null));
setTheme(["light", "dark"].includes(stored) ? stored : null);
theme.hidden = false;
addEventListener("beforeprint", () => { for (const details of document.querySelectorAll("details")) details.open = true; });
