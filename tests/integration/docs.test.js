// References in the handbook and the READMEs exist: each link, each linked heading, each command. tests/docs (`make
// docs-test`) tests what the commands do.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { calls, diagrams, movesOf } from '../../infra/docs/draw.js';
import { blocksOf, handbook, linksOf, ROOT, whyBroken } from '../../infra/docs/pages.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const below = (dir) => readdirSync(join(ROOT, dir), { recursive: true }).map((name) => join(dir, name));
const texts = readdirSync(ROOT).filter((name) => !/^(build|node_modules|\..*)$/.test(name))
  .flatMap((name) => name.endsWith('.md') ? [name] : name.includes('.') || /^[A-Z]/.test(name) ? [] : below(name))
  .filter((name) => name.endsWith('.md') && !name.includes('node_modules/'));
const made = new Set(Object.keys(diagrams()).map((name) => `docs/diagrams/${name}`));
const pages = handbook();

test('every link leads to a file that is there, and to a heading that it has', () => {
  const broken = texts.flatMap((page) => linksOf(read(page)).flatMap((link) => {
    const why = whyBroken(page, link, (file) => made.has(file));
    return why === null ? [] : [`${page}: ${link}: ${why}`];
  }).concat(read(page).match(/\[[^\][`]*\n[^\][`]*\]\([^)\s]+\)/g) ?? [])); // the build reads links line by line
  assert.deepEqual(broken, []);
});

test('every page is in the list of pages, and every diagram on a page', () => {
  const nav = read('infra/docs/mkdocs.yml');
  assert.deepEqual(pages.filter((page) => !nav.includes(`: ${page.slice('docs/'.length)}\n`)), []);
  const shown = new Set(pages.flatMap((page) => linksOf(read(page)).map((link) => join(dirname(page), link))));
  assert.deepEqual([...made].filter((diagram) => !shown.has(diagram)), []);
});

test('every make target that is named exists', () => {
  const targets = new Set([...`${read('Makefile')}\n${read('infra/targets.mk')}`.matchAll(/^([a-z][a-z-]*)(?: [a-z -]+)?:(?!=)/gm)].flatMap(([line]) => line.split(':')[0].split(' ')));
  const unknown = [];
  for (const page of [...pages, 'README.md', 'CONTRIBUTING.md', 'infra/README.md']) {
    const text = read(page);
    const named = [...text.matchAll(/`make ((?:[A-Z]+=\S+ )*)([a-z][a-z-]*)[ `]/g), ...blocksOf(text).flatMap((block) => [...block.text.matchAll(/^(?:sudo )?make (-s )?(?:[A-Z]+=\S+ )*([a-z][a-z-]*)(?=\s|$)/gm)])];
    for (const [, , target] of named) if (!targets.has(target)) unknown.push(`${page}: make ${target}`);
  }
  assert.deepEqual(unknown, []);
});

test('every command of fairgate that is named exists', () => {
  const rows = read('infra/ctl/src/commands.c');
  const names = new Set([...rows.matchAll(/(?:\.form = |ACTION(?:_WITH)?\()"([a-z-]+(?: [a-z-]+)*)/g)].map(([, name]) => name));
  assert.ok(names.size > 50, 'the table is read');
  const unknown = [];
  for (const page of pages) {
    const text = read(page);
    const said = [...text.matchAll(/`fairgate ([^`]+)`/g), ...blocksOf(text).flatMap((block) => [...block.text.matchAll(/^(?:! )?fairgate (.*)$/gm)])];
    for (const [, words] of said) {
      const [one, two] = words.replace(/^--json /, '').split(/\s+/);
      if (!names.has(one) && !names.has(`${one} ${two}`)) unknown.push(`${page}: fairgate ${words}`);
    }
  }
  assert.deepEqual(unknown, []);
});

test('every block of commands is run by a test or says why it is not', () => {
  const silent = [];
  for (const page of pages) {
    for (const { language, words, line } of blocksOf(read(page))) {
      const plain = ['', 'sql', 'nginx'].includes(language) && words === '';
      const answer = ['json', 'text'].includes(language) && words === 'answer';
      const commands = language === 'sh' && /^(per-order|not-run: .{10,})?$/.test(words);
      if (!plain && !answer && !commands) silent.push(`${page}:${line}: ${language} ${words}`);
    }
  }
  assert.deepEqual(silent, []);
});

// Commands are run once, on the English page.
test('Korean pages have the commands of the English ones, and no others', () => {
  const other = [];
  for (const page of pages.filter((each) => each.startsWith('docs/ko/'))) {
    const english = new Set(blocksOf(read(page.replace('/ko/', '/'))).map(({ text }) => text));
    for (const { text, line } of blocksOf(read(page))) if (!english.has(text)) other.push(`${page}:${line}`);
  }
  assert.deepEqual(other, []);
});

test('the integration pages name each header of a letter and each claim of a token', () => {
  const names = (path, pattern) => [...read(`payment-adapter/src/${path}`).matchAll(pattern)].map(([, name]) => name);
  const wanted = { 'shop.md': names('letters/shop_letters.c', /"([A-Za-z-]+): [^"]*%s/g), 'users.md': names('api/login_http.c', /jwt\.payload, "(\w+)"/g) };
  assert.deepEqual(Object.values(wanted).map(({ length }) => length), [3, 1]);
  const missing = Object.entries(wanted).flatMap(([page, all]) => ['docs', 'docs/ko'].flatMap((dir) =>
    all.filter((name) => !read(`${dir}/integrate/${page}`).includes(`\`${name}`)).map((name) => `${dir} ${page}: ${name}`)));
  assert.deepEqual(missing, []);
});

test('diagrams tell what the code does', () => {
  const moves = movesOf('queue-front/src/core/event/event_state.c', 'state_next', 'LINE_');
  const states = /^ {4}State:[\s\S]*?enum: \[([^\]]*)\]/m.exec(read('queue-front/openapi.yaml'))[1].split(',').map((word) => word.trim());
  assert.deepEqual(Object.keys(moves).sort(), states.sort());
  for (const [from, to] of [['payment-adapter', 'demo-shop'], ['queue-front', 'redis'], ['seat-service', 'postgres'], ['edge', 'seat-service']]) {
    assert.ok(calls().some((call) => call.from === from && call.to === to), `${from} calls ${to}`);
  }
  assert.ok(!calls().some(({ from, to }) => from === 'queue-front' && to === 'postgres'), 'the waiting room knows no PostgreSQL');
});
