// installed.js FOLDER: writes the pages that alerts and README.Debian name, and the files of the tree that these pages name,
// below FOLDER with the tree's paths. Links to other files become plain words, pictures nothing. infra/install calls it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { changeLinks, handbook, linksOf, targetOf } from './pages.js';
import { textOf } from './texts.js';

const pages = handbook().filter((page) => /^docs\/(ko\/)?(operate\/|integrate\/(doors|payment|shop|users))/.test(page));
const known = new Set(pages);
for (const page of pages) for (const target of linksOf(textOf(page))) if (!target.endsWith('.png')) known.add(targetOf(page, target)?.file ?? page);
for (const file of known) {
  const to = join(process.argv[2], file);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, changeLinks(textOf(file), ({ all, picture, words, target }) => known.has(targetOf(file, target)?.file ?? file) ? all : picture ? '' : words));
}
