/** Gives each piece of work a turn of its own, so that no one blocks the page for long. */

const waiting = new Map();
let running = false;
const channel = new MessageChannel();
channel.port1.onmessage = () => next();

/** Run this work soon, in a task of its own; asked for twice under one name before its turn it runs once. */
export function soon(name, work) {
  waiting.set(name, work);
  if (running) return;
  running = true;
  channel.port2.postMessage(null);
}

function next() {
  const [name, work] = waiting.entries().next().value;
  waiting.delete(name);
  if (waiting.size) channel.port2.postMessage(null);
  else running = false;
  work();
}
