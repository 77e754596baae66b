/** Turns tracks into the columns that uPlot draws: a regular grid of the window, gaps kept as gaps. Pure. */

import { positive } from "./scales.js";

const BAR_BUCKETS = { 2: 5, 15: 2 }; // buckets a bar: 10 s, 30 s, else one bucket

/** The starts of all buckets of the window, in Unix seconds. */
export function gridOf(nowS, widthS, stepS) {
  const first = Math.floor((nowS - widthS) / stepS) * stepS;
  return Array.from({ length: Math.round(widthS / stepS) + 2 }, (_, index) => first + index * stepS);
}

/**
 * Medians and largest values of a track on a grid: undefined where nothing is due, null throughout what is missing, be it
 * that no attempt was made or that none was answered. No line leads over what was not measured.
 */
export function lineOf(track, grid, stepS, log) {
  const mid = new Array(grid.length);
  const high = new Array(grid.length);
  const bridge = track.bridge(stepS);
  let valued = -1; // the last bucket with a value
  let broken = false; // whether something is missing since then
  for (let index = 0; index < track.t.length; index += 1) {
    const place = Math.round((track.t[index] - grid[0]) / stepS);
    if (place < 0 || place >= grid.length) continue;
    broken ||= index > 0 && track.t[index] - track.t[index - 1] > bridge;
    if (track.mid[index] == null) {
      broken = true;
      continue;
    }
    if (broken) for (let between = valued + 1; between < place; between += 1) mid[between] = high[between] = null;
    mid[place] = log ? positive(track.mid[index]) : track.mid[index];
    high[place] = log ? positive(track.high[index]) : track.high[index];
    valued = place;
    broken = false;
  }
  return [mid, high];
}

/** Calls a second as stacked columns: [starts, ok + limited + failed, ok + limited, ok]. */
export function ratesOf(track, grid, stepS) {
  const width = barWidthOf(stepS);
  const first = Math.floor(grid[0] / width) * width;
  const count = Math.ceil((grid.at(-1) - first) / width) + 1;
  const columns = [Array.from({ length: count }, (_, index) => first + index * width)];
  for (let one = 0; one < 3; one += 1) columns.push(new Array(count).fill(null));
  for (let index = 0; index < track.t.length; index += 1) {
    const place = Math.floor((track.t[index] - first) / width);
    if (place < 0 || place >= count) continue;
    const { all, limited, failed } = callsOf(track, index);
    [all, all - failed, all - failed - limited].forEach((calls, one) => {
      columns[one + 1][place] = (columns[one + 1][place] ?? 0) + calls / width;
    });
  }
  return columns;
}

/** How many seconds a bar is wide. */
export const barWidthOf = (stepS) => stepS * (BAR_BUCKETS[stepS] ?? 1);

/** How the calls of the bar that this time lies in ended, and its words; null when the bar has no bucket. */
export function barAt(track, atS, stepS) {
  const width = barWidthOf(stepS);
  const start = Math.floor(atS / width) * width;
  const bar = { start, width, all: 0, limited: 0, failed: 0, words: {} };
  const first = track.after(start - 1e-6);
  let index = first;
  for (; track.t[index] < start + width; index += 1) {
    const calls = callsOf(track, index);
    for (const name of Object.keys(calls)) bar[name] += calls[name];
    addWords(bar.words, track.words[index]);
  }
  return index > first ? bar : null;
}

/** Add the counts of some words to `total`. */
export function addWords(total, words) {
  for (const [word, count] of Object.entries(words ?? {})) total[word] = (total[word] ?? 0) + count;
}

/** How the calls of one bucket ended. A 2xx among the words is well. */
function callsOf(track, index) {
  const words = track.words[index] ?? {};
  let limited = 0;
  let failed = 0;
  for (const [word, count] of Object.entries(words)) {
    if (word === "429" || word === "rate_limited") limited += count;
    else if (!/^[23]\d\d$/.test(word)) failed += count;
  }
  const all = Math.max(track.n[index] ?? 0, limited + failed);
  return { all, limited, failed };
}
