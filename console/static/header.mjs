// The top line: where, who, when, and whether data flow. May live here: the header and the exercise banner. May not: alerts' contents.

import { html } from './html.mjs';
import { kbd } from './keys.mjs';
import { PALETTES, change, linked, state } from './store.mjs';
import { AreasButton } from './areas.mjs';
import { SoundButton } from './sound.mjs';
import { WatchButton } from './watch.mjs';
import { choose, clean, clock, exerciseWords, words } from './text.mjs';

const WORD = { true: 'live', false: 'no link' };

export function Header({ eventNow, act }) {
  const { health, info } = state;
  const silent = health.silent_s > 30 && health.messages > 0;
  const up = linked();
  const wall = health.wall_ms ? Date.now() + state.wallOffset : NaN;
  const rate = Number(health.messages_per_s ?? 0);
  const next = PALETTES[(PALETTES.indexOf(state.palette) + 1) % PALETTES.length];
  const aside = [...state.alerts.values()];
  const [shelved, held] = [aside.filter((a) => a.shelf).length, aside.filter((a) => a.held).length];
  return html`<header>
    <h1>dogwatch</h1>
    <a class="plain" href="?view=rules" title="Rules: read, try, change">rules</a><a class="plain" href="?view=zones" title="Zones: draw, try, change">zones</a><a class="plain" href="?view=analysis" title="Figures for analysts">analysis</a>
    <span class="desk" title=${clean(info.desk ?? '', 120)}>${clean(info.desk ?? '', 120)}</span>
    <span class="grow"></span>
    <span class="fact" title="Time of the newest position heard"><span class="label">event time</span><time class="num" data-test="event-time">${clock(eventNow)}</time></span>
    <span class="fact"><span class="label">${choose().time === 'utc' ? `local ${clock(wall, 'local').replace(/:..(?=[+−])/, '')}` : `UTC ${clock(wall, 'utc').slice(0, 5)}Z`}</span><time class="num" data-test="wall">${clock(wall)}</time></span>
    <span class="fact"><span class="label">messages</span><span class="num">${up ? `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s` : '–'}</span></span>
    <span class="fact"><span class="label">vessels</span><span class="num">${health.vessels ?? '–'}</span></span>
    ${shelved || held ? html`<span class="fact" data-test="aside"><span class="label">off the queue</span><span class="num">${shelved} shelved, ${held} held</span></span>` : null}
    <span class=${`link ${up ? (silent ? 'stale' : 'up') : 'down'}`} role="status"><i aria-hidden="true"></i>${up && silent ? 'silent' : WORD[up]}</span>
    <button class="plain" onClick=${() => change({ searching: true })} title="Find a vessel">find ${kbd('/')}</button>
    <${AreasButton} /><${SoundButton} onSilence=${act.silence} /><${WatchButton} />
    <button class="plain" data-test="who" onClick=${() => change({ asking: true })} title=${state.session.users ? 'Who is logged in; log out' : 'Change who is on watch'}>${state.session.users ? `${clean(state.session.name, 24)}, ${words(state.session.role)}` : state.operator ? `You: ${clean(state.operator, 24)}` : 'Who are you?'}</button>
    <button class="plain" onClick=${act.palette} title=${`Change to ${next} colours`}>${state.palette} ${kbd('t')}</button>
    <button class="plain" onClick=${() => change({ help: true })} title="Keys, time and units" aria-label="Keys, time and units">?</button>
  </header>`;
}

export function ExerciseBanner() {
  const words = exerciseWords(state.info, state.health, state.alerts.values());
  return words && html`<div class="exercise" role="note"><span>EXERCISE</span><b>${words}</b><span>EXERCISE</span></div>`;
}
