// The checkout at a full edge: p99 of its pages, each on a new connection, while visitors hold all streams that a bound of
// 200 connections allows and others ask for first views; relative to the same edge without them. HAProxy is configured by
// fairgate-edge, with a stand-in behind it.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { byHttp1, come, MOST, openCrowded } from '../../tests/lib-js/full-edge.js';
import { delay, freePort, ROOT, until } from '../../tests/lib-js/index.js';
import { inTurns, ratio, spread } from './lib/compare.js';
import { SERVER_CORE } from './lib/front.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const PAGES = 300;
const NEWCOMER_MS = 50;
const GONE_MS = 2000; // until the edge has noticed that all have left

export default async function suite({ scope, add }) {
  const [behind, port, dir] = [await openCrowded(scope), await freePort(), scope.tempDir('edge-')];
  const [conf, cfg] = ['edge.conf', 'edge.cfg'].map((name) => join(dir, name));
  writeFileSync(conf, `listen = 127.0.0.1:${port}\nfronts = 127.0.0.1:${behind}:${behind}\npay = 127.0.0.1:${behind}:${behind}\nmaxconn = ${MOST}\nsocket = ${dir}/edge.sock\nnew_connections_per_10s = 1000000\nrequests_per_10s = 1000000\n`);
  execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [conf, cfg]);
  scope.spawn('haproxy', ['taskset', '-c', String(SERVER_CORE), 'haproxy', '-db', '-f', cfg], { stays: true });
  const comes = () => come(() => byHttp1(port), 'demo');
  await until('the edge', async () => {
    const { stream, leave } = await comes();
    leave?.();
    return stream?.status === 200;
  });

  async function p99() {
    const took = [];
    while (took.length < PAGES) {
      const { ask, leave } = byHttp1(port);
      const began = performance.now();
      const { status } = await ask('/pay/checkout', 'GET', { accept: 'text/html' });
      took.push(performance.now() - began);
      leave();
      if (status !== 200) throw new Error(`the checkout answers ${status}`);
    }
    return took.sort((a, b) => a - b)[Math.floor(0.99 * PAGES)];
  }

  async function p99OfFull() {
    const crowd = [];
    do crowd.push(await comes()); while (crowd.at(-1).page.status === 200);
    const newcomers = setInterval(() => comes().then(({ leave }) => leave?.(), () => {}), NEWCOMER_MS);
    const took = await p99();
    clearInterval(newcomers);
    for (const { leave } of crowd) leave?.();
    await delay(GONE_MS);
    return took;
  }

  const taken = await inTurns({ quiet: p99, full: p99OfFull }, ROUNDS);
  const ms = (name) => `${spread(taken[name]).median.toFixed(2)} ms`;
  add({ name: 'p99 of the checkout at a full edge, of a quiet one', value: ratio(taken, 'full', 'quiet'), note: `${ms('full')} and ${ms('quiet')}`, atMost: 1.2 });
}
