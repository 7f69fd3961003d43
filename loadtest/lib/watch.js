// Samples the resources that the fronts, Redis and the kernel use, every two seconds during a run.

import { readFileSync } from 'node:fs';
import { client } from '../../tests/lib-js/http.js';
import { timesUs } from '../bench/lib/machine.js';
import { repeat } from './repeat.js';

// Returns null if the process is gone; it may end between the two reads.
function usageOf(pid) {
  try {
    const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return { cpuMs: timesUs(pid).own / 1000, rssKb: Number(rss?.[1] ?? 0) };
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    return null;
  }
}

const usagesOf = (pids) =>
  pids.map((pid) => [pid, usageOf(pid)]).filter(([, usage]) => usage !== null);

const machineKb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
const sum = (values) => values.reduce((total, value) => total + value, 0);

async function streamsOf(front) {
  const { text } = await client({ port: front.privatePort, timeoutMs: 2000 }).get('/metrics');
  const found = [...text.matchAll(/^fairgate_http_streams(?:\{[^}]*\})? (\d+)/gm)];
  return sum(found.map((match) => Number(match[1])));
}

// Returns over(), which returns {samples, lines: [text]}.
export function watchFronts(stage) {
  const samples = [];
  const began = Date.now();
  let pids = [];
  const cpuMs = new Map(); // by pid; a killed front keeps the value of its last sample
  const over = repeat(2000, async () => {
    const streams = await Promise.all(stage.fronts.map((front) => streamsOf(front).catch(() => 0)));
    let used = usagesOf(pids);
    if (pids.length < stage.fronts.length || used.length < pids.length) { // a front was restarted, or soon will be
      pids = (await stage.frontPids()).filter(Number.isInteger);
      used = usagesOf(pids);
    }
    for (const [pid, usage] of used) cpuMs.set(pid, usage.cpuMs);
    samples.push({
      at_s: (Date.now() - began) / 1000,
      streams: sum(streams),
      frontsCpuMs: sum([...cpuMs.values()]),
      frontsRssKb: sum(used.map(([, { rssKb }]) => rssKb)),
      availableKb: machineKb('MemAvailable'),
    });
  });
  return async () => {
    await over();
    return { samples, lines: lines(samples, stage.fronts.length) };
  };
}

// The cost of a stream, over the period in which nearly all streams were open.
function lines(samples, fronts) {
  if (samples.length === 0) return [];
  const most = samples.reduce((a, b) => (b.streams > a.streams ? b : a), samples[0]);
  const said = [`${fronts} fronts: ${Math.round(Math.max(...samples.map(({ frontsRssKb }) => frontsRssKb)) / 1024)} MB at most, ${((samples.at(-1).frontsCpuMs - samples[0].frontsCpuMs) / 1000).toFixed(1)} s of processor time`];
  if (most.streams < 1000) return said;
  const stood = samples.filter(({ streams }) => streams >= most.streams * 0.995);
  const [from, to] = [stood[0], stood.at(-1)];
  const seconds = to.at_s - from.at_s;
  said.push(`${most.streams} streams stood for ${seconds.toFixed(0)} s; a front's memory for each: ${Math.round(((most.frontsRssKb - samples[0].frontsRssKb) * 1024) / most.streams)} B; of the whole machine, the crowd and both ends of each connection included: ${Math.round(((samples[0].availableKb - most.availableKb) * 1024) / most.streams)} B`);
  if (seconds > 0) said.push(`processor time of a front for each standing stream: ${(((to.frontsCpuMs - from.frontsCpuMs) * 1e6) / most.streams / seconds).toFixed(0)} ns a second`);
  return said;
}
