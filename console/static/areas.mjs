// Rescue areas: where people are being helped, and nobody is suspect for being slow. May live here: their panel. May not: what an area excuses (the detectors).

import { html, useEffect, useRef, useState } from './html.mjs';
import { Signer } from './session.mjs';
import { change, linked, state } from './store.mjs';
import { clean, dateTime, distance, position, words } from './text.mjs';
import { getJson, postBeginRescue, postEndRescue } from './wire.mjs';

const ROLES = ['watchstander', 'supervisor'];
const AGAIN_MS = 5_000;
const HOW = { beacon: 'a distress beacon', text: 'a call in words', status14: 'a ship that reports status 14', pattern: 'ships that turned to one place', person: 'a person' };

/** The button of the top line; a console behind a broker has no way to the detectors, and none. */
export function AreasButton() {
  const { rescues } = state.health;
  return rescues ? html`<button class="plain" data-test="areas" onClick=${() => change({ areas: true })} title="Where people are being helped; begin or end that">rescues: ${Object.keys(rescues).length}</button>` : null;
}

/** Every open area: how it came, what it holds back, and the way to end it under a name. */
export function AreasDialog({ act }) {
  const box = useRef(null);
  const [found, set] = useState({});
  const read = async () => {
    try { set({ rescues: (await getJson('api/v1/rescues')).rescues }); } catch (fault) { set((before) => ({ ...before, fault: clean(fault.message, 200) })); }
  };
  useEffect(() => {
    box.current?.showModal();
    read();
    const timer = setInterval(read, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const end = async (event, area) => {
    event.preventDefault();
    const { who, role, reason } = event.target.elements;
    const alert = [...state.alerts.values()].find((one) => one.event_ids.includes(area.area));
    const { status, body } = await postEndRescue(alert ?? { alert_id: area.area, op_revision: area.op_revision }, clean(who.value.trim(), 60), role.value, clean(reason.value.trim(), 300));
    if (status !== 200) set((before) => ({ ...before, fault: `Not recorded: ${clean(body.error ?? `answer ${status}`, 200)}. ${clean(body.remedy ?? '', 200)}` }));
    else await read();
  };
  const begin = async (event) => {
    event.preventDefault();
    const form = event.target, { who, role, reason, lat, lon } = form.elements;
    const { status, body } = await postBeginRescue({ lat: Number(lat.value), lon: Number(lon.value), by: clean(who.value.trim(), 60), role: role.value, reason: clean(reason.value.trim(), 300) });
    set((before) => ({ ...before, fault: status === 200 ? '' : `Not recorded: ${clean(body.error ?? `answer ${status}`, 200)}. ${clean(body.remedy ?? '', 200)}`, begun: status === 200 }));
    if (status === 200) form.reset();
  };
  const { rescues, fault, begun } = found;
  const middle = act.middle();
  return html`<dialog ref=${box} class="areas" onClose=${() => change({ areas: false })} aria-labelledby="areas">
    <h2 id="areas">Rescue areas</h2>
    <p class="muted">Who helps is slow, close and off course. What begins in an open area is kept back and logged; once a person ends the area it is judged anew.</p>
    ${fault ? html`<p class="note" role="alert" data-test="areas-fault">${fault}</p>` : null}
    ${rescues ? null : html`<p class="muted">Being read…</p>`}
    ${rescues?.length === 0 ? html`<p>No area is open.</p>` : null}
    ${rescues?.map((area) => html`<section key=${area.area} data-test="area">
      <p class="row"><b>Opened by ${HOW[area.how] ?? words(area.how)}</b>${area.lat === null ? null : html`<span class="num muted">${position(area.lat, area.lon).minutes}, ${distance(area.reach_m / 1852, 0)} round it</span>`}<span class="grow"></span>
        ${area.lat === null ? null : html`<button type="button" class="small" onClick=${() => { box.current.close(); act.fly({ lat: area.lat, lon: area.lon }); }}>show</button>`}</p>
      <p>${area.suppressed.length ? `It holds back ${area.suppressed.length} ${area.suppressed.length === 1 ? 'event' : 'events'} now.` : 'It holds nothing back now.'}</p>
      ${area.ended ? html`<p data-test="area-ended">Ended by <b>${clean(area.ended.by, 60)}</b> (${words(area.ended.role)}) at ${dateTime(area.ended.at)}: ${clean(area.ended.reason, 300)}. The detectors obey with the next full minute.</p>` : html`<details><summary>End it…</summary>
        <form onSubmit=${(event) => end(event, area)}><${Signer} roles=${ROLES} /><label>Reason <input name="reason" maxlength="300" autocomplete="off" required /></label>
          <div class="row end"><button class="primary" type="submit" data-test="area-end" disabled=${!linked()}>End this area</button></div></form></details>`}
    </section>`)}
    ${begun ? html`<p role="status" data-test="area-begun">Recorded. The area opens with the next full minute of event time, and ends by itself after six hours.</p>` : null}
    <details class="begin"><summary data-test="area-new">Begin one…</summary>
      <form onSubmit=${begin}><p class="muted">Where people are being helped without a call that was heard: who is slow there is excused from now on. The place is the middle of the map until you write another.</p>
        <${Signer} roles=${ROLES} />
        <label>Latitude, degrees <input name="lat" type="number" step="any" min="-90" max="90" required defaultValue=${middle ? middle.lat.toFixed(4) : ''} /></label>
        <label>Longitude, degrees <input name="lon" type="number" step="any" min="-180" max="180" required defaultValue=${middle ? middle.lon.toFixed(4) : ''} /></label>
        <label>Reason <input name="reason" maxlength="300" autocomplete="off" required /></label>
        <div class="row end"><button class="primary" type="submit" data-test="area-begin" disabled=${!linked()}>Begin it</button></div></form></details>
    <div class="row end"><button type="button" autofocus onClick=${() => box.current.close()}>Close</button></div>
  </dialog>`;
}
