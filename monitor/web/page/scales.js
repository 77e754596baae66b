/** Picks the limits and ticks of axes; pure but for the zone of the time axis. */

import { dayText, minuteText, zoneName, zoneOffsetS } from "./text.js";

const FLOOR_S = 0.0001; // a logarithm has no zero; 0.1 ms is below anything worth a look
const STEPS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
const LABEL_PX = 62;
const EDGE_PX = 14; // a label nearer to the right edge would be cut
const AXIS_PX = 20; // one nearer to the left edge would stand on the lowest label of the other axis
const EMPTY = [0.001, 1];
const labels = new Map();

/** A value that a logarithmic axis can show. */
export const positive = (value) => (value == null ? value : Math.max(value, FLOOR_S));

/** Limits of a logarithmic axis: the next 1, 2 or 5 outside the data. */
export function logRange(low, high) {
  if (low == null || high == null) return EMPTY;
  const bottom = snapped(low * 0.95, Math.floor);
  const top = snapped(high * 1.05, Math.ceil);
  return top / bottom < 5 ? [bottom / 2, top * 2] : [bottom, top];
}

function snapped(value, rounding) {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const digit = value / power;
  const among = rounding === Math.floor ? [5, 2, 1] : [1, 2, 5, 10];
  return power * (among.find((one) => (rounding === Math.floor ? one <= digit + 1e-9 : one >= digit - 1e-9)) ?? 1);
}

/** Ticks of a logarithmic axis, three or four of them. */
export function logTicks(low, high) {
  const every = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of [1, 2, 5]) every.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  const inside = every.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  const decades = inside.filter((tick) => /^1(0|e|$)|^0\.0*1$/.test(String(tick)));
  if (inside.length <= 4) return inside;
  return decades.length >= 2 ? decades : [inside[0], inside[inside.length >> 1], inside[inside.length - 1]];
}

/** Limits of a linear axis that starts at 0 and ends at the next round figure. */
export function linearRange(high, floor) {
  return [0, snapped(Math.max(high ?? 0, floor || 0.1) * 1.02, Math.ceil)];
}

/** Ticks of a linear axis. */
export const linearTicks = (low, high) => [low, (low + high) / 2, high];

/** Ticks of the time axis at round times of the zone, as many as fit. */
export function timeTicks(low, high, widthPx) {
  const fitting = Math.max(2, Math.floor(widthPx / LABEL_PX));
  const step = STEPS_S.find((one) => (high - low) / one <= fitting) ?? STEPS_S.at(-1);
  const offset = zoneOffsetS(low);
  const ticks = [];
  const first = low + ((high - low) * AXIS_PX) / widthPx;
  const last = high - ((high - low) * EDGE_PX) / widthPx;
  for (let tick = Math.ceil((first + offset) / step) * step - offset; tick <= last; tick += step) ticks.push(tick);
  return ticks;
}

/** How a tick reads: `10:05`, or the day at midnight. */
export function timeLabel(tick) {
  const key = `${tick} ${zoneName()}`;
  let label = labels.get(key);
  if (!label) {
    label = minuteText(tick);
    if (label === "00:00") label = dayText(tick).replace(/^\w+,? /, "");
    if (labels.size > 500) labels.clear();
    labels.set(key, label);
  }
  return label;
}
