/** One panel: its chart, what it reads at the cursor, its words for those who do not see it, and its table. */

import { edgesOf, marksPlugin } from "./marks.js";
import { absence } from "./panels.js";
import { plotOptions } from "./plots.js";
import { Legend } from "./legend.js";
import { fillTable } from "./panel_table.js";
import { gridOf, lineOf, ratesOf } from "./series.js";
import { clockText, node, say } from "./text.js";

const NARROWEST_PX = 160;

/** A figure on the page. on: {cursor(time or null), spoken(text)}. Times are Unix seconds. */
export class Panel {
  #definition;
  #store;
  #on;
  #plot = null;
  #image;
  #absent;
  #legend;
  #table;
  #cursorS = null;

  constructor(definition, store, on) {
    Object.assign(this, { visible: false, width: 0 });
    this.#definition = definition;
    this.#store = store;
    this.#on = on;
    this.#legend = new Legend(definition, store);
    this.#absent = node("p", { class: "absent", hidden: true });
    this.#image = node("div", { class: "plot", role: "img", "aria-label": `${definition.title}: nothing told yet` });
    this.#image.style.minHeight = `${definition.height}px`;
    this.#table = node(
      "details",
      { class: "as-table", ontoggle: () => this.#tabulate() },
      node("summary", {}, "as a table"),
    );
    this.element = this.#figure();
  }

  #figure() {
    const { id, title } = this.#definition;
    const keys = "Left and right arrow keys move through the buckets, with Shift ten at a time.";
    const focus = {
      class: "focus",
      tabindex: 0,
      role: "group",
      "aria-roledescription": "chart",
      "aria-label": `${title}. ${keys}`,
    };
    const chart = node("div", { ...focus, onkeydown: (event) => this.#key(event) }, this.#image, this.#absent);
    const heading = node("h3", { id: `panel-${id}` }, title);
    const head = node("div", { class: "panel-head" }, heading, this.#legend.element);
    return node("div", { class: "panel", "data-panel": id }, head, chart, this.#table);
  }

  /** Draw what the store knows now. */
  refresh() {
    const { width } = this; // asking the DOM would make it lay out the whole page first
    if (width < NARROWEST_PX) return;
    const nowS = this.#store.nowS();
    const data = this.#data(nowS);
    const scale = { min: nowS - this.#store.widthS, max: nowS };
    if (!this.#plot) this.#plot = this.#start(width, data, scale);
    if (this.#plot.width !== width) this.#plot.setSize({ width, height: this.#definition.height });
    this.#plot.batch(() => {
      this.#plot.setData(data, false);
      this.#plot.setScale("x", scale);
    });
    this.#tell();
  }

  /** Say anew what an empty panel misses. */
  forget() {
    this.#absent.hidden = true;
  }

  #start(width, data, scale) {
    const cursor = (plot) => this.#moved(plot);
    const plugins = [marksPlugin(this.#store, this.#definition), { hooks: { setCursor: cursor } }];
    const plot = new globalThis.uPlot({ ...plotOptions(this.#definition, scale), width, plugins }, data, this.#image);
    plot.root.setAttribute("aria-hidden", "true");
    return plot;
  }

  #data(nowS) {
    const { kind, lines, scale } = this.#definition;
    const grid = gridOf(nowS, this.#store.widthS, this.#store.stepS);
    if (kind === "drops") return [grid, new Array(grid.length).fill(null)];
    if (kind === "rate") return ratesOf(this.#store.track(lines[0].track), grid, this.#store.stepS);
    const log = scale === "log";
    return [grid, ...lines.flatMap((line) => lineOf(this.#store.track(line.track), grid, this.#store.stepS, log))];
  }

  #tell() {
    const empty = this.#empty();
    if (empty) say(this.#absent, absence(this.#definition, this.#store));
    if (this.#absent.hidden === empty) this.#absent.hidden = !empty;
    this.#legend.refresh(this.#cursorS);
    const words = empty ? this.#absent.textContent : this.#legend.summary();
    this.#image.setAttribute("aria-label", `${this.#definition.title}: ${words}`);
    this.#mark(
      "runs",
      this.#store.runs.filter((run) => edgesOf(run, this.#store.nowS()).latest > this.#plot.scales.x.min).length,
    );
    if (this.#definition.kind === "drops") this.#mark("drops", this.#store.drops.length);
    this.#tabulate();
  }

  #mark(name, count) {
    if (this.element.dataset[name] !== String(count)) this.element.dataset[name] = count;
  }

  #empty() {
    if (this.#definition.kind === "drops") return !this.#store.drops.length;
    return this.#definition.lines.every((line) => !this.#store.track(line.track).t.length);
  }

  #tabulate() {
    if (this.#table.open) fillTable(this.#table, this.#definition, this.#store);
  }

  #moved(plot) {
    const { left } = plot.cursor;
    this.#cursorS = left == null || left < 0 ? null : plot.posToVal(left, "x");
    if (this.visible) this.#legend.refresh(this.#cursorS);
    this.#on.cursor(this.#cursorS);
  }

  #key(event) {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!this.#plot || (!direction && event.key !== "Escape")) return;
    event.preventDefault();
    if (!direction) {
      this.#plot.setCursor({ left: -10, top: -10 }, true, true);
      return;
    }
    const { min, max } = this.#plot.scales.x;
    const step = this.#store.stepS * direction * (event.shiftKey ? 10 : 1);
    const to = this.#cursorS == null ? max : this.#cursorS + step;
    const left = this.#plot.valToPos(Math.min(Math.max(to, min + 1), max - 1), "x");
    this.#plot.setCursor({ left, top: 10 }, true, true);
    this.#on.spoken(`${clockText(this.#cursorS)}: ${this.#legend.values(this.#cursorS)}`);
  }
}
