// vendor.js [--check]: bundles scripts with esbuild into files that are kept in the repository, so that
// building and running need no npm: other people's work in the console, and the scripts of pages that must
// load fast, one file each. What the waiting page loads later imports from that file what they share. Written
// again by `make bundles`; `--check` only compares. A bundle of others' work begins with its licence's line;
// the whole text is in queue-front/web/licences.txt.

import { build } from 'esbuild';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const at = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => readFileSync(at(path), 'utf8');
const MANNER = { bundle: true, minify: true, write: false, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none' };

async function bundle(name, entry) {
  const { version, license } = JSON.parse(read(`node_modules/${name}/package.json`));
  const { outputFiles } = await build({ ...MANNER, entryPoints: [at(`node_modules/${name}/${entry}`).pathname] });
  return `/* ${name} ${version}, ${license}; made by infra/vendor.js */\n${outputFiles[0].text}`;
}

// What pages share lies in web/ and is served beside them: they name it as a neighbour.
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

// A page's first script fetches its second; what both use the first one has, and hands on.
const second = (name) => ({
  name: 'second',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\/(hall|kit|plan)\.js$/ }, () => ({ path: `./${name}`, external: true })),
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
  'queue-front/web/bls.min.js': `/* @noble/curves ${versionOf('@noble/curves')}, @noble/hashes ${versionOf('@noble/hashes')}, MIT; made by infra/vendor.js */\n${await page('queue-front/web/bls.js')}`,
  'queue-front/web/licences.txt': licences(['uplot', '@noble/curves', '@noble/hashes']),
  'seat-service/web/hall.min.js': await page('seat-service/web/hall.js'),
  'seat-service/web/later.min.js': await page('seat-service/web/later.js', [], [second('hall.js')]),
  'queue-front/web/wait.min.js': await page('queue-front/web/wait.js'),
  'queue-front/web/fair.min.js': await page('queue-front/web/fair.js', ['./bls.min.js']),
  'payment-adapter/web/checkout.min.js': await page('payment-adapter/web/checkout.js'),
  'payment-adapter/web/order.min.js': await page('payment-adapter/web/order.js'),
};

for (const [path, text] of Object.entries(wanted)) {
  if (process.argv[2] !== '--check') writeFileSync(at(path), text);
  else if (!existsSync(at(path)) || read(path) !== text) {
    console.error(`${path} is not what its sources make: make bundles`);
    process.exitCode = 1;
  }
}
