/** Light or dark: as the system wants it, or as the person chose; and the colours of the style sheet for canvases. */

import { byId, say } from "./text.js";

const KEPT = "softphone-monitor-theme";
const NAMES = [
  "text",
  "muted",
  "grid",
  "panel",
  "line-a",
  "line-b",
  "line-c",
  "ok",
  "limited",
  "failed",
  "publish",
  "publish-text",
  "signalling",
  "ice",
  "dtls",
  "media",
  "platform",
];

const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];
let palette = null;

/** The colours by name, such as `line-a`, of the theme shown. */
export function colours() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    palette = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }
  return palette;
}

/** Call this whenever the theme has changed. */
export function onTheme(listener) {
  listeners.push(listener);
}

/** Show the chosen theme and make the button work. */
export function startTheme() {
  apply(kept());
  dark.addEventListener("change", () => apply(kept()));
  byId("theme").addEventListener("click", () => {
    const next = shown() === "dark" ? "light" : "dark";
    keep(next === system() ? null : next);
    apply(kept());
  });
}

const system = () => (dark.matches ? "dark" : "light");
const shown = () => document.documentElement.dataset.theme;

function apply(choice) {
  document.documentElement.dataset.theme = choice ?? system();
  palette = null;
  say(byId("theme"), shown() === "dark" ? "Light" : "Dark");
  byId("theme").setAttribute("aria-label", `Switch to the ${shown() === "dark" ? "light" : "dark"} theme`);
  for (const listener of listeners) listener();
}

function kept() {
  try {
    const choice = localStorage.getItem(KEPT);
    return choice === "dark" || choice === "light" ? choice : null;
  } catch {
    return null; // storage is forbidden: the system's theme it is
  }
}

function keep(choice) {
  try {
    if (choice) localStorage.setItem(KEPT, choice);
    else localStorage.removeItem(KEPT);
  } catch {
    document.documentElement.dataset.theme = choice ?? system(); // for this visit
  }
}
