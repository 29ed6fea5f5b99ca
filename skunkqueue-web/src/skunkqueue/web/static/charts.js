// Shows the values of a chart at the pointer, and by the arrow keys. The table below each chart is where they are from.
const SVG = "http://www.w3.org/2000/svg";
const SO_FAR = " so far"; // As templates/charts/_chart.html has it.
const FORMS = {
  time: new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
  full: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
};

function write(element, seconds, after = "") {
  const text = FORMS[element.closest("[data-form]").dataset.form].format(new Date(seconds * 1000)) + after;
  if (element.textContent !== text) element.textContent = text;
}

// Times of axes and tables in the reader's zone.
export function localizeCharts(root) {
  for (const element of root.querySelectorAll("[data-t]")) write(element, Number(element.dataset.t));
  for (const body of root.querySelectorAll("tbody[data-step]")) {
    const { begin, step } = body.dataset;
    [...body.rows].forEach((row, number) => {
      const time = row.cells[0];
      write(time, Number(begin) + number * Number(step), time.textContent.endsWith(SO_FAR) ? SO_FAR : "");
    });
  }
}

let shown = null; // { figure, index }

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function hide() {
  for (const element of document.querySelectorAll(".cursor, .bubble")) element.remove();
  shown = null;
}

function show(figure, index, aloud) {
  const rows = figure.querySelectorAll("tbody tr");
  if (!rows.length) return;
  const number = Math.min(Math.max(index, 0), rows.length - 1);
  if (shown?.figure !== figure) hide();
  shown = { figure, index: number };
  const svg = figure.querySelector(".plot-svg");
  const at = (100 * (number + 0.5)) / rows.length;
  let cursor = svg.querySelector(".cursor");
  if (!cursor) {
    cursor = document.createElementNS(SVG, "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", "0");
    cursor.dataset.keep = "";
    svg.append(cursor);
  }
  cursor.setAttribute("y2", String(svg.height.baseVal.value - 22));
  cursor.setAttribute("x1", `${at}%`);
  cursor.setAttribute("x2", `${at}%`);
  let bubble = figure.querySelector(".bubble");
  if (!bubble) {
    bubble = make("div", "bubble");
    bubble.dataset.keep = "";
    figure.querySelector(".plot").append(bubble);
  }
  const looks = [...figure.querySelectorAll(".legend .swatch")].map((swatch) => swatch.className);
  const names = [...figure.querySelectorAll("thead th")].slice(1).map((head) => head.textContent);
  const cells = [...rows[number].children].map((cell) => cell.textContent);
  const list = make("dl");
  names.forEach((name, position) => {
    list.append(make("span", looks[position]), make("dt", "", name), make("dd", "", cells[position + 1] || "–"));
  });
  bubble.replaceChildren(make("p", "", cells[0]), list);
  const room = svg.clientWidth || svg.getBoundingClientRect().width;
  const left = (room * at) / 100;
  const isRight = left > room / 2;
  bubble.style.left = isRight ? "auto" : `${left + 10}px`;
  bubble.style.right = isRight ? `${room - left + 10}px` : "auto";
  if (aloud) {
    const said = document.getElementById("said");
    if (said) said.textContent = `${cells[0]}: ${names.map((name, position) => `${name} ${cells[position + 1] || "nothing"}`).join(", ")}`;
  }
}

function indexAt(figure, clientX) {
  const box = figure.querySelector(".plot-svg").getBoundingClientRect();
  const count = figure.querySelectorAll("tbody tr").length;
  return Math.floor(((clientX - box.left) / box.width) * count);
}

document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.(".plot");
  if (plot) show(plot.closest("figure"), indexAt(plot.closest("figure"), event.clientX), false);
  else if (shown && !shown.figure.contains(document.activeElement)) hide();
});
document.addEventListener("pointerdown", (event) => {
  const plot = event.target.closest?.(".plot");
  if (plot) show(plot.closest("figure"), indexAt(plot.closest("figure"), event.clientX), false);
});
document.addEventListener("keydown", (event) => {
  const svg = document.activeElement?.closest(".plot-svg");
  if (!svg || event.ctrlKey || event.metaKey || event.altKey) return;
  const figure = svg.closest("figure");
  const last = figure.querySelectorAll("tbody tr").length - 1;
  const here = shown?.figure === figure ? shown.index : last + 1;
  const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
  if (event.key === "Escape") hide();
  if (to === undefined) return;
  event.preventDefault();
  show(figure, to, true);
});
document.addEventListener("focusout", (event) => event.target.closest?.(".plot-svg") && hide());
document.addEventListener("live:changed", () => shown && show(shown.figure, shown.index, false));
localizeCharts(document);
