// Moments in the reader's zone: exact on hover, relative beside, and kept right while the page is open.
const UNITS = [
  [86400, "d", 3600, "h"],
  [3600, "h", 60, "m"],
  [60, "m", 1, "s"],
];
const EXACT = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
const OFF_BY = 5; // Seconds of difference after which a clock was set, and no answer was slow.
const ZONE = `your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
// A date, or a moment, that names no time zone.
const MOMENT = /^(\d{4})(-?)(\d\d)\2(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d(?:[.,]\d+)?))?)?)?$/i;
let ahead = 0; // Seconds by which the store's clock is ahead of the reader's.
let isKnown = false;

// As `rough` in show.py.
function rough(seconds) {
  for (const [unit, name, smaller, smallerName] of UNITS) {
    if (seconds < unit) continue;
    const rest = String(Math.floor((seconds % unit) / smaller)).padStart(smaller === 1 ? 2 : 1, "0");
    return `${Math.floor(seconds / unit)} ${name} ${rest} ${smallerName}`;
  }
  return `${Math.floor(seconds)} s`;
}

// As `relative` in show.py.
export function relative(seconds) {
  if (Math.abs(seconds) < 1) return "now";
  const text = rough(Math.abs(seconds));
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

export function exact(date) {
  return EXACT.format(date);
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Writes all moments below `root`, which may be a part that is not on the page yet.
export function localize(root) {
  // Whole seconds, so that all change together, and by one.
  const now = Math.floor(Date.now() / 1000 + ahead);
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const told = exact(date);
    if (time.title !== told) time.title = told;
    const passed = now - Math.floor(date.getTime() / 1000);
    set(time, "exact" in time.dataset ? told : "length" in time.dataset ? rough(Math.max(passed, 0)) : relative(passed));
  }
  for (const zone of root.querySelectorAll("[data-zone]")) set(zone, ZONE);
}

// Adds the reader's time zone to a moment that was typed without any; leaves everything else as it is.
function withZone(text) {
  const [whole, year, dash, month, day, hour, minute = "00", second] = text.trim().match(MOMENT) ?? [];
  // Eight digits may be a mistake, which the monitor explains.
  if (!whole || !(dash || hour)) return text;
  const date = new Date(year, month - 1, day, hour ?? 0, minute, parseInt(second ?? 0, 10));
  if (date.getMonth() !== month - 1 || date.getDate() !== Number(day)) return text;
  const east = -date.getTimezoneOffset();
  const [hours, minutes] = [Math.abs(east) / 60, Math.abs(east) % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
  const time = `${hour ?? "00"}:${minute}${second ? `:${second.replace(",", ".")}` : ""}`;
  return `${year}-${month}-${day}T${time}${east < 0 ? "-" : "+"}${hours}:${minutes}`;
}

// What is sent is in the address of the page, which means the same to others then. The form stays as it was filled in.
document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll("[data-moment]")) {
    if (event.formData.has(field.name)) event.formData.set(field.name, withZone(field.value));
  }
});

export function setClock(main) {
  const date = new Date(main?.dataset.now ?? "");
  if (Number.isNaN(date.getTime())) return;
  const found = (date.getTime() - Date.now()) / 1000;
  // The way here only makes the store's clock look slower: the quickest answer was the best.
  if (!isKnown || found > ahead || ahead - found > OFF_BY) ahead = found;
  isKnown = true;
}

setClock(document.getElementById("main"));

function tick() {
  const selection = getSelection();
  if (!document.hidden && (!selection || selection.isCollapsed)) localize(document);
  // Just after the next second of the store's clock.
  setTimeout(tick, 1000 - ((((Date.now() + ahead * 1000) % 1000) + 1000) % 1000) + 30);
}
tick();
