/** The head of a panel: what each line is and reads at the cursor, and which failures the marks stand for. */

import { isWell } from "./marks.js";
import { reconcile } from "./redraw.js";
import { addWords, barAt } from "./series.js";
import { LAYERS, lineSwatch, shapeOfReason, shapeOfWord, swatch } from "./shapes.js";
import { countText, counted, durationText, node, plain, rateText, say } from "./text.js";

const RATES = [
  { name: "ok", key: "ok", colour: "ok" },
  { name: "429", key: "limited", colour: "limited" },
  { name: "other errors", key: "failed", colour: "failed" },
];
const NEAR_SHARE = 1 / 120; // of the window: drops so near to the cursor are read out
const KINDS_SHOWN = 12;

/** The legend of one panel. */
export class Legend {
  #panel;
  #store;
  #texts = [];
  #words;

  constructor(panel, store) {
    this.#panel = panel;
    this.#store = store;
    this.#words = node("ul", { class: "kinds" });
    const entries = { lines: panel.lines, rate: RATES, drops: [null] }[panel.kind];
    const items = entries.map((entry) => this.#entry(entry));
    this.element = node("div", { class: `legends ${panel.kind}` }, node("ul", { class: "lines" }, items), this.#words);
  }

  #entry(entry) {
    const text = node("span", { class: "value" });
    this.#texts.push(text);
    if (!entry) return node("li", {}, text);
    const mark = this.#panel.kind === "rate" ? swatch("square", entry.colour) : lineSwatch(entry.colour, entry.dash);
    return node("li", {}, mark, `${entry.name} `, text);
  }

  /** Show the values at this time (Unix seconds), or the newest ones. */
  refresh(atS) {
    this.#read(atS).forEach((text, at) => say(this.#texts[at], text));
    const kinds = this.#kinds().slice(0, KINDS_SHOWN);
    reconcile(
      this.#words,
      kinds,
      (kind) => kind.key,
      (kind) => `${kind.text}`,
      (kind) => node("li", {}, swatch(kind.shape, kind.colour, kind.hollow), kind.text),
    );
  }

  /** What this time (Unix seconds; the newest by default) reads, as one sentence: its values and its own failures. */
  values(atS) {
    const texts = this.#read(atS);
    if (this.#panel.kind === "drops") return texts[0];
    const names = this.#panel.kind === "rate" ? RATES : this.#panel.lines;
    const kinds = this.#kindsOf(this.#wordsAt(atS)).map((kind) => kind.text);
    return [...names.map(({ name }, at) => `${name} ${texts[at]}`), ...kinds].join(", ");
  }

  #wordsAt(atS) {
    if (this.#panel.kind === "rate") return this.#bar(atS)?.words ?? {};
    const total = {};
    for (const line of this.#panel.lines) {
      const [track, at] = this.#bucket(line.track, atS);
      addWords(total, track.words[at]);
    }
    return total;
  }

  /** Now, and the largest and the failures of the whole period, for those who do not see the curve. */
  summary() {
    const { kind, lines, text } = this.#panel;
    const period = `last ${durationText(this.#store.widthS)}`;
    const kinds = this.#kinds().map((one) => one.text);
    if (kind === "drops") return `${counted(this.#store.dropsTotal, "drop")} in the ${period}. ${kinds.join(", ")}`;
    if (kind === "rate") return `now ${this.values()}. In the ${period} ${kinds.join(", ") || "no error"}`;
    const largest = lines.map((line) => {
      const high = Math.max(...this.#store.track(line.track).high.filter((value) => value != null));
      return Number.isFinite(high) ? `${line.name} at most ${text(high)}` : `${line.name} not measured`;
    });
    return `now ${this.values()}. In the ${period} ${[...largest, ...kinds].join(", ")}`;
  }

  #read(atS) {
    if (this.#panel.kind === "drops") return [atS == null ? "" : this.#near(atS)];
    if (this.#panel.kind === "rate") return this.#rates(atS);
    return this.#panel.lines.map((line) => {
      const [track, at] = this.#bucket(line.track, atS);
      if (at < 0) return "-";
      if (track.mid[at] == null) return "failed";
      const high = track.high[at];
      const { text } = this.#panel;
      return high != null && high > track.mid[at] * 1.05
        ? `${text(track.mid[at])} (max ${text(high)})`
        : text(track.mid[at]);
    });
  }

  #rates(atS) {
    const bar = this.#bar(atS);
    if (!bar) return RATES.map(() => "-");
    const { all, limited, failed, width } = bar;
    const calls = { ok: all - limited - failed, limited, failed };
    return RATES.map(({ key }) => rateText(calls[key] / width));
  }

  /** The bar under the cursor, or the nearest one; null when none is near. */
  #bar(atS) {
    const { stepS } = this.#store;
    const [track, at] = this.#bucket(this.#panel.lines[0].track, atS);
    return (atS != null && barAt(track, atS, stepS)) || (at < 0 ? null : barAt(track, track.t[at], stepS));
  }

  #bucket(id, atS) {
    const track = this.#store.track(id);
    const at = atS ?? this.#store.nowS();
    return [track, track.nearest(at, Math.max(track.bridge(this.#store.stepS), 5))];
  }

  #kinds() {
    return this.#panel.kind === "drops" ? this.#dropKinds() : this.#wordKinds();
  }

  #near(atS) {
    const near = this.#store.widthS * NEAR_SHARE;
    const kinds = kindsOfDrops(this.#store.drops.filter((drop) => Math.abs(drop.at - atS) <= near));
    return kinds.map((kind) => `${countText(kind.count)} ${kind.name}`).join(", ") || "no drop here";
  }

  #wordKinds() {
    const total = {};
    for (const line of this.#panel.lines) addWords(total, this.#store.track(line.track).wordsTotal());
    return this.#kindsOf(total);
  }

  #kindsOf(total) {
    const colour = (word) =>
      this.#panel.kind === "rate" && word === "429" ? "limited" : this.#panel.kind === "rate" ? "failed" : "muted";
    return Object.entries(total)
      .filter(([word]) => !isWell(word))
      .sort(([, one], [, other]) => other - one)
      .map(([word, count]) => ({
        key: word,
        text: `${plain(word)} ${countText(count)}`,
        shape: shapeOfWord(word),
        colour: colour(word),
      }));
  }

  #dropKinds() {
    return kindsOfDrops(this.#store.drops).map((kind) => ({ ...kind, text: `${kind.name} ${countText(kind.count)}` }));
  }
}

/** Drops by layer, reason and whether planned, with their number; in the order of the lanes, the commonest first. */
export function kindsOfDrops(drops) {
  const kinds = new Map();
  for (const { layer, reason, planned } of drops) {
    const key = `${layer} ${reason} ${planned ? "planned" : ""}`;
    const kind = kinds.get(key) ?? {
      key,
      layer,
      reason,
      count: 0,
      shape: shapeOfReason(layer, reason),
      hollow: planned,
    };
    kind.count += 1;
    kinds.set(key, kind);
  }
  const named = { ice: "ICE", dtls: "DTLS" };
  for (const kind of kinds.values()) {
    kind.colour = LAYERS.includes(kind.layer) ? kind.layer : "platform";
    kind.name = `${named[kind.layer] ?? plain(kind.layer)} ${plain(kind.reason)}${kind.hollow ? " (no failure)" : ""}`;
  }
  const lane = (kind) => LAYERS.indexOf(kind.layer);
  return [...kinds.values()].sort((one, other) => lane(one) - lane(other) || other.count - one.count);
}
