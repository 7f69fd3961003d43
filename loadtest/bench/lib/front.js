// A front of the waiting room for measurements: pinned to its core, with one event that is open and then paused.

import { startFront as startAnyFront } from '../../../tests/integration/queue-front/support.js';
import { until } from '../../../tests/lib-js/index.js';
import { pin } from './machine.js';

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
export const EVENT = 'bench';

export async function startFront(scope, redis, secrets, config = {}) {
  const front = await startAnyFront({ scope, secrets, redis }, config);
  pin(front.child.pid, SERVER_CORE);
  return front;
}

async function act(front, action) {
  const done = await front.admin.post(`/admin/events/${EVENT}/actions/${action}`, { body: {} });
  if (done.status >= 300) throw new Error(`${action}: ${done.status} ${done.text}`);
}

export async function change(front, knobs) {
  const changed = await front.admin.patch(`/admin/events/${EVENT}`, { body: knobs });
  if (changed.status !== 200) throw new Error(`a knob: ${changed.status} ${changed.text}`);
}

export async function openEvent(front, knobs = {}) {
  const body = { name: 'Bench', rate_per_s: 100, joins_per_ip_per_min: 0, ...knobs };
  const made = await front.admin.put(`/admin/events/${EVENT}`, { body });
  if (made.status >= 300) throw new Error(`creating the event: ${made.status} ${made.text}`);
  await act(front, 'open');
  await act(front, 'pause'); // people can join and poll, but nobody is called
  await until('the event to be paused', async () => {
    const status = await front.http.get(`/v1/queue/${EVENT}/status`);
    return status.status === 200 && status.json.state === 'paused';
  });
}

// Waits until the status counts at least `least` more places than `before`; returns how many more.
export async function givenSince(front, before, least) {
  return (await until('the status to count them', async () => {
    const now = await issued(front);
    return now >= before + least && now;
  })) - before;
}

export const issued = async (front) => (await front.http.get(`/v1/queue/${EVENT}/status`)).json.issued;
