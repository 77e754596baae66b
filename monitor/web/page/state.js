/** Shows how it is now: a tile for each layer, the monitor's trust in itself, the other sites. */

import { reconcile } from "./redraw.js";
import { stateShape } from "./shapes.js";
import { inWords } from "./signals.js";
import { byId, countText, counted, durationText, momentText, node, say } from "./text.js";

const NAMES = {
  signalling: "Signalling",
  ice: "ICE",
  media: "Media",
  api: "API",
  publish: "Publish",
  monitor: "Monitor",
};
const CHECK_OF = {
  signalling: "signalling",
  ice: "ice-gathering",
  media: "disconnects",
  api: "api-limits",
  publish: "publish-impact",
  monitor: "monitor-health",
};
const WAITING = Object.keys(NAMES).map((layer) => ({ layer, state: "unknown", words: "nothing told yet" }));

/** Bring tiles, trust and banner up to date. live: whether the figures are fresh. */
export function showState(store, live) {
  const { state } = store;
  const checks = new Set((store.explained?.checks?.checks ?? []).map((check) => check.name));
  reconcile(
    byId("tiles"),
    state?.layers ?? WAITING,
    (layer) => layer.layer,
    (layer) => `${layer.state}|${layer.words}|${checks.has(CHECK_OF[layer.layer])}`,
    (layer) => tile(layer, checks),
  );
  byId("tiles").classList.toggle("stale", !live);
  showTrust(state, store, live ? "" : `as of ${momentText(store.toldS, store.nowS())}`);
}

function tile({ layer, state, words }, checks) {
  const check = CHECK_OF[layer];
  const to = checks.has(check) ? `#check-${check}` : null;
  const link =
    to &&
    node("a", { href: to, "aria-label": `${NAMES[layer] ?? layer}: the lines of check ${check}` }, `check ${check}`);
  const told = node("p", { class: `state is-${known(state)}` }, stateShape(state), state);
  const head = node("div", { class: "tile-head" }, node("h3", {}, NAMES[layer] ?? layer), told);
  return node(
    "li",
    { class: "tile", "data-layer": layer, "data-told": known(state) },
    head,
    node("p", {}, words),
    link,
  );
}

const known = (state) => (["ok", "warning", "critical"].includes(state) ? state : "unknown");

/** asOf: of when the figures are, where they are not fresh. */
function showTrust(state, store, asOf) {
  const banner = byId("suspect");
  if (banner.hidden === Boolean(state?.suspect)) banner.hidden = !state?.suspect;
  if (!state) return;
  const softphones = `${countText(state.connected)} of ${countText(state.expected)} softphones connected`;
  say(byId("connected"), state.expected ? softphones : "no softphone is expected to be connected");
  const share = `${countText(state.suspect_samples)} of ${counted(state.samples, "sample")}`;
  const words = `Own lag up to ${durationText(state.lag_max_s)}; ${share} in the last minute are suspect.`;
  say(byId("suspect-words"), state.suspect ? [asOf && `(${asOf})`, words].filter(Boolean).join(" ") : "");
  const rows = [
    ["own lag, last minute", durationText(state.lag_max_s)],
    ["suspect samples", `${countText(state.suspect_samples)} of ${countText(state.samples)}`],
    ["facts lost", countText(state.dropped)],
    ["slots skipped", countText(state.skipped_slots)],
    ["processes ended", countText(state.ended_processes)],
    ["last start", momentText(store.starts.at(-1) ?? store.page?.started_at, store.nowS())],
  ];
  const build = ([name, value]) => node("div", {}, node("dt", {}, name), node("dd", {}, value));
  reconcile(
    byId("trust"),
    rows,
    ([name]) => name,
    ([, value]) => value,
    build,
  );
  const ready = state.ready ? "" : "Probes are starting: not every figure is there yet.";
  say(byId("starting"), asOf || ready);
}

/** The sites that the checks looked at; this one among them. */
export function showSites(store) {
  const sites = store.explained?.checks?.sites ?? [];
  const section = byId("sites-section");
  section.hidden = sites.length < 2;
  reconcile(
    byId("sites"),
    sites,
    (site) => `${site.site} ${site.source}`,
    (site) => JSON.stringify(site),
    (site) => siteItem(site, store.nowS()),
  );
}

function siteItem(site, nowS) {
  const state = node("span", { class: `state is-${known(site.state)}` }, stateShape(site.state), site.state);
  const told = [
    site.expected != null && `${countText(site.connected)} of ${countText(site.expected)} connected`,
    site.drops != null && counted(site.drops, "drop"),
  ].filter(Boolean);
  const last = site.last_fact_at == null ? "no fact yet" : `last fact ${momentText(site.last_fact_at, nowS)}`;
  const from = site.site ? `${site.source}, ${last}` : site.words?.includes(site.source) ? "" : site.source;
  return node(
    "li",
    { class: "site" },
    node("div", { class: "site-head" }, node("strong", {}, site.site || fileName(site.source)), state),
    told.length ? node("p", {}, told.join(", ")) : null,
    site.words && node("p", { class: "muted" }, inWords(site.words)),
    from && node("p", { class: "muted" }, from),
  );
}

/** What a source is called that tells of no site: its file, or its whole address. */
const fileName = (source) => (source.includes("://") ? source : source.split(/[\\/]/).at(-1));
