// runbook.js: what to do about an alarm: its section of docs/operate/runbook.md. The program carries it, so it can be
// read when nothing else can be reached, next to the bar with the pause. It parses only the Markdown that the runbook
// uses.

import { unlessCut } from './api.js';
import { byId, lang, make, say } from './kit.js';
import { scrollBox } from './ui.js';

async function runbook() {
  const answer = await unlessCut(fetch(new URL(lang === 'ko' ? 'runbook.ko.md' : 'runbook.md', import.meta.url)));
  return unlessCut(answer.ok ? answer.text() : Promise.reject(answer));
}

// The sections by name: the introduction under '', then one for each alert and each alarm of the console.
export function sectionsOf(markdown) {
  const [intro, ...rest] = markdown.replace(/^<!--.*-->$/m, '').split(/^##+ /m);
  const named = rest.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n')).trim()]);
  return new Map([['', intro.replace(/^# .*/, '').trim()], ...named.filter(([, body]) => body !== '')]);
}

const inline = (words, link) => words.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/).map((piece) => {
  if (piece.startsWith('`')) return make('code', {}, piece.slice(1, -1));
  if (piece.startsWith('**')) return make('strong', {}, piece.slice(2, -2));
  const [, name, target] = /^\[(.+)\]\((.+)\)$/.exec(piece) ?? [];
  return name === undefined ? piece : link(name, target);
});

const itemsOf = (block) => block.split(/^- /m).slice(1).map((item) => item.replace(/\s+/g, ' '));
const rowsOf = (block) => block.split('\n').filter((row) => !/^\|[-|]+$/.test(row)).map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));

function block(words, link) {
  if (words.startsWith('- ')) return make('ul', { className: 'dots' }, ...itemsOf(words).map((item) => make('li', {}, ...inline(item, link))));
  if (!words.startsWith('|')) return make('p', {}, ...inline(words.replace(/\s+/g, ' '), link));
  const rows = rowsOf(words).map((cells) => make('tr', {}, ...cells.map((cell) => make('td', {}, ...inline(cell, link)))));
  return scrollBox(say('view.runbook'), {}, make('table', {}, make('tbody', {}, ...rows)));
}

// Every second part is a code block.
const rendered = (markdown, link) => markdown.split(/^```.*$/m).flatMap((part, n) => (n % 2 === 1 ? [make('pre', { tabIndex: 0 }, part.trim())]
  : part.split(/\n{2,}/).map((words) => words.trim()).filter((words) => words !== '').map((words) => block(words, link))));

export async function open(body, { id }, name = '') {
  const sections = sectionsOf(await runbook());
  const to = (one) => `#/events/${id}/runbook/${encodeURIComponent(one)}`;
  const anchors = new Map([...sections.keys()].map((one) => [`#${one.toLowerCase().replaceAll(' ', '-')}`, one]));
  // Other pages of the handbook are only named: the program does not carry them.
  const link = (words, target) => (anchors.has(target) ? make('a', { href: to(anchors.get(target)) }, words) : `${words} (${target})`);
  const shown = sections.has(name) ? name : '';
  const names = [...sections.keys()].filter((one) => one !== '');
  const choice = make('select', { id: 'runbook-section' }, make('option', { value: '' }, say('runbook.start')), ...names.map((one) => make('option', { value: one }, one)));
  choice.value = shown;
  choice.addEventListener('change', () => { location.hash = to(choice.value); });
  const article = make('article', { id: 'runbook', className: 'stack', lang, tabIndex: -1 }, make('h2', {}, shown || say('view.runbook')), ...rendered(sections.get(shown), link));
  body.replaceChildren(make('section', { className: 'card stack' }, make('label', { className: 'field' }, say('runbook.section'), choice), article));
  byId('runbook').focus({ preventScroll: true });
  return {};
}
