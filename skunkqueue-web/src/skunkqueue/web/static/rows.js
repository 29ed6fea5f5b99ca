// Holds the rows of a listing (data-holds) while some are ticked or the reader has scrolled into it: what a row says changes,
// but no row comes, goes or moves until the reader asks for it. Where rows have buttons of their own (data-keeps), those that
// are shown keep their order, new ones come before them; if both, the rows are held under the pointer, too.
const strip = document.getElementById("held");
let released = false; // The reader asked for the new rows.

const bodies = (root) => [...root.querySelectorAll("[data-holds] > tbody")];
const rowsOf = (body) => [...body.children].filter((row) => row.id);
const tickedOf = (body) => [...body.querySelectorAll('input[name="id"]')].filter((box) => box.checked).length;

function isScrolledInto(body) {
  if (!body.checkVisibility()) return false;
  const bar = document.querySelector(".top");
  const covered = bar && getComputedStyle(bar).position === "sticky" ? bar.getBoundingClientRect().bottom : 0;
  return body.getBoundingClientRect().top < covered;
}

const isPointedAt = (body) => "keeps" in body.parentElement.dataset && body.matches(":hover, :focus-within");
const isHeld = (body) => tickedOf(body) > 0 || isScrolledInto(body) || isPointedAt(body);

function keepOrder(main, found) {
  const fresh = found.querySelectorAll("[data-keeps] > tbody");
  main.querySelectorAll("[data-keeps] > tbody").forEach((body, number) => {
    const there = new Map(fresh[number] ? rowsOf(fresh[number]).map((row) => [row.id, row]) : []);
    const kept = rowsOf(body).map((row) => there.get(row.id));
    fresh[number]?.append(...kept.filter(Boolean));
  });
}

function say(news, gone, ticked, isCut) {
  if (!strip) return;
  const several = news + gone;
  const why = ticked ? `${ticked} ${ticked === 1 ? "row is" : "rows are"} ticked, so the list stands still. ` : "";
  const what = news
    ? `${news}${isCut ? " or more" : ""} new ${news === 1 && !isCut ? "row" : "rows"}`
    : `${gone} ${gone === 1 ? "row has" : "rows have"} left the list`;
  if (several && strip.hidden) {
    const said = document.getElementById("said");
    if (said) said.textContent = `${why}${what}. The button before the content shows the list as it is now.`;
  }
  strip.hidden = !several;
  strip.querySelector("span").textContent = `${why}${what}`;
}

// Gives the page that has been fetched the rows that are to be shown, before it is put in. Returns whether it may be put in.
export function holdRows(main, found) {
  const shown = bodies(main);
  const isFree = released || !shown.some(isHeld);
  const fresh = bodies(found);
  let [news, gone, ticked, isCut, isWhole] = [0, 0, 0, false, true];
  if (!released) keepOrder(main, found);
  shown.forEach((body, number) => {
    const next = fresh[number];
    const here = rowsOf(body);
    if (!here.length || (isFree && !(released && next))) return;
    const there = new Map(next ? rowsOf(next).map((row) => [row.id, row]) : []);
    if (isFree) {
      // Ticked rows stay, even if they are on a later page by now.
      const kept = here.filter((row) => !there.has(row.id) && row.querySelector('input[name="id"]:checked'));
      next.append(...kept.map((row) => document.importNode(row, true)));
      return;
    }
    const known = new Set(here.map((row) => row.id));
    const added = [...there.keys()].filter((id) => !known.has(id)).length;
    news += added;
    isCut ||= added === there.size && added > 0;
    gone += here.filter((row) => !there.has(row.id)).length;
    ticked += tickedOf(body);
    // Without any row left the page has no list to hold.
    if (next) next.replaceChildren(...here.map((row) => there.get(row.id) ?? document.importNode(row, true)));
    else isWhole = false;
  });
  released = false;
  say(news, gone, ticked, isCut);
  return isWhole;
}

// Calls back when rows may come again: the reader has asked for them, has unticked all, has scrolled back or points elsewhere.
export function onRelease(main, callback) {
  strip?.querySelector("button").addEventListener("click", () => {
    released = true;
    const table = main.querySelector("[data-holds]")?.closest(".table");
    table?.scrollIntoView({ block: "start" });
    table?.focus({ preventScroll: true });
    callback();
  });
  const look = () => {
    if (!strip || strip.hidden || bodies(main).some(isHeld)) return;
    callback();
  };
  // Later: ticking all boxes at once is done by another listener.
  document.addEventListener("change", () => setTimeout(look));
  document.addEventListener("scroll", look, { passive: true });
  document.addEventListener("pointerover", look, { passive: true });
}
