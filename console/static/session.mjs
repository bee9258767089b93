// Who is logged in. May live here: who signs a decision, and the dialog that logs out. May not: requests, the log-in page (login.mjs).

import { html, useEffect, useRef } from './html.mjs';
import { change, state } from './store.mjs';
import { clean, dateTime, words } from './text.mjs';
import { postSessionEnd } from './wire.mjs';

/** Who signs what a dialog records: whoever has logged in, else the name and role that the person says. */
export function Signer({ roles }) {
  const { session, operator, role } = state;
  if (session.name) {
    return html`<p>Recorded as <b>${clean(session.name, 60)}</b>, ${words(session.role)}<input type="hidden" name="who" value=${session.name} /><input type="hidden" name="role" value=${session.role} /></p>`;
  }
  // The page is drawn anew each second: `value` would take away what is being typed
  return html`<label>Name <input name="who" maxlength="60" autocomplete="off" defaultValue=${operator} /></label>
    <label>Role <select name="role">${roles.map((one) => html`<option value=${one} selected=${one === role}>${words(one)}</option>`)}</select></label>`;
}

/** The person who has logged in, until when, and the way out. */
export function SessionDialog() {
  const box = useRef(null);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const { name, role, until, via } = state.session;
  const out = async () => {
    const { status } = await postSessionEnd();
    if (status === 200) location.reload();
  };
  return html`<dialog ref=${box} onClose=${() => change({ asking: false })} aria-labelledby="who">
    <h2 id="who">${clean(name, 60)}, ${words(role)}</h2>
    ${via === 'proxy' ? html`<p>Logged in through the proxy of this installation: log out there.</p>` : html`<p>Logged in until ${dateTime(until)}.</p>`}
    <div class="row end">
      <button type="button" autofocus onClick=${() => box.current.close()}>Close</button>
      ${via === 'proxy' ? null : html`<button class="primary" type="button" data-test="log-out" onClick=${out}>Log out</button>`}
    </div>
  </dialog>`;
}
