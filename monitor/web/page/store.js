/** Holds what the monitor told: tracks of buckets, drops, runs, states; merges updates into it. No DOM here. */

const DROPS_KEPT = 500;
const COLUMNS = ["mid", "high", "n", "bad", "words"];

/** One track: parallel arrays of buckets, ascending by start `t` (Unix seconds). */
class Track {
  constructor() {
    this.t = [];
    for (const name of COLUMNS) this[name] = [];
  }

  /** Put these buckets in; one with the same start takes the place of the old one. */
  merge(columns) {
    for (let index = 0; index < columns.t.length; index += 1) this.#put(columns, index);
  }

  #put(columns, index) {
    const start = columns.t[index];
    if (!(start <= this.t.at(-1))) {
      this.t.push(start);
      for (const name of COLUMNS) this[name].push(columns[name]?.[index] ?? null);
      return;
    }
    const at = this.after(start);
    const replaces = at > 0 && this.t[at - 1] === start;
    if (!replaces) this.t.splice(at, 0, start);
    for (const name of COLUMNS)
      this[name].splice(replaces ? at - 1 : at, replaces ? 1 : 0, columns[name]?.[index] ?? null);
  }

  /** Where the first bucket after this time stands. */
  after(time) {
    let low = 0;
    let high = this.t.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Forget buckets that start before this time. */
  trim(from) {
    let count = 0;
    while (count < this.t.length && this.t[count] < from) count += 1;
    if (!count) return;
    this.t.splice(0, count);
    for (const name of COLUMNS) this[name].splice(0, count);
  }

  /** The bucket nearest to a time and no further from it than `tolerance`; -1 for none. */
  nearest(time, tolerance) {
    const at = this.after(time);
    const before = at - 1;
    const pick = at < this.t.length && (before < 0 || this.t[at] - time < time - this.t[before]) ? at : before;
    return pick >= 0 && Math.abs(this.t[pick] - time) <= tolerance ? pick : -1;
  }

  /** The longest pause between neighbours that is no gap, in seconds: two and a half usual ones. */
  bridge(step) {
    const last = this.t.length - 1;
    if (last < 1) return step * 2.5;
    const pauses = [];
    for (let index = Math.max(1, last - 60); index <= last; index += 1) pauses.push(this.t[index] - this.t[index - 1]);
    pauses.sort((one, other) => one - other);
    return Math.max(step, pauses[pauses.length >> 1]) * 2.5;
  }

  /** How often each word was counted in the whole window. */
  wordsTotal() {
    const total = {};
    for (const words of this.words) {
      for (const [word, count] of Object.entries(words ?? {})) total[word] = (total[word] ?? 0) + count;
    }
    return total;
  }
}

/** Everything the page shows. Times are Unix seconds of the monitor's clock. */
export class Store {
  constructor() {
    this.page = null;
    this.explained = null;
    this.skewS = 0;
    this.toldS = null; // when, by the monitor's clock, it last told anything
    this.clear("15m");
  }

  /** Forget what was measured, before a snapshot of another window. */
  clear(window) {
    Object.assign(this, { window, widthS: 900, stepS: 2, tracks: new Map() });
    Object.assign(this, { drops: [], dropsTold: 0, runs: [], starts: [], suspects: [], state: null });
    for (const name of ["droppedVersion", "runsVersion"]) this[name] = (this[name] ?? 0) + 1;
  }

  /** How many drops the window has. Those that are not held are older than all that are, and leave it before them. */
  get dropsTotal() {
    return this.drops.length < DROPS_KEPT ? this.drops.length : Math.max(this.dropsTold, DROPS_KEPT);
  }

  /** Now by the monitor's clock. */
  nowS() {
    return Date.now() / 1000 + this.skewS;
  }

  /** Take a whole snapshot. */
  snapshot(told) {
    this.clear(told.window);
    this.widthS = told.to - told.from;
    this.stepS = told.step_s;
    this.update(told);
  }

  /** Take an update: only what changed is in it. The drops that were not known before are returned. */
  update(told) {
    this.skewS = told.now - Date.now() / 1000;
    this.toldS = told.now;
    for (const [id, columns] of Object.entries(told.tracks ?? {})) this.track(id).merge(columns);
    const fresh = told.drops ? this.#takeDrops(told.drops) : [];
    if (told.drops_total != null) this.dropsTold = told.drops_total;
    if (told.runs) {
      this.runs = told.runs;
      this.runsVersion += 1;
    }
    for (const name of ["starts", "suspects", "state"]) if (told[name]) this[name] = told[name];
    this.#forget(told.now - this.widthS - this.stepS);
    return fresh;
  }

  /** The track with this id; an empty one when nothing was told of it. */
  track(id) {
    let track = this.tracks.get(id);
    if (!track) this.tracks.set(id, (track = new Track()));
    return track;
  }

  #takeDrops(told) {
    const known = new Map(this.drops.map((drop) => [drop.id, drop]));
    const fresh = told.filter((drop) => !known.has(drop.id));
    for (const drop of told) known.set(drop.id, drop);
    this.drops = [...known.values()].sort((one, other) => other.at - one.at).slice(0, DROPS_KEPT);
    this.droppedVersion += 1;
    return fresh;
  }

  #forget(from) {
    for (const track of this.tracks.values()) track.trim(from);
    const kept = this.drops.filter((drop) => drop.at >= from);
    if (kept.length === this.drops.length) return;
    this.drops = kept;
    this.droppedVersion += 1;
  }
}
