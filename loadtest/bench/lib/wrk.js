// One run of wrk. A run with a single failed request did different work than the side that it is compared with, so it is an
// error.

import { fileURLToPath } from 'node:url';
import { cpuUs, runPinned } from './machine.js';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const WRK_DIR = fileURLToPath(new URL('../../wrk', import.meta.url));

export async function wrk({
  url,
  script = 'get.lua',
  core = 1, // or a list, as for taskset
  connections = 64,
  seconds = SECONDS,
  env = {},
  allowStatus = false,
}) {
  const argv = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', `${WRK_DIR}/${script}`, url];
  const out = await runPinned(core, argv, { env: { WRK_DIR, ...env } });
  const line = out.split('\n').find((text) => text.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`wrk said nothing that can be read: ${out}`);
  const report = JSON.parse(line);
  const { status, ...broken } = report.errors;
  const failed = Object.values(broken).reduce((sum, count) => sum + count, 0);
  if (failed > 0 || (status > 0 && !allowStatus))
    throw new Error(`wrk on ${url}: ${JSON.stringify(report.errors)} of ${report.requests}`);
  report.rps = (report.requests * 1e6) / report.duration_us;
  return report;
}

// CPU microseconds that `pid` uses per request, from one run of wrk.
export async function cpuPerRequest(pid, options) {
  const before = cpuUs(pid);
  const { requests } = await wrk(options);
  return (cpuUs(pid) - before) / requests;
}
