/** Puts the panels on the page and redraws them: one a frame, only those that changed and can be seen. */

import { Panel } from "./panel.js";
import { PANELS } from "./panels.js";
import { byId, clockText, node, say } from "./text.js";
import { colours, onTheme } from "./theme.js";

const PADDING_PX = 18; // of a panel, both sides and the border
const TICK_MS = { 900: 1000, 7200: 5000, 86400: 30_000 }; // how often the time axis moves when nothing is told

/** All panels. */
export class Charts {
  #store;
  #panels;
  #dirty = new Set();
  #frame = 0;
  #next = 0;

  constructor(store) {
    this.#store = store;
    const parent = byId("panels");
    const on = { cursor: (at) => this.#cursor(at), spoken: (text) => say(byId("chart-words"), text) };
    this.#panels = PANELS.map((definition) => new Panel(definition, store, on));
    parent.replaceChildren(...this.#panels.map((panel) => panel.element));
    const seen = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "120px" });
    const sized = new ResizeObserver((entries) => this.#sized(entries[0].contentRect.width));
    for (const panel of this.#panels) seen.observe(panel.element);
    sized.observe(parent);
    onTheme(() => this.changed());
  }

  /** Something was told: redraw what can be seen, and start to move again. */
  changed() {
    for (const panel of this.#panels) this.#dirty.add(panel);
    this.#schedule();
    clearTimeout(this.#next);
    this.#next = setTimeout(() => this.changed(), TICK_MS[this.#store.widthS] ?? 5000);
  }

  /** The settings changed: empty panels say what would fill them. */
  renamed() {
    for (const panel of this.#panels) panel.forget();
    this.changed();
  }

  #sized(width) {
    for (const panel of this.#panels) panel.width = Math.floor(width) - PADDING_PX;
    this.changed();
  }

  #seen(entries) {
    for (const entry of entries) {
      const panel = this.#panels.find((one) => one.element === entry.target);
      panel.visible = entry.isIntersecting;
    }
    this.#schedule();
  }

  #schedule() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const panel = [...this.#dirty].find((one) => one.visible);
    if (!panel) return; // the others wait until somebody scrolls to them
    this.#dirty.delete(panel);
    panel.refresh(colours());
    if (this.#dirty.size) this.#schedule();
  }

  #cursor(atS) {
    const text = atS == null ? "newest values" : `values at ${clockText(atS)}`;
    say(byId("cursor-time"), text);
  }
}

/** The legend of what is drawn behind every panel. */
export function shadeLegend() {
  const entry = (kind, words) => node("li", {}, node("span", { class: `shade ${kind}`, "aria-hidden": "true" }), words);
  return node(
    "ul",
    { class: "legend", "aria-label": "What is drawn behind the curves" },
    entry("publish", "publish window, lighter where its edge is uncertain"),
    entry("batch", "batch, longer when it failed"),
    entry("suspect", "figures not to be trusted"),
    entry("start", "monitor start"),
  );
}
