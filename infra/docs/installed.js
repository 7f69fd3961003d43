// installed.js FOLDER: the pages to which alerts lead, and what these name of the tree, below FOLDER as it lies in the
// tree. Links to other files are words alone. infra/install calls it.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { koreanRunbook } from '../observe/runbook.js';
import { changeLinks, handbook, linksOf, ROOT, targetOf } from './pages.js';

const textOf = (file) => file === 'docs/ko/operate/runbook.md' ? koreanRunbook() : readFileSync(join(ROOT, file), 'utf8');
const pages = handbook().filter((page) => /^docs\/(ko\/)?(operate\/|integrate\/doors)/.test(page));
const known = new Set(pages);
for (const page of pages) for (const target of linksOf(textOf(page))) known.add(targetOf(page, target)?.file ?? page);
for (const file of known) {
  const to = join(process.argv[2], file);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, changeLinks(textOf(file), ({ all, words, target }) => known.has(targetOf(file, target)?.file ?? file) ? all : words));
}
