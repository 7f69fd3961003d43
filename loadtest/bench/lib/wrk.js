// One run of wrk, its answer judged before it is believed: a run in which a single request failed did other
// work than its opponent and is an error.

import { fileURLToPath } from 'node:url';
import { cpuUs, runPinned } from './machine.js';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const WRK_DIR = fileURLToPath(new URL('../../wrk', import.meta.url));

export async function wrk({
  url,
  script = 'get.lua',
  core = 1, // or a list, as taskset takes it
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

// CPU microseconds of `pid` per request of one run of wrk.
export async function cpuPerRequest(pid, options) {
  const before = cpuUs(pid);
  const { requests } = await wrk(options);
  return (cpuUs(pid) - before) / requests;
}
