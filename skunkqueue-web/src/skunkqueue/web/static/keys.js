// Keys: ? shows them, / searches, g and a letter leads to a page, j and k move through rows, x ticks one.
const SEQUENCE_MS = 1500;
let leader = 0;

function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("select, textarea")) return true;
  return target.matches("input") && !["checkbox", "radio", "button", "submit"].includes(target.type);
}

const LINKS = "a[href], button, summary, input:not([type=hidden])";

function rows() {
  return [...document.querySelectorAll("main tbody tr, main [data-row]")].filter(
    (row) => row.querySelector(LINKS) && row.checkVisibility(),
  );
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + step, 0), all.length - 1);
  const row = all[next];
  (row.querySelector("a[href]") ?? row.querySelector(LINKS)).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  say(`Row ${next + 1} of ${all.length}`);
}

function tick() {
  const row = document.activeElement?.closest("tr, [data-row]");
  row?.querySelector("input[type=checkbox]")?.click();
}

function showKeys() {
  const dialog = document.getElementById("keys");
  if (dialog && !dialog.open) dialog.showModal();
}

function go(letter) {
  const link = document.querySelector(`[data-key="${CSS.escape(letter)}"]`);
  if (!link) {
    say(`No page has the key ${letter}. Press ? for all keys.`);
    return;
  }
  say(`Going to ${link.textContent.trim()}`);
  location.assign(link.href);
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target)) {
    if (event.key === "Escape" && event.target.matches("[data-search]")) event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const follows = event.timeStamp - leader < SEQUENCE_MS && leader > 0;
  leader = 0;
  if (follows && /^[a-z]$/.test(event.key)) {
    event.preventDefault();
    go(event.key);
    return;
  }
  const actions = {
    "?": showKeys,
    "/": () => document.querySelector("[data-search]")?.select(),
    j: () => move(1),
    k: () => move(-1),
    x: tick,
    g: () => {
      leader = event.timeStamp;
      say("Go to: press a page's key");
    },
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

addEventListener("click", (event) => {
  if (event.target.closest?.("[data-keys-button]")) showKeys();
  // A click beside a dialog closes it.
  if (event.target instanceof HTMLDialogElement && event.target.dataset.close === "beside") {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});
