/** Turns times, figures and words into text and DOM nodes; whatever others named ends up as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";
const MINUTE_S = 60;
const HOUR_S = 3600;

const KINDS = {
  clock: ["en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }],
  minute: ["en-GB", { hour: "2-digit", minute: "2-digit" }],
  day: ["en-GB", { weekday: "short", day: "numeric", month: "short" }],
  date: ["en-GB", { year: "numeric", month: "2-digit", day: "2-digit" }],
  short: ["en-US", { timeZoneName: "short" }],
  offset: ["en-US", { timeZoneName: "longOffset" }],
};

let zone = "UTC";
let formats = {};

/** A format of the zone; made when first needed, as each takes some milliseconds. */
function format(kind) {
  const [locale, options] = KINDS[kind];
  formats[kind] ??= new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  return formats[kind];
}

/** Use this IANA zone for every time from now on; an unknown one leaves UTC. */
export function setZone(name) {
  if (name === zone) return;
  formats = {};
  zone = name;
  try {
    format("clock");
  } catch {
    zone = "UTC";
  }
}

/** The zone in use, as IANA names it. */
export const zoneName = () => zone;

/** The zone as people read it, such as `CST (America/Chicago)`. */
export function zoneText(atS) {
  const short = zonePart("short", atS);
  return short === zone ? zone : `${short} (${zone})`;
}

function zonePart(kind, atS) {
  return (
    format(kind)
      .formatToParts(new Date(atS * 1000))
      .find((part) => part.type === "timeZoneName")?.value ?? zone
  );
}

/** Seconds east of UTC at this time, for ticks that stand at full hours of the zone. */
export function zoneOffsetS(atS) {
  const [, sign, hours, minutes] = /GMT([+-])(\d+):?(\d+)?/.exec(zonePart("offset", atS)) ?? [];
  const seconds = Number(hours ?? 0) * HOUR_S + Number(minutes ?? 0) * MINUTE_S;
  return sign === "-" ? -seconds : seconds;
}

/** `10:05:23`. */
export const clockText = (atS) => format("clock").format(new Date(atS * 1000));
/** `10:05`. */
export const minuteText = (atS) => format("minute").format(new Date(atS * 1000));
/** `Tue, 24 Nov`. */
export const dayText = (atS) => format("day").format(new Date(atS * 1000));

/** `10:05:23` today, `Tue, 24 Nov 10:05:23` on another day. clockOf: how the time of day reads. */
export function momentText(atS, nowS, clockOf = clockText) {
  if (atS == null) return "-";
  const clock = clockOf(atS);
  return dayText(atS) === dayText(nowS) && Math.abs(nowS - atS) < 2 * 86400 ? clock : `${dayText(atS)} ${clock}`;
}

/** `20261124-100523`: of a run id. */
export function stampText(atS) {
  const [day, month, year] = format("date")
    .format(new Date(atS * 1000))
    .split("/");
  return `${year}${month}${day}-${clockText(atS).replaceAll(":", "")}`;
}

/** Seconds for people: `0.4 ms`, `24 ms`, `4.2 s`, `58 s`, `12 min`, `3.5 h`; `-` where there is none. */
export function durationText(seconds) {
  if (seconds == null) return "-";
  const size = Math.abs(seconds);
  if (size < 0.00095) return `${trimmed(seconds * 1000, 1)} ms`;
  if (size < 0.995) return `${trimmed(seconds * 1000, size < 0.00995 ? 1 : 0)} ms`;
  if (size < 9.95) return `${trimmed(seconds, 1)} s`;
  if (size < 2 * MINUTE_S) return `${seconds.toFixed(0)} s`;
  if (size < 2 * HOUR_S) return `${(seconds / MINUTE_S).toFixed(0)} min`;
  if (size < 48 * HOUR_S) return `${trimmed(seconds / HOUR_S, 1)} h`;
  return `${(seconds / 86400).toFixed(0)} days`;
}

/** A share as `1.2 %`. */
export const percentText = (ratio) => (ratio == null ? "-" : `${trimmed(ratio * 100, ratio < 0.1 ? 2 : 1)} %`);
/** A rate as `1.5/s`. */
export const rateText = (rate) => (rate == null ? "-" : `${trimmed(rate, rate < 10 ? 2 : 0)}/s`);

/** A whole number with thin groups: `12 345`. */
export const countText = (count) => (count == null ? "-" : String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, " "));

function trimmed(value, digits) {
  return String(Number(value.toFixed(digits)));
}

/** `1 drop`, `2 drops`. */
export const counted = (count, one, several = `${one}s`) => `${countText(count)} ${count === 1 ? one : several}`;

/** A word of a closed list as people read it: `host_only` becomes `host only`. */
export const plain = (word) => String(word ?? "").replaceAll("_", " ");

/**
 * A DOM node: attributes by setAttribute, a function under `on...` as listener, children as text or nodes.
 * Null attributes and children are left out.
 */
export function node(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in the SVG namespace. */
export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Set a node's text, and leave the DOM alone when it says that already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);
