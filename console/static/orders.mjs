// What people do to an alert beside acknowledging it. May live here: the bar of actions, the dialog that asks for their words.
// May not: who may do what (the server says it), the order of the queue (store.mjs).

import { html, useEffect, useRef } from './vendor/htm-preact.mjs';
import { change, isDistress, linked, state } from './store.mjs';
import { clean, dateTime, words } from './text.mjs';

const ROLES = ['watchstander', 'supervisor', 'analyst'];
const CODES = ['benign_known', 'false_positive', 'confirmed', 'duplicate', 'referred'];
const HOURS = [1, 2, 4, 12, 24, 168, 720]; // more than 4 needs a supervisor
const TITLES = { dispose: 'Dismiss or close this alert', shelve: 'Shelve: off the queue until an event time', assign: 'Assign to somebody', reopen: 'Reopen', unshelve: 'Take it off the shelf', 'release-hold': 'Release the rule from its hold' };

/** What is decided about an alert, and the buttons for what can be. */
export function OrderBar({ alert, act }) {
  const ask = (action) => () => change({ ordering: { id: alert.alert_id, action } });
  const button = (action, label) => html`<button class="small" data-test=${action} disabled=${!linked()} onClick=${action === 'own' || action === 'release' ? () => act.order(alert.alert_id, action, {}) : ask(action)}>${label}</button> `;
  const { owner, disposition, shelf } = alert;
  return html`<div class="orders small-text">
    ${owner ? html`<p data-test="owner">Looked after by <b>${clean(owner.name, 60)}</b></p>` : null}
    ${disposition ? html`<p data-test="disposition">${words(disposition.code)}${disposition.of ? ` (${clean(disposition.of, 40)})` : ''} by <b>${clean(disposition.by, 60)}</b>: ${clean(disposition.reason, 300)}</p>` : null}
    ${shelf ? html`<p data-test="shelf">Shelved until ${dateTime(shelf.until)} by <b>${clean(shelf.by, 60)}</b>: ${clean(shelf.reason, 300)}</p>` : null}
    ${alert.held ? html`<p>Held: its rule is flooding.</p>` : null}
    ${alert.duplicates?.length ? html`<p>${alert.duplicates.length} duplicate${alert.duplicates.length > 1 ? 's' : ''} of it</p>` : null}
    <p>${owner ? button('release', 'Let go') : button('own', 'Take it')}${button('assign', 'Assign…')}${disposition ? button('reopen', 'Reopen…') : button('dispose', 'Dismiss…')}${isDistress(alert) ? null : shelf ? button('unshelve', 'Off the shelf…') : button('shelve', 'Shelve…')}${alert.profile === 'flood' && alert.condition === 'active' ? button('release-hold', 'Release the hold…') : null}</p>
  </div>`;
}

/** Asks for the words that an action needs. */
export function OrderDialog({ eventNow, onOrder }) {
  const box = useRef(null);
  const { id, action } = state.ordering;
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const fields = event.target.elements;
    const text = (name) => clean(fields[name]?.value.trim() ?? '', 300);
    const body = { by: text('who'), role: text('role'), reason: text('reason'), code: text('code'), of: text('of'), scope: text('scope') || 'episode' };
    if (action === 'shelve') body.until = new Date(eventNow + Number(fields.hours.value) * 3600e3).toISOString();
    if (!body.by) return;
    box.current.close();
    onOrder(id, action, body);
  };
  const pick = (name, label, values, say = words) => html`<label>${label} <select name=${name}>${values.map((v) => html`<option value=${v}>${say(String(v))}</option>`)}</select></label>`;
  return html`<dialog ref=${box} onClose=${() => change({ ordering: null })} aria-labelledby="order">
    <form onSubmit=${submit}>
      <h2 id="order">${TITLES[action]}</h2>
      <label>Name <input name="who" maxlength="60" autocomplete="off" value=${state.operator} /></label>
      ${pick('role', 'Role', ROLES)}
      ${action === 'dispose' ? html`${pick('code', 'It is', CODES)}<label>Of (alert number) or to (agency) <input name="of" maxlength="64" autocomplete="off" /></label>` : null}
      ${action === 'assign' ? html`<label>To <input name="of" maxlength="60" autocomplete="off" /></label>` : null}
      ${action === 'shelve' ? html`${pick('hours', 'For', HOURS, (h) => `${h} h of event time`)}${pick('scope', 'What', ['episode', 'vessel_rule'], (s) => (s === 'episode' ? 'this episode' : 'this rule for these vessels'))}` : null}
      <label>Reason <input name="reason" maxlength="300" autocomplete="off" autofocus /></label>
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Cancel</button>
        <button class="primary" type="submit" data-test="order-now">Record it</button>
      </div>
    </form>
  </dialog>`;
}
