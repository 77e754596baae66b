'use strict';
// The real Genesys streaming client, unmodified. argv[2]: the client's options as JSON, and `connect`: those of its
// connect(). stdout: one JSON object a line for whatever happens. It ends when stdin does.

function tell (event, details = {}) {
  process.stdout.write(JSON.stringify({ event, at: process.uptime(), ...details }) + '\n');
}

// `window` has to be absent while the package loads: with it, browserama expects a document as well.
const { default: Client } = require('genesys-cloud-streaming-client');

// What a browser has and Node has not, as far as the client looks; `new Client` listens to `window`.
const stored = new Map();
globalThis.sessionStorage = {
  getItem: (key) => (stored.has(key) ? stored.get(key) : null),
  setItem: (key, value) => { stored.set(key, String(value)); }
};
if (typeof globalThis.navigator === 'undefined') globalThis.navigator = {};
Object.defineProperty(globalThis.navigator, 'onLine', { value: true, configurable: true });
globalThis.window = { addEventListener () {}, removeEventListener () {} };

process.on('unhandledRejection', (error) => tell('unhandled', { type: error && error.type, message: String(error) }));

const { connect, ...options } = JSON.parse(process.argv[2]);
const log = (level) => (message) => tell('log', { level, message: String(message) });
const logger = { debug () {}, info: log('info'), warn: log('warn'), error: log('error') };
const client = new Client({ appName: 'conformance', appVersion: '1', optOutOfWebrtcStatsTelemetry: true, logger, ...options });
tell('loaded', { version: Client.version });

client.on('connected', async () => {
  tell('connected', {
    jid: client.activeStanzaInstance.jid,
    channel: client.config.channelId,
    ice: client._webrtcSessions.iceServers,
    policy: client._webrtcSessions.getIceTransportPolicy()
  });
  try {
    const me = await client.http.requestApi('users/me', {
      method: 'get', host: options.apiHost, authToken: options.authToken, logger
    });
    const topic = `v2.users.${me.data.id}.conversations`;
    await client.notifications.subscribe(topic, (payload) => tell('notified', { topic, payload }), true);
    tell('subscribed', { topic });
    await client.webrtcSessions.refreshIceServers();
    tell('refreshed', { ice: client._webrtcSessions.iceServers });
  } catch (error) {
    tell('failed', { message: String(error) });
  }
});
client.on('disconnected', (details) => tell('disconnected', details));

// Keepalive on the wire, both ways.
const pings = new Set();
function watch (direction, stanza) {
  const id = (/ id="([^"]*)"/.exec(stanza) || [])[1];
  if (stanza.includes('urn:xmpp:ping')) {
    pings.add(id);
    tell('ping', { direction, id });
  } else if (pings.delete(id)) {
    tell('pong', { direction, id, result: stanza.includes('type="result"') });
  }
}
client.on('raw', (direction, stanza) => watch(direction === 'incoming' ? 'in' : 'out', String(stanza)));

client.webrtcSessions.on('requestIncomingRtcSession', async (session) => {
  tell('proposed', { sid: session.sessionId, cid: session.conversationId, autoAnswer: session.autoAnswer, from: session.fromJid });
  await client.webrtcSessions.acceptRtcSession(session.sessionId);
  tell('proceeded', { sid: session.sessionId });
});

client.connect(connect).then(
  () => tell('settled', { ok: true }),
  (error) => tell('settled', { ok: false, type: error.type, message: String(error) })
);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
