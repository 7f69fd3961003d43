// vendor.js FOLDER: bundles the pages' scripts with esbuild below FOLDER, under the paths they would have in the tree:
// third-party code of the console, and one file for each page that must load fast. Scripts that a page loads later import
// shared code from its first file. A third-party bundle begins with its licence line; the full texts are in
// queue-front/web/licences.txt. The Makefile runs this when a script has changed.

import { build } from 'esbuild';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const at = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => readFileSync(at(path), 'utf8');
const MANNER = { bundle: true, minify: true, write: false, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none' };

async function bundle(name, entry) {
  const { version, license } = JSON.parse(read(`node_modules/${name}/package.json`));
  const { outputFiles } = await build({ ...MANNER, entryPoints: [at(`node_modules/${name}/${entry}`).pathname] });
  return `/* ${name} ${version}, ${license}; bundled by infra/vendor.js */\n${outputFiles[0].text}`;
}

// Shared scripts are in web/ and are served next to the pages, so pages import them from the same folder.
const shared = {
  name: 'shared',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\// }, ({ path }) => {
    const here = at(`web/${path}`).pathname;
    return existsSync(here) ? { path: here } : null;
  }),
};

async function page(entry, external = [], plugins = [shared]) {
  const { outputFiles } = await build({ ...MANNER, entryPoints: [at(entry).pathname], plugins, external });
  return outputFiles[0].text;
}

// A page's first script loads its second. The first one exports the code that both use.
const second = (name, shares) => ({
  name: 'second',
  setup: ({ onResolve }) => onResolve({ filter: new RegExp(`^\\./(${shares})\\.js$`) }, () => ({ path: `./${name}`, external: true })),
});

const versionOf = (name) => JSON.parse(read(`node_modules/${name}/package.json`)).version;

function licences(names) {
  const texts = names.map((name) => {
    const { version, license, homepage } = JSON.parse(read(`node_modules/${name}/package.json`));
    return `${name} ${version} (${license})\n${homepage}\n\n${read(`node_modules/${name}/LICENSE`).trim()}\n`;
  });
  return `What our pages carry of other people's work, with thanks.\n\n${texts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

const wanted = {
  'web/console/uplot.js': await bundle('uplot', 'dist/uPlot.esm.js'),
  'web/console/uplot.css': await bundle('uplot', 'dist/uPlot.min.css'),
  'web/console/size.min.js': await page('loadtest/sim/whole/closed.js', [], []),
  'queue-front/web/bls.min.js': `/* @noble/curves ${versionOf('@noble/curves')}, @noble/hashes ${versionOf('@noble/hashes')}, MIT; bundled by infra/vendor.js */\n${await page('queue-front/web/bls.js')}`,
  'queue-front/web/licences.txt': licences(['uplot', '@noble/curves', '@noble/hashes']),
  'seat-service/web/hall.min.js': await page('seat-service/web/hall.js'),
  'seat-service/web/later.min.js': await page('seat-service/web/later.js', [], [second('hall.js', 'hall|kit|plan')]),
  'queue-front/web/wait.min.js': await page('queue-front/web/wait.js'),
  'queue-front/web/place.min.js': await page('queue-front/web/place.js', [], [second('wait.js', 'kit|show')]),
  'queue-front/web/fair.min.js': await page('queue-front/web/fair.js', ['./bls.min.js']),
  'payment-adapter/web/checkout.min.js': await page('payment-adapter/web/checkout.js'),
  'payment-adapter/web/order.min.js': await page('payment-adapter/web/order.js'),
};

const [folder] = process.argv.slice(2);
for (const [path, text] of Object.entries(wanted)) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
