/** Brings what stands on the page up to date in place: focus, selection and what somebody opened outlast it. */

import { zoneName } from "./text.js";

const THEIRS = new Set(["open"]); // attributes that belong to whoever looks, not to what was told

/**
 * Make the children of `parent` those of `items`, in order, and touch only what changed.
 * key(item) names an item, state(item) is a string that differs when its node says something else by now. A node keeps the
 * listeners it was first built with: they may depend on the key, not on the state.
 */
export function reconcile(parent, items, key, state, build) {
  const old = leftOf(parent, new Set(items.map((item) => String(key(item)))));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const child = upToDate(old.get(name), name, `${zoneName()} ${state(item)}`, () => build(item));
    old.delete(name);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** The children by key that are still wanted; the others go first, so that nothing else has to move for them. */
function leftOf(parent, wanted) {
  const left = new Map();
  for (const child of [...parent.children]) {
    const { key } = child.dataset;
    if (wanted.has(key) && !left.has(key)) left.set(key, child);
    else child.remove();
  }
  return left;
}

function upToDate(child, name, state, build) {
  if (child?.dataset.state === state) return child;
  const fresh = build();
  fresh.dataset.key = name;
  fresh.dataset.state = state;
  if (!child) return fresh;
  become(child, fresh);
  return child;
}

/** Make `parent` hold what `children` say, and keep every node of it that is alike. */
export function refill(parent, children) {
  const fresh = document.createElement("div");
  fresh.append(...children);
  becomeChildren(parent, fresh);
}

function become(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  becomeAttributes(old, fresh);
  becomeChildren(old, fresh);
}

function becomeAttributes(old, fresh) {
  for (const name of old.getAttributeNames()) {
    if (!fresh.hasAttribute(name) && !THEIRS.has(name)) old.removeAttribute(name);
  }
  for (const name of fresh.getAttributeNames()) {
    const value = fresh.getAttribute(name);
    if (old.getAttribute(name) === value) continue;
    if (name === "style")
      old.style.cssText = value; // the policy lets no style be set as an attribute
    else old.setAttribute(name, value);
  }
}

function becomeChildren(old, fresh) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    let like = place;
    while (like && !alike(like, child)) like = like.nextSibling;
    if (!like) {
      old.insertBefore(child, place);
      continue;
    }
    for (; place !== like; place = removed(place));
    become(like, child);
    place = like.nextSibling;
  }
  while (place) place = removed(place);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Whether one may turn into the other and still be the same thing to whoever looks at it. */
function alike(one, other) {
  if (one.nodeName !== other.nodeName || one.nodeType !== other.nodeType) return false;
  return one.id === other.id && one.dataset?.name === other.dataset?.name;
}
