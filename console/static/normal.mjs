// What is usual where an alert is, for vessels of its class, beside what was observed. May live here: asking for it, its words. May not: judgement.

import { html, useEffect, useState } from './html.mjs';
import { clean, speed } from './text.mjs';
import { getJson } from './wire.mjs';

const BASIS = { model: 'in the learned model of normal traffic', heard: 'heard by this console within ten miles in the day before' };

/** A range of speeds in words. */
const range = ({ low_kn: low, high_kn: high }) => (high === null ? `${speed(low)} and more` : `${speed(low)} to ${speed(high)}`);

function Line({ one, many }) {
  const observed = one.observed_kn === null ? 'no speed heard' : speed(one.observed_kn);
  const who = many ? html`<span class="num">${one.mmsi}</span>: ` : null;
  if (one.basis === 'unknown') return html`<p data-test="normal">${who}Observed <b>${observed}</b>. What is usual here for ${clean(one.what, 40)} is <b>not known</b>: ${one.vessels} such vessel${one.vessels === 1 ? '' : 's'} under way heard in the day before.</p>`;
  return html`<p data-test="normal">${who}Usual here for ${clean(one.what, 40)}: <b>${range(one)}</b>; observed <b>${observed}</b>. <span class="muted small-text">Middle half of ${one.vessels} vessels under way, ${BASIS[one.basis]}.</span></p>`;
}

/** Asked for when an alert is opened, and again when it has changed. */
export function Normal({ alert }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let wanted = true;
    getJson(`api/v1/alerts/${encodeURIComponent(alert.alert_id)}/normal`).then((answer) => wanted && setFound(answer), () => wanted && setFound({ vessels: [], fault: true }));
    return () => { wanted = false; };
  }, [alert.alert_id, alert.revision]);
  if (found?.fault) return html`<h4>Normal here</h4><p class="muted">It cannot be read now.</p>`;
  if (!found?.vessels.length) return null;
  return html`<h4>Normal here</h4>${found.vessels.map((one) => html`<${Line} key=${one.mmsi} one=${one} many=${found.vessels.length > 1} />`)}`;
}
