/** Shows every probe with its last attempt; one opened shows its last attempts and failures with every phase. */

import { ask } from "./live.js";
import { reconcile } from "./redraw.js";
import { byId, countText, durationText, momentText, node, plain } from "./text.js";

const REFRESH_MS = 10_000;
const OPEN_REFRESH_MS = 5_000;

/** The table of probes and the one that is open. */
export class Probes {
  #store;
  #open = null;
  #visible = false;
  #detail = null;
  #running = new Map();

  constructor(store) {
    this.#store = store;
    new IntersectionObserver((entries) => this.#seen(entries.at(-1).isIntersecting)).observe(byId("probes-section"));
    setInterval(() => this.#open === null && this.refresh(), REFRESH_MS);
    setInterval(() => this.#open !== null && this.refresh(), OPEN_REFRESH_MS);
  }

  /** Ask for the newest state, if somebody can see it. */
  async refresh() {
    if (!this.#visible || document.hidden) return;
    const { body } = await ask("/api/probes");
    if (!body) return;
    const probes = body.probes ?? [];
    byId("probes-none").hidden = probes.length > 0;
    byId("probes-table").hidden = !probes.length;
    const open = this.#open;
    const detail = open === null ? null : (await ask(`/api/probes/${encodeURIComponent(open)}`)).body;
    if (detail && open === this.#open) this.#detail = detail; // another one, opened meanwhile, asks for itself
    this.#show(probes);
  }

  #seen(visible) {
    this.#visible = visible;
    if (visible) this.refresh();
  }

  #show(probes) {
    const rows = probes.flatMap((probe) => (probe.name === this.#open ? [probe, { ...probe, detail: true }] : [probe]));
    reconcile(
      byId("probes"),
      rows,
      (row) => `${row.detail ? "detail" : "row"} ${row.name}`,
      (row) => this.#state(row),
      (row) => (row.detail ? this.#detailRow(row) : this.#row(row)),
    );
    this.#fill();
  }

  #state(row) {
    return row.detail ? "" : JSON.stringify([row, row.name === this.#open]);
  }

  #row(probe) {
    const { last, name } = probe;
    const open = name === this.#open;
    const press = () => this.#toggle(name);
    const button = node(
      "button",
      { type: "button", class: "link", "aria-expanded": String(open), onclick: press },
      name,
    );
    const well = last?.outcome === "ok";
    const outcome = last
      ? node("span", { class: `state is-${well ? "ok" : "critical"}` }, plain(last.outcome))
      : "not yet";
    return node(
      "tr",
      {},
      node(
        "th",
        { scope: "row" },
        button,
        node("span", { class: "muted block" }, [probe.kind, probe.agent].filter(Boolean).join(", ")),
      ),
      node("td", {}, outcome, last?.suspect ? node("span", { class: "chip" }, "suspect") : null),
      node("td", { class: "number" }, durationText(last?.took_s)),
      node("td", {}, last ? momentText(last.at, this.#store.nowS()) : "-"),
      node("td", { class: "number" }, countText(probe.failures)),
    );
  }

  #detailRow(probe) {
    const session = probe.kind === "session"; // a connection that probes share: there is nothing to probe at will
    const now = session
      ? null
      : node("button", { type: "button", onclick: (event) => this.#probe(probe.name, event.target) }, "Probe now");
    const answer = node("pre", { class: "answer", role: "status", tabindex: 0, hidden: true });
    const box = (title, kind) => [
      node("h3", {}, title),
      node("ol", { class: "entries", "data-list": kind, tabindex: 0, "aria-label": title }),
    ];
    const cell = node(
      "td",
      { colspan: 5 },
      now,
      now && answer,
      box("Last failures", "failures"),
      box("Last attempts", "recent"),
    );
    return node("tr", { class: "detail" }, cell);
  }

  #fill() {
    for (const list of byId("probes").querySelectorAll("[data-list]")) {
      const entries = this.#detail?.[list.dataset.list] ?? [];
      const nothing = list.dataset.list === "failures" ? "No failure is remembered." : "No attempt yet.";
      const none = this.#detail ? nothing : "Not told yet.";
      const shown = entries.length ? entries : [{ none }];
      reconcile(
        list,
        shown,
        (entry) => entry.at ?? "none",
        (entry) => JSON.stringify(entry),
        (entry) => entryItem(entry, this.#store.nowS()),
      );
    }
  }

  #toggle(name) {
    this.#open = this.#open === name ? null : name;
    this.#detail = null;
    this.refresh();
  }

  async #probe(name, button) {
    const answer = button.parentElement.querySelector(".answer");
    if (this.#running.has(name)) return;
    this.#running.set(name, true);
    button.disabled = true;
    answer.hidden = false;
    answer.textContent = "Probing ...";
    answer.textContent = await probeText(name);
    button.disabled = false;
    this.#running.delete(name);
    this.refresh();
  }
}

async function probeText(name) {
  try {
    const response = await fetch(`/probe?target=${encodeURIComponent(name)}&debug=1`, { cache: "no-store" });
    return await response.text();
  } catch {
    return "The monitor did not answer.";
  }
}

function entryItem(entry, nowS) {
  if (entry.none) return node("li", { class: "muted" }, entry.none);
  const well = entry.outcome === "ok";
  const head = node(
    "div",
    { class: "drop-head" },
    node("time", {}, momentText(entry.at, nowS)),
    node("span", { class: `state is-${well ? "ok" : "critical"}` }, plain(entry.outcome)),
    node("span", {}, durationText(entry.took_s)),
    entry.suspect && node("span", { class: "chip" }, "suspect"),
  );
  const { failure } = entry;
  const why =
    failure &&
    `in ${plain(failure.operation)}: ${plain(failure.reason)} (${failure.fault} fault) ${failure.detail ?? ""}`.trim();
  const text = entry.text && node("details", {}, node("summary", {}, "log"), node("pre", { tabindex: 0 }, entry.text));
  return node("li", {}, head, why && node("p", {}, why), phases(entry.phases ?? []), text);
}

/** The phases one after the other as a small waterfall. */
function phases(every) {
  if (!every.length) return null;
  const total = every.reduce((sum, phase) => sum + (phase.seconds ?? 0), 0) || 1;
  let before = 0;
  const bars = every.map((phase) => {
    const bar = node("span", { class: `bar ${phase.outcome === "ok" ? "" : "bad"}`, "aria-hidden": "true" });
    bar.style.marginLeft = `${Math.min(99.5, (100 * before) / total)}%`;
    bar.style.width = `${Math.max(0.5, (100 * (phase.seconds ?? 0)) / total)}%`;
    before += phase.seconds ?? 0;
    const outcome = phase.outcome === "ok" ? "" : ` ${plain(phase.outcome)}`;
    const took = node("span", { class: "took" }, `${durationText(phase.seconds)}${outcome}`);
    return node(
      "li",
      {},
      node("span", { class: "phase" }, plain(phase.name)),
      node("span", { class: "track" }, bar),
      took,
    );
  });
  return node("ul", { class: "phases" }, bars);
}
