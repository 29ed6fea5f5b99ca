// Makes one element like another, by ids, and leaves alone what the reader has done to it: focus, what was typed, ticked,
// opened, scrolled. Elements that scripts have added (data-keep) stay.
function isEdited(field) {
  if (field.matches("input[type=checkbox], input[type=radio]")) return field.checked !== field.defaultChecked;
  if (field.matches("input:not([type=hidden]), textarea")) return field.value !== field.defaultValue;
  if (field.matches("select")) {
    const options = [...field.options];
    // Where none is chosen by the page, browsers choose the first.
    if (!field.multiple && !options.some((option) => option.defaultSelected)) return field.selectedIndex > 0;
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  return false;
}

export function isBeingEdited(main) {
  const active = document.activeElement;
  if (!active || !main.contains(active)) return false;
  if (active.matches("select, textarea")) return true;
  if (active.matches("input:not([type=checkbox], [type=radio])")) return true;
  const form = active.form ?? active.closest("form");
  // Ticks in a listing hold its rows, not the whole page: see rows.js.
  return Boolean(form) && [...form.elements].some((field) => isEdited(field) && !field.closest("[data-holds]"));
}

// A form that has a field of the name "id" has that field as its property "id".
const idOf = (element) => element.getAttribute("id") ?? "";

function alike(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  return one.nodeType !== Node.ELEMENT_NODE || idOf(one) === idOf(other);
}

function attributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (name === "open" && from.matches("details, dialog")) continue;
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (to.hasAttribute(name) || name.startsWith("data-own-")) continue;
    if (name === "open" && from.matches("details, dialog")) continue;
    from.removeAttribute(name);
  }
}

function node(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.isEqualNode(to)) return;
  if (from.matches("input, textarea, select") && isEdited(from)) return;
  attributes(from, to);
  children(from, to);
}

// Texts (blanks, mostly) before the element that `child` stands for: where something came or went they do not pair up.
function skipTexts(next, child) {
  if (child.nodeType !== Node.ELEMENT_NODE) return next;
  let found = next;
  while (found && found.nodeType !== Node.ELEMENT_NODE) found = found.nextSibling;
  if (!found || !alike(found, child)) return next;
  while (next !== found) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
  return found;
}

function children(from, to) {
  const wanted = new Set([...to.children].map(idOf).filter(Boolean));
  const known = new Map([...from.children].filter(idOf).map((child) => [idOf(child), child]));
  const leftOut = (child) =>
    child.nodeType === Node.ELEMENT_NODE && idOf(child) !== "" && !wanted.has(idOf(child)) && !("keep" in child.dataset);
  let next = from.firstChild;
  const step = () => {
    // What is no longer there goes first, so that what stays need not be moved.
    while (next && (leftOut(next) || next.dataset?.keep !== undefined)) {
      const after = next.nextSibling;
      if (leftOut(next)) next.remove();
      next = after;
    }
  };
  for (const child of [...to.childNodes]) {
    step();
    const same = child.nodeType === Node.ELEMENT_NODE && idOf(child) ? known.get(idOf(child)) : null;
    if (same && same.nodeName === child.nodeName) {
      if (same === next) next = next.nextSibling;
      else move(from, same, next);
      node(same, child);
    } else if ((next = skipTexts(next, child)) && !(next.nodeType === Node.ELEMENT_NODE && idOf(next)) && alike(next, child)) {
      const here = next;
      next = next.nextSibling;
      node(here, child);
    } else {
      from.insertBefore(document.importNode(child, true), next);
    }
  }
  while (next) {
    const after = next.nextSibling;
    if (next.dataset?.keep === undefined) next.remove();
    next = after;
  }
}

function move(parent, child, before) {
  // Keeps focus, selection and what is open, where the browser can.
  if (parent.moveBefore) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
}

export function morph(from, to) {
  const focused = from.contains(document.activeElement) ? document.activeElement : null;
  node(from, to);
  if (!focused || document.activeElement === focused) return;
  // Focus that was lost by moving comes back; where its element is gone, the page's content has it.
  const target = focused.isConnected ? focused : from;
  target.focus({ preventScroll: true });
}
