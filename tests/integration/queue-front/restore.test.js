// An event that is created again from its archive: tickets keep their positions, and an incomplete or foreign file creates
// nothing. Two fronts with a real Redis.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, openScope, runProgram, until } from '../../lib-js/index.js';
import { ROOT } from '../../lib-js/service.js';
import { act, archiveOf, fairnessOf, invitationsOf, joinInTurn, makeEvent, makePreQueue, openSite, untilDrawn, untilDrawnEverywhere, untilState, Visitor } from './support.js';

const path = '/admin/events/show';

const restore = (front, body, id = 'show') =>
  front.admin.post(`/admin/events/${id}/actions/restore`, { body, headers: { 'X-Operator': 'kim' } });

async function remove(site, id = 'show') {
  const headers = { 'If-Match': (await site.front.admin.get(`/admin/events/${id}`)).headers.etag };
  assertStatus(await site.front.admin.delete(`/admin/events/${id}?unarchived=true`, { headers }), 204);
  for (const front of site.fronts)
    await until('all to have forgotten it', async () => (await front.http.get(`/v1/queue/${id}/status`)).status === 404);
  await until('nothing to be left of it', async () =>
    (await site.redis.command('KEYS', `fg:{${id}}:*`)).every((key) => key.endsWith(':erased')));
}

// Changes one line of it.
const altered = (text, number, change) =>
  text.split('\n').map((line, i) => (i === number ? change(line) : line)).join('\n');

describe('an event made again from its archive', async () => {
  const scope = openScope(test);
  const site = await openSite(null, { scope, fronts: 2 });
  await makePreQueue(site, 'show', { rate_per_s: 0, burst: 1, lanes: [{ id: 'fans', name: 'Fans', share: 20, invitations: 5 }] });
  const codes = await invitationsOf(site.front, 'show');
  const visitors = [...await joinInTurn(site, 'show', 25), ...await joinInTurn(site, 'show', 3, (i) => ({ headers: { 'x-invitation': codes[i] } }))];
  await act(site.front, 'show', 'draw');
  for (const line of ['', '?lane=fans']) await untilDrawnEverywhere(site, 'show', line); // each comes with its own tick
  await visitors[3].leave();
  visitors.splice(3, 1); // this visitor's browser has lost the ticket
  const places = await Promise.all(visitors.map(async (visitor) => (await visitor.me()).json.position));
  await act(site.front, 'show', 'close');
  for (const front of site.fronts) await untilState(front, 'show', 'closed');
  let text = await archiveOf(site.front, 'show');
  const head = JSON.parse(text.split('\n')[0]);
  const drawn = await fairnessOf(site.front);
  const ofFans = await fairnessOf(site.front, 'show', '?lane=fans');
  const figures = head.figures;

  test('verify-draw checks each line of an archive', () => {
    const file = join(scope.dir(), 'show.ndjson');
    const verify = (body, ...more) => {
      writeFileSync(file, body);
      const program = runProgram('queue-front', ['verify-draw', file, ...more]);
      const script = spawnSync(process.execPath, [join(ROOT, 'queue-front/verify/verify-draw.js'), file, ...more], { encoding: 'utf8' });
      assert.equal(script.status, program.status, script.stderr);
      assert.match(script.stdout + script.stderr, program.status === 2 ? /without its draw/ : /event +show/);
      return program;
    };
    const good = verify(text);
    assert.equal(good.status, 0, good.stderr);
    assert.match(good.stdout, /25, each position given once[^]*lane +fans[^]*3, each position given once/);
    assert.equal(verify(text, '--commitment', ofFans.commitment).status, 0);
    assert.equal(verify(text, '--commitment', '00'.repeat(32)).status, 1);
    const other = altered(text, 2, (line) => line.replace(ofFans.seed, '00'.repeat(32)));
    assert.equal(verify(other).status, 1, 'one forged draw is one too many');
    assert.equal(verify(text.split('\n')[0]).status, 2, 'an archive without its draw');
  });

  test('while the event is there nothing is restored over it', async () => {
    assertStatus(await restore(site.front, text), 200);
    const { audit } = (await site.front.admin.get(`${path}/audit`)).json;
    assert.ok(!audit.some(({ what }) => what === 'restore'), 'nothing was done');
    assertProblem(await restore(site.front, text, 'other'), 409, 'archive-of-another');
  });

  test('an incomplete or foreign archive is refused', async () => {
    await remove(site);
    const lines = text.split('\n');
    const cases = [
      ['archive-tampered', altered(text, 0, (line) => line.replace('"issued":25', '"issued":26'))],
      ['archive-tampered', altered(text, 1, (line) => line.replace(drawn.seed, '00'.repeat(32)))],
      ['archive-tampered', altered(text, 3, (line) => line.replace(/"mac":"../, '"mac":"zz'))],
      ['archive-tampered', text.replace('"what":"create"', '"what":"crease"')],
      ['archive-tampered', text + text],
      ['archive-incomplete', text.slice(0, text.length / 2)],
      ['archive-incomplete', lines.slice(0, 2).join('\n') + '\n'],
      ['archive-incomplete', lines.slice(0, -2).join('\n') + '\n'],
      ['archive-incomplete', lines.filter((_, i) => i !== 4).join('\n')],
      ['archive-format-unknown', altered(text, 0, (line) => line.replace('"format_version":2', '"format_version":1'))],
      ['archive-unreadable', 'x'],
      ['archive-unreadable', '{}\n'],
    ];
    for (const [code, body] of cases) assertProblem(await restore(site.front, body), 422, code);
    const key = lines[3].replace(/"key":\d+/, '"key":77');
    assertProblem(await restore(site.front, altered(text, 3, () => key)), 409, 'archive-key-missing');
    assert.equal((await site.front.admin.get(path)).status, 404);
    assertStatus(await site.front.private.call('POST', `${path}/actions/restore`, { body: text }), 401);
  });

  test('a restored event keeps its tickets and its draw', async () => {
    const made = assertStatus(await restore(site.front, text), 201);
    assert.deepEqual([made.json.incarnation, made.json.state, made.json.version],
      [head.incarnation, 'closed', head.version]);
    for (const front of site.fronts) {
      await until('all to know it again', async () => (await front.http.get('/v1/queue/show/status')).status === 200);
      const again = await untilDrawn(front, 'show', '?lane=fans');
      assert.deepEqual([await untilDrawn(front), again], [drawn, ofFans]);
      for (const [i, visitor] of visitors.entries()) {
        const me = await visitor.me({ front });
        assert.deepEqual([me.status, me.json.position, me.json.state], [200, places[i], 'closed']);
      }
    }
    const now = JSON.parse((await archiveOf(site.fronts[1], 'show')).split('\n')[0]);
    assert.deepEqual(now.figures, figures);
    assert.deepEqual(now.restore, head.restore);
    assert.deepEqual(now.document, head.document);
    const { audit } = (await site.front.admin.get(`${path}/audit`)).json;
    assert.deepEqual([audit.length, audit[0].what, audit[0].who], [1, 'restore', 'kim (admin token)']);
  });

  test('a second restore changes nothing and is audited once', async () => {
    for (const front of site.fronts) assert.equal((await restore(front, text)).status, 200);
    const { audit } = (await site.front.admin.get(`${path}/audit`)).json;
    assert.equal(audit.length, 1);
    for (const front of site.fronts)
      await until('it to be over', async () =>
        !(await front.admin.get('/admin/events')).json.events.some(({ id }) => id === 'show'));
    const { events } = (await site.front.admin.get('/admin/ended')).json;
    assert.equal(events.filter(({ id }) => id === 'show').length, 1);
  });

  test('another event of the id stays as it is', async () => {
    await remove(site);
    await makeEvent(site, 'show', {});
    const visitor = new Visitor(site.front, 'show');
    assert.equal((await visitor.joined()).position, 1);
    assertProblem(await restore(site.front, text), 409, 'event-exists');
    assert.equal((await visitors[0].me()).json.code, 'event-renewed');
    assert.equal((await site.front.admin.get(path)).json.state, 'open');
  });
});
