// What people do to an alert beside acknowledging it. May live here: the bar of actions, the dialog that asks for their words.
// May not: who may do what (the server says it), the order of the queue (store.mjs).

import { html, useEffect, useRef } from './html.mjs';
import { kbd } from './keys.mjs';
import { Signer } from './session.mjs';
import { change, isDistress, linked, state } from './store.mjs';
import { clean, dateTime, words } from './text.mjs';

// Words that stand for a reason where nobody writes another: a key is enough for the usual cases, and can be undone for ten seconds.
const USUAL = { benign_known: 'known and harmless', false_positive: 'data or rule misled', confirmed: 'as described' };
const NEEDS_OF = ['duplicate', 'referred'];
const ROLES = ['watchstander', 'supervisor', 'analyst'];
const CODES = ['benign_known', 'false_positive', 'confirmed', 'duplicate', 'referred'];
const HOURS = [1, 2, 4, 12, 24, 168, 720]; // more than 4 needs a supervisor
const CHOICES = { dispose: ['code', CODES], shelve: ['hours', HOURS] }; // what a digit chooses
const TITLES = { note: 'A note for the log', dispose: 'Dismiss or close this alert', shelve: 'Shelve: off the queue until an event time', assign: 'Assign to somebody', reopen: 'Reopen', unshelve: 'Take it off the shelf', 'release-hold': 'Release the rule from its hold' };

/** The words of an action that a digit alone decides; null where a person must write some. */
export function usual(action, key, eventNow) {
  const [name, values] = CHOICES[action] ?? ['', []];
  const value = values[Number(key) - 1];
  if (value === undefined || NEEDS_OF.includes(value) || !state.operator) return null;
  return { by: state.operator, role: state.role, scope: 'episode', ...(name === 'code' ? { code: value, reason: USUAL[value] } : shelved(value, eventNow)) };
}

const shelved = (hours, eventNow) => ({ reason: `for ${hours} h`, until: new Date(eventNow + hours * 3600e3).toISOString() });

/** What is decided about an alert, and the buttons for what can be. */
export function OrderBar({ alert, act }) {
  const ask = (action) => () => change({ ordering: { id: alert.alert_id, action } });
  const button = (action, label, key) => html`<button class="small" data-test=${action} disabled=${!linked()} onClick=${action === 'own' || action === 'release' ? () => act.order(alert.alert_id, action, {}) : ask(action)}>${label} ${kbd(key.toLowerCase())}</button> `;
  const { owner, disposition, shelf } = alert;
  return html`<div class="orders small-text">
    ${owner ? html`<p data-test="owner">Looked after by <b>${clean(owner.name, 60)}</b></p>` : null}
    ${disposition ? html`<p data-test="disposition">${words(disposition.code)}${disposition.of ? ` (${clean(disposition.of, 40)})` : ''} by <b>${clean(disposition.by, 60)}</b>: ${clean(disposition.reason, 300)}</p>` : null}
    ${shelf ? html`<p data-test="shelf">Shelved until ${dateTime(shelf.until)} by <b>${clean(shelf.by, 60)}</b>: ${clean(shelf.reason, 300)}</p>` : null}
    ${alert.held ? html`<p>Held: its rule is flooding.</p>` : null}
    ${alert.duplicates?.length ? html`<p>${alert.duplicates.length} duplicate${alert.duplicates.length > 1 ? 's' : ''} of it</p>` : null}
    <p>${owner ? button('release', 'Let go', 'O') : button('own', 'Take it', 'O')}${button('assign', 'Assign…', 'W')}${button('note', 'Note…', 'N')}${disposition ? button('reopen', 'Reopen…', 'D') : button('dispose', 'Dismiss…', 'D')}${isDistress(alert) ? null : shelf ? button('unshelve', 'Off the shelf…', 'S') : button('shelve', 'Shelve…', 'S')}${alert.profile === 'flood' && alert.condition === 'active' ? button('release-hold', 'Release the hold…', 'Y') : null}</p>
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
    if (action === 'shelve') body.until = fields.until.value ? `${fields.until.value.slice(0, 16)}:00Z` : shelved(Number(fields.hours.value), eventNow).until;
    if (!body.by) return;
    if (!body.reason && action === 'dispose') body.reason = USUAL[body.code] ?? '';
    if (!body.reason && action === 'shelve') body.reason = fields.until.value ? `until ${dateTime(body.until)}` : shelved(fields.hours.value, eventNow).reason;
    box.current.close();
    onOrder(id, action, body);
  };
  const digit = (event) => {
    const [name, values] = CHOICES[action] ?? ['', []];
    const value = values[Number(event.key) - 1];
    if (value === undefined || event.target.closest('input')) return;
    event.preventDefault();
    const { elements } = event.currentTarget;
    elements[name].value = value;
    if (NEEDS_OF.includes(value)) elements.of.focus();
    else event.currentTarget.requestSubmit();
  };
  const pick = (name, label, values, say = words, more = {}) => html`<label>${label} <select name=${name} ...${more}>${values.map((v, i) => html`<option value=${v}>${more.autofocus ? `${i + 1}: ` : ''}${say(String(v))}${USUAL[v] ? ` (${USUAL[v]})` : ''}</option>`)}</select></label>`;
  return html`<dialog ref=${box} onClose=${() => change({ ordering: null })} aria-labelledby="order">
    <form onSubmit=${submit} onKeyDown=${digit}>
      <h2 id="order">${TITLES[action]}</h2>
      <${Signer} roles=${ROLES} />
      ${action === 'dispose' ? html`${pick('code', 'It is', CODES, words, { autofocus: true })}<label>Of (alert number) or to (agency) <input name="of" maxlength="64" autocomplete="off" /></label>` : null}
      ${action === 'assign' ? html`<label>To <input name="of" maxlength="60" autocomplete="off" /></label>` : null}
      ${action === 'shelve' ? html`${pick('hours', 'For', HOURS, (h) => `${h} h of event time`, { autofocus: true })}<label>or until (UTC, event time) <input name="until" type="datetime-local" min=${Number.isFinite(eventNow) ? new Date(eventNow).toISOString().slice(0, 16) : null} /></label>${pick('scope', 'What', ['episode', 'vessel_rule', ...(state.alerts.get(state.selected)?.zones?.length === 1 ? ['zone_rule'] : [])], (s) => ({ episode: 'this episode', vessel_rule: 'this rule for these vessels', zone_rule: 'this rule in this zone, whoever it is' })[s])}` : null}
      <label>Reason <input name="reason" maxlength="300" autocomplete="off" autofocus=${!(action in CHOICES)} /></label>
      ${(action in CHOICES) ? html`<p class="muted">A digit records it at once; ${kbd('u')} undoes it for ten seconds.</p>` : null}
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Cancel</button>
        <button class="primary" type="submit" data-test="order-now">Record it</button>
      </div>
    </form>
  </dialog>`;
}
