/** Marks that differ by shape as well as by colour, for canvases and for legends. */

import { drawn } from "./text.js";

const polygon = (corners, turn) =>
  Array.from({ length: corners }, (_, index) => {
    const angle = turn + (2 * Math.PI * index) / corners;
    return [Math.cos(angle), Math.sin(angle)];
  });
const UP = -Math.PI / 2;
const PLUS = [
  [-0.3, -1],
  [0.3, -1],
  [0.3, -0.3],
  [1, -0.3],
  [1, 0.3],
  [0.3, 0.3],
  [0.3, 1],
  [-0.3, 1],
  [-0.3, 0.3],
  [-1, 0.3],
  [-1, -0.3],
  [-0.3, -0.3],
];
const turned = (points) => points.map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75]);
const star = polygon(10, UP).map(([x, y], index) => (index % 2 ? [x * 0.45, y * 0.45] : [x * 1.15, y * 1.15]));

// Corners in a unit box; the order is that of the reasons below.
const SHAPES = {
  circle: polygon(20, 0),
  square: polygon(4, Math.PI / 4).map(([x, y]) => [x * 1.2, y * 1.2]),
  up: polygon(3, UP).map(([x, y]) => [x * 1.15, y * 1.15 + 0.2]),
  down: polygon(3, -UP).map(([x, y]) => [x * 1.15, y * 1.15 - 0.2]),
  diamond: polygon(4, 0).map(([x, y]) => [x * 1.1, y * 1.1]),
  cross: turned(PLUS),
  plus: PLUS,
  star,
  pentagon: polygon(5, UP),
  left: polygon(3, Math.PI).map(([x, y]) => [x * 1.15 + 0.2, y * 1.15]),
  right: polygon(3, 0).map(([x, y]) => [x * 1.15 - 0.2, y * 1.15]),
};
const NAMES = Object.keys(SHAPES);

/** The layers a drop can belong to, in the order of the lanes; each has a colour of its name. */
export const LAYERS = ["signalling", "ice", "dtls", "media", "platform"];

const REASONS = {
  signalling: [
    "closed",
    "ping_timeout",
    "silence",
    "reset",
    "ice_servers",
    "stream_error",
    "malformed",
    "duplicate_id",
    "auth",
    "no_longer_subscribed",
    "moved",
  ],
  ice: ["checks_failed", "consent_expired", "no_candidates", "transport_failure"],
  dtls: ["handshake_failed", "closed_by_peer"],
  media: ["silence"],
  platform: ["terminated", "retracted", "persistent_connection", "connect_timeout", "endpoint_lost", "reported"],
};
const WORDS = {
  timeout: "down",
  late: "right",
  not_connected: "cross",
  error: "square",
  429: "up",
  empty: "cross",
  host_only: "down",
  no_relay: "left",
  no_srflx: "right",
  slow: "diamond",
  rate_limited: "up",
  server_error: "star",
  dns: "plus",
};

/** The shape of a drop's reason. */
export function shapeOfReason(layer, reason) {
  const place = REASONS[layer]?.indexOf(reason) ?? -1;
  return NAMES[place < 0 ? hash(reason) : place];
}

/** The shape of an outcome other than `ok`. */
export const shapeOfWord = (word) => WORDS[word] ?? NAMES[hash(word)];

function hash(text) {
  let sum = 7;
  for (const letter of String(text)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % NAMES.length;
}

/** Draw a shape on a canvas around (x, y), all in canvas pixels. */
export function paint(context, shape, x, y, radius, colour, hollow = false) {
  context.beginPath();
  for (const [dx, dy] of SHAPES[shape]) context.lineTo(x + dx * radius, y + dy * radius);
  context.closePath();
  context.lineWidth = devicePixelRatio * (hollow ? 1.5 : 1);
  context.strokeStyle = colour;
  context.fillStyle = colour;
  if (!hollow) context.fill();
  context.stroke();
}

/** The same shape for a legend, coloured by the class `c-NAME` of the style sheet. */
export function swatch(shape, colourName, hollow = false) {
  const points = SHAPES[shape].map(([x, y]) => `${(7 + x * 5).toFixed(1)},${(7 + y * 5).toFixed(1)}`).join(" ");
  const attributes = { class: `swatch c-${colourName}${hollow ? " hollow" : ""}`, viewBox: "0 0 14 14" };
  return drawn("svg", { ...attributes, "aria-hidden": "true" }, drawn("polygon", { points }));
}

/** A piece of line for a legend, as the chart draws it. */
export function lineSwatch(colourName, dash) {
  const line = drawn("line", { x1: 1, y1: 7, x2: 21, y2: 7, "stroke-dasharray": dash?.join(" ") });
  return drawn("svg", { class: `swatch line c-${colourName}`, viewBox: "0 0 22 14", "aria-hidden": "true" }, line);
}

const STATE_SHAPES = { ok: "circle", warning: "up", critical: "diamond", unknown: "circle" };

/** The shape of a state; `unknown` is hollow. */
export function stateShape(state) {
  const known = Object.hasOwn(STATE_SHAPES, state) ? state : "unknown";
  return swatch(STATE_SHAPES[known], `state-${known}`, known === "unknown");
}
