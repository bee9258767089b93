// Who can be at a call first, and where it drifts. May live here: the table of those who could come, the form of a drift, both as shapes for the map.
// May not: arrival times and the drift itself (the server reckons them), wind or current that nobody entered.

import { html, useEffect, useRef } from './html.mjs';
import { change, isDistress, linked, state } from './store.mjs';
import { CLASS_WORDS, clean, degrees, distance, duration, position, speed } from './text.mjs';
import { getJson } from './wire.mjs';

const AGAIN_MS = 10_000;
const LEG_POINTS = 24; // of a great circle on the map
const NM_RAD = Math.PI / 180 / 60;
export const DRIFTERS = { 'PIW-1': 'Person in the water', 'REFUGEE-RAFT-1': 'Refugee raft, no sail', 'LIFE-RAFT-NB-1': 'Life raft, no ballast', 'SKIFF-1': 'Skiff, flat or v-hull' };
const FORCES = ['wind_ms', 'wind_from', 'current_ms', 'current_to'];

/** The call whose helpers are in view, or null. */
export const callInView = () => {
  const alert = state.alerts.get(state.selected);
  return alert && isDistress(alert) && !state.dossier ? alert : null;
};

/** Who can come, soonest first, asked for anew while the call is in view. */
export function Rescuers({ alert, vessels }) {
  const id = alert.alert_id;
  useEffect(() => {
    const ask = async () => {
      if (!linked()) return;
      try {
        change({ aid: { id, found: await getJson(`api/v1/alerts/${encodeURIComponent(id)}/rescuers`) } });
      } catch (fault) {
        change({ aid: { ...(state.aid?.id === id ? state.aid : { id }), fault: clean(fault.message, 200) } });
      }
    };
    ask();
    const timer = setInterval(ask, AGAIN_MS);
    return () => clearInterval(timer);
  }, [id]);
  const { found, fault } = state.aid?.id === id ? state.aid : {};
  return html`<h4>Who can be there first${found ? `: ${found.vessels.length}` : ''}</h4>
    ${fault ? html`<p class="note">${found ? 'The list is not of now' : 'There is no list'}: ${fault}.</p>` : null}
    ${found ? html`<${Table} rows=${found.vessels} vessels=${vessels} none="No vessel of the picture can come." test="helpers" />
      <p class="muted small-text">By the time they need along the great circle at the speed of their kind, if they sail now. It is on the map; a dashed line crosses land, and takes longer.</p>
      ${found.aircraft.length ? html`<details open><summary>Aircraft: ${found.aircraft.length}</summary><${Table} rows=${found.aircraft} vessels=${vessels} test="helpers-air" /></details>` : null}
      ${found.stale.length ? html`<details><summary>Not heard for 15 min: ${found.stale.length}</summary><${Table} rows=${found.stale} vessels=${vessels} test="helpers-stale" /></details>` : null}` : fault ? null : html`<p class="muted">Being reckoned…</p>`}
    <${Drift} alert=${alert} />`;
}

function nameOf(mmsi, vessels) {
  const slot = vessels.slotOfMmsi(mmsi);
  return clean(vessels.statics.get(vessels.handle[slot])?.name || `MMSI ${mmsi}`, 30);
}

function Table({ rows, vessels, none, test }) {
  if (!rows.length) return html`<p class="muted">${none}</p>`;
  return html`<table class="why tight" data-test=${test}><thead><tr><th>Vessel</th><th class="n">Arrives in</th><th class="n">Range</th><th class="n">Bearing</th></tr></thead>
    <tbody>${rows.map((r, i) => html`<tr key=${r.mmsi}><th scope="row">${i + 1}. ${nameOf(r.mmsi, vessels)} <span class="muted">${CLASS_WORDS[r.class] ?? ''}, ${speed(r.speed_used_kn, 0)}${r.age_s > 60 ? `, heard ${duration(r.age_s)} ago` : ''}</span>${r.land_in_the_way ? html` <b class="tag" data-test="land">land in the way</b>` : null}</th>
      <td class="n num">${duration(r.eta_min * 60)}</td><td class="n num">${distance(r.range_nm)}</td><td class="n num">${degrees(r.bearing_deg)}</td></tr>`)}</tbody></table>`;
}

function Drift({ alert }) {
  const { given, found } = state.drift?.id === alert.alert_id ? state.drift : {};
  const bound = found?.features[0].properties.part === 'bound';
  return html`<h4>Where it drifts</h4>
    ${found ? html`<div data-test="drift"><p>${DRIFTERS[given.class]}, after ${given.hours} h${bound ? `: within ${distance(found.features[0].properties.radius_m / 1852, 0)}, whatever the wind` : `: wind ${given.wind_ms} m/s from ${degrees(given.wind_from)}, current ${given.current_ms} m/s toward ${degrees(given.current_to)}, entered by ${clean(given.by, 60)}`}.</p>
      ${found.warnings.map((text) => html`<p class="note">${clean(text, 200)}</p>`)}
      <p class="muted small-text">${bound ? 'A bound, not a forecast' : 'On the map: 50, 90 and 95 % of the particles, and their mean track'} (${clean(found.note, 200)}).</p></div>` : html`<p class="muted">Not reckoned. Wind and current are entered by a person, never guessed.</p>`}
    <p class="row"><button class="small" data-test="drift-open" disabled=${!linked()} onClick=${() => change({ drifting: alert.alert_id })}>Reckon the drift…</button>
      ${found ? html`<button class="small" onClick=${() => change({ drift: null })}>off the map</button>` : null}</p>`;
}

/** Asks for what only a person knows: what drifts, wind and current. */
export function DriftDialog({ vessels }) {
  const box = useRef(null), fault = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const alert = state.alerts.get(state.drifting);
  if (!alert) return null;
  const at = vessels.latest(alert);
  const submit = async (event) => {
    event.preventDefault();
    const fields = event.target.elements;
    const given = Object.fromEntries(['class', 'hours', 'error_m', ...FORCES].map((name) => [name, fields[name].value.trim()]));
    if (event.submitter?.value === 'bound') for (const name of FORCES) given[name] = '';
    else if (FORCES.some((name) => !given[name])) {
      fault.current.textContent = 'Enter wind and current, 0 where there is none; without them only the bound can be drawn.';
      return;
    }
    const asked = new URLSearchParams({ lat: at.lat, lon: at.lon, ...Object.fromEntries(Object.entries(given).filter(([, v]) => v)) });
    try {
      const found = await getJson(`api/v1/drift?${asked}`);
      box.current.close();
      change({ drift: { id: alert.alert_id, given: { ...given, by: state.operator || 'this desk' }, found } });
    } catch (refused) {
      fault.current.textContent = `Not reckoned: ${clean(refused.message, 200)}.`;
    }
  };
  const figure = (name, label, unit, most, more = {}) => html`<label>${label} <input name=${name} type="number" inputmode="decimal" step="any" min="0" max=${most} autocomplete="off" ...${more} /> <span class="unit">${unit}</span></label>`;
  const before = state.drift?.id === alert.alert_id ? state.drift.given : {};
  return html`<dialog ref=${box} class="drift" onClose=${() => change({ drifting: '' })} aria-labelledby="drifts">
    <form onSubmit=${submit}>
      <h2 id="drifts">Where does it drift?</h2>
      <p>From the last position, <span class="num">${position(at.lat, at.lon).minutes}</span>. Wind and current are yours to enter; nothing is guessed.</p>
      <label>What drifts <select name="class">${Object.entries(DRIFTERS).map(([name, text]) => html`<option value=${name} selected=${name === before.class}>${text}</option>`)}</select></label>
      ${figure('hours', 'After', 'hours', 240, { defaultValue: before.hours ?? '', required: true, autofocus: true })}
      ${figure('error_m', 'Position good to', 'm', 100000, { defaultValue: before.error_m ?? 500, required: true })}
      ${figure('wind_ms', 'Wind at 10 m', 'm/s', 60, { defaultValue: before.wind_ms ?? '' })}
      ${figure('wind_from', 'Wind comes from', '° true', 360, { defaultValue: before.wind_from ?? '' })}
      ${figure('current_ms', 'Current', 'm/s', 10, { defaultValue: before.current_ms ?? '' })}
      ${figure('current_to', 'Current goes toward', '° true', 360, { defaultValue: before.current_to ?? '' })}
      <p class="note-line" role="alert" ref=${fault} data-test="drift-fault"></p>
      <p class="muted">Decision aid, not a SAROPS replacement; IAMSAR procedures prevail.</p>
      <div class="row end">
        <button type="button" onClick=${() => box.current.close()}>Cancel</button>
        <button type="submit" value="bound" data-test="drift-bound">Wind not known: bound only</button>
        <button class="primary" type="submit" value="drift" data-test="drift-now">Draw it</button>
      </div>
    </form>
  </dialog>`;
}

/** Shapes for the map: ways to the call, drift areas. GeoJSON whose `kind` says what each is. */
export function aidShapes(aid, drift) {
  const features = [];
  const put = (geometry, properties) => features.push({ type: 'Feature', geometry, properties });
  const { lat, lon, vessels: coming = [] } = aid?.found ?? {};
  for (const r of coming) put({ type: 'LineString', coordinates: greatCircle(lat, lon, r.bearing_deg, r.range_nm) }, { kind: r.land_in_the_way ? 'over-land' : 'way' });
  for (const one of drift?.found.features ?? []) {
    const { part, radius_m: radius, share_percent: share } = one.properties;
    if (part === 'bound') {
      const [lon0, lat0] = one.geometry.coordinates;
      const ring = Array.from({ length: 73 }, (_, i) => greatCircle(lat0, lon0, i * 5, radius / 1852, 1).at(-1));
      put({ type: 'Polygon', coordinates: [ring] }, { kind: 'area', share: 95 });
    } else put(one.geometry, { kind: part === 'track' ? 'drift-track' : part, share: share ?? 0 });
  }
  return { type: 'FeatureCollection', features };
}

/** What stands beside each vessel that can come, soonest first: [{ mmsi, place: [lon, lat] when it was asked, text }]. */
export function wordsBeside(aid, vessels) {
  const { lat, lon, vessels: coming = [] } = aid?.found ?? {};
  return coming.map((r, i) => ({
    mmsi: r.mmsi, place: greatCircle(lat, lon, r.bearing_deg, r.range_nm, 1).at(-1),
    text: `${i + 1}. ${duration(r.eta_min * 60)}${r.land_in_the_way ? ', land in the way' : ''} · ${nameOf(r.mmsi, vessels)}`,
  }));
}

/** Points [lon, lat] along a great circle from a place; longitudes run on beyond 180, so that a line does not cross the map. */
function greatCircle(lat, lon, bearing, nm, steps = LEG_POINTS) {
  const rad = Math.PI / 180, p = lat * rad, course = bearing * rad;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const way = (nm * NM_RAD * i) / steps;
    const to = Math.asin(Math.sin(p) * Math.cos(way) + Math.cos(p) * Math.sin(way) * Math.cos(course));
    const east = Math.atan2(Math.sin(course) * Math.sin(way) * Math.cos(p), Math.cos(way) - Math.sin(p) * Math.sin(to));
    return [lon + east / rad, to / rad];
  });
}
