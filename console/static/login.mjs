// The log-in page, where the console has users. May live here: that form, without any library. May not: sessions (the server keeps them).

import { element } from './plain.mjs';
import { clean } from './text.mjs';
import { postSession } from './wire.mjs';

/** Ask who it is; once that is known the page of this same address opens. */
export function start(session) {
  const name = Object.assign(element('input'), { name: 'name', autocomplete: 'username', maxLength: 60, required: true });
  const password = Object.assign(element('input'), { name: 'password', type: 'password', autocomplete: 'current-password', maxLength: 128, required: true });
  const say = Object.assign(element('p'), { role: 'alert', className: 'fault' });
  const go = Object.assign(element('button', 'Log in'), { className: 'primary', type: 'submit' });
  const form = element('form', '', [
    element('h1', clean(session.desk || 'dogwatch', 60)), element('p', 'Log in with the name you have the watch under. What you decide is recorded under it.'),
    element('label', 'Name', [name]), element('label', 'Password', [password]), say, go,
  ]);
  form.className = 'login';
  form.onsubmit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    const { status, body } = await postSession({ name: name.value.trim(), password: password.value });
    go.disabled = false;
    if (status === 200) return location.reload();
    say.textContent = `Not logged in: ${clean(body.error ?? `answer ${status}`, 200)}. ${clean(body.remedy ?? '', 200)}`;
    password.value = '';
    return password.focus();
  };
  try { document.documentElement.dataset.palette = new URLSearchParams(location.search).get('palette') ?? localStorage.getItem('dogwatch.palette') ?? 'day'; } catch { /* private windows */ }
  const banner = element('div', '', session.exercise ? [element('span', 'EXERCISE'), element('b', 'Simulated data are in this picture'), element('span', 'EXERCISE')] : []);
  banner.className = session.exercise ? 'exercise' : '';
  document.title = `Log in · ${clean(session.desk || 'dogwatch', 60)}`;
  document.getElementById('app').replaceChildren(banner, form);
  name.focus();
}
