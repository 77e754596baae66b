/** Starts the live page: what the monitor tells goes into the store, and each part shows what changed. */

import { Charts, shadeLegend } from "./charts.js";
import { newDropsWords, showDrops, startDrops } from "./drops.js";
import { PARTS, showExplained } from "./explained.js";
import { startLayout } from "./layout.js";
import { Live, post } from "./live.js";
import { Markers } from "./markers.js";
import { Probes } from "./probes.js";
import { showSites, showState } from "./state.js";
import { Store } from "./store.js";
import { byId, clockText, durationText, momentText, node, say, setZone, zoneText } from "./text.js";
import { startTheme } from "./theme.js";
import { soon } from "./turns.js";

const WINDOW_NAMES = { "15m": "15 min", "2h": "2 h", "24h": "24 h" };
const SAID_EVERY_MS = 5000; // what a screen reader speaks aloud must not come faster than it can be heard
const CONNECTION = {
  connecting: "connecting",
  live: "live",
  polling: "no stream to be had; asking every 5 s",
  reconnecting: "not connected, trying again",
  paused: "paused while hidden",
  signed_out: "signed out",
};

const store = new Store();
let connection = { state: "connecting", sinceMs: Date.now() };
let announcedMs = 0;
let unspoken = [];
let explainedBy = ""; // what the explanations' caveats rest on

let charts;
let markers;
let probes;

const live = new Live({
  page: showPage,
  snapshot: (told) => {
    store.snapshot(told);
    showAll();
  },
  update: (told) => {
    announce(store.update(told));
    showAll();
  },
  explained: (told) => {
    store.explained = told;
    explain();
    soon("state", () => showState(store, isFresh()));
  },
  state: showConnection,
});

const START = [
  startTheme,
  startLayout,
  () => showState(store, false),
  () => byId("shades").replaceWith(shadeLegend()),
  () => (charts = new Charts(store)),
  () => (markers = new Markers(store)),
  () => (probes = new Probes(store)),
  () => startDrops(() => showDrops(store)),
  () => live.open(store.window),
  () => setInterval(showClock, 1000),
];
START.forEach((step, at) => soon(`start ${at}`, step));

function showPage(page) {
  const restarted = store.page && store.page.started_at !== page.started_at;
  if (restarted) speak("The monitor was started again.");
  store.page = page;
  setZone(page.zone);
  say(byId("site"), page.site);
  say(byId("version"), `softphone-monitor ${page.version}`);
  byId("simulated").hidden = !page.simulated;
  document.title = `${page.simulated ? "SIMULATED " : ""}${page.site} - softphone-monitor`;
  byId("logout").hidden = !page.token_needed;
  showWindows(page.windows ?? Object.keys(WINDOW_NAMES));
  charts.renamed();
  soon("named", () => markers.named());
  soon("probes", () => probes.refresh());
  explain();
}

function showWindows(windows) {
  const parent = byId("windows");
  if (parent.dataset.names === windows.join()) return;
  parent.dataset.names = windows.join();
  parent.replaceChildren(
    ...windows.map((name) => {
      const press = { type: "button", "data-window": name, onclick: () => choose(name) };
      return node("button", { ...press, "aria-pressed": String(name === store.window) }, WINDOW_NAMES[name] ?? name);
    }),
  );
}

function choose(name) {
  for (const button of byId("windows").children)
    button.setAttribute("aria-pressed", String(button.dataset.window === name));
  live.open(name);
}

function showAll() {
  charts.changed();
  soon("state", () => showState(store, isFresh()));
  soon("drops", () => showDrops(store));
  soon("markers", () => markers.refresh());
  const by = `${store.runsVersion} ${store.state?.suspect}`;
  if (by !== explainedBy) explain();
  explainedBy = by;
}

function explain() {
  for (const part of PARTS) soon(part, () => showExplained(part, store, connection.state !== "polling"));
  soon("sites", () => showSites(store));
}

function isFresh() {
  return connection.state === "live" || connection.state === "polling";
}

function showConnection(state) {
  if (state === "signed_out") {
    location.replace("/");
    return;
  }
  if (state === connection.state) return;
  const lost = isFresh() && state === "reconnecting";
  if (lost) speak("The connection to the monitor is lost.");
  if (state === "live" && connection.state === "reconnecting") speak("Connected again.");
  connection = { state, sinceMs: state === "reconnecting" && !lost ? connection.sinceMs : Date.now() };
  byId("connection").dataset.state = state;
  showState(store, isFresh());
  showClock();
  explain();
}

function showClock() {
  const nowS = store.nowS();
  say(byId("clock"), clockText(nowS));
  say(byId("zone"), zoneText(nowS));
  const sinceS = connection.sinceMs / 1000 + store.skewS;
  const since = isFresh()
    ? `since ${momentText(sinceS, nowS)}`
    : `for ${durationText(Math.max(1, Math.round(nowS - sinceS)))}`;
  say(byId("connection"), `${CONNECTION[connection.state]} ${since}`);
  flush();
}

function announce(fresh) {
  if (fresh.length) speak(newDropsWords(fresh));
}

function speak(words) {
  if (words) unspoken.push(words);
}

function flush() {
  if (!unspoken.length || Date.now() - announcedMs < SAID_EVERY_MS) return;
  announcedMs = Date.now();
  say(byId("spoken"), unspoken.slice(-3).join(" "));
  unspoken = [];
}

byId("logout").addEventListener("click", async () => {
  live.close();
  await post("/logout", {});
  location.replace("/");
});
