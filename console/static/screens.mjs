// Two monitors: a page with the queue and one with the map (`?view=queue`, `?view=map`), of one desk in one browser. May live here: which of
// them this page is, and what they tell each other. May not: what a page does with it.

import { state } from './store.mjs';

const asked = new URLSearchParams(location.search).get('view');
export const SCREEN = ['map', 'queue'].includes(asked) ? asked : 'all';
const OTHER = { map: 'queue', queue: 'map' };
const ANSWER_MS = 400;

const channel = SCREEN === 'all' ? null : new BroadcastChannel('dogwatch.screens');
let answered = () => {};
let told = '';

/** The address of the other screen with the same alert open; that of both together for '' . */
export function screenAddress(view) {
  const address = new URL(location.href);
  view ? address.searchParams.set('view', view) : address.searchParams.delete('view');
  return `${address.search || '?'}${address.hash}`;
}

/** Follow the other screen: `onSelect(alert id)`, `onReplay(alert id)`. */
export function followScreen(onSelect, onReplay) {
  channel?.addEventListener('message', ({ data }) => {
    if (data.from === SCREEN) return;
    if (data.answer) answered();
    if (typeof data.selected === 'string' && data.selected !== state.selected) {
      told = data.selected;
      onSelect(data.selected);
    }
    if (typeof data.replay === 'string') {
      onReplay(data.replay);
      channel.postMessage({ from: SCREEN, answer: true });
    }
  });
}

/** Tell the other screen which alert is open here; once for each. */
export function tellSelected() {
  if (!channel || told === state.selected) return;
  told = state.selected;
  channel.postMessage({ from: SCREEN, selected: state.selected });
}

/** Let the map play an alert; where no page with a map is open, one opens. */
export async function replayThere(id) {
  const heard = new Promise((done) => { answered = () => done(true); setTimeout(() => done(false), ANSWER_MS); });
  channel.postMessage({ from: SCREEN, replay: id });
  if (!(await heard)) window.open(`${screenAddress(OTHER[SCREEN])}&replay=play`, 'dogwatch-map');
}
