/** Writes what the windows and starts behind the curves are, in one row above the first chart, and never over each other. */

import { colours } from "./theme.js";

const FONT = "11px system-ui, sans-serif";
const GAP_PX = 8;
const SHORTEST_PX = 28; // less than this of a text says nothing

/**
 * Draw labels above the plot; those that come first have the first choice of place.
 * wanted: [{x (canvas pixels), texts (the longest first), colour (a name of the theme), needed}]; one that is not needed
 * is left out where there is no room.
 */
export function drawLabels(plot, wanted) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const edges = [bbox.left, bbox.left + bbox.width];
  ctx.save();
  ctx.font = FONT.replace("11", String(Math.round(11 * ratio)));
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const measure = (words) => ctx.measureText(words).width;
  for (const { text, left, colour } of placed(wanted, edges, ratio, measure)) {
    ctx.globalAlpha = 0.75; // whatever runs behind a label must not cross it out
    ctx.fillStyle = colours().panel;
    ctx.fillRect(left - ratio, 0, measure(text) + 2 * ratio, 14 * ratio);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours()[colour];
    ctx.fillText(text, left, ratio);
  }
  ctx.restore();
}

/** Where each label stands: [{text, left, colour}]. edges: left and right one. measure(text): its width. Pure. */
function placed(wanted, [low, high], ratio, measure) {
  const taken = [];
  const isFree = ([from, to]) =>
    taken.every(([left, right]) => to + GAP_PX * ratio <= left || from >= right + GAP_PX * ratio);
  const found = [];
  for (const label of wanted) {
    const place = candidates(label, [low, high], ratio, measure).find(({ span }) => isFree(span));
    if (!place) continue;
    taken.push(place.span);
    found.push({ text: place.text, left: place.span[0], colour: label.colour });
  }
  return found;
}

/** The places for one label, the best first: right of its x whole, shortened, then left of the edge or of its x. */
function candidates({ x, texts, needed }, [low, high], ratio, measure) {
  const left = Math.max(x, low) + 2 * ratio;
  if (left > high && !needed) return [];
  const spans = texts
    .map((text) => ({ text, span: [left, left + measure(text)] }))
    .filter(({ span }) => span[1] <= high);
  const short = texts.at(-1);
  const cut = shortened(short, high - left, ratio, measure);
  if (cut) spans.push({ text: cut, span: [left, left + measure(cut)] });
  const right = needed ? high : x - 8 * ratio;
  if (right - measure(short) >= low) spans.push({ text: short, span: [right - measure(short), right] });
  return spans;
}

function shortened(text, room, ratio, measure) {
  if (room < SHORTEST_PX * ratio) return null;
  let cut = text;
  while (cut && measure(`${cut}\u2026`) > room) cut = cut.slice(0, -1);
  return cut && cut !== text ? `${cut}\u2026` : null;
}
