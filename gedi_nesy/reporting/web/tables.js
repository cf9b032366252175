// Tables: sorted by a column, read cell by cell, saved as data or as a picture.

// What a cell is worth: its exact value, else its number, else its text; cells without a value come last either way.
function worth(cell) {
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim().replaceAll("\u2212", "-").replaceAll(",", "");
  return text === "" || text === "\u2013" ? null : isNaN(text) ? text.toLowerCase() : Number(text);
}

function compare(left, right) {
  if (typeof left === typeof right) return left < right ? -1 : left > right ? 1 : 0;
  return typeof left === "number" ? -1 : 1;
}

function sortBy(table, column, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map(row => [worth(row.cells[column]), row]);
  const known = rows.filter(row => row[0] !== null).sort((a, b) => compare(a[0], b[0]) * (descending ? -1 : 1));
  table.tBodies[0].append(...[...known, ...rows.filter(row => row[0] === null)].map(row => row[1]));
}

for (const head of document.querySelectorAll("th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...[...head.childNodes].filter(node => node.nodeName !== "SMALL"));
  head.prepend(button);
  button.addEventListener("click", () => sortBy(head.closest("table"), head.cellIndex, head));
}

function tableRows(table) {
  const text = cell => cell.dataset.csv ?? cell.dataset.value ?? cell.textContent.trim().replace(/\s+/g, " ");
  return [...table.rows].map(row => [...row.cells].flatMap(cell => [text(cell), ...Array(cell.colSpan - 1).fill("")]));
}

// Each cell where it stands, with its ground and its text.
function drawTable(table) {
  const frame = table.getBoundingClientRect(), [canvas, context] = canvasOf(frame.width, frame.height);
  for (const cell of table.querySelectorAll("th, td, caption")) {
    const box = cell.getBoundingClientRect(), style = getComputedStyle(cell), x = box.left - frame.left, y = box.top - frame.top;
    context.fillStyle = style.backgroundColor;
    context.fillRect(x, y, box.width, box.height);
    context.fillStyle = style.color;
    context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    context.textBaseline = "middle";
    context.textAlign = style.textAlign === "center" ? "center" : style.textAlign === "right" ? "right" : "left";
    const at = {center: x + box.width / 2, right: x + box.width, left: x}[context.textAlign];
    if (getComputedStyle(cell.firstElementChild ?? cell).clipPath === "none") context.fillText(cell.textContent, at, y + box.height / 2, box.width);
  }
  return canvas;
}

for (const figure of document.querySelectorAll("figure.table")) {
  const table = figure.querySelector("table"), name = table.caption.dataset.name ?? figure.closest("section").getAttribute("aria-label");
  tool(figure, "csv")?.addEventListener("click", () => saveCsv(name, tableRows(table)));
  tool(figure, "png")?.addEventListener("click", () => savePng(name, drawTable(table)));
}

for (const figure of document.querySelectorAll(".confusion")) {
  const readout = figure.querySelector(".readout"), region = figure.querySelector(".scroll"), rows = figure.querySelector("tbody").rows;
  let here = null;
  const read = cell => { readout.textContent = cell.title; };
  const point = event => { if (event.target.closest("td[title]")) read(event.target.closest("td")); };
  const move = cell => {
    here?.classList.remove("here");
    here = cell;
    here?.classList.add("here");
  };
  figure.addEventListener("pointerover", point);
  figure.addEventListener("click", point);
  region.addEventListener("blur", () => move(null));
  // The arrow keys begin at the first cell; beside the counts stand the row's name and its share that is right.
  region.addEventListener("keydown", event => {
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    const [right, down] = here ? [here.cellIndex + way[0], here.parentNode.sectionRowIndex + way[1]] : [1, 0];
    const cell = rows[down]?.cells[right];
    if (cell?.title) move(cell);
    if (!here) return;
    read(here);
    here.scrollIntoView({block: "nearest", inline: "nearest"});
  });
}

// Images are files already.
for (const figure of document.querySelectorAll(".picture, .samples figure, .drawing")) {
  const image = figure.querySelector("img"), name = figure.querySelector("figcaption").dataset.name ?? image.alt;
  const [kind, data] = image.src.slice(5).split(";base64,");
  const blob = () => new Blob([Uint8Array.from(atob(data), sign => sign.charCodeAt(0))], {type: kind});
  if (kind === "image/png") {
    tool(figure, "png")?.addEventListener("click", () => save(`${name}.png`, blob()));
    continue;
  }
  tool(figure, "svg")?.addEventListener("click", () => save(`${name}.svg`, blob()));
  tool(figure, "png")?.addEventListener("click", () => {
    const [canvas, context] = canvasOf(image.naturalWidth, image.naturalHeight);
    context.drawImage(image, 0, 0);
    savePng(name, canvas);
  });
}
