// Moments in the reader's zone: exact on hover, relative beside, and kept right while the page is open.
const UNITS = [
  [86400, "d", 3600, "h"],
  [3600, "h", 60, "m"],
  [60, "m", 1, "s"],
];
const EXACT = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});
let ahead = 0; // Seconds by which the store's clock is ahead of the reader's.

// As `relative` in show.py.
export function relative(seconds) {
  const left = Math.abs(seconds);
  if (left < 1) return "now";
  let text = `${Math.floor(left)} s`;
  for (const [unit, name, smaller, smallerName] of UNITS) {
    if (left < unit) continue;
    text = `${Math.floor(left / unit)} ${name} ${Math.floor((left % unit) / smaller)} ${smallerName}`;
    break;
  }
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
  const now = Date.now() / 1000 + ahead;
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const told = exact(date);
    if (time.title !== told) time.title = told;
    set(time, "exact" in time.dataset ? told : relative(now - date.getTime() / 1000));
  }
}

export function setClock(main) {
  const date = new Date(main?.dataset.now ?? "");
  if (!Number.isNaN(date.getTime())) ahead = (date.getTime() - Date.now()) / 1000;
}

setClock(document.getElementById("main"));
localize(document);
setInterval(() => {
  const selection = getSelection();
  if (!document.hidden && (!selection || selection.isCollapsed)) localize(document);
}, 1000);
