// Rows of links that are scrolled sideways on a narrow screen: the present one is in sight, and an end that goes on is hazy.
const ROWS = "nav.pages, nav.tabs";

function mark(row) {
  const rest = row.scrollWidth - row.clientWidth - row.scrollLeft;
  const more = [row.scrollLeft > 4 ? "left" : "", rest > 4 ? "right" : ""].filter(Boolean);
  const said = more.length === 2 ? "both" : (more[0] ?? "");
  if (said && row.dataset.ownMore !== said) row.dataset.ownMore = said;
  if (!said && "ownMore" in row.dataset) delete row.dataset.ownMore;
}

function show(row) {
  const here = row.querySelector("[aria-current]");
  if (here && row.scrollWidth > row.clientWidth) {
    row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - here.offsetWidth) / 2;
  }
  mark(row);
}

for (const row of document.querySelectorAll(ROWS)) show(row);
const all = () => document.querySelectorAll(ROWS).forEach(mark);
addEventListener("resize", all);
document.addEventListener("live:changed", all);
document.addEventListener("scroll", (event) => event.target.matches?.(ROWS) && mark(event.target), { capture: true, passive: true });
