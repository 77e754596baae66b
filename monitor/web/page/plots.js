/** The options of uPlot for each kind of panel: scales, axes, series, the shared cursor. */

import { LAYERS } from "./shapes.js";
import { linearRange, linearTicks, logRange, logTicks, timeLabel, timeTicks } from "./scales.js";
import { rateText } from "./text.js";
import { colours } from "./theme.js";

const LEFT_PX = 66; // the same on every panel, so that one moment stands at one place
const BOTTOM_PX = 20;
const TOP_PX = 8;
const MARKS_PX = 7; // for each line's row of missed attempts above the curves
const FONT = "11px system-ui, sans-serif";
const LANES = { signalling: "signalling", ice: "ICE", dtls: "DTLS", media: "media", platform: "platform" };

/** Options without width and plugins. scale: the limits of the time axis to begin with, Unix seconds. */
export function plotOptions(panel, scale) {
  const top = panel.kind === "drops" ? 16 : TOP_PX + panel.lines.length * MARKS_PX;
  return {
    height: panel.height,
    padding: [top, 8, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "time", setSeries: false },
      drag: { x: false, y: false },
      y: false,
      points: { show: false },
    },
    scales: { x: { time: true, range: (plot, min, max) => [min ?? scale.min, max ?? scale.max] }, y: yScale(panel) },
    axes: [timeAxis(), yAxis(panel)],
    series: seriesOf(panel),
    bands: panel.kind === "lines" ? panel.lines.map((line, at) => band(line, at)) : [],
  };
}

function yScale(panel) {
  if (panel.kind === "drops") return { range: [0, LAYERS.length] };
  if (panel.scale === "log") return { distr: 3, range: (plot, low, high) => logRange(low, high) };
  return { range: (plot, low, high) => linearRange(high, panel.floor) };
}

const grid = () => ({ stroke: () => colours().grid, width: 1 });
const axis = () => ({ stroke: () => colours().muted, font: FONT, ticks: { show: false }, grid: grid(), gap: 4 });

function timeAxis() {
  const splits = (plot, index, low, high) => timeTicks(low, high, plot.bbox.width / devicePixelRatio);
  return { ...axis(), size: BOTTOM_PX, splits, values: (plot, ticks) => ticks.map(timeLabel) };
}

function yAxis(panel) {
  const common = { ...axis(), size: LEFT_PX, filter: (plot, ticks) => ticks };
  if (panel.kind === "drops") {
    const middles = LAYERS.map((layer, lane) => LAYERS.length - lane - 0.5);
    return { ...common, splits: () => middles, values: () => LAYERS.map((layer) => LANES[layer]) };
  }
  const text = panel.kind === "rate" ? rateText : panel.text;
  const ticks = panel.scale === "log" ? logTicks : linearTicks;
  return {
    ...common,
    splits: (plot, index, low, high) => ticks(low, high),
    values: (plot, at) => at.map((one) => text(one)),
  };
}

function seriesOf(panel) {
  if (panel.kind === "drops") return [{}, { show: false }];
  if (panel.kind === "rate") return [{}, bars("failed"), bars("limited"), bars("ok")];
  return [{}, ...panel.lines.flatMap((line) => [median(line), largest(line)])];
}

function median(line) {
  return { stroke: () => colours()[line.colour], width: 1.75, dash: line.dash, points: lonely(line) };
}

function largest(line) {
  return { stroke: () => `${colours()[line.colour]}66`, width: 0.75, points: { show: false } };
}

/** Points only where no line is drawn: at values that stand between two gaps. */
function lonely(line) {
  const filter = (plot, index) => isolated(plot.data[index]);
  return { size: 5, fill: () => colours()[line.colour], show: false, filter };
}

/** The places of values with nothing measured beside them; undefined is no gap, as nothing was due there. */
function isolated(values) {
  const told = [...values.keys()].filter((place) => values[place] !== undefined);
  const alone = (at) => values[told[at]] != null && values[told[at - 1]] == null && values[told[at + 1]] == null;
  return told.filter((_, at) => alone(at));
}

function band(line, at) {
  return { series: [2 * at + 2, 2 * at + 1], fill: () => `${colours()[line.colour]}26` };
}

function bars(colour) {
  const paths = globalThis.uPlot.paths.bars({ size: [0.9, 40], align: 1 });
  return { paths, stroke: () => colours()[colour], fill: () => colours()[colour], width: 0, points: { show: false } };
}
