// Invariants of the places of a sharded line after any failure, checked by its cuts.

import assert from 'node:assert/strict';
import { Cuts } from '../line/shards.js';
import { answered } from './crowd.js';

export const range = ([from, upto]) => Array.from({ length: upto - from + 1 }, (_, i) => from + i);

// All cuts, as stored by the server of the event's slot.
async function cutsOf(redis, { shards = 4, event = 'show' } = {}) {
  const entries = await redis.command('XRANGE', `fg:{${event}}:cuts`, '-', '+');
  return new Cuts(entries.map(([, fields]) => fields[1]), shards);
}

// Each place belongs to one visitor or to a hole. Returns the cuts.
//
// A lost server may lose the keys of joins that were counted but not answered yet. Visitors who retry get another place, and
// the first one is a ghost; there are at most as many of these as joins were in progress.
export async function assertPlacesAreWhole(crowd, redis, { ghosts = 0 } = {}) {
  crowd.assertNoPlaceTwice();
  const cuts = await cutsOf(redis);
  const holes = new Set(cuts.leftOut.flatMap(range));
  const mine = new Set(crowd.places.values());
  const nobodys = range([1, cuts.places]).filter((place) => !mine.has(place) && !holes.has(place));
  assert.ok(nobodys.length <= ghosts, `places that are neither somebody's nor of a hole: ${nobodys}`);
  assert.ok(Math.max(...mine) <= cuts.places, 'a place that no cut gives');
  return cuts;
}

// A repeated join gives the same place at any front.
export async function assertRepeatsAreTheSame(crowd, fronts, { keys = [...crowd.places].slice(0, 20).concat([...crowd.places].slice(-20)) } = {}) {
  for (const [i, [key, place]] of keys.entries()) {
    const { http } = fronts[i % fronts.length];
    const answer = await answered(() => http.post('/v1/queue/show/join', { headers: { 'idempotency-key': key } }));
    assert.equal(answer.json.position, place, `${key}: ${answer.status} ${answer.text}`);
  }
}
