// The console as a plain list, for an installation without the browser libraries. May live here: alerts as text, acknowledging.
// May not: anything that needs a library. Rewrites the list whole on each change: it is short, and nothing hovers over it.

import { inQueue, isOpen, state, subscribe, takeAlerts } from './store.mjs';
import { clean, dateTime, exerciseWords, position } from './text.mjs';
import { followAlerts, postAck } from './wire.mjs';

/** A node with text and children; text is never markup. */
export function element(tag, text = '', children = []) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

async function acknowledge(alert) {
  const by = state.session.name || clean(prompt('Acknowledge as (your name):', state.operator) ?? '', 60).trim();
  if (!by) return;
  state.operator = by;
  const { status, body } = await postAck(alert, by);
  if (status === 200) takeAlerts([body]);
  else window.alert(`Not recorded: ${clean(body.error, 200)}. ${clean(body.remedy, 200)}`);
}

function item(alert) {
  const line = element('li', '', [
    element('b', `${alert.level}, ${alert.condition}: ${clean(alert.headline, 200)}`),
    ...alert.explanation.split('\n').map((line) => element('p', clean(line, 1200))),
    element('p', `${alert.mmsi.join(', ')} · ${position(alert.lat, alert.lon).minutes} · ${dateTime(alert.t_first)} to ${dateTime(alert.t_last)}${alert.exercise ? ' · EXERCISE' : ''}`),
  ]);
  line.className = alert.condition;
  if (isOpen(alert) || !alert.ack) {
    const button = element('button', 'Acknowledge');
    button.onclick = () => acknowledge(alert);
    line.append(button);
  } else line.append(element('p', `acknowledged by ${clean(alert.ack.by, 60)}`));
  return line;
}

export function start(info, session) {
  state.session = session;
  const app = document.getElementById('app');
  const head = element('p', ''), banner = element('div', ''), list = element('ul', '');
  banner.className = 'exercise';
  list.className = 'pad plain-list';
  app.replaceChildren(element('h1', clean(info.desk ?? 'dogwatch', 60)), banner, element('p', 'The browser libraries are not installed, so this is the list without a map. "make install" adds them.'), head, list);
  app.classList.add('plain-page');
  subscribe(() => {
    const alerts = state.shown.map((id) => state.alerts.get(id)).filter((a) => a && inQueue(a));
    const words = exerciseWords(info, state.health, state.alerts.values());
    banner.textContent = words && `EXERCISE: ${words}`;
    head.textContent = `${state.link.alerts ? 'Linked' : 'NO LINK'} · ${state.health.messages ?? 0} messages · ${state.health.vessels ?? 0} vessels · ${alerts.length} alerts`;
    list.replaceChildren(...alerts.map(item));
  });
  followAlerts(() => {});
}
