/** Shows what the analysis says: the verdict in its own words, the diagnosis with its evidence, the checks. */

import { refill } from "./redraw.js";
import { stateShape } from "./shapes.js";
import { allInWords, inWords } from "./signals.js";
import { byId, counted, durationText, minuteText, momentText, node, plain, zoneName } from "./text.js";

const WAIT = {
  verdict:
    "Being worked out from all that the journal remembers, at low priority; weeks of facts may take some minutes.",
  diagnosis: "Being worked out from the newest facts, at low priority.",
  checks: "Being run over the newest facts, at low priority.",
};
const AFTER_RUN_S = 360; // the verdict is worked out again so long after a run: its effect may outlast it by 5 min
const FEW_ATTEMPTS = 20; // fewer measurements name no cause
const shown = new Map();

/** The parts of the page that are shown here, by id. */
export const PARTS = ["problem", "verdict", "diagnosis", "checks"];

/** Bring one of PARTS up to date. streaming: false where explanations do not come. */
export function showExplained(name, store, streaming) {
  const told = store.explained?.[name];
  const build = { problem, verdict, diagnosis, checks }[name];
  const wait = streaming ? WAIT[name] : "Comes with the event stream, which is not there just now.";
  part(name, [told, streaming, zoneName(), caveats(name, store)], () => [
    ...caveats(name, store).map((words) => node("p", { class: "notice" }, words)),
    ...(build(told, store.nowS()) ?? (WAIT[name] ? [node("p", { class: "muted" }, wait)] : [])),
  ]);
}

/** What the verdict and the cause must not be read without. */
function caveats(name, store) {
  const told = store.explained?.[name];
  if (!told || (name !== "verdict" && name !== "diagnosis")) return [];
  const distrusts = store.state?.suspect && "The monitor distrusts its own figures just now.";
  return [distrusts, name === "verdict" && uncounted(told.at, store)].filter(Boolean);
}

/** Which publish the verdict of this time (Unix seconds) cannot have counted, or not whole; null when there is none. */
function uncounted(atS, store) {
  const every = store.runs.filter((run) => (run.end ?? Infinity) + AFTER_RUN_S > atS);
  const late = every.at(-1);
  if (!late) return null;
  const start = late.start ?? late.start_max;
  const name = start == null ? `publish ${late.run_id}` : `publish of ${momentText(start, store.nowS(), minuteText)}`;
  const again = late.end == null ? "about 6 min after its end" : `about ${minuteText(late.end + AFTER_RUN_S)}`;
  const how = start > atS ? "Does not count" : "Does not yet count all of";
  const more = every.length > 1 ? ` and ${counted(every.length - 1, "run")} before it` : "";
  return `${how} the ${name} (${late.job})${more}; worked out again ${again}.`;
}

const problem = (told) => (told ? [node("p", { class: "notice" }, told)] : null);

/** Change a part only when what it says has changed. */
function part(name, said, build) {
  const state = JSON.stringify(said);
  if (shown.get(name) === state) return;
  shown.set(name, state);
  refill(byId(name), build());
}

function verdict(told, nowS) {
  if (!told) return null;
  const word = node("strong", { class: "word" }, plain(told.verdict));
  const chips = [told.provisional && "provisional", told.simulated && "SIMULATED"].filter(Boolean);
  const figures = [
    ["publish windows", told.windows],
    ["drops in publish windows and 5 min after", told.events_in],
    ["drops at other times", told.events_out],
    ["p-value", told.provisional ? told.p_anytime : told.p_value],
    ["ratio", told.rate_ratio == null ? null : ratio(told)],
  ].filter(([, value]) => value != null);
  return [
    node(
      "p",
      { class: "verdict-head" },
      word,
      chips.map((chip) => node("span", { class: "chip" }, chip)),
    ),
    node("p", { class: "sentence" }, told.sentence),
    node("p", { class: "muted" }, made(told, nowS), span(told, nowS)),
    node(
      "dl",
      { class: "figures" },
      figures.map(([name, value]) => pair(name, value)),
    ),
    told.vetoes?.length ? list("Why blame is withheld", told.vetoes) : null,
    told.not_separable?.length ? list("Cannot be told apart", told.not_separable) : null,
    told.lines?.length ? lines("every line", told.lines, "verdict-lines") : null,
  ].filter(Boolean);
}

function ratio({ rate_ratio: middle, ci_low: low, ci_high: high }) {
  const limits = low == null && high == null ? "" : `, 95 % ${figure(low)} to ${figure(high)}`;
  return `x ${figure(middle)}${limits}`;
}

const figure = (value) =>
  value == null ? "?" : typeof value === "number" ? String(Number(value.toPrecision(3))) : value;
const pair = (name, value) => node("div", {}, node("dt", {}, name), node("dd", {}, figure(value)));
const made = (told, nowS) => `worked out at ${momentText(told.at, nowS)}, took ${durationText(told.took_s)}`;

function span({ span: period }, nowS) {
  if (!period) return "";
  const [from, to] = period.map((text) =>
    Number.isNaN(Date.parse(text)) ? text : momentText(Date.parse(text) / 1000, nowS),
  );
  return `; over ${from} to ${to}`;
}

function list(title, items) {
  return node(
    "div",
    {},
    node("h3", {}, title),
    node(
      "ul",
      { class: "plain" },
      items.map((item) => node("li", {}, item)),
    ),
  );
}

function lines(title, texts, name) {
  const text = node("pre", { tabindex: 0 }, texts.join("\n"));
  return node("details", { "data-name": name }, node("summary", {}, title), text);
}

function diagnosis(told, nowS) {
  if (!told) return null;
  const causes = (told.causes ?? []).slice(0, 5);
  const unnamed = causes.filter((one) => one.cause in CAUSE_WORDS).flatMap((one) => one.evidence ?? []);
  return [
    node("p", { class: "verdict-head" }, node("strong", { class: "word" }, causeWords(told))),
    told.runner_up ? node("p", {}, `Runner-up: ${plain(told.runner_up)}`) : null,
    told.trouble?.length ? node("p", {}, troubled(told.trouble, nowS)) : null,
    node("p", { class: "muted" }, made(told, nowS), observed(told, nowS)),
    unnamed.length ? list("What was seen", unnamed.map(inWords)) : null,
    node("ol", { class: "causes" }, causes.filter((one) => !(one.cause in CAUSE_WORDS)).map(cause)),
    told.missing?.length ? list(missingTitle(told), told.missing.map(allInWords)) : null,
  ].filter(Boolean);
}

/** The period that the facts really cover, which may be shorter than the one asked for. */
function observed({ since, until, observed_since: from }, nowS) {
  const [first, last] = [from ?? since, until].map((atS) => momentText(atS, nowS, minuteText));
  return from === null ? `; no fact from ${first} to ${last}` : `; over ${first} to ${last}`;
}

/** When something was out of order, the latest first: a cause of an hour ago must not read as one of now. */
function troubled(stretches, nowS) {
  const told = stretches.map(
    ([from, to]) => `${momentText(from, nowS, minuteText)} to ${momentText(to, nowS, minuteText)}`,
  );
  return `Out of order: ${told.reverse().join("; ")}`;
}

const CAUSE_WORDS = { none: "nothing is wrong", unknown: "no cause can be named" };

function causeWords({ cause, attempts }) {
  if (attempts === 0) return "nothing was measured";
  if (attempts != null && attempts < FEW_ATTEMPTS) return "too few measurements yet to name a cause";
  return CAUSE_WORDS[cause] ?? plain(cause);
}

function missingTitle({ cause, runner_up: second }) {
  if (cause === "unknown") return "What is missing to name one";
  if (cause === "none") return "What would not have been seen";
  return second ? "What is missing to tell them apart" : "What would make it surer";
}

function cause({ cause: name, score, evidence }) {
  const meter = node("meter", { min: 0, max: 1, value: score, "aria-label": `score of ${plain(name)}` });
  const head = node(
    "div",
    { class: "cause-head" },
    node("span", {}, plain(name)),
    meter,
    node("span", {}, score.toFixed(2)),
  );
  return node(
    "li",
    {},
    head,
    node(
      "ul",
      { class: "plain" },
      (evidence ?? []).map((one) => node("li", {}, inWords(one))),
    ),
  );
}

function checks(told, nowS) {
  if (!told) return null;
  const head = `${made(told, nowS)}; over the last ${durationText(told.period_s)}`;
  return [node("p", { class: "muted" }, head), node("ul", { class: "checks" }, (told.checks ?? []).map(check))];
}

function check({ name, state, summary, notes, runbook }) {
  const word = String(state).toLowerCase();
  const title = node("span", { class: `state is-${word}` }, stateShape(word), word);
  const more = node(
    "ul",
    { class: "plain" },
    (notes ?? []).map((note) => node("li", {}, inWords(note))),
  );
  const read = runbook && node("p", { class: "muted" }, "Read: ", node("code", {}, runbook));
  const head = node("summary", {}, node("strong", {}, name), title, node("span", {}, ` ${inWords(summary)}`));
  return node("li", { id: `check-${name}`, tabindex: -1 }, node("details", { "data-name": name }, head, more, read));
}
