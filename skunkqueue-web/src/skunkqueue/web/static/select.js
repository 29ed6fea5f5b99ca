// Ticking rows: all at once, a range with shift, and how many are ticked. Without it each box works on its own.
const boxes = () => [...document.querySelectorAll('#acts input[name="id"]')];
let last = null;

function write(element, name, value) {
  if (element && element[name] !== value) element[name] = value;
}

function count() {
  const all = boxes();
  if (!all.length) return;
  const ticked = all.filter((box) => box.checked).length;
  const every = document.getElementById("tick-all");
  write(every, "hidden", false);
  write(every, "checked", ticked === all.length);
  write(every, "indeterminate", ticked > 0 && ticked < all.length);
  write(document.getElementById("ticked"), "textContent", `${ticked} ticked:`);
  for (const button of document.querySelectorAll("#act-bar > button")) write(button, "disabled", ticked === 0);
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.name !== "id" || !box.closest("#acts")) return;
  const all = boxes();
  const [from, to] = [all.findIndex((one) => one.id === last), all.indexOf(box)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  last = box.id;
});

document.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") for (const box of boxes()) box.checked = event.target.checked;
  count();
});

// A page that was left with rows ticked has them ticked when one comes back to it; one that changed has other rows.
addEventListener("pageshow", count);
document.addEventListener("live:changed", count);
count();
