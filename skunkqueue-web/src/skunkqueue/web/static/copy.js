// Buttons that copy a text: that of the element they name, or their own data-copy.
addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  const source = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : null;
  const text = source ? source.textContent : (button.dataset.copy ?? "");
  let said = "Copied";
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
