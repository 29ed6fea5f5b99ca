// Sends a form that changes something once: another click, or a key that is held down, does nothing before the answer is there.
const PATIENCE_MS = 10000; // For an answer; after that one may send it again.
let sentAt = -Infinity;

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.getAttribute("method")?.toLowerCase() !== "post") return;
  if (event.timeStamp - sentAt < PATIENCE_MS) event.preventDefault();
  else sentAt = event.timeStamp;
});

// Whoever comes back to the page may act again.
addEventListener("pageshow", () => (sentAt = -Infinity));
