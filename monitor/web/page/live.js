/** Keeps the page fed: one event stream, reconnects with growing pauses, polls where no stream is to be had. */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const POLL_MS = 5_000;
const SILENCE_MS = 60_000; // a stream that says nothing for so long may be dead: the host slept, the network changed
const ANSWER_MS = 10_000;
const HIDDEN_MS = 300_000; // nobody looks at a hidden page; its stream costs the monitor explanations

/**
 * The connection to the monitor. on: {page, snapshot, update, explained, state} are called with what was told;
 * state is one of `connecting`, `live`, `polling`, `reconnecting`, `paused`, `signed_out`.
 */
export class Live {
  #on;
  #window = "15m";
  #source = null;
  #timer = 0;
  #watch = 0;
  #hidden = 0;
  #failures = 0;
  #generation = 0;
  #settings = null; // how often the settings were read again when /api/page was asked

  constructor(on) {
    this.#on = on;
    if (document.hidden) this.#visible(false);
    document.addEventListener("visibilitychange", () => this.#visible(!document.hidden));
  }

  /** Show this window from now on. */
  open(window) {
    this.#window = window;
    this.#failures = 0;
    this.#connect();
  }

  /** Stop everything. */
  close() {
    this.#generation += 1;
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
  }

  async #connect(quietly = false) {
    this.close();
    const generation = this.#generation;
    if (!quietly) this.#on.state(this.#failures ? "reconnecting" : "connecting");
    this.#settings = null;
    if (await this.#page(generation)) this.#stream(generation);
  }

  /** Ask what the settings say. Whether that was told, and we are still at it. */
  async #page(generation) {
    const { status, body } = await ask("/api/page");
    if (generation !== this.#generation) return false;
    if (body) this.#on.page(body);
    else if (status === 401) this.#on.state("signed_out");
    else this.#later();
    return Boolean(body);
  }

  /** Ask again when the settings were read again meanwhile. */
  #reloaded({ state }, generation) {
    if (state?.settings == null || state.settings === this.#settings) return;
    if (this.#settings !== null) this.#page(generation);
    this.#settings = state.settings;
  }

  #stream(generation) {
    const source = new EventSource(`/api/live?window=${encodeURIComponent(this.#window)}`);
    this.#source = source;
    this.#heard();
    let told = false;
    const listen = (name, state) =>
      source.addEventListener(name, (event) => {
        if (generation !== this.#generation) return;
        this.#heard();
        const body = JSON.parse(event.data);
        this.#on[name](body);
        this.#reloaded(body, generation);
        if (state) this.#on.state(state);
        if (state) this.#failures = 0;
        told = true;
      });
    listen("snapshot", "live");
    listen("update", "live");
    listen("explained", null);
    source.onerror = () => {
      if (generation !== this.#generation) return;
      const refused = !told && source.readyState === EventSource.CLOSED;
      source.close();
      if (refused) this.#poll(generation);
      else this.#later();
    };
  }

  /** Ask once, and soon whether there is a stream by now. */
  async #poll(generation) {
    clearTimeout(this.#watch);
    const answer = await ask(`/api/timeline?window=${encodeURIComponent(this.#window)}`);
    if (generation !== this.#generation) return;
    if (!answer.body) {
      this.#later();
      return;
    }
    this.#on.snapshot(answer.body);
    this.#on.state("polling");
    this.#timer = setTimeout(() => this.#connect(true), POLL_MS);
  }

  #later() {
    this.close();
    this.#failures += 1;
    this.#on.state("reconnecting");
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #heard() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#later(), SILENCE_MS);
  }

  #visible(shown) {
    clearTimeout(this.#hidden);
    if (!shown) {
      this.#hidden = setTimeout(() => {
        this.close();
        this.#on.state("paused");
      }, HIDDEN_MS);
    } else if (!this.#source) this.open(this.#window);
  }
}

/** GET as JSON: its status and body; status 0 when nobody answered. */
export async function ask(path) {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store", signal });
    return { status: response.status, body: response.ok ? await response.json() : null };
  } catch {
    return { status: 0, body: null };
  }
}

/** POST JSON: its status and the answer's body, null when there is none; status 0 when nobody answered. */
export async function post(path, body) {
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
    const text = await response.text();
    return { status: response.status, body: text ? parsed(text) : null };
  } catch {
    return { status: 0, body: null };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
