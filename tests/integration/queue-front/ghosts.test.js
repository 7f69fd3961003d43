// Ghosts: visitors who left neither delay the line nor count as waiting, and can come back without loss.

import assert from 'node:assert/strict';
import test from 'node:test';
import { delay, until } from '../../lib-js/index.js';
import { act, joinInTurn, makePreQueue, openShow, openSite } from './support.js';

const PEOPLE = 40;
const RATE = 5;
const GONE_AFTER_MS = 3000;

// Half of them keep polling, at another front each time; the others have left.
async function halfGone(t, fronts, ask = (visitor, options) => visitor.me(options), goneAfterMs = GONE_AFTER_MS) {
  const site = await openShow(t, { rate_per_s: RATE, burst: 1, max_active: 0 }, { fronts, config: { line: { gone_after: `${goneAfterMs}ms` } } });
  await act(site.front, 'show', 'pause');
  const people = await joinInTurn(site, 'show', PEOPLE);
  const here = people.filter((_, i) => i % 2 === 0);
  let turn = 0;
  const poll = () => {
    turn += 1;
    return Promise.all(here.map((visitor, i) =>
      ask(visitor, { front: site.fronts[(turn + i) % fronts] })));
  };
  return { site, people, here, gone: people.filter((_, i) => i % 2 === 1), poll };
}

const waiting = async (front) => (await front.http.get('/v1/queue/show/status')).json.waiting;

test('ghosts do not count and enter next when they return', async (t) => {
  const { site, people, gone, poll } = await halfGone(t, 2);
  const last = people.at(-2);
  assert.equal(last.first.position, PEOPLE - 1);
  await until('both fronts to know who is there', async () => {
    await poll();
    const counts = await Promise.all(site.fronts.map(waiting));
    const replies = await Promise.all(site.fronts.map((front) => last.me({ front })));
    return counts.every((count) => count === PEOPLE / 2) && replies.every(({ json }) => json.ahead <= PEOPLE / 2 + 1);
  });
  const { json: before } = await last.me();
  assert.equal(before.position, PEOPLE - 1);

  await act(site.front, 'show', 'resume');
  const began = Date.now();
  let further = false; // further than one token per place, ghosts included, would get
  await until('the last who is there to be called', async () => {
    await poll();
    const { serving } = (await site.front.http.get('/v1/queue/show/status')).json;
    further ||= serving > 1 + RATE * ((Date.now() - began) / 1000 + 1);
    return (await last.me()).json.called;
  });
  const tookS = (Date.now() - began) / 1000;
  assert.ok(further || tookS > (PEOPLE - 2) / RATE, `called after ${tookS} s`); // a machine this slow proves nothing

  for (const ghost of gone.slice(0, 2)) {
    const { json } = await ghost.me();
    assert.equal(json.position, ghost.first.position);
    assert.equal(json.called, true);
    await until('the pass', async () => (await ghost.pass()).status < 300);
  }
});

// As a browser without scripts: it only reloads the page.
test('a page without a script gives signs of life', async (t) => {
  const page = (visitor, { front }) => front.http.get('/e/show', { headers: { ...visitor.jar.headers, accept: 'text/html' } });
  const { site, people, here, poll } = await halfGone(t, 1, page);
  await until('those who have gone to be left out', async () => {
    await poll();
    return (await waiting(site.front)) === PEOPLE / 2;
  });
  await act(site.front, 'show', 'resume');
  await until('the last of them to be called', async () => {
    await poll();
    return /data-view="called"/.test((await page(here.at(-1), { front: site.front })).text);
  });
  assert.equal((await people.at(-2).me()).json.called, true);
});

// A rolling deploy, and worse: each front in its turn leaves or dies and comes back, while those who are
// there poll whichever answers. Nobody new goes and nobody comes back, so nothing may change for anybody.
// judges: place
test('fronts that leave, die and come back change nothing for those who wait', async (t) => {
  for (let goneAfterMs = GONE_AFTER_MS; ; goneAfterMs *= 3) {
    const seen = { longestMs: 0 }; // the longest time between two polls of one visitor
    try {
      return await rollThrough(t, goneAfterMs, seen);
    } catch (error) {
      // On a machine this slow they may rightly count as gone: repeated with longer epochs.
      if (seen.longestMs < goneAfterMs / 2 || goneAfterMs > 9 * GONE_AFTER_MS) throw error;
    }
  }
});

async function rollThrough(t, goneAfterMs, seen) {
  const { site, here, poll } = await halfGone(t, 3, undefined, goneAfterMs);
  await until('every front to know who is there', async () => {
    await poll();
    const counts = await Promise.all(site.fronts.map(waiting));
    const last = await Promise.all(site.fronts.map((front) => here.at(-1).me({ front })));
    return counts.every((count) => count === PEOPLE / 2) &&
      last.every(({ json }) => json.ahead === PEOPLE / 2 - 1);
  });

  const up = new Set(site.fronts);
  let asked = 0;
  const round = async () => {
    await Promise.all(here.map(async (visitor, before) => {
      asked += 1;
      const front = [...up][asked % up.size];
      const began = performance.now();
      const { json } = await visitor.me({ front });
      seen.longestMs = Math.max(seen.longestMs, performance.now() - (visitor.askedAt ?? began));
      visitor.askedAt = began;
      assert.equal(json.ahead, before, `visitor ${before} at ${front.name}`);
    }));
    for (const front of up) assert.equal(await waiting(front), PEOPLE / 2, `waiting at ${front.name}`);
  };
  // They keep polling meanwhile.
  const during = async (work) => {
    let over = false;
    const end = work.finally(() => { over = true; });
    end.catch(() => {}); // awaited below, unless a round has failed before
    while (!over) {
      await round();
      await delay(100);
    }
    return end;
  };
  const rounds = (epochs) => during(delay(epochs * goneAfterMs));
  for (const [front, end] of [[site.fronts[0], 'stop'], [site.fronts[1], 'kill'], [site.fronts[2], 'stop']]) {
    up.delete(front);
    await during(front[end]());
    await rounds(1.5);
    await during(front.start());
    up.add(front);
    await rounds(end === 'kill' ? 1.5 : 0.5); // enough for lost marks to show
  }
  // And a visitor who leaves now becomes a ghost.
  here.splice(PEOPLE / 4);
  await until('them to be missed', async () => {
    await Promise.all(here.map((visitor) => visitor.me({ front: site.front })));
    return (await waiting(site.front)) === PEOPLE / 4;
  });
}

// Before the draw there are no places to be marked.
test('a visitor at the opening has a whole epoch for a sign of life', async (t) => {
  const EPOCH_MS = 6000;
  const epoch = () => Math.floor(Date.now() / EPOCH_MS);
  const site = await openSite(t, { config: { line: { gone_after: `${EPOCH_MS}ms` } } });
  await makePreQueue(site, 'show', { rate_per_s: 0 });
  await joinInTurn(site, 'show', PEOPLE);
  await until('all of them to be counted', async () => (await waiting(site.front)) === PEOPLE);
  await until('an epoch to be nearly over', () => Date.now() % EPOCH_MS > EPOCH_MS - 1000);
  const openedIn = epoch();
  await act(site.front, 'show', 'open');
  const counts = new Set();
  await until('that epoch to be over', async () => {
    const count = await waiting(site.front);
    if (epoch() > openedIn + 1) return true;
    counts.add(count);
    return false;
  });
  assert.deepEqual([...counts], [PEOPLE]);
});
