// Buttons that copy a text: that of the element they name, or their own data-copy.
const CUT = "Copied the beginning";

// The element of this id on the page that shows values whole; null: that page cannot be had.
async function wholeOf(url, id) {
  try {
    const answer = await fetch(url, { credentials: "same-origin", headers: { "X-SkunkQueue-Live": "1" } });
    if (!answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
  } catch {
    return null;
  }
}

addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  const source = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : null;
  const whole = source && button.dataset.copyWhole ? await wholeOf(button.dataset.copyWhole, source.id) : null;
  const copied = whole ?? source;
  const text = copied ? copied.textContent : (button.dataset.copy ?? "");
  let said = copied && "cut" in copied.dataset ? CUT : "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https browsers give no clipboard: the text is marked, to be copied by hand.
    said = "Press Ctrl+C";
    if (source) getSelection()?.selectAllChildren(source);
  }
  const before = button.dataset.text ?? button.textContent;
  button.dataset.text = before;
  button.textContent = said;
  setTimeout(() => (button.textContent = before), 1500);
});
