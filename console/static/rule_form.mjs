// The form beside the text of a profile, made from its JSON Schema. May live here: which fields there are, how each kind of value is shown and changed.
// May not: what a value means or whether it may be (the server checks the text), the text itself (rules.mjs).

import { Typed } from './desk.mjs';
import { html, useRef, useState } from './html.mjs';
import { clean, duration, words } from './text.mjs';

const PAUSE_MS = 250; // a slider that rests so long has been moved
const UNITS = { kn: 'kn', nm: 'nm', m: 'm', s: 's', h: 'h', deg: '°', milli: 'milli-logits', share: 'share', weight: 'log-odds', base: 'log-odds', cap: 'log-odds' };
const unitOf = (name) => name.split('_').map((part) => UNITS[part]).find(Boolean) ?? '';
const named = (name) => words(name.split('_').filter((part) => !UNITS[part]).join('_') || name); // the unit stands behind it

/** A schema without references and without "or null"; its default stays. */
function resolve(schema, raw) {
  if (!raw) return {};
  const { $ref, anyOf, ...own } = raw;
  if ($ref) return { ...resolve(schema, schema.$defs[$ref.split('/').at(-1)]), ...own };
  return anyOf ? { ...resolve(schema, anyOf.find((one) => one.type !== 'null')), ...own } : own;
}

/** What can be changed on its own: [{ group, title, path, schema }], the profile itself first. */
export function sectionsOf(schema, plain) {
  const found = [], own = {};
  for (const [name, raw] of Object.entries(resolve(schema, { $ref: schema.$ref }).properties)) {
    const one = resolve(schema, raw), items = resolve(schema, one.items), value = plain[name];
    const put = (title, path, part) => found.push({ group: words(name), title: clean(String(title), 80), path, schema: part });
    if (items.properties) (Array.isArray(value) ? value : []).forEach((item, i) => put(item?.name ?? i + 1, [name, i], items));
    else if (one.additionalProperties?.$ref) for (const key of Object.keys(value ?? {})) put(key, [name, key], resolve(schema, one.additionalProperties));
    else if (one.properties) {
      const tables = Object.entries(one.properties).map(([key, part]) => [key, resolve(schema, part)]).filter(([, part]) => part.properties);
      for (const [key, part] of tables) put(key, [name, key], part);
      if (!tables.length) found.push({ group: 'profile', title: words(name), path: [name], schema: one });
    } else own[name] = raw;
  }
  const groups = ['profile', ...new Set(found.map((one) => one.group))];
  return [{ group: 'profile', title: 'head', path: [], schema: { properties: own } }, ...found].sort((a, b) => groups.indexOf(a.group) - groups.indexOf(b.group));
}

const at = (plain, path) => path.reduce((inside, step) => inside?.[step], plain);
const dotted = (path) => path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '');

/** `plain`: the values of the text; `onSet(path, value)` changes one, null takes it out; `locked`: the text is being changed elsewhere. */
export function RuleForm({ schema, plain, faults, swept, locked, onSet }) {
  const [chosen, choose] = useState('levels');
  const sections = sectionsOf(schema, plain);
  const section = sections.find((one) => one.path.join('/') === chosen) ?? sections[0];
  const form = { schema, set: onSet, faults: new Map(faults.map((one) => [one.key, `${one.what}. ${one.remedy}`])) };
  const groups = [...new Set(sections.map((one) => one.group))];
  return html`<form class="rule-form" data-test="rule-form" onSubmit=${(e) => e.preventDefault()}>
    <label class="field"><span>Fields of</span><select data-test="section" value=${section.path.join('/')} onChange=${(e) => choose(e.target.value)}>
      ${groups.map((group) => html`<optgroup label=${group}>${sections.filter((one) => one.group === group).map((one) => html`<option value=${one.path.join('/')}>${one.title}</option>`)}</optgroup>`)}</select></label>
    <fieldset key=${section.path.join('/')} disabled=${locked}><legend class="muted">${clean((section.schema.description ?? '').replace(/\s+/g, ' ').replaceAll('`', ''), 300)}</legend>
      <${Fields} form=${form} schema=${section.schema} value=${at(plain, section.path)} path=${section.path} /></fieldset>
    <${Swept} swept=${swept} />
  </form>`;
}

/** What the text would tell on the events of the back-test, without another replay. */
function Swept({ swept }) {
  if (!swept) return html`<p class="muted swept">Once a back-test of a text has run, alerts per day of each further change stand here at once.</p>`;
  if (swept.what) return html`<p class="swept" role="status" data-test="swept">${clean(swept.what, 200)}: ${clean(swept.remedy, 200)}.</p>`;
  return html`<p class="swept" role="status" data-test="swept"><b>${swept.per_day} alerts a day</b>, ${swept.tested_per_day} as tested: ${swept.kept} kept, ${swept.lost} lost, ${swept.added} added.</p>`;
}

/** Every field of a table. `otherwise`: what stands where the text says nothing; a table that is not there is then written whole. */
function Fields({ form, schema, value, path, otherwise }) {
  return Object.entries(schema.properties).map(([name, raw]) => {
    const one = resolve(form.schema, raw), here = [...path, name];
    const change = (to) => (value === undefined && otherwise ? form.set(path, { ...otherwise, [name]: to }) : form.set(here, to));
    return html`<${Field} key=${name} form=${form} one=${{ ...one, default: otherwise?.[name] ?? one.default }} name=${name} value=${value?.[name]} path=${here} change=${change} />`;
  });
}

function Field({ form, one, name, value, path, change }) {
  const key = dotted(path), fault = form.faults.get(key);
  const standing = value ?? one.default;
  const items = resolve(form.schema, one.items);
  const about = { name: key, 'data-field': key, 'aria-invalid': fault ? 'true' : null };
  const line = (input) => html`<label class="field"><span>${named(name)}${unitOf(name) ? html` <span class="muted">${unitOf(name)}</span>` : null}</span>${input}</label>${fault ? html`<p class="bad-word">${clean(fault, 300)}</p>` : null}`;
  if (one.properties) return html`<fieldset class="part"><legend>${named(name)} <span class="muted">${unitOf(name)}</span></legend><${Fields} form=${form} schema=${one} value=${value} path=${path} otherwise=${one.default} /></fieldset>`;
  if (items.properties) {
    return html`${(value ?? []).map((item, i) => html`<fieldset class="part"><legend>${words(name)} ${i + 1}</legend><${Fields} form=${form} schema=${items} value=${item} path=${[...path, i]} /></fieldset>`)}
      ${line(html`<button type="button" class="small" onClick=${() => change([...(value ?? []), {}])}>add one</button>`)}`;
  }
  if (one.type === 'boolean') return line(html`<input type="checkbox" ...${about} checked=${standing} onChange=${(e) => change(e.target.checked)} />`);
  if (items.enum) {
    const held = standing ?? [];
    return html`<fieldset class="part"><legend>${words(name)}</legend>${items.enum.map((word) => html`<label class="pick"><input type="checkbox" ...${about} checked=${held.includes(word)} onChange=${(e) => change(e.target.checked ? [...held, word] : held.filter((one) => one !== word))} /> ${word}</label>`)}</fieldset>`;
  }
  if (one.additionalProperties) return html`<fieldset class="part"><legend>${words(name)}</legend><${Measures} form=${form} value=${value} path=${path} change=${change} /></fieldset>`;
  if (['number', 'integer'].includes(one.type)) return html`${line(html`<${NumberField} about=${about} one=${one} value=${value} change=${change} label=${words(name)} />`)}${unitOf(name) === 's' && standing ? html`<p class="muted small-text">${duration(standing)}</p>` : null}`;
  const many = one.type === 'array';
  const read = (text) => (many ? text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => (items.type === 'string' ? part : Number(part))) : text);
  return line(html`<${Typed} type="text" maxlength="2000" autocomplete="off" ...${about} value=${many ? (value ?? []).join(', ') : value ?? ''} placeholder=${many ? 'any; several with commas' : String(one.default ?? '')} onPut=${(e) => change(e.target.value.trim() ? read(e.target.value.trim()) : null)} />`);
}

/** Limits by the name of a measure, such as duration_s. */
function Measures({ form, value, path, change }) {
  const fresh = useRef(null);
  const add = () => {
    const name = fresh.current.value.trim();
    if (!name) return;
    if (value) form.set([...path, name], 0);
    else change({ [name]: 0 });
    fresh.current.value = '';
  };
  return html`${Object.entries(value ?? {}).map(([name, limit]) => html`<${Field} key=${name} form=${form} one=${{ type: 'number' }} name=${name} value=${limit} path=${[...path, name]} change=${(to) => form.set([...path, name], to)} />`)}
    <label class="field"><span>one more measure</span><span class="row"><input type="text" ref=${fresh} maxlength="60" placeholder="duration_s" /><button type="button" class="small" onClick=${add}>add</button></span></label>`;
}

/** A number and its slider, which spans as far again as the value it began with. */
function NumberField({ about, one, value, change, label }) {
  const [held, hold] = useState(null);
  const timer = useRef(0), begun = useRef(value ?? one.default);
  const shown = held ?? value ?? '';
  const commit = async (text) => {
    clearTimeout(timer.current);
    if (text.trim() && !Number.isFinite(Number(text))) return;
    await change(text.trim() ? Number(text) : null);
    hold((now) => (now === text ? null : now));
  };
  const typed = (event) => {
    const text = event.target.value;
    hold(text);
    clearTimeout(timer.current);
    if (text.trim()) timer.current = setTimeout(() => commit(text), PAUSE_MS);
  };
  const from = begun.current ?? value;
  return html`<span class="number"><input type="number" step="any" autocomplete="off" ...${about} min=${one.minimum} max=${one.maximum} value=${shown} placeholder=${one.default ?? ''} onInput=${typed} onChange=${(e) => commit(e.target.value)} />
    ${Number.isFinite(from) ? html`<input type="range" aria-label=${`${label}, slider`} data-slider=${about.name} ...${spanOf(from, one)} value=${shown === '' ? from : shown} onInput=${typed} />` : null}</span>`;
}

/** min, max, step of a slider about a value. */
function spanOf(from, { type, minimum, maximum, exclusiveMinimum }) {
  const reach = Math.abs(from) || 1;
  const least = minimum ?? exclusiveMinimum ?? -Infinity, most = maximum ?? Infinity;
  const step = Math.max(type === 'integer' ? 1 : 0, 10 ** Math.floor(Math.log10(reach / 100)));
  return { min: Math.max(least, from - 2 * reach), max: Math.min(most, from + 2 * reach), step };
}
