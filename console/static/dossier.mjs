// The dossier of one vessel, right, in place of the evidence. May live here: its tables. May not: any judgement; every word is the server's.

import { html, useEffect } from './html.mjs';
import { change, state } from './store.mjs';
import { CLASS_WORDS, FILES, clean, dateTime, degrees, duration, period, position, speed, value, words } from './text.mjs';
import { getJson } from './wire.mjs';

const DAYS = [1, 7, 30];
const AGAIN_MS = 10_000;
const LAST_FIXES = 10;
const ROWS_MAX = 30; // of one table; the files have all

let days = 1; // how far back tracks go, for every dossier of this page

/** Read the dossier of a vessel into the page; resolves to it, or to null where there is none. */
export async function openDossier(mmsi) {
  const before = state.dossier?.mmsi === mmsi ? state.dossier : {};
  change({ dossier: { ...before, mmsi } });
  try {
    const found = await getJson(`api/v1/vessels/${mmsi}?days=${days}`);
    if (state.dossier?.mmsi === mmsi) change({ dossier: { mmsi, found, fault: '' } });
    return found;
  } catch (fault) {
    if (state.dossier?.mmsi === mmsi) change({ dossier: { ...before, mmsi, fault: clean(fault.message, 200) } });
    return null;
  }
}

export function Dossier({ eventNow, act }) {
  const { mmsi, found, fault } = state.dossier;
  useEffect(() => {
    const timer = setInterval(() => openDossier(mmsi), AGAIN_MS);
    return () => clearInterval(timer);
  }, [mmsi]);
  const name = found?.identity?.name;
  return html`<aside class="evidence dossier" aria-label="Dossier" data-mmsi=${mmsi}>
    <div class="panel-head"><h2>${clean(name || `MMSI ${mmsi}`, 40)}</h2>${found?.exercise ? html`<span class="tagline">EXERCISE</span>` : null}<span class="grow"></span>
      <button class="plain" onClick=${act.closeDossier} aria-label="Close the dossier (Esc)">✕</button></div>
    <div class="scroll pad" key=${mmsi}>
      ${fault ? html`<p class="note" role="alert">The dossier could not be read: ${fault}.</p>` : null}
      ${found ? html`<${Sections} found=${found} eventNow=${eventNow} act=${act} />` : fault ? null : html`<p class="muted">Reading…</p>`}
    </div>
    ${found ? html`<p class="pad row export">Save as ${Object.entries(FILES).map(([form, name]) => html`<a key=${form} href=${`api/v1/vessels/${mmsi}/export.${form}?days=${days}`} download data-test=${`export-${form}`}>${name}</a>`)}</p>` : null}
  </aside>`;
}

function Sections({ found, eventNow, act }) {
  const { identity, voyage, position: at, track } = found;
  const who = [`MMSI ${found.mmsi}`, identity?.imo ? `IMO ${identity.imo}` : '', identity?.callsign ? `call sign ${clean(identity.callsign, 10)}` : '', at ? CLASS_WORDS[at.class] : '', identity?.ship_type ? `type ${identity.ship_type}` : '',
    identity?.length_m ? `${identity.length_m} × ${identity.beam_m ?? '–'} m` : ''].filter(Boolean).join(' · ');
  const where = at ? position(at.lat, at.lon) : null;
  return html`<dl class="facts">
      <dt>Who</dt><dd class="num">${who}</dd>
      <dt>Voyage</dt><dd>${voyage ? `to ${clean(voyage.destination || 'not said', 30)}${voyage.eta ? `, ETA ${voyage.eta}` : ''}${voyage.draught_m ? `, draught ${voyage.draught_m} m` : ''}` : 'no static data received'}</dd>
      <dt>Where</dt><dd class="row"><span class="num">${where ? html`${where.minutes}<br /><span class="muted">${motion(at)}, heard ${duration((eventNow - at.t_ms) / 1000)} ago</span>` : 'not on the map now'}</span><span class="grow"></span>${at ? html`<button class="small" onClick=${() => act.fly(at)}>show</button>` : null}</dd>
    </dl>
    <${Part} title="Alerts" test="alerts" rows=${found.alerts} none="none on the board" row=${(a) => [dateTime(a.t_first), html`<button class="link-like" onClick=${() => act.leaveFor(a.alert_id)}>${a.level}, ${a.disposition ? words(a.disposition) : a.condition}: ${clean(a.headline, 120)}</button>`]} />
    <${Part} title="Watchlist hits" test="watchlist" rows=${back(found.watchlist)} none="none" row=${told} />
    <${Part} title="Identity, what changed" test="identity" rows=${back(found.identity_history)} none="nothing known" row=${changed} />
    <${Part} title="Destination and draught, what changed" test="voyage" rows=${back(found.voyage_history)} none="nothing known" row=${changed} />
    <${Part} title="Gaps" test="gaps" rows=${back(found.gaps)} none="none reported by the detectors" row=${told} />
    <p class="row"><label>Track of the last <select data-test="days" value=${days} onChange=${(event) => { days = +event.target.value; openDossier(found.mmsi); }}>${DAYS.map((n) => html`<option value=${n}>${n === 1 ? '24 h' : `${n} days`}</option>`)}</select></label><span class="muted num">${track.positions} positions kept</span></p>
    <${Part} title=${`Silences of 8 min and more in the last ${found.days === 1 ? '24 h' : `${found.days} days`}`} test="silences" rows=${back(found.silences)} none="none" row=${(s) => [period(s.from, s.to), duration(s.s)]} />
    <${Part} title="Port calls" test="ports" rows=${back(found.port_calls)} none="none reported" row=${told} />
    <${Part} title="Other behaviour" test="events" rows=${back(found.events)} none="none reported" row=${told} />
    <${Part} title="Last positions" test="fixes" rows=${lastFixes(track)} none="none kept" row=${(f) => [dateTime(f.t), html`<span class="num">${position(f.lat, f.lon).minutes} · ${motion(f)}</span>`]} />
    <p class="muted small-text">${found.known_from_ms ? `Positions are known since ${dateTime(new Date(found.known_from_ms).toISOString())}. ` : ''}${clean(found.caveat, 200)}</p>`;
}

const back = (rows) => [...rows].reverse(); // the newest first
const motion = (at) => `${at.sog_kn === null ? 'speed –' : speed(at.sog_kn)} · ${at.cog_deg === null ? 'course –' : degrees(at.cog_deg)}`;
const changed = (c) => [dateTime(c.t), html`${words(c.field)}: <s>${value(c.before)}</s> → <b>${value(c.after)}</b>`];

function told(e) {
  const measures = Object.entries(e.measures).slice(0, 4).map(([name, v]) => `${words(name)} ${value(v)}`).join(', ');
  return [period(e.t_start, e.t_end), html`${e.state === 'retracted' ? html`<s>${words(e.type)}</s> retracted` : words(e.type)}${e.subtype ? `, ${words(e.subtype)}` : ''}${e.zones.length ? `; ${clean(e.zones.join(', '), 120)}` : ''}${measures ? html`<span class="muted">; ${measures}</span>` : null}`];
}

function lastFixes(track) {
  const rows = track.t_ms.map((t, i) => ({ t: new Date(t).toISOString(), lat: track.lat[i], lon: track.lon[i], sog_kn: track.sog_kn[i], cog_deg: track.cog_deg[i] }));
  return rows.slice(-LAST_FIXES).reverse();
}

function Part({ title, test, rows, none, row }) {
  return html`<h4>${title}${rows.length ? ` (${rows.length})` : ''}</h4>
    ${rows.length ? html`<table class="why tight" data-test=${`dossier-${test}`}><tbody>${rows.slice(0, ROWS_MAX).map((one) => { const [when, what] = row(one); return html`<tr><th scope="row" class="num when">${when}</th><td>${what}</td></tr>`; })}</tbody></table>` : html`<p class="muted">${none}</p>`}`;
}
