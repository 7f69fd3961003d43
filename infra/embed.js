// embed.js FOLDER FILE...: makes C of the files that programs carry. FOLDER/FILE.inc is a C string, included where an
// expression is allowed: #include "web/base.css.inc". The languages of a page are in one more file, text.words.inc, with a
// row for each (common/web/lang.h). Files in TABLES are compressed here instead of at each start. A bundle is named by the
// path it would have in the tree. An unchanged output is not rewritten, so nothing is recompiled for it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const [folder, ...paths] = process.argv.slice(2);
const BUNDLES = 'build/bundles/';
const LANGUAGE = /(\/text|\/console)\.(?!js$)([a-z]{2})$/;

// Styles lose their comments and the blanks around braces. Bundled scripts have no comments; others keep them.
const bytesOf = (path) => (path.endsWith('.css') ? Buffer.from(readFileSync(path, 'utf8').replace(/\/\*(?!!)[^]*?\*\/\n?/g, '').replace(/;?\s*([{}])\s*/g, '$1')) : readFileSync(path));
const files = paths.map((path) => ({ path: path.replace(BUNDLES, ''), bytes: bytesOf(path) }));

// The largest file that visitors load, their other scripts, and the console's files except its page and texts.
const TABLES = {
  'queue-front/web/bls.table.inc': ({ path }) => path === 'queue-front/web/bls.min.js',
  'queue-front/web/waiting.table.inc': ({ path }) => path === 'web/when.js' || path === 'web/money.js'
    || /^queue-front\/web\/((wait|place|fair)\.min|abroad|cached|turn|slowed|prices|alert|move|why|draw-check|pow)\.js$/.test(path),
  'web/console/console.table.inc': ({ path }) => (path.startsWith('web/console/') && !path.endsWith('.html') && !LANGUAGE.test(path))
    || ['queue-front/web/licences.txt', 'queue-front/web/icon.svg', 'queue-front/web/draw-check.js', 'web/base.css', 'web/kit.js', 'web/money.js', 'web/plan.js', 'infra/demo/halls/samples.js', 'infra/demo/halls/bowl.js', 'docs/operate/runbook.md', 'docs/runbook.ko.md'].includes(path),
};

const octets = (bytes) => `"${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"\n`;
const escaped = (line) => line.replace(/["\\]/g, '\\$&').replaceAll('??', '?\\?');
const string = ({ path, bytes }) => (path.endsWith('.png') ? octets(bytes) : bytes.toString().replace(/\n$/, '').split('\n').map((line) => `"${escaped(line)}\\n"\n`).join(''));
const row = (file) => `FILE_OF("${basename(file.path).replace(/^(wait|place|fair)\.min/, '$1')}", ${extname(file.path).slice(1)},\n${string(file)},\n${octets(gzipSync(file.bytes, { level: 9 }))},\n${octets(brotliCompressSync(file.bytes))})\n`;

function write(path, text) {
  const to = `${folder}/${path}`;
  if (existsSync(to) && readFileSync(to, 'utf8') === text) return;
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}

const words = {};
for (const file of files) {
  write(`${file.path}.inc`, string(file));
  const [, name, language] = LANGUAGE.exec(file.path) ?? [];
  if (name === undefined) continue;
  const path = `${dirname(file.path)}${name}.words.inc`;
  words[path] = `${words[path] ?? ''}[LANG_${language.toUpperCase()}] = SITE_BYTES(\n${string(file)}),\n`;
}
for (const [path, text] of Object.entries(words)) write(path, text);
for (const [path, holds] of Object.entries(TABLES)) write(path, files.filter(holds).map(row).join(''));
// The gaps and blocks of the waiting page. Its other placeholders have the same value for all visitors (common/web/site.h).
const WAITING = 'queue-front/web/waiting';
const FIXED = ['brand', 'files', 'lang', 'languages', 'words'];
const named = readFileSync(`${WAITING}.html`, 'utf8').matchAll(/\{\{#?([a-z-]+)\}\}/g);
const gaps = new Set([...named].map(([, name]) => name).filter((name) => !FIXED.includes(name)));
write(`${WAITING}.gaps.inc`, [...gaps].map((name) => `GAP_OF(${name.toUpperCase().replaceAll('-', '_')}, "${name}")\n`).join(''));
write('version.inc', `#define FAIRGATE_VERSION "${readFileSync('VERSION', 'utf8').trim()}"\n`);
