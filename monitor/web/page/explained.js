/** Shows what the analysis says: the verdict in its own words, the diagnosis with its evidence, the checks. */

import { stateShape } from "./shapes.js";
import { byId, durationText, momentText, node, plain } from "./text.js";

const WAIT = {
  verdict:
    "Being worked out from all that the journal remembers, at low priority; weeks of facts may take some minutes.",
  diagnosis: "Being worked out from the newest facts, at low priority.",
  checks: "Being run over the newest facts, at low priority.",
};
const shown = new Map();

/** The parts of the page that are shown here, by id. */
export const PARTS = ["problem", "verdict", "diagnosis", "checks"];

/** Bring one of PARTS up to date. streaming: false where explanations do not come. */
export function showExplained(name, store, streaming) {
  const told = store.explained?.[name];
  const build = { problem, verdict, diagnosis, checks }[name];
  const wait = streaming ? WAIT[name] : "Comes with the event stream, which is not there just now.";
  part(
    name,
    [told, streaming],
    () => build(told, store.nowS()) ?? (WAIT[name] ? [node("p", { class: "muted" }, wait)] : []),
  );
}

const problem = (told) => (told ? [node("p", { class: "notice" }, told)] : null);

/** Build a part anew only when what it says has changed; an opened details element stays open. */
function part(name, said, build) {
  const state = JSON.stringify(said);
  if (shown.get(name) === state) return;
  shown.set(name, state);
  const parent = byId(name);
  const open = new Set([...parent.querySelectorAll("details[open]")].map((one) => one.dataset.name));
  parent.replaceChildren(...build());
  for (const one of parent.querySelectorAll("details")) one.open = open.has(one.dataset.name);
}

function verdict(told, nowS) {
  if (!told) return null;
  const word = node("strong", { class: "word" }, plain(told.verdict));
  const chips = [told.provisional && "provisional", told.simulated && "SIMULATED"].filter(Boolean);
  const figures = [
    ["publish windows", told.windows],
    ["drops in windows", told.events_in],
    ["drops outside", told.events_out],
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
  return [
    node("p", { class: "verdict-head" }, node("strong", { class: "word" }, causeWords(told.cause))),
    told.runner_up ? node("p", {}, `Runner-up: ${plain(told.runner_up)}`) : null,
    node(
      "p",
      { class: "muted" },
      made(told, nowS),
      `; over ${momentText(told.since, nowS)} to ${momentText(told.until, nowS)}`,
    ),
    node("ol", { class: "causes" }, causes.map(cause)),
    told.missing?.length ? list("What is missing to tell them apart", told.missing) : null,
  ].filter(Boolean);
}

const CAUSE_WORDS = { none: "nothing is wrong", unknown: "something is wrong, and no cause stands out" };
const causeWords = (cause) => CAUSE_WORDS[cause] ?? plain(cause);

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
      (evidence ?? []).map((one) => node("li", {}, one)),
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
    (notes ?? []).map((note) => node("li", {}, note)),
  );
  const read = runbook && node("p", { class: "muted" }, "Read: ", node("code", {}, runbook));
  const head = node("summary", {}, node("strong", {}, name), title, node("span", {}, ` ${summary}`));
  return node("li", { id: `check-${name}`, tabindex: -1 }, node("details", { "data-name": name }, head, more, read));
}
