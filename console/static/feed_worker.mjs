// One stream of events for all pages of this browser: a browser allows six connections to a server, and each stream takes one for good.
// A shared worker; runs as long as one page does. May live here: who listens. May not: what is said.

import { follow } from './feed.mjs';

const pages = new Set(); // ports
let up = null; // nothing known yet

function tell(message) {
  if (message.kind === 'up' || message.kind === 'down') up = message.kind === 'up';
  for (const port of pages) port.postMessage(message);
}

self.onconnect = ({ ports: [port] }) => {
  pages.add(port);
  port.onmessage = ({ data }) => { if (data === 'bye') pages.delete(port); };
  if (up !== null) port.postMessage(up ? { kind: 'up' } : { kind: 'down', over: false });
  if (up) port.postMessage({ kind: 'hello' }); // it reads the state from here on, and hears what comes meanwhile
};

follow(new URL('../api/v1/events', self.location), tell);
