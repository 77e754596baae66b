/** A panel's newest buckets as a table, for those who read rather than look. */

import { kindsOfDrops } from "./legend.js";
import { isWell } from "./marks.js";
import { reconcile } from "./redraw.js";
import { barAt, barWidthOf } from "./series.js";
import { clockText, countText, node, plain, rateText } from "./text.js";

const ROWS = 20;

/** Put the last 20 buckets into the details element; rows that did not change stay. */
export function fillTable(details, panel, store) {
  const rows = rowsOf(panel, store);
  const head = headOf(panel);
  let body = details.querySelector("tbody");
  if (!body) {
    body = node("tbody");
    const cells = head.map((name) => node("th", { scope: "col" }, name));
    const caption = node("caption", {}, `${panel.title}, the newest ${ROWS} entries`);
    const table = node("table", {}, caption, node("thead", {}, node("tr", {}, cells)), body);
    details.append(
      node("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `${panel.title} as a table` }, table),
    );
  }
  reconcile(
    body,
    rows,
    (row) => row.at,
    (row) => row.cells.join("|"),
    (row) =>
      node(
        "tr",
        {},
        row.cells.map((cell, at) => node(at ? "td" : "th", at ? {} : { scope: "row" }, cell)),
      ),
  );
}

function headOf(panel) {
  if (panel.kind === "drops") return ["time", "drops"];
  if (panel.kind === "rate") return ["time", "calls", "ok", "429", "other errors", "statuses"];
  return ["time", ...panel.lines.flatMap(({ name }) => [`${name}, median`, `${name}, largest`]), "attempts", "failed"];
}

function rowsOf(panel, store) {
  if (panel.kind === "drops") return dropRows(store);
  const width = panel.kind === "rate" ? barWidthOf(store.stepS) : store.stepS;
  const newestOf = ({ track }) => store.track(track).t.slice((-ROWS * width) / store.stepS);
  const starts = new Set(panel.lines.flatMap(newestOf).map((at) => Math.floor(at / width) * width));
  const newest = [...starts].sort((one, other) => other - one).slice(0, ROWS);
  return newest.map((at) => ({
    at,
    cells: [clockText(at), ...(panel.kind === "rate" ? rateCells : lineCells)(panel, store, at)],
  }));
}

function dropRows(store) {
  const buckets = new Map();
  for (const drop of store.drops) {
    const at = Math.floor(drop.at / store.stepS) * store.stepS;
    buckets.set(at, [...(buckets.get(at) ?? []), drop]);
    if (buckets.size > ROWS) break;
  }
  return [...buckets].slice(0, ROWS).map(([at, drops]) => {
    const kinds = kindsOfDrops(drops).map((kind) => `${countText(kind.count)} ${kind.name}`);
    return { at, cells: [clockText(at), kinds.join(", ")] };
  });
}

function rateCells(panel, store, at) {
  const { all, limited, failed, width, words } = barAt(store.track(panel.lines[0].track), at, store.stepS);
  const rates = [all - limited - failed, limited, failed].map((calls) => rateText(calls / width));
  return [countText(all), ...rates, wordsText([words])];
}

function lineCells(panel, store, at) {
  const found = panel.lines.map((line) => [store.track(line.track), store.track(line.track).nearest(at, 0)]);
  const values = found.flatMap(([track, index]) =>
    [track.mid[index], track.high[index]].map((value) => panel.text(value)),
  );
  const attempts = found.reduce((sum, [track, index]) => sum + (track.n[index] ?? 0), 0);
  const failures = wordsText(found.map(([track, index]) => track.words[index]));
  return [...values, countText(attempts), failures];
}

function wordsText(every) {
  const pairs = every.flatMap((words) => Object.entries(words ?? {})).filter(([word]) => !isWell(word));
  return pairs.map(([word, count]) => `${plain(word)} ${countText(count)}`).join(", ") || "0";
}
