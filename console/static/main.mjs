// Opens the console: with libraries the whole page, without them the list. May live here: that choice and its failure.

const show = (text) => {
  const p = document.createElement('p');
  p.className = 'boot';
  p.textContent = text;
  document.getElementById('app').replaceChildren(p);
};

const read = async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
};

async function open() {
  const session = await read(new URL('api/v1/session', document.baseURI));
  if (session.users && !session.name) return (await import('./login.mjs')).start(session);
  const info = await read(new URL('api/v1/info', document.baseURI));
  const views = { print: './print.mjs', rules: './rules.mjs', zones: './zones.mjs', analysis: './analysis.mjs', selftest: './selftest.mjs' };
  const page = await import(!info.libraries ? './plain.mjs' : views[new URLSearchParams(location.search).get('view')] ?? './app.mjs');
  return page.start(info, session);
}

/** The colours that this desk has: on every page, the log-in among them, from its first moment. */
function dress() {
  let kept = null;
  try { kept = localStorage.getItem('dogwatch.palette'); } catch { /* private windows */ }
  const wanted = new URLSearchParams(location.search).get('palette') ?? kept;
  if (['day', 'dusk', 'night'].includes(wanted)) document.documentElement.dataset.palette = wanted;
}

try {
  dress();
  await open();
} catch (fault) {
  show(`The console cannot open: ${fault.message}. Is dogwatch still running? Trying again in 5 s.`);
  setTimeout(() => location.reload(), 5000);
}
