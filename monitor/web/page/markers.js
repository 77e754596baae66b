/** Lists the publish runs that the markers tell of, and marks one by hand. */

import { ask, post } from "./live.js";
import { byId, counted, durationText, momentText, node, plain, reconcile, say, stampText } from "./text.js";

const LIMIT = 300;
const RUNS_SHOWN = 20;
const FIELDS = ["job", "run_id", "phase", "strategy", "batch_size", "agents", "outcome"];

/** The list of runs and the form "mark now". */
export class Markers {
  #store;
  #version = -1;
  #runs = [];

  constructor(store) {
    this.#store = store;
    byId("mark").addEventListener("submit", (event) => this.#mark(event));
    for (const name of ["job", "phase"]) byId(`mark-${name}`).addEventListener("change", () => this.#suggest());
  }

  /** The settings are known: offer the jobs they name. */
  named() {
    const jobs = this.#store.page?.jobs ?? [];
    byId("jobs").replaceChildren(...jobs.map((job) => node("option", { value: job })));
    if (!byId("mark-job").value) byId("mark-job").value = jobs[0] ?? "";
    this.#suggest();
  }

  /** Ask for the markers again when the runs have changed. */
  async refresh(force = false) {
    if (!force && this.#version === this.#store.runsVersion) return;
    this.#version = this.#store.runsVersion;
    const { body } = await ask(`/markers?limit=${LIMIT}`);
    if (!body) {
      this.#version = -1;
      return;
    }
    this.#runs = runsOf(body.markers ?? []);
    byId("runs-none").hidden = this.#runs.length > 0;
    reconcile(
      byId("runs"),
      this.#runs.slice(0, RUNS_SHOWN),
      (run) => run.key,
      (run) => JSON.stringify(run),
      (run) => runItem(run, this.#store.nowS()),
    );
    this.#suggest();
  }

  #suggest() {
    const [job, phase] = ["job", "phase"].map((name) => byId(`mark-${name}`).value);
    const field = byId("mark-run_id");
    byId("mark-outcome-row").hidden = phase === "start";
    const offered = field.dataset.offered ?? "";
    if (field.value !== offered) return; // somebody wrote an id of their own
    const going = this.#runs.find((run) => run.job === job && run.start && !run.end);
    const id = phase !== "start" && going ? going.run_id : `by-hand-${stampText(this.#store.nowS())}`;
    field.value = id;
    field.dataset.offered = id;
  }

  async #mark(event) {
    event.preventDefault();
    const body = bodyOf();
    showProblems([]);
    say(byId("mark-answer"), "Sending ...");
    const answer = await post("/markers", body);
    say(byId("mark-answer"), answerText(answer, body));
    if (answer.status === 422) showProblems(answer.body?.problems ?? []);
    if (answer.status !== 201 && answer.status !== 200) return;
    if (body.phase !== "batch") byId("mark-phase").value = body.phase === "start" ? "end" : "start";
    const field = byId("mark-run_id");
    field.dataset.offered = field.value;
    await this.refresh(true);
  }
}

function bodyOf() {
  const body = { found_by: "page" };
  for (const name of FIELDS) {
    const value = byId(`mark-${name}`).value.trim();
    if (value === "" || (name === "outcome" && byId("mark-outcome-row").hidden)) continue;
    const count = name === "batch_size" || name === "agents";
    body[name] = count && /^\d+$/.test(value) ? Number(value) : value;
  }
  return body;
}

function answerText({ status, body }, { phase, job, run_id: run }) {
  if (status === 201) return `Stored: ${phase} of ${job}, run ${run}.`;
  if (status === 200) return `Known already: ${phase} of ${job}, run ${run}.`;
  if (status === 422) return "Not stored: see the fields.";
  if (status === 401) return "Not stored: log in again.";
  return status ? `Not stored: ${body?.error ?? `status ${status}`}.` : "Not stored: the monitor did not answer.";
}

function showProblems(problems) {
  const others = [];
  for (const name of FIELDS) {
    byId(`mark-${name}`).removeAttribute("aria-invalid");
    say(byId(`mark-${name}-problem`), "");
  }
  for (const { field, allowed } of problems) {
    const place = FIELDS.includes(field) ? byId(`mark-${field}-problem`) : null;
    if (place) {
      say(place, `Allowed: ${allowed}`);
      byId(`mark-${field}`).setAttribute("aria-invalid", "true");
    } else others.push(`${field}: ${allowed}`);
  }
  if (others.length) say(byId("mark-answer"), `Not stored: ${others.join("; ")}`);
}

/** Markers, newest first, as the runs they tell of. Times become Unix seconds. */
function runsOf(markers) {
  const runs = new Map();
  for (const marker of markers) {
    const key = JSON.stringify([marker.job, marker.run_id]);
    const run = runs.get(key) ?? { key, job: marker.job, run_id: marker.run_id, batches: [], found_by: [] };
    runs.set(key, run);
    const told = { at: Date.parse(marker.time) / 1000, size: marker.batch_size, outcome: marker.outcome };
    if (marker.phase === "batch") run.batches.push(told);
    else run[marker.phase] = told;
    for (const name of ["strategy", "agents"]) run[name] ??= marker[name];
    if (marker.found_by && !run.found_by.includes(marker.found_by)) run.found_by.push(marker.found_by);
  }
  return [...runs.values()];
}

function runItem(run, nowS) {
  const { start, end, batches } = run;
  const from = start ? momentText(start.at, nowS) : "start unknown";
  const period = `${from} to ${end ? momentText(end.at, nowS) : "now, no end told"}`;
  const took = start && end ? durationText(end.at - start.at) : null;
  const facts = [
    run.strategy,
    took,
    batches.length && counted(batches.length, "batch", "batches"),
    run.agents != null && counted(run.agents, "agent"),
    `found by ${run.found_by.join(", ")}`,
  ].filter(Boolean);
  const outcome = end ? (end.outcome ?? "ended") : "no end";
  const state = { ok: "ok", failed: "critical", aborted: "critical" }[end?.outcome] ?? "unknown";
  return node(
    "li",
    { class: "run", "data-run": run.run_id },
    node(
      "div",
      { class: "drop-head" },
      node("strong", {}, run.job),
      node("code", {}, run.run_id),
      node("span", { class: `state is-${state}` }, outcome),
    ),
    node("p", {}, period),
    node("p", { class: "muted" }, facts.join(" \u00b7 ")),
    batches.length ? batchList(batches, nowS) : null,
  );
}

function batchList(batches, nowS) {
  const rows = batches.map(({ at, size, outcome }) => {
    const words = [momentText(at, nowS), size != null && counted(size, "agent"), plain(outcome ?? "")];
    return node("li", {}, words.filter(Boolean).join(" \u00b7 "));
  });
  return node("details", {}, node("summary", {}, "batches"), node("ol", { class: "plain" }, rows));
}
