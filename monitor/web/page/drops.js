/** Lists the drops of the window: a summary by reason with where to read on, then each one, newest first. */

import { kindsOfDrops } from "./legend.js";
import { reconcile } from "./redraw.js";
import { swatch } from "./shapes.js";
import { byId, countText, counted, durationText, momentText, node, plain, say, zoneName } from "./text.js";

const FIRST = 15;
let all = false;
let said = "";

/** Make the button work that shows all of them. */
export function startDrops(again) {
  byId("drops-all").addEventListener("click", () => {
    all = !all;
    said = "";
    again();
  });
}

/** Bring both lists up to date. */
export function showDrops(store) {
  const now = `${store.droppedVersion}|${store.dropsTotal}|${store.widthS}|${zoneName()}`;
  if (now === said) return;
  said = now;
  const { drops } = store;
  const period = `in the last ${durationText(store.widthS)}`;
  const more = store.dropsTotal > drops.length ? `, the newest ${countText(drops.length)} are shown` : "";
  say(
    byId("drops-count"),
    drops.length ? `${counted(store.dropsTotal, "drop")} ${period}${more}` : `No drop was noticed ${period}.`,
  );
  const kinds = kindsOfDrops(drops);
  byId("drop-kinds-table").hidden = !kinds.length;
  reconcile(
    byId("drop-kinds"),
    kinds,
    (kind) => kind.key,
    (kind) => String(kind.count),
    kindRow,
  );
  const nowS = store.nowS();
  reconcile(
    byId("drops-list"),
    all ? drops : drops.slice(0, FIRST),
    (drop) => drop.id,
    (drop) => JSON.stringify(drop),
    (drop) => dropItem(drop, nowS),
  );
  const button = byId("drops-all");
  button.hidden = drops.length <= FIRST;
  say(button, all ? "Show the newest only" : `Show all ${countText(drops.length)}`);
}

function kindRow(kind) {
  const name = node("th", { scope: "row" }, swatch(kind.shape, kind.colour, kind.hollow), kind.name);
  const read = node("td", {}, node("code", {}, `#drops-${kind.layer}`));
  return node("tr", {}, name, node("td", { class: "number" }, countText(kind.count)), read);
}

function dropItem(drop, nowS) {
  const [kind] = kindsOfDrops([drop]);
  const facts = [...whenNoticed(drop, nowS), ...codeAndDetail(drop), drop.imported && "imported"].filter(Boolean);
  return node(
    "li",
    { class: "drop" },
    node(
      "div",
      { class: "drop-head" },
      node("time", {}, momentText(drop.at, nowS)),
      node("span", { class: "reason" }, swatch(kind.shape, kind.colour, kind.hollow), kind.name),
      node("span", { class: "agent" }, drop.agent ?? ""),
    ),
    facts.length ? node("p", { class: "muted" }, facts.join(" \u00b7 ")) : null,
  );
}

/** How soon it was noticed, and when a real softphone would have. */
function whenNoticed({ at, last_good: good, softphone }, nowS) {
  if (good == null || at - good < 0.001) return [];
  const after = `noticed after ${durationText(at - good)}`;
  return [`last sign of life ${momentText(good, nowS)}`, softphone ? `${after}; ${softphone}` : after];
}

/** What the other side told; a detail that only repeats the code is left out. */
function codeAndDetail({ code, detail }) {
  if (code == null) return [detail];
  const [, more] = new RegExp(`^(?:code )?${Number(code)}\\b[\\s:,-]*(.*)$`, "s").exec(detail ?? "") ?? [null, detail];
  return [`code ${code}`, more];
}

/** One sentence for a screen reader about drops that just came. */
export function newDropsWords(fresh) {
  const kinds = kindsOfDrops(fresh.filter((drop) => !drop.planned));
  if (!kinds.length) return "";
  return `New: ${kinds.map((kind) => `${countText(kind.count)} ${plain(kind.name)}`).join(", ")}.`;
}
