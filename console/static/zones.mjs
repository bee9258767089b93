// The page for zones: those in force, a draft that is drawn on the map, its check, its back-test and its versions. May live here: that page.
// May not: what is right and wrong about a zone (the server says it), pointer and keys on the map (zone_pen.mjs).

import { html, useEffect, useRef, useState } from './html.mjs';
import { changeLayers, openChart } from './chart.mjs';
import { BackTest, Faults, Reason, Said, Typed, VersionList, changesGeoJson, open, useDraft } from './desk.mjs';
import { clean, words } from './text.mjs';
import { Pen } from './zone_pen.mjs';
import { SHAPES, addVertex, faulty, isArea, middle, moveVertex, nearestVertex, pathsOf, readZones, removeVertex, withProperties, zonesText } from './zone_shape.mjs';

const PAUSE_MS = 500; // of drawing, before the server is asked
const UNDO_MAX = 100;
const VERTICES_SHOWN = 200; // in the table; more are for the map
const DRAWING = { area: 'an area', line: 'a line', circle: 'a circle' };

const layers = (t) => [
  { id: 'force-line', type: 'line', source: 'force', paint: { 'line-color': t('muted'), 'line-width': 1.5, 'line-dasharray': [3, 3] } },
  { id: 'draft-fill', type: 'fill', source: 'draft', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': t('zone'), 'fill-opacity': ['case', ['get', 'chosen'], 0.25, 0.1] } },
  { id: 'draft-line', type: 'line', source: 'draft', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': t('zone'), 'line-width': ['case', ['get', 'chosen'], 3, 1.8] } },
  { id: 'draft-point', type: 'circle', source: 'draft', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 7, 'circle-color': t('zone'), 'circle-opacity': 0.4, 'circle-stroke-color': t('zone'), 'circle-stroke-width': 2 } },
  { id: 'draft-name', type: 'symbol', source: 'draft', layout: { 'text-field': ['get', 'name'], 'text-size': 12, 'text-offset': [0, 0.8] }, paint: { 'text-color': t('ink'), 'text-halo-color': t('sea'), 'text-halo-width': 1.5 } },
  { id: 'pen-line', type: 'line', source: 'pen', filter: ['==', ['get', 'kind'], 'begun'], paint: { 'line-color': t('focus'), 'line-width': 2, 'line-dasharray': [2, 1] } },
  { id: 'pen-between', type: 'circle', source: 'pen', filter: ['==', ['get', 'kind'], 'between'], paint: { 'circle-radius': 4, 'circle-color': t('panel'), 'circle-opacity': 0.7, 'circle-stroke-color': t('focus'), 'circle-stroke-width': 1 } },
  { id: 'pen-vertex', type: 'circle', source: 'pen', filter: ['==', ['get', 'kind'], 'vertex'], paint: { 'circle-radius': ['case', ['get', 'chosen'], 8, 6], 'circle-color': ['case', ['get', 'chosen'], t('focus'), t('panel')], 'circle-stroke-color': t('focus'), 'circle-stroke-width': 2 } },
  { id: 'fault', type: 'circle', source: 'faults', paint: { 'circle-radius': 12, 'circle-opacity': 0, 'circle-stroke-color': t('alarm'), 'circle-stroke-width': 3 } },
  { id: 'fault-word', type: 'symbol', source: 'faults', layout: { 'text-field': '!', 'text-size': 16, 'text-offset': [1.2, 0], 'text-allow-overlap': true }, paint: { 'text-color': t('ink'), 'text-halo-color': t('panel'), 'text-halo-width': 2 } },
  ...changeLayers(t),
];

const points = (places) => ({ type: 'FeatureCollection', features: places.map((coordinates) => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates } })) });

/** The draft as features, with steps back; the map follows what is written and the server is asked after a pause. */
function useZones(info) {
  const [draft, act] = useDraft('zones');
  const [chosen, choose] = useState({ zone: -1, vertex: null, drawing: null });
  const [box, chart, pen, now, before] = [useRef(null), useRef(null), useRef(null), useRef({ features: [] }), useRef([])];
  const { features, fault } = readZones(draft.text || zonesText([]));
  now.current = { features, text: draft.text, act };
  const write = (changed) => {
    before.current = [...before.current.slice(1 - UNDO_MAX), now.current.text];
    now.current.features = changed;
    act.write(zonesText(changed));
  };
  now.current.write = write;
  useEffect(() => {
    if (!draft.known || chart.current) return;
    const told = ({ features: changed, ...where }) => { if (changed) now.current.write(changed); else choose(where); };
    chart.current = openChart(box.current, info, ['force', 'draft', 'pen', 'faults', 'changes'], layers).then((map) => {
      if (!map) return null;
      pen.current = new Pen(map, () => now.current.features, told);
      map.set('force', JSON.parse(draft.known.text));
      pen.current.show();
      if (!info.map_center) map.fit(features.flatMap((one) => pathsOf(one).flat()));
      return map;
    });
    window.dogwatch = { chart: chart.current, pen };
  }, [draft.known]);
  useEffect(() => {
    pen.current?.show();
    const timer = draft.text && !draft.checked && setTimeout(() => act.check(draft.text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft.text]);
  useEffect(() => { chart.current?.then?.((map) => map?.set('faults', points((draft.checked?.faults ?? []).flatMap((one) => (one.place ? [one.place] : []))))); }, [draft.checked]);
  useEffect(() => { chart.current?.then?.((map) => map?.set('changes', changesGeoJson(draft.test))); }, [draft.test?.state, draft.test?.test]);
  const undo = () => { const text = before.current.pop(); if (text !== undefined) { pen.current?.choose(-1); act.write(text); } };
  const select = (zone, vertex = null) => (pen.current ? pen.current.choose(zone, vertex) : choose({ zone, vertex, drawing: null }));
  const fit = async (places, more) => (await chart.current)?.fit(places, more);
  return { draft, act, features, fault, chosen, box, pen, write, undo, select, fit, steps: before.current.length };
}

function Zones({ info }) {
  const work = useZones(info);
  const { draft, act, features, fault, chosen, box, pen, write, undo, select, fit, steps } = work;
  const { known, text, test, busy } = draft;
  const changed = known && text !== known.text;
  useEffect(() => {
    const stay = (event) => changed && event.preventDefault();
    addEventListener('beforeunload', stay);
    return () => removeEventListener('beforeunload', stay);
  }, [changed]);
  if (!known) return html`<section class="pad"><${Said} said=${draft.said ?? { text: 'The zones are being read…' }} /></section>`;
  const own = features[chosen.zone];
  const edit = (feature) => write(features.map((one, i) => (i === chosen.zone ? feature : one)));
  const tested = test?.state === 'done' && test.text === text;
  const show = (i) => { const c = test.changes[i]; fit([[c.lon, c.lat], ...c.tracks.flat()]); };
  return html`<div class="drawing-board">
    <section class="zone-map" aria-labelledby="zone-map"><h2 id="zone-map" class="unseen">Map</h2>
      <div class="row" role="toolbar" aria-label="Drawing">${Object.keys(SHAPES).map((shape) => html`<button data-test=${`draw-${shape}`} aria-pressed=${chosen.drawing?.shape === shape} onClick=${() => pen.current?.begin(shape)} disabled=${!info.map}>Draw ${DRAWING[shape]}</button>`)}
        ${chosen.drawing ? html`<button class="primary" data-test="finish" disabled=${chosen.drawing.places.length < SHAPES[chosen.drawing.shape].needs} onClick=${() => pen.current.finish()}>Done</button><button onClick=${() => pen.current.cancel()}>Cancel</button>` : null}
        <button data-test="undo" disabled=${!steps} onClick=${undo}>Undo</button>
        <button disabled=${!changed} onClick=${() => { select(-1); act.write(known.text); }}>Back to what is in force</button></div>
      <div class="sea-chart" data-aims=${chosen.drawing ? 'yes' : 'no'} ref=${box} aria-label="Map of the zones"></div>
      <p class="muted" role="status" data-test="hint">${hint(chosen)}</p></section>
    <aside aria-label="Zones and the one that is chosen">
      <p class="muted">In force: version ${known.active} (dashed). ${changed ? 'You are changing a copy; nothing counts before somebody else activates it.' : 'Draw, or choose one to change: the copy is yours until you propose it.'}</p>
      ${fault ? html`<p class="bad-word">This text cannot be drawn: ${clean(fault, 200)}</p>` : null}
      <h2>Zones (${features.length})</h2>
      <ul class="zone-list">${features.map((one, i) => html`<li><button class="plain" aria-pressed=${i === chosen.zone} data-test=${`zone-${i}`} onClick=${() => { select(i); fit(pathsOf(one).flat()); }}>${clean(one.properties?.name ?? one.properties?.id ?? '(no name)', 60)} <span class="muted">${clean(words(one.properties?.kind ?? 'no kind'), 30)}</span></button></li>`)}</ul>
      ${own ? html`<${ZoneForm} key=${chosen.zone} zone=${own} kinds=${known.kinds} onEdit=${edit} onRemove=${() => { write(features.toSpliced(chosen.zone, 1)); select(-1); }} />
        <${Vertices} zone=${own} chosen=${chosen.vertex} faults=${(draft.checked?.faults ?? []).filter((one) => one.place && faulty(features, one) === chosen.zone)} onEdit=${edit} onChoose=${(vertex) => select(chosen.zone, vertex)} />` : null}
    </aside>
    <section aria-labelledby="zone-check"><h2 id="zone-check">Check, try, propose</h2>
      <${Said} said=${draft.said} />
      <${ZoneFaults} draft=${draft} features=${features} select=${select} fit=${fit} />
      <div class="row"><button data-test="test" disabled=${Boolean(busy) || !changed || !known.recordings.length || !draft.checked?.ok} onClick=${() => act.test(text)}>Back-test on ${known.recordings.length ? known.recordings.map((r) => clean(r, 60)).join(', ') : 'nothing'}</button></div>
      ${known.recordings.length ? null : html`<p class="bad-word">No recorded day is configured, so nothing can be tried or activated: name one under [backtest] in the configuration.</p>`}
      <${BackTest} draft=${draft} act=${act} onPlace=${show} />
      ${tested ? html`<${Reason} label="Why should they count?" action="Propose them" test="propose" disabled=${Boolean(busy)} onReason=${(reason) => act.decide('propose', { text, test: test.test, reason }, (v) => `Proposed as version ${v.number}. Another analyst or supervisor activates it.`)} />` : null}
    </section>
    <${VersionList} draft=${draft} act=${act} />
  </div>`;
}

function hint({ drawing, zone, vertex }) {
  if (drawing?.shape === 'circle') return 'Click its middle; or move the map with the arrows and press Enter: the cross is the place. Esc cancels.';
  if (drawing) return `${drawing.places.length} places. Click each, the first one again (or twice) to end; or move the map with the arrows, Enter for a place at the cross, F when done, Backspace for one back, Esc to cancel.`;
  if (vertex) return 'Drag the vertex, or move it with the arrows (Shift: finely). I: another after it. Delete: away with it. [ and ]: the one before, the next. Esc lets go.';
  if (zone >= 0) return 'Drag a vertex; drag the small circle between two for a new one. With keys: ] chooses a vertex. Esc lets go.';
  return 'Choose a zone on the map or in the list, or draw a new one.';
}

/** What the server finds wrong; a click goes to the vertex. */
function ZoneFaults({ draft, features, select, fit }) {
  const { checked } = draft;
  if (!checked || checked.ok) return html`<${Faults} checked=${checked} onLine=${() => {}} />`;
  const go = (fault) => {
    const zone = faulty(features, fault);
    if (!features[zone]) return;
    select(zone, fault.place ? nearestVertex(features[zone], fault.place) : null);
    fit(fault.place ? [fault.place] : pathsOf(features[zone]).flat());
  };
  return html`<div data-test="checked"><p class="bad-word">${checked.faults.length} fault${checked.faults.length > 1 ? 's' : ''}</p><ul class="faults">${checked.faults.map((one) => html`<li>
    <button class="small" onClick=${() => go(one)}>show</button> <b>${clean(one.key, 100)}</b> ${clean(one.what, 600)}. ${clean(one.remedy, 300)}</li>`)}</ul></div>`;
}

/** What a zone is. Read when a field is left, so that typing is not checked letter by letter. */
function ZoneForm({ zone, kinds, onEdit, onRemove }) {
  const p = zone.properties ?? {};
  const number = (value) => (value.trim() === '' ? '' : Number.isFinite(Number(value)) ? Number(value) : value);
  const set = (name, read = (value) => value.trim()) => (event) => onEdit(withProperties(zone, { [name]: read(event.target.value), ...(name === 'kind' ? { subkind: '', inside: '' } : {}) }));
  const field = (name, label, more = {}) => html`<label>${label} <${Typed} name=${`zone-${name}`} maxlength="120" autocomplete="off" value=${p[name] ?? ''} onPut=${set(name, more.read)} ...${more.input ?? {}} /></label>`;
  const select = (name, label, values) => html`<label>${label} <select name=${`zone-${name}`} value=${p[name] ?? ''} onChange=${set(name)}>${['', ...values].map((one) => html`<option value=${one} selected=${one === (p[name] ?? '')}>${one ? words(one) : '–'}</option>`)}</select></label>`;
  return html`<fieldset class="zone-form"><legend>What it is</legend>
    ${field('name', 'Name')}${field('id', 'Id')}${select('kind', 'Kind', Object.keys(kinds))}${(kinds[p.kind] ?? []).length ? select('subkind', 'More exactly', kinds[p.kind]) : null}
    ${p.kind === 'border' && !isArea(zone) ? select('inside', 'Inside is', ['left', 'right']) : null}
    ${field('buffer_nm', 'Wider by, nm', { read: number, input: { inputmode: 'decimal' } })}${field('owner', 'Who answers for it')}${field('source', 'Source')}
    ${field('valid_from', 'From (UTC)', { input: { placeholder: '2026-05-01T00:00:00Z' } })}${field('valid_to', 'Until (UTC)', { input: { placeholder: 'for ever' } })}
    <button data-test="remove-zone" onClick=${onRemove}>Remove this zone</button></fieldset>`;
}

/** Every vertex with its place in degrees, for keyboards, screen readers and places that are known in figures. */
function Vertices({ zone, chosen, faults, onEdit, onChoose }) {
  const paths = pathsOf(zone);
  const wrong = faults.map((one) => `${nearestVertex(zone, one.place)}`);
  const rows = paths.flatMap((path, k) => path.map((place, i) => ({ k, i, place }))).slice(0, VERTICES_SHOWN);
  const put = ({ k, i, place }, axis) => (event) => {
    const value = Number(event.target.value);
    if (event.target.value.trim() && Number.isFinite(value) && Math.abs(value) <= (axis ? 90 : 180)) onEdit(moveVertex(zone, k, i, place.with(axis, value)));
    else event.target.value = place[axis];
  };
  const cell = (row, axis) => html`<${Typed} inputmode="decimal" aria-label=${`${axis ? 'Latitude' : 'Longitude'} of vertex ${row.i + 1}${paths.length > 1 ? ` of part ${row.k + 1}` : ''}`} value=${row.place[axis]} onFocus=${() => onChoose([row.k, row.i])} onPut=${put(row, axis)} />`;
  return html`<table class="tabled vertices" data-test="vertices"><caption>Vertices, degrees${rows.length === VERTICES_SHOWN ? `: the first ${VERTICES_SHOWN}` : ''}</caption><thead><tr><th>no.</th><th>latitude</th><th>longitude</th><th><span class="unseen">change</span></th></tr></thead><tbody>
    ${rows.map((row) => html`<tr class=${wrong.includes(`${row.k},${row.i}`) ? 'faulty' : ''} aria-selected=${row.k === chosen?.[0] && row.i === chosen?.[1]}>
      <td class="num">${paths.length > 1 ? `${row.k + 1}.` : ''}${row.i + 1}${wrong.includes(`${row.k},${row.i}`) ? html` <b title="Here is a fault">!</b>` : null}</td><td>${cell(row, 1)}</td><td>${cell(row, 0)}</td>
      <td><button class="small" aria-label=${`Another vertex after ${row.i + 1}`} disabled=${!middle(zone, row.k, row.i)} onClick=${() => onEdit(addVertex(zone, row.k, row.i, middle(zone, row.k, row.i)))}>+</button> <button class="small" aria-label=${`Remove vertex ${row.i + 1}`} onClick=${() => onEdit(removeVertex(zone, row.k, row.i))}>−</button></td></tr>`)}</tbody></table>`;
}

export const start = (info, session) => open('zones', info, Zones, session);
