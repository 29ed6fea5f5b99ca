// Keeps the page as it is in the store, without disturbing what the reader does. Events say when to fetch; without them
// (too many listen, or something between keeps them back) the page asks every few seconds.
import { localizeCharts } from "./charts.js";
import { isBeingEdited, morph } from "./morph.js";
import { holdRows, onRelease } from "./rows.js";
import { localize, setClock } from "./times.js";

const POLL_MS = 5000;
const SLOW_POLL_MS = 30000; // With events, in case one was lost.
const LEAST_MS = 1000; // Between two fetches.
const STREAM_AGAIN_MS = 60000;
const LONGEST_WAIT_MS = 30000;
const PATIENCE_MS = 8000; // For one answer; without one in this time the store or the monitor hangs.

const main = document.getElementById("main");
const state = document.getElementById("live-state");
const notice = document.getElementById("notice");
const isPlain = document.body.classList.contains("plain");

let stream = null;
let streamAt = 0;
let hasEvents = false;
let timer = 0;
let fetching = false;
let wanted = false;
let failures = 0;
let held = false; // By the reader.
let fetchedAt = performance.now();

function busyWith() {
  if (document.hidden) return "the tab is hidden";
  if (held) return "you have paused it";
  const selection = getSelection();
  if (selection && !selection.isCollapsed && main.contains(selection.anchorNode)) return "text is selected";
  if (isBeingEdited(main)) return "a form is being filled in";
  return "";
}

function show(name, text, why) {
  if (!state) return;
  state.dataset.state = name;
  if (state.textContent !== text) state.textContent = text;
  state.title = why;
  state.setAttribute("aria-pressed", String(held));
}

function showState() {
  const why = busyWith();
  if (failures) show("away", "Away", "The store or the monitor does not answer; this page goes on trying");
  else if (why && why !== "the tab is hidden") show("paused", "Paused", `This page does not change: ${why}`);
  else show("live", "Live", "This page changes with the store. Press to pause.");
}

function tell(text) {
  if (!notice) return;
  if (!text) notice.replaceChildren();
  else if (notice.textContent !== text) {
    const line = document.createElement("p");
    line.className = "message message-warn";
    line.textContent = text;
    notice.replaceChildren(line);
  }
}

function later(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(() => (wanted = true) && tryFetch(), milliseconds);
}

function regularly() {
  later(failures ? Math.min(LEAST_MS * 2 ** failures, LONGEST_WAIT_MS) : hasEvents ? SLOW_POLL_MS : POLL_MS);
}

// Fetches if something may have changed and the reader is not in the middle of something.
async function tryFetch() {
  showState();
  if (!wanted || fetching || busyWith()) return;
  const early = LEAST_MS - (performance.now() - fetchedAt);
  if (early > 0) {
    later(early);
    return;
  }
  wanted = false;
  fetching = true;
  try {
    await update();
  } catch (error) {
    const who = error.name === "TimeoutError" ? "The store or the monitor does not answer" : "The monitor does not answer";
    failed(`${who}. What you see is old; this page goes on trying.`);
  } finally {
    fetching = false;
    fetchedAt = performance.now();
    showState();
    // An event that came meanwhile may tell of what this answer did not have.
    if (wanted && !failures) later(LEAST_MS);
    else regularly();
  }
}

async function update() {
  const answer = await fetch(location.href, {
    headers: { "X-SkunkQueue-Live": "1" },
    cache: "no-store",
    credentials: "same-origin",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status === 401 || answer.redirected) {
    // The session has ended: the page itself leads to the login.
    location.reload();
    return;
  }
  if (answer.status >= 500) {
    failed("The store does not answer. What you see is old; this page goes on trying.");
    return;
  }
  const text = await answer.text();
  failures = 0;
  tell("");
  if (isPlain && answer.ok) {
    location.reload();
    return;
  }
  openStream();
  const page = new DOMParser().parseFromString(text, "text/html");
  const found = page.getElementById("main");
  // Whatever the reader has begun meanwhile is not disturbed; the next fetch brings what has changed.
  if (!found || busyWith()) {
    wanted = true;
    return;
  }
  setClock(found);
  localize(found);
  localizeCharts(found);
  if (!holdRows(main, found)) return;
  morph(main, found);
  if (page.title) document.title = page.title;
  main.dispatchEvent(new CustomEvent("live:changed", { bubbles: true }));
}

function failed(text) {
  failures += 1;
  tell(text);
}

function openStream() {
  if (stream || !main.dataset.events || document.hidden) return;
  if (streamAt && performance.now() - streamAt < STREAM_AGAIN_MS) return;
  stream = new EventSource(main.dataset.events);
  stream.addEventListener("hello", () => {
    hasEvents = true;
    streamAt = 0;
    // If something changed between this page's making and the stream's beginning, an event follows.
    if (!wanted) regularly();
  });
  stream.addEventListener("change", () => {
    wanted = true;
    tryFetch();
  });
  stream.addEventListener("away", () => {
    failed("The store does not answer. What you see is old; this page goes on trying.");
    showState();
    regularly();
  });
  stream.addEventListener("bye", () => {
    // After a while one has to say again who one is: the next fetch does, and opens another.
    closeStream();
    streamAt = 0;
    wanted = true;
    tryFetch();
  });
  stream.addEventListener("error", () => {
    hasEvents = false;
    if (stream?.readyState !== EventSource.CLOSED) return;
    streamAt = performance.now();
    closeStream();
    regularly();
  });
}

function closeStream() {
  stream?.close();
  stream = null;
  hasEvents = false;
}

function begin() {
  openStream();
  showState();
  regularly();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      closeStream();
      return;
    }
    streamAt = 0;
    openStream();
    wanted = true;
    tryFetch();
  });
  // Whatever kept the page from changing may be over.
  for (const event of ["selectionchange", "focusin", "focusout"]) document.addEventListener(event, () => setTimeout(tryFetch));
  onRelease(main, () => {
    wanted = true;
    tryFetch();
  });
  addEventListener("pagehide", closeStream);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    openStream();
    wanted = true;
    tryFetch();
  });
  state?.addEventListener("click", () => {
    held = !held;
    wanted = true;
    tryFetch();
  });
}

if (main?.dataset.live === "on") begin();
else if (state) state.hidden = true;
