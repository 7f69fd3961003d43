// What must be true of the places of a line over shards, after whatever happened: told by its cuts.

import assert from 'node:assert/strict';
import { Cuts } from '../line/shards.js';
import { answered } from './crowd.js';

export const range = ([from, upto]) => Array.from({ length: upto - from + 1 }, (_, i) => from + i);

// All cuts, as the server of the event's slot has them.
async function cutsOf(redis, { shards = 4, event = 'show' } = {}) {
  const entries = await redis.command('XRANGE', `fg:{${event}}:cuts`, '-', '+');
  return new Cuts(entries.map(([, fields]) => fields[1]), shards);
}

// Each place is somebody's or of a hole, none is twice. -> the cuts
//
// A server that is lost may take along keys of joins that were counted and not answered yet. People who ask again have
// another place then, and the first one is a ghost: no more of these than there were joins under way.
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

// A join that is repeated gives the same place, at any front.
export async function assertRepeatsAreTheSame(crowd, fronts, { keys = [...crowd.places].slice(0, 20).concat([...crowd.places].slice(-20)) } = {}) {
  for (const [i, [key, place]] of keys.entries()) {
    const { http } = fronts[i % fronts.length];
    const answer = await answered(() => http.post('/v1/queue/show/join', { headers: { 'idempotency-key': key } }));
    assert.equal(answer.json.position, place, `${key}: ${answer.status} ${answer.text}`);
  }
}
