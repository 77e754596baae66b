/** Draws behind and above the curves: publish windows, batches, suspect stretches, monitor starts, drops, failures. */

import { drawLabels } from "./labels.js";
import { colours } from "./theme.js";
import { LAYERS, paint, shapeOfReason, shapeOfWord } from "./shapes.js";

const HATCH_PX = 7;
const COLUMN_PX = 9; // marks nearer than this become one larger mark
const START_PX = 5;
const START_LABEL = "monitor start";

/** What a uPlot plugin of one panel draws. store: what was told; panel: its definition. */
export function marksPlugin(store, panel) {
  return {
    hooks: {
      drawClear: (plot) => clipped(plot, () => shade(plot, store)),
      draw: (plot) => {
        clipped(plot, () => {
          drawBatches(plot, store);
          if (panel.kind === "drops") drawDrops(plot, store);
          else drawWords(plot, store, panel);
        });
        if (panel.kind === "drops") drawLabels(plot, labelsOf(plot, store));
      },
    },
  };
}

function clipped(plot, draw) {
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  plot.ctx.beginPath();
  plot.ctx.rect(left, 0, width, top + height);
  plot.ctx.clip();
  draw();
  plot.ctx.restore();
}

const xOf = (plot, time) => plot.valToPos(time, "x", true);

function box(plot, from, to) {
  const left = Math.max(xOf(plot, from), plot.bbox.left);
  const right = Math.min(xOf(plot, to), plot.bbox.left + plot.bbox.width);
  return [left, 0, Math.max(0, right - left), plot.bbox.top + plot.bbox.height];
}

function shade(plot, store) {
  const { ctx } = plot;
  for (const run of store.runs) {
    const edges = edgesOf(run, store.nowS());
    ctx.fillStyle = colours().publish;
    ctx.globalAlpha = 0.28;
    ctx.fillRect(...box(plot, edges.surely, edges.until));
    ctx.globalAlpha = 0.12;
    ctx.fillRect(...box(plot, edges.earliest, edges.surely));
    ctx.fillRect(...box(plot, edges.until, edges.latest));
  }
  ctx.globalAlpha = 0.4;
  for (const [from, to] of store.suspects) hatch(plot, ...box(plot, from, Math.max(to, from + store.stepS)));
  ctx.globalAlpha = 1;
  for (const start of store.starts) drawStart(plot, start);
}

/** The four edges of a run: where it may be (`earliest`, `latest`) and where it is for sure (`surely`, `until`). */
export function edgesOf(run, nowS) {
  const start = run.start ?? run.start_min ?? run.batches?.[0]?.at ?? run.end ?? nowS;
  const end = run.end ?? run.end_max ?? nowS;
  const surely = run.start_max ?? start;
  const until = Math.max(surely, run.end == null ? end : (run.end_min ?? end));
  return {
    earliest: Math.min(run.start_min ?? start, surely),
    surely,
    until,
    latest: Math.max(run.end_max ?? end, until),
  };
}

function hatch(plot, left, top, width, height) {
  if (width <= 0) return;
  const { ctx } = plot;
  const gap = HATCH_PX * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.strokeStyle = colours().muted;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (let x = Math.floor((left - height) / gap) * gap; x < left + width; x += gap) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

function drawStart(plot, start) {
  const x = xOf(plot, start);
  const ratio = devicePixelRatio;
  plot.ctx.globalAlpha = 0.8;
  hatch(plot, x - START_PX * ratio, 0, START_PX * ratio, plot.bbox.top + plot.bbox.height);
  plot.ctx.globalAlpha = 1;
  plot.ctx.fillStyle = colours().muted;
  plot.ctx.fillRect(x, 0, ratio, plot.bbox.top + plot.bbox.height);
}

/** Names of the runs, which come first, and of the monitor's starts, as labels that ask for a place. */
function labelsOf(plot, store) {
  const nowS = store.nowS();
  const left = plot.bbox.left;
  const runs = store.runs
    .map((run) => ({ run, edges: edgesOf(run, nowS) }))
    .filter(({ edges }) => xOf(plot, edges.latest) >= left)
    .map(({ run, edges }) => ({
      x: xOf(plot, edges.earliest),
      texts: namesOf(run),
      colour: "publish-text",
      needed: true,
    }));
  const starts = store.starts
    .map((start) => ({ x: xOf(plot, start), texts: [START_LABEL], colour: "muted", needed: false }))
    .filter(({ x }) => x >= left);
  return [...runs, ...starts];
}

/** What a run is called, the longest first. */
function namesOf(run) {
  const going = run.end == null ? ", running" : "";
  return run.strategy
    ? [`${run.job} (${run.strategy})${going}`, `${run.job}${going}`, run.job]
    : [`${run.job}${going}`, run.job];
}

function drawBatches(plot, store) {
  const { ctx, bbox } = plot;
  for (const run of store.runs) {
    for (const batch of run.batches ?? []) {
      const well = batch.outcome === "ok";
      const height = (well ? 5 : 10) * devicePixelRatio;
      ctx.fillStyle = well ? colours()["publish-text"] : colours().failed;
      ctx.fillRect(
        xOf(plot, batch.at) - devicePixelRatio / 2,
        bbox.top + bbox.height - height,
        devicePixelRatio * 1.5,
        height,
      );
    }
  }
}

/** Where the middle of a layer's lane stands, in canvas pixels. */
function laneOf(plot, layer) {
  const lane = Math.max(0, LAYERS.indexOf(layer));
  return plot.bbox.top + ((lane + 0.5) / LAYERS.length) * plot.bbox.height;
}

function drawDrops(plot, store) {
  const bins = new Map();
  const { ctx } = plot;
  for (const drop of store.drops) {
    const x = xOf(plot, drop.at);
    if (drop.last_good != null) drawInterval(plot, drop, x);
    const column = Math.round(x / (COLUMN_PX * devicePixelRatio));
    const key = `${column} ${drop.layer} ${drop.reason} ${drop.planned}`;
    const bin = bins.get(key);
    if (bin) bin.count += 1;
    else bins.set(key, { drop, x, count: 1 });
  }
  for (const { drop, x, count } of bins.values()) {
    const radius = Math.min(3.8 + Math.log2(count), 7) * devicePixelRatio;
    const colour = colours()[drop.layer] ?? colours().platform;
    const shape = shapeOfReason(drop.layer, drop.reason);
    paint(ctx, shape, x, laneOf(plot, drop.layer) + shift(shape) * devicePixelRatio, radius, colour, drop.planned);
  }
}

/** Different reasons at the same moment stand a little apart. */
const shift = (shape) => [-4, 0, 4][shape.length % 3];

function drawInterval(plot, drop, x) {
  plot.ctx.fillStyle = colours()[drop.layer] ?? colours().platform;
  plot.ctx.globalAlpha = 0.35;
  const from = xOf(plot, drop.last_good);
  plot.ctx.fillRect(from, laneOf(plot, drop.layer) - devicePixelRatio, x - from, 2 * devicePixelRatio);
  plot.ctx.globalAlpha = 1;
}

function drawWords(plot, store, panel) {
  panel.lines.forEach((line, index) => {
    const track = store.track(line.track);
    const y = (6 + index * 7) * devicePixelRatio;
    const taken = new Set();
    for (let at = 0; at < track.t.length; at += 1) {
      for (const word of Object.keys(track.words[at] ?? {})) {
        if (isWell(word)) continue;
        const x = xOf(plot, track.t[at] + store.stepS / 2);
        const key = `${Math.round(x / (COLUMN_PX * 0.8 * devicePixelRatio))} ${word}`;
        if (taken.has(key)) continue;
        taken.add(key);
        const colour = colours()[line.colour ?? (word === "429" ? "limited" : "failed")];
        paint(plot.ctx, shapeOfWord(word), x, y, 3.2 * devicePixelRatio, colour);
      }
    }
  });
}

/** Whether an outcome is none to mark: a status of success. */
export const isWell = (word) => word === "ok" || /^[23]\d\d$/.test(word);
