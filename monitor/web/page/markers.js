/** Lists the last publish runs, and marks one by hand. */

import { ask, post } from "./live.js";
import { reconcile } from "./redraw.js";
import { byId, counted, durationText, momentText, node, plain, say, stampText, zoneName } from "./text.js";

const RUNS_SHOWN = 20;
const DETECTED = new Set(["notification", "poll", "audit"]);
const FOUND_BY = { told: "told by markers", page: "marked by hand" };
const FIELDS = ["job", "run_id", "phase", "strategy", "batch_size", "agents", "outcome"];

/** The list of runs and the form "mark now". */
export class Markers {
  #store;
  #shown = "";
  #runs = [];
  #asked = ""; // what was asked about before it is stored

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

  /** Ask for the runs again when any has changed: the window's are not all of them. */
  async refresh(force = false) {
    const now = `${this.#store.runsVersion}|${zoneName()}`;
    if (!force && this.#shown === now) return;
    this.#shown = now;
    const { body } = await ask(`/api/runs?limit=${RUNS_SHOWN}`);
    if (!body) {
      this.#shown = "";
      return;
    }
    this.#runs = body.runs;
    byId("runs-none").hidden = this.#runs.length > 0;
    reconcile(
      byId("runs"),
      this.#runs,
      (run) => JSON.stringify([run.job, run.run_id]),
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
    const going = this.#runs.find((run) => run.job === job && run.outcome === "running");
    const id = phase !== "start" && going ? going.run_id : `by-hand-${stampText(this.#store.nowS())}`;
    field.value = id;
    field.dataset.offered = id;
  }

  /** Ask once before an end or a batch of a run that is not going on: it would be stored as a run of its own. */
  #asks({ job, run_id: run, phase }) {
    const going = this.#runs.filter((one) => one.job === job && one.outcome === "running").map((one) => one.run_id);
    const said = JSON.stringify([job, run, phase]);
    const known = phase === "start" || !job || !run || going.includes(run);
    if (known || this.#asked === said) {
      this.#asked = "";
      return false;
    }
    this.#asked = said;
    const which = going.length
      ? `Of ${job} the run ${going[0]} is going on, not ${run}.`
      : `No run of ${job} is going on.`;
    say(byId("mark-answer"), `${which} Not stored; press "Mark now" again to store it all the same.`);
    return true;
  }

  async #mark(event) {
    event.preventDefault();
    const body = bodyOf();
    showProblems([]);
    if (this.#asks(body)) return;
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

/** How the run was found; what no list names is the name that somebody gave. */
function foundWords(ways) {
  const known = (way) => FOUND_BY[way] ?? (DETECTED.has(way) ? `found by ${way}` : `told by ${way}`);
  return ways.split("+").map(known).join(", ");
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

function runItem(run, nowS) {
  const { start, end, batches, outcome } = run;
  const from = start == null ? "start unknown" : momentText(start, nowS);
  const period = `${from} to ${end == null ? (outcome === "running" ? "now, no end told" : "unknown") : momentText(end, nowS)}`;
  const facts = [
    run.strategy,
    start != null && end != null && durationText(end - start),
    batches.length && counted(batches.length, "batch", "batches"),
    run.agents != null && counted(run.agents, "agent"),
    foundWords(run.found_by),
  ].filter(Boolean);
  const state = { ok: "ok", failed: "critical", aborted: "critical" }[outcome] ?? "unknown";
  return node(
    "li",
    { class: "run", "data-run": run.run_id },
    node(
      "div",
      { class: "drop-head" },
      node("strong", {}, run.job),
      node("code", {}, run.run_id),
      node("span", { class: `state is-${state}` }, plain(outcome)),
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
