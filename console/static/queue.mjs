// The alert queue, left. May live here: rows, the bar of new ones, empty words. May not: what belongs in it and in which order (store.mjs).

import { html, useEffect, useRef } from './html.mjs';
import { kbd } from './keys.mjs';
import { LevelIcon, conditionWord, who } from './parts.mjs';
import { useRows } from './rows.mjs';
import { SHOWS, arrange, change, filtered, hold, isOpen, setFilter, state } from './store.mjs';
import { FILES, LEVELS, brief, clean, clock, dateTime, duration, levelRank } from './text.mjs';

const SLOW_MS = 6_000;
const SAVED_MAX = 200; // named in an address; without a filter a file has the whole board

export function Queue({ eventNow, act }) {
  const box = useRef(null);
  const alerts = state.shown.map((id) => state.alerts.get(id)).filter(Boolean);
  const open = alerts.reduce((count, a) => count + isOpen(a), 0);
  const lines = state.health.room_flood ? byRule(alerts) : alerts;
  const rows = useRows(box, lines.map(keyOf));
  const drawn = lines.slice(rows.from, rows.to);
  const stop = drawn.some((a) => a.alert_id === state.selected) ? state.selected : drawn.find((a) => a.alert_id)?.alert_id; // where Tab enters the list
  useEffect(() => reveal(box.current, rows, lines), [state.selected]);
  useEffect(() => {
    const row = state.focusRow && rowOf(box.current, state.focusRow);
    if (row) { state.focusRow = ''; row.focus(); }
  });
  return html`<section class="queue" aria-label="Alerts">
    <div class="panel-head"><h2>Alerts</h2><span class="num">${open} open</span>${state.waiting.length || alerts.length === open ? null : html`<span class="muted num">${alerts.length - open} other</span>`}<span class="grow"></span><${NewBar} /></div>
    <${FilterBar} onFilter=${act.filter} />
    <div class="scroll" ref=${box} onScroll=${rows.onScroll} onPointerEnter=${() => hold(true)} onPointerLeave=${() => hold(false)}>
      ${alerts.length
        ? html`<table aria-label="Alert queue, open first, then by level and age" aria-rowcount=${lines.length + 1}>
            <colgroup><col class="lv" /><col /></colgroup>
            <thead class="unseen"><tr aria-rowindex="1"><th>Level</th><th>What, how long ago it began, who, where</th></tr></thead>
            ${rows.above ? html`<tbody class="left-out" aria-hidden="true" key="above"><tr style=${{ height: `${rows.above}px` }}><td colspan="2"></td></tr></tbody>` : null}
            <tbody key="rows">${drawn.map((a, i) => (a.alert_id
              ? html`<${Row} key=${a.alert_id} alert=${a} index=${rows.from + i + 2} stop=${a.alert_id === stop} eventNow=${eventNow} act=${act} />`
              : html`<tr class="rule" key=${keyOf(a)} data-key=${keyOf(a)} aria-rowindex=${rows.from + i + 2} data-test="rule-group"><td colspan="2">${clean(a.rule, 60)}: ${a.count}</td></tr>`))}</tbody>
            ${rows.below ? html`<tbody class="left-out" aria-hidden="true" key="below"><tr style=${{ height: `${rows.below}px` }}><td colspan="2"></td></tr></tbody>` : null}
          </table>`
        : html`<${Empty} eventNow=${eventNow} />`}
    </div>
    ${alerts.length ? html`<p class="saves small-text">Save ${filtered() ? 'what is shown' : 'all alerts'} as ${Object.entries(FILES).map(([form, name]) => html`<a key=${form} href=${exported(form)} download data-test=${`alerts-${form}`}>${name}</a> `)}</p>` : null}
  </section>`;
}

const keyOf = (line) => line.alert_id ?? `rule ${line.rule}`;
const rowOf = (box, id) => box?.querySelector(`tr[data-alert="${CSS.escape(id)}"]`);

/** The alerts with a line before those of each rule that counts them. */
function byRule(alerts) {
  const counts = new Map();
  for (const { rule } of alerts) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  return alerts.flatMap((a, i) => (a.rule === alerts[i - 1]?.rule ? [a] : [{ rule: a.rule, count: counts.get(a.rule) }, a]));
}

/** Bring the chosen row into view, wherever in the list it is. */
function reveal(box, rows, lines) {
  if (!state.selected) return;
  if (!rowOf(box, state.selected)) rows.reveal(lines.findIndex((a) => a.alert_id === state.selected));
  rowOf(box, state.selected)?.scrollIntoView({ block: 'nearest' });
}

/** The address of a file of what the filter lets through, or of the whole board; distress and rescue are never in it. */
const exported = (form) => `api/v1/export.${form}${filtered() ? `?ids=${state.shown.slice(0, SAVED_MAX).join(',')}` : ''}`;

/** What is shown of the queue, and how much is hidden by that: a filter that one forgets is a blindfold. */
function FilterBar({ onFilter }) {
  const { text, level, show } = state.filter;
  const keys = (event) => {
    if (event.key !== 'Escape' && event.key !== 'Enter') return;
    if (event.key === 'Escape') onFilter({ text: '', level: '', show: 'queue' });
    event.target.blur();
    event.preventDefault();
  };
  return html`<div class="filters" role="search" aria-label="Filter of the queue" onKeyDown=${keys}>
    <input name="filter" value=${text} placeholder="filter" maxlength="60" autocomplete="off" aria-label="Words in the alert" onInput=${(e) => onFilter({ text: e.target.value })} />
    <select aria-label="Least level" value=${level} onChange=${(e) => onFilter({ level: e.target.value })}><option value="">every level</option>${LEVELS.slice(1, 3).map((l) => html`<option value=${l}>${l} and up</option>`)}</select>
    <select aria-label="Which alerts" value=${show} onChange=${(e) => onFilter({ show: e.target.value })}>${Object.entries(SHOWS).map(([key, word]) => html`<option value=${key}>${word}</option>`)}</select>
    ${filtered() ? html`<button class="small" data-test="filter-off" onClick=${() => onFilter({ text: '', level: '', show: 'queue' })}>${state.hidden} hidden: show all</button>` : null}
  </div>`;
}

/** Sits in the head of the panel, so that its coming moves no row. */
function NewBar() {
  const fresh = state.waiting.map((id) => state.alerts.get(id)).filter(Boolean);
  if (!fresh.length) return null;
  const worst = fresh.reduce((a, b) => (levelRank(b.level) > levelRank(a.level) ? b : a));
  const letIn = () => { arrange(true); change(); };
  return html`<button class=${`newbar ${worst.level}`} onClick=${letIn} aria-label=${`${fresh.length} new, worst: ${worst.level}`}>
    <${LevelIcon} alert=${worst} /> ${fresh.length} new ${kbd('i')}
  </button>`;
}

function Row({ alert, index, stop, eventNow, act }) {
  const selected = alert.alert_id === state.selected;
  const age = (eventNow - Date.parse(alert.t_first)) / 1000;
  const open = isOpen(alert);
  const { what, place, also } = brief(alert.headline);
  const status = open ? '' : alert.ack && alert.condition === 'active' ? `seen by ${clean(alert.ack.by, 30)}` : conditionWord(alert);
  return html`<tr class=${`${alert.condition} ${open ? 'open' : 'seen'} ${alert.level}`} aria-selected=${selected} aria-rowindex=${index} tabindex=${stop ? 0 : -1}
      onClick=${() => act.select(alert.alert_id)} onFocus=${() => selected || act.select(alert.alert_id)} data-alert=${alert.alert_id} data-key=${alert.alert_id}>
    <td class="lv"><${LevelIcon} alert=${alert} /></td>
    <td class="what">
      <div class="top"><span class="headline">${clean(what, 90)}</span><span class="age num" title=${`began ${dateTime(alert.t_first)}`}>${duration(age)}</span></div>
      <div class="sub">${who(alert)}</div>
      ${place || also ? html`<div class="sub muted" title=${clean(also, 200)}>${clean(place, 90)}${also ? `${place ? '; ' : ''}also ${clean(also, 90)}` : ''}</div>` : null}
      <div class="sub muted state"><span class="word">${alert.level}</span>${alert.kind === 'risk' ? ` · risk ${Math.round(alert.score)}/100` : ''}${status ? ` · ${status}` : ''}${alert.exercise ? html` <b class="tag">EXERCISE</b>` : null}</div>
    </td>
  </tr>`;
}

function Empty({ eventNow }) {
  if (!state.loaded) return html`<div class="empty" role="status" data-test="loading"><p><b>Reading the alerts…</b></p><p class="muted">${performance.now() > SLOW_MS ? 'The server is slow to answer. If this lasts, look whether dogwatch is still running; the page goes on asking.' : 'Whether any are open is not known yet.'}</p></div>`;
  if (filtered()) return html`<div class="empty"><p><b>Nothing passes the filter.</b></p><p class="muted">${state.hidden} alerts of the queue are hidden by it. ${kbd('f')} <kbd>Esc</kbd> shows all.</p></div>`;
  const rules = state.info.rules ? `${state.info.rules} rules active, ` : '';
  const last = Number.isFinite(eventNow) ? `last position ${clock(eventNow)}.` : 'no position yet.';
  return html`<div class="empty"><p><b>No open alerts.</b></p><p class="muted">${rules}${last}</p></div>`;
}
