// Who has the watch and handing it over. May live here: the dialog of the watch, its banner, its load figures.
// May not: who may do what (the server says it), the lists themselves (the server makes them).

import { html, useEffect, useRef, useState } from './html.mjs';
import { kbd } from './keys.mjs';
import { Signer } from './session.mjs';
import { change, linked, state } from './store.mjs';
import { clean, dateTime, duration, exerciseWords, words } from './text.mjs';
import { getJson, postWatch } from './wire.mjs';

const ROLES = ['watchstander', 'supervisor', 'analyst'];
const LISTS = { open: 'Open', owned: 'Looked after', shelved: 'Shelved', held: 'Held in a flood', referred: 'Referred', outages: 'Outages' };
const wallNow = () => Date.now() + state.wallOffset;
const waited = (offered) => (wallNow() - Date.parse(offered)) / 1000;

/** The button of the top line. */
export function WatchButton() {
  const { watch } = state.health;
  if (!watch) return null;
  const text = watch.name ? `On watch: ${clean(watch.name, 24)}${watch.offered ? ', hands over' : ''}` : 'Nobody has the watch';
  return html`<button class="plain" data-test="watch" onClick=${() => change({ watching: true })} title="The watch, hand-over, load">${text} ${kbd('h')}</button>`;
}

/** A hand-over that nobody accepts is everybody's business after a quarter of an hour. */
export function WatchBar() {
  const { watch } = state.health;
  if (!watch?.offered || waited(watch.offered) < watch.late_s) return null;
  return html`<div class="bar stale" role="alert" data-test="watch-late"><strong>The hand-over has waited for ${duration(waited(watch.offered))}.</strong> ${clean(watch.name, 60)} still has the watch. <button class="small" onClick=${() => change({ watching: true })}>Open it</button></div>`;
}

/** The watch: who has it, what is handed over, what it was like. */
export function WatchDialog() {
  const box = useRef(null);
  const [watch, setWatch] = useState(null);
  const [load, setLoad] = useState(null);
  const [fault, setFault] = useState('');
  const read = async () => {
    try {
      const now = await getJson('api/v1/watch');
      setWatch(now);
      const hours = now.since_event ? (Date.parse(state.health.event_time ?? new Date(state.health.event_ms ?? NaN).toISOString()) - Date.parse(now.since_event)) / 3600e3 : 8;
      setLoad(await getJson(`api/v1/load?hours=${Math.min(8784, Math.max(1, hours || 1)).toFixed(3)}`));
    } catch (refused) {
      setFault(clean(refused.message, 200));
    }
  };
  useEffect(() => {
    box.current?.showModal();
    read();
  }, []);
  const step = async (event) => {
    event.preventDefault();
    const { who, role, words: said } = event.target.elements;
    const name = event.submitter.value;
    const { status, body } = await postWatch(name, watch.version, { by: clean(who.value.trim(), 60), role: role.value, words: said?.value ?? '' });
    setFault(status === 200 ? '' : `Not recorded: ${clean(body.error ?? `answer ${status}`, 200)}. ${clean(body.remedy ?? '', 200)}`);
    if (status === 200) setWatch(body);
    else if (body.watch) setWatch({ ...watch, ...body.watch });
  };
  const given = watch?.offer ?? watch?.taken_over;
  return html`<dialog ref=${box} class="watch" onClose=${() => change({ watching: false })} aria-labelledby="watch">
    <form onSubmit=${step}>
      <h2 id="watch">${exerciseWords(state.info, state.health, state.alerts.values()) ? 'EXERCISE · ' : ''}${watch?.name ? html`${clean(watch.name, 60)}, ${words(watch.role)}, has the watch` : 'Nobody has the watch'}</h2>
      ${watch?.name ? html`<p>Since ${dateTime(watch.since)}${watch.before ? `, from ${clean(watch.before, 60)}` : ''}. ${watch.offer ? html`<b>Offered to the relief ${duration(waited(watch.offer.at))} ago; until it is accepted ${clean(watch.name, 60)} answers for it.</b>` : ''}</p>` : null}
      ${given?.text ? html`<blockquote data-test="handed">${given.text.split('\n').map((line) => html`<p>${clean(line, 4000)}</p>`)}</blockquote>` : null}
      <${Signer} roles=${ROLES} />
      <label>${watch?.name ? 'Words for the relief, or the reason of a supervisor' : 'Words'}<textarea name="words" rows="3" maxlength="4000" defaultValue=${watch?.offer?.text ?? ''}></textarea></label>
      ${fault ? html`<p class="note" role="alert" data-test="watch-fault">${fault}</p>` : null}
      ${watch ? html`<${Lists} lists=${watch.offer?.lists ?? watch.lists} />` : null}
      ${load ? html`<${Load} load=${load} />` : null}
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Close</button>
        ${watch ? steps(watch).map(([name, label], i) => html`<button type="submit" value=${name} data-test=${`watch-${name}`} class=${i ? '' : 'primary'} disabled=${!linked()}>${label}</button>`) : null}
      </div>
    </form>
  </dialog>`;
}

/** What can be done now, the likeliest first. */
function steps(watch) {
  if (!watch.name) return [['take', 'Take the watch']];
  const mine = state.operator.toLowerCase() === watch.name.toLowerCase();
  if (watch.offer) return mine ? [['offer', 'Correct the words'], ['withdraw', 'Take it back']] : [['accept', 'Accept the watch'], ['take', 'Take it (supervisor)']];
  return mine ? [['offer', 'Hand over']] : [['offer', 'Hand over'], ['take', 'Take it (supervisor)']];
}

function Lists({ lists }) {
  const more = (row) => ['owner', 'acknowledged', 'until', 'to', 'by', 'reason'].filter((name) => row[name]).map((name) => `${name} ${name === 'until' ? dateTime(row[name]) : clean(row[name], 120)}`).join(', ');
  return html`<div class="handing">${Object.entries(LISTS).map(([name, title]) => html`<details key=${name} data-test=${`list-${name}`} open=${lists[name].total > 0 && lists[name].total <= 12}>
    <summary>${title}: ${lists[name].total}</summary>
    <ul>${lists[name].rows.map((row) => html`<li>${row.what ? clean(row.what, 120) : `${row.level}: ${clean(row.headline, 140)}`}${more(row) ? html` <span class="muted">(${more(row)})</span>` : null}</li>`)}</ul>
  </details>`)}</div>`;
}

/** How much the watch has asked, beside what EEMUA 191 calls bearable. */
function Load({ load }) {
  const { goals } = load;
  const level = (name) => load.levels_percent[name] ?? 0;
  const rows = [
    ['alerts per hour', load.per_hour, goals.per_hour], ['most in an hour', load.peak_hour, goals.peak_hour], ['most in ten minutes', load.peak_10_min, 10], ['most in a minute', load.peak_minute, goals.peak_minute],
    ['ten-minute windows over 10', `${load.windows_over_10_percent} %`, `${goals.windows_over_10_percent} %`], ['alarm / warning / caution', `${Math.round(level('emergency') + level('alarm'))} / ${Math.round(level('warning'))} / ${Math.round(level('caution'))} %`, `${goals.priorities_percent.join(' / ')} %`],
  ];
  return html`<table class="load" data-test="load"><caption>Load of ${load.hours} h of event time: ${load.alerts} ${load.alerts === 1 ? 'alert' : 'alerts'}</caption>
    <thead><tr><th scope="col">EEMUA 191, per person</th><th scope="col" class="n">now</th><th scope="col" class="n">goal</th></tr></thead>
    <tbody>${rows.map(([name, value, goal]) => html`<tr><th scope="row">${name}</th><td class="n num">${value}</td><td class="n num">${goal}</td></tr>`)}</tbody></table>
    <${Desks} load=${load} />`;
}

const age = (s) => (s === null ? '–' : duration(s));
const over = (value, goal) => (value > goal ? html`<b>${value} over</b>` : value);

/** The same for each desk: what it took up, how long that had waited, what did not hold. */
function Desks({ load }) {
  const { goals, waiting, operators } = load;
  const rows = Object.entries(operators);
  return html`<p data-test="waiting">Waiting for an acknowledgement: ${waiting.alerts}${waiting.alerts ? `, for ${age(waiting.age_s_p50)} in the middle, ${age(waiting.age_s_p95)} at the 95th percentile` : ''}.</p>
    ${rows.length ? html`<div class="scroll-x" tabindex="0" role="region" aria-label="Load of each desk"><table class="load" data-test="desks"><caption>Each desk, in the hours between its first and last entry</caption>
    <thead><tr><th scope="col">desk</th>${['alerts', 'an hour', 'in 10 min', 'in an hour', 'age at ack, 95 %', 'escalated', 'owns'].map((name) => html`<th scope="col" class="n">${name}</th>`)}</tr></thead>
    <tbody>${rows.map(([name, desk]) => html`<tr><th scope="row">${clean(name, 40)}</th><td class="n num">${desk.alerts}</td><td class="n num">${over(desk.alerts_per_hour, goals.per_hour)}</td><td class="n num">${over(desk.alerts_peak_10_min, 10)}</td><td class="n num">${over(desk.alerts_peak_hour, goals.peak_hour)}</td><td class="n num">${age(desk.ack_age_s_p95)}</td><td class="n num">${desk.escalations}</td><td class="n num">${desk.owns}${desk.waiting.alerts ? `, ${desk.waiting.alerts} unacknowledged` : ''}</td></tr>`)}
    <tr><th scope="row">EEMUA 191</th><td class="n num">–</td><td class="n num">${goals.per_hour}</td><td class="n num">10</td><td class="n num">${goals.peak_hour}</td><td></td><td></td><td></td></tr></tbody></table></div>` : null}
    <p class="muted small-text">A day, per desk: ${Object.entries(goals.lines_per_day).map(([name, n]) => `${name} ${n}`).join(', ')}. Means mislead where load is uneven; take 30 days before trusting one.</p>`;
}
