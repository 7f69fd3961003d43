// build.js [OUT]: builds the handbook (docs/) as pages that can be read without a network, also from a folder.
//
// mkdocs does the main work. First the sources are collected in OUT.src: the handbook, the READMEs and other texts that it
// links to, files that it only names (as text), and diagrams and tables made from the code (draw.js). Afterwards every link
// of every page is checked, and the search index is put where a page opened from a folder finds it.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { diagrams, MADE } from './draw.js';
import { anchorsOf, changeLinks, handbook, ROOT, targetOf } from './pages.js';
import { textOf } from './texts.js';

const out = resolve(process.argv[2] ?? join(ROOT, 'build/docs'));
const src = `${out}.src`;
const PICTURE = /\.(png|svg)$/;

function put(path, text) {
  const to = join(src, path);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}

// The place in the site of a file of the tree. Programs and settings are shown as text, whatever their names.
function placeOf(file) {
  if (file.startsWith('docs/')) return file.slice('docs/'.length);
  if (file.endsWith('.md')) return `reference/${file}`;
  const seen = file.replace(/(^|\/)\./g, '$1'); // mkdocs ignores hidden files
  return PICTURE.test(seen) ? `files/${seen}` : `files/${seen}.txt`;
}

const pages = handbook();
const others = new Set();

// A page for mkdocs: its links point to places in the site.
function rewritten(page) {
  const text = textOf(page).replace(/<!-- made: (\w+) -->/g, (_, name) => MADE[name]());
  return changeLinks(fencesPlain(text), ({ all, picture, words, target }) => {
    const to = targetOf(page, target);
    if (to === null) return all;
    let { file } = to;
    if (file.startsWith('docs/diagrams/')) return all;
    const path = join(ROOT, file);
    if (!existsSync(path)) throw new Error(`${page}: ${file} is not there`);
    if (statSync(path).isDirectory()) {
      if (!existsSync(join(path, 'README.md'))) return words;
      file = join(file, 'README.md');
    }
    if (!pages.includes(file) && !others.has(file)) {
      others.add(file);
      waiting.push(file);
    }
    const anchor = to.anchor === null ? '' : `#${(file.endsWith('.md') ? anchorsOf(readFileSync(join(ROOT, file), 'utf8')).get(to.anchor) : null) ?? to.anchor}`;
    const here = posix.relative(posix.dirname(placeOf(page)), placeOf(file));
    return `${picture ? '!' : ''}[${words}](${here}${anchor})`;
  });
}

// Words behind the language of a block are only for the tests.
const fencesPlain = (text) => text.replace(/^( *```+)([a-z]+) .*$/gm, '$1$2');

const waiting = [...pages];
function gather() {
  rmSync(src, { recursive: true, force: true });
  while (waiting.length > 0) {
    const file = waiting.pop();
    if (file.endsWith('.md')) put(placeOf(file), rewritten(file));
    else {
      mkdirSync(dirname(join(src, placeOf(file))), { recursive: true });
      copyFileSync(join(ROOT, file), join(src, placeOf(file)));
    }
  }
  for (const [name, text] of Object.entries(diagrams())) put(`diagrams/${name}`, text);
  put('css/base.css', readFileSync(join(ROOT, 'web/base.css'), 'utf8'));
}

// Warnings are errors.
function make() {
  const { status, stderr } = spawnSync('mkdocs', ['build', '--strict', '-f', join(ROOT, 'infra/docs/mkdocs.yml'), '-d', out], { encoding: 'utf8', env: { ...process.env, FAIRGATE_DOCS: src } });
  if (status === 0) return;
  console.error(stderr.split('\n').filter((line) => !line.includes('INFO')).join('\n'));
  process.exit(1);
}

// mkdocs' index as a script: a page opened from a folder may not fetch anything.
function indexForSearch() {
  const { docs } = JSON.parse(readFileSync(join(out, 'search/search_index.json'), 'utf8'));
  const sections = docs.filter(({ location }) => location.includes('#')); // the others repeat whole pages
  writeFileSync(join(out, 'search/index.js'), `globalThis.handbook = ${JSON.stringify(sections.map(({ location, title, text }) => ({ location, title, text })))};\n`);
  rmSync(join(out, 'search/search_index.json'));
}

// Checks every link of every page: its file and its anchor must exist.
function brokenLinks() {
  const html = readdirSync(out, { recursive: true }).filter((name) => name.endsWith('.html'));
  const ids = new Map();
  const idsOf = (file) => {
    if (!ids.has(file)) ids.set(file, new Set([...readFileSync(file, 'utf8').matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)));
    return ids.get(file);
  };
  const broken = [];
  for (const name of html.filter((page) => page !== '404.html')) {
    const file = join(out, name);
    for (const [, link] of readFileSync(file, 'utf8').matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      if (/^([a-z]+:|\/\/)/.test(link)) continue;
      const [path, anchor] = link.replaceAll('&amp;', '&').split('#');
      const to = path === '' ? file : join(dirname(file), decodeURI(path));
      if (!existsSync(to)) broken.push(`${name}: ${link} leads to nothing`);
      else if (anchor && to.endsWith('.html') && !idsOf(to).has(decodeURIComponent(anchor))) broken.push(`${name}: ${link} has no such heading`);
    }
  }
  return { pages: html.length, broken };
}

gather();
make();
indexForSearch();
const { pages: made, broken } = brokenLinks();
if (broken.length > 0) {
  console.error(broken.join('\n'));
  process.exit(1);
}
console.log(`${made} pages in ${relative('', out) || out}; open ${relative('', join(out, 'index.html'))}`);
