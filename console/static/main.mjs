// Opens the console: with libraries the whole page, without them the list. May live here: that choice and its failure.

const show = (text) => {
  const p = document.createElement('p');
  p.className = 'boot';
  p.textContent = text;
  document.getElementById('app').replaceChildren(p);
};

try {
  const answer = await fetch(new URL('api/v1/info', document.baseURI));
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const info = await answer.json();
  const views = { print: './print.mjs', rules: './rules.mjs', analysis: './analysis.mjs' };
  const page = await import(!info.libraries ? './plain.mjs' : views[new URLSearchParams(location.search).get('view')] ?? './app.mjs');
  await page.start(info);
} catch (fault) {
  show(`The console cannot open: ${fault.message}. Is dogwatch still running? Trying again in 5 s.`);
  setTimeout(() => location.reload(), 5000);
}
