/** Gives signals the names that the report has for them, so that no text for people says `ws_rtt_seconds`. Pure. */

import { plain } from "./text.js";

const NAMES = {
  ws_rtt: "the softphone's ping round trip",
  notification_rtt: "the ping on the notification channel",
  edge_rtt: "the edge's own ping",
  tcp_rtt: "the kernel's round trip of the signalling socket",
  loopback_rtt: "the round trip within this machine",
  ice_servers: "the ICE-server fetch",
  ice_gathering: "ICE gathering",
  stun_rtt: "the STUN round trip",
  turn_allocate: "TURN allocation",
  api: "a REST call of our own",
  retry_after: "what a 429 told to wait",
  reconnect: "the time to connect again",
  media_rtt: "the media round trip",
  media_jitter: "media jitter",
  media_loss: "media loss",
  loop_lag: "the monitor's own lag",
  schedule_lateness: "the monitor's own lateness",
};
const SIGNAL = /\b([a-z]+(?:_[a-z]+)*)_(?:seconds|ratio)\b/g;

/** A text of the monitor's own with the names for people in place of those of the signals. */
export const inWords = (text) => text.replace(SIGNAL, (_, signal) => NAMES[signal] ?? plain(signal));

/** The same of a text in which every word is of a closed list: causes lose their underscores as well. */
export const allInWords = (text) => plain(inWords(text));
