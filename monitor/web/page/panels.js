/** Says which panels there are: their tracks, names, scales, and which probe fills them. */

import { durationText, percentText } from "./text.js";

const CHANNELS = [
  { track: "ws_rtt", name: "XMPP", colour: "line-a" },
  { track: "notification_rtt", name: "notification", colour: "line-b", dash: [7, 3] },
  { track: "edge_rtt", name: "WebSocket", colour: "line-c", dash: [2, 3] },
];
const YAML = {
  heartbeat: "- {kind: heartbeat, channel: xmpp, agent: NAME, interval: 15s}",
  signalling: "- {kind: signalling, agent: NAME, interval: 30s}",
  gathering: "- {kind: gathering, agent: NAME, interval: 60s}",
  call: "- {kind: call, agent: NAME, answer: any}",
  api: "- {kind: api, interval: 15s}",
};

/**
 * The panels from top to bottom. kind: `drops`, `lines` or `rate`. lines: a track each, median as line and largest as
 * band. scale: `log` or `linear`. text: how a value reads. probe: the kind of probe that fills it.
 */
export const PANELS = [
  {
    id: "drops",
    kind: "drops",
    title: "Drops",
    height: 132,
  },
  {
    id: "ping",
    kind: "lines",
    title: "Ping round trip",
    lines: CHANNELS,
    scale: "log",
    height: 150,
    probe: "heartbeat",
  },
  {
    id: "ice_servers",
    kind: "lines",
    title: "ICE-server fetch",
    height: 112,
    scale: "log",
    probe: "signalling",
    lines: [{ track: "ice_servers", name: "fetch", colour: "line-a" }],
  },
  {
    id: "ice_gathering",
    kind: "lines",
    title: "ICE gathering",
    height: 112,
    scale: "log",
    probe: "gathering",
    lines: [{ track: "ice_gathering", name: "gathering", colour: "line-b" }],
  },
  {
    id: "api",
    kind: "rate",
    title: "REST calls of the monitor",
    height: 112,
    scale: "linear",
    probe: "api",
    lines: [{ track: "api" }],
  },
  {
    id: "media",
    kind: "lines",
    title: "Media round trip and jitter",
    height: 112,
    scale: "log",
    probe: "call",
    lines: [
      { track: "media_rtt", name: "round trip", colour: "line-a" },
      { track: "media_jitter", name: "jitter", colour: "line-b", dash: [7, 3] },
    ],
  },
  {
    id: "media_loss",
    kind: "lines",
    title: "Media loss",
    height: 92,
    scale: "linear",
    probe: "call",
    text: percentText,
    floor: 0.01,
    lines: [{ track: "media_loss", name: "loss", colour: "line-c" }],
  },
  {
    id: "loop_lag",
    kind: "lines",
    title: "Own event-loop lag",
    height: 92,
    scale: "log",
    lines: [{ track: "loop_lag", name: "lag", colour: "line-b" }],
  },
].map((panel) => ({ text: durationText, floor: 0, lines: [], ...panel }));

/** What an empty panel says: why there is nothing, and what would fill it. */
export function absence(panel, { page, widthS }) {
  const period = `in the last ${durationText(widthS)}`;
  if (panel.kind === "drops") return `No drop was noticed ${period}.`;
  if (!panel.probe) return "The monitor has not told of its own lag yet.";
  const filling = (page?.probes ?? []).filter((probe) => probe.kind === panel.probe).map((probe) => probe.name);
  if (!filling.length) return `No probe fills this panel. Add to probes: ${YAML[panel.probe]}`;
  const names = filling.slice(0, 3).join(", ") + (filling.length > 3 ? " ..." : "");
  const calls = panel.probe === "call" ? "; it measures only while a call is up" : "";
  return `Nothing measured ${period}. Filled by ${names}${calls}.`;
}
