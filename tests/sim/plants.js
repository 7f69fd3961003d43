// plants.js: the bugs of plants/WORLD.txt. An entry is a name, a sentence and, for each place, its file and lines; those in
// the file, with - or a space in front, occur there once and are replaced by those with + or a space.
//
//   plants.js                prints the world and the name of each bug
//   plants.js --check        prints the bugs that cannot be planted
//   plants.js NAME FOLDER    plants one in that copy of the tree, and prints the files that it changed

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLANTS = fileURLToPath(new URL('plants', import.meta.url));

function readBug(world, entry) {
  const [name, , ...lines] = entry.split('\n');
  const places = [];
  for (const line of lines) {
    const [sign, text] = [line[0], `${line.slice(1)}\n`];
    if (sign === '@') places.push({ file: text.trim(), was: '\n', is: '\n' });
    else for (const side of { '-': ['was'], '+': ['is'], ' ': ['was', 'is'] }[sign]) places.at(-1)[side] += text;
  }
  return { world, name, places };
}

const bugs = readdirSync(PLANTS).filter((file) => file.endsWith('.txt')).flatMap((file) =>
  readFileSync(join(PLANTS, file), 'utf8').trimEnd().split('\n\n').map((entry) => readBug(file.replace('.txt', ''), entry)));

function changed({ file, was, is }, folder) {
  const text = `\n${readFileSync(join(folder, file), 'utf8')}`;
  const at = text.indexOf(was);
  if (was === '\n' || at < 0 || at !== text.lastIndexOf(was)) throw new Error(`${file} does not have these lines once:${was}`);
  return `${text.slice(1, at)}${is.slice(at === 0 ? 1 : 0)}${text.slice(at + was.length)}`;
}

function plant({ places }, folder) {
  for (const place of places) writeFileSync(join(folder, place.file), changed(place, folder));
  return [...new Set(places.map(({ file }) => file))].join('\n');
}

function whyNot({ name, places }) {
  try {
    for (const place of places) changed(place, ROOT);
    return [];
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
}

const [name, folder] = process.argv.slice(2);
if (name === '--check') console.log(bugs.flatMap(whyNot).join('\n'));
else if (name === undefined) console.log(bugs.map((bug) => `${bug.world} ${bug.name}`).join('\n'));
else console.log(plant(bugs.find((bug) => bug.name === name), folder));
