// Follows the READMEs' recipes "to add a ...": in a copy of the tree only the files that a recipe names are changed. The
// result is built and tested; where processes share a store also next to one of the previous version, which is this tree.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { assertProblem, openScope, ROOT, until } from '../lib-js/index.js';

const FILES_MAX = 4; // per recipe, without tests and texts
const SOURCES = ['Makefile', 'VERSION', 'package-lock.json', 'docs/operate/runbook.md', 'docs/ko/operate/runbook.md', 'infra', 'common', 'web', 'queue-front', 'seat-service', 'payment-adapter', 'loadtest/sim/whole'];

const scope = openScope(test);

const once = (work) => {
  let done;
  return () => (done ??= work());
};

// A copy of the tree in which `program` can be built incrementally. change(file, from, to) replaces `from`, which must occur
// once, by `to`; build() returns a folder with all programs, with the copy's `program`.
function copyOfTree(program) {
  const dir = scope.tempDir('recipe-');
  // Copies with all mtimes, also of folders and below a millisecond: anything newer is compiled again.
  const copy = (path) => {
    if (!existsSync(join(ROOT, path))) return;
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    execFileSync('cp', ['-a', join(ROOT, path), join(dir, path)]);
  };
  for (const path of SOURCES) copy(path);
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules')); // scripts are bundled again
  copy('build/bundles');
  for (const part of ['gen', 'flags', 'obj/llhttp', 'obj/common', `obj/${program}`, 'lib/common.a']) copy(`build/asan/${part}`);
  const changed = new Set();
  return {
    // A recipe's files are counted between begin() and end; texts are not counted.
    begin: () => changed.clear(),
    end: () => assert.ok(changed.size <= FILES_MAX, [...changed].join()),
    read: (file) => readFileSync(join(dir, file), 'utf8'),
    add(file, text) {
      assert.ok(!existsSync(join(dir, file)));
      writeFileSync(join(dir, file), text);
      changed.add(file);
    },
    text(file, change) {
      const path = join(dir, file);
      writeFileSync(path, change(existsSync(path) ? readFileSync(path, 'utf8') : ''));
    },
    change(file, from, to) {
      const text = readFileSync(join(dir, file), 'utf8');
      assert.equal(text.split(from).length, 2, `${file} says once: ${from}`);
      writeFileSync(join(dir, file), text.replace(from, () => to));
      changed.add(file);
    },
    // Changed files are compiled with the sanitizers and as fast as possible. The changed flags must not recompile the rest,
    // so the flags file keeps its old mtime.
    build() {
      const env = { ...process.env, CCACHE_SLOPPINESS: 'include_file_ctime,include_file_mtime' }; // the copied files are unchanged
      const make = (what) => execFileSync('make', ['--no-print-directory', '-j2', 'VARIANT=asan', 'CFLAGS=-O0 -g0', what], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
      const flags = join(dir, 'build/asan/flags');
      const { atime, mtime } = statSync(flags);
      make('build/asan/flags');
      utimesSync(flags, atime, mtime);
      make(`build/asan/bin/${program}`);
      const bin = scope.tempDir('recipe-bin-');
      mkdirSync(bin, { recursive: true });
      for (const name of readdirSync(PREVIOUS)) symlinkSync(join(name === program ? join(dir, 'build/asan/bin') : PREVIOUS, name), join(bin, name));
      return bin;
    },
  };
}

const PREVIOUS = join(ROOT, 'build/asan/bin');

// Runs `work` with the programs of that folder.
async function withPrograms(bin, work) {
  const before = process.env.FAIRGATE_BIN_DIR;
  process.env.FAIRGATE_BIN_DIR = bin;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.FAIRGATE_BIN_DIR;
    else process.env.FAIRGATE_BIN_DIR = before;
  }
}

const CHECKOUT = 'payment-adapter/src/core/checkout';

// Adds a step with a request that no neighbour has had before.
function addSagaStep(tree) {
  tree.begin();
  tree.change(`${CHECKOUT}/peer.h`, '    /* held becomes free */', '    /* is the buyer still wished well? */ \\\n    ROW(SEATS_WISH, "wish", HOLD, TRY, .sends_member = true) \\\n    /* held becomes free */');
  tree.change(`${CHECKOUT}/sale_steps.h`, 'void sale_hand_over(', 'void sale_wish_well(struct saga_call *call, void *ctx);\nvoid sale_hand_over(');
  tree.change(`${CHECKOUT}/sale_steps.c`, 'void sale_hand_over(', `void sale_wish_well(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_SEATS_WISH, attempt_finish_replied);
}

void sale_hand_over(`);
  const checkout = `${CHECKOUT}/checkout.c`;
  tree.change(checkout, '    STEP_HAND_OVER,\n', '    STEP_WISH_WELL,\n    STEP_HAND_OVER,\n');
  tree.change(checkout, '    [STEP_HAND_OVER] =', `    [STEP_WISH_WELL] = {{.name = "wish_well", .run = sale_wish_well, BY(PEER_SEATS)},
                        .shown = ORDER_COMPLETED},
    [STEP_HAND_OVER] =`);
  tree.change(checkout, '/* Tickets are voided before', `static const struct checkout_step *const checkout_2[] = {
    &steps[STEP_EXTEND_HOLD],   &steps[STEP_CREATE_PAYMENT], &steps[STEP_AWAIT_BUYER],
    &steps[STEP_CONFIRM_SEATS], &steps[STEP_CAPTURE],        &steps[STEP_ISSUE_TICKETS],
    &steps[STEP_END_SESSION],   &steps[STEP_WISH_WELL],      &steps[STEP_HAND_OVER],
};
/* Tickets are voided before`);
  tree.change(checkout, '    {CHECKOUT_REFUND, "refund.2"', '    {CHECKOUT_SALE, "checkout.2", LIST(checkout_2), .pivot = 4},\n    {CHECKOUT_REFUND, "refund.2"');
  tree.end();
}

// Adds a provider with Stripe's protocol, at its own address and with its own settings.
function addProvider(tree) {
  tree.begin();
  const stripe = tree.read('payment-adapter/src/psp/psp_stripe.c');
  tree.add('payment-adapter/src/psp/psp_acme.c', stripe.replaceAll('stripe', 'acme')
    .replace('int psp_acme_verify(', 'static int psp_acme_verify('));
  tree.change('payment-adapter/src/psp/psp_list.h', 'ROW(toss)', 'ROW(toss) ROW(acme)');
  tree.end();
}

// One visit to a payment-adapter with both: its order is paid at the new provider and passes the new step. And one to a
// payment-adapter without them, on the same database at the same time.
const paidOrder = once(async () => {
  const tree = copyOfTree('payment-adapter');
  addSagaStep(tree);
  addProvider(tree);
  const { openWorld } = await import('./payment-adapter/lib/world.js');
  return withPrograms(tree.build(), async () => {
    const world = await openWorld(scope, {
      before(its) {
        const secret = (name) => join(its.dir, name);
        its.options.psp = { default: 'acme', acme_url: its.psp.url, acme_key: secret('psp-key-file'), acme_webhook_secret: secret('webhook-file'), acme_checkout_url: `${its.psp.url}/pay/` };
      },
    });
    const wishes = [];
    const handle = world.seats.handle.bind(world.seats);
    world.seats.handle = (asked) => {
      if (!asked.path.endsWith('/wish')) return handle(asked);
      wishes.push(JSON.parse(asked.body));
      return { status: 200, body: {} };
    };
    const { psp } = world.options;
    world.options.psp = {};
    const previous = await withPrograms(PREVIOUS, () => world.startPay({ saga: { instance: 'previous' } }));
    world.options.psp = psp;
    const elder = await world.login('argon2id@example.com', undefined, previous);
    const earlier = await world.ordered(elder, world.hold());
    const buyer = await world.login();
    const order = await world.ordered(buyer, world.hold());
    const payment = await until('how to pay', async () => (await buyer.get(`/v1/pay/orders/${order}`)).json.payment);
    const [intent] = world.psp.of(order);
    const { body, headers } = world.psp.signed(world.psp.authorise(intent.id));
    const webhook = await world.pay.http.post('/v1/pay/webhooks/acme', { body, headers });
    await world.untilStatus(buyer, order, 'completed');
    await world.payOrder(earlier, previous);
    await world.untilStatus(elder, earlier, 'completed');
    await world.settle();
    const walk = async (who, its) => (await who.get(`/v1/pay/orders/${its}`)).json.timeline.filter(({ result }) => result === 'done').map(({ step }) => step);
    return { order, payment, webhook, wishes, walked: await walk(buyer, order), earlier: await walk(elder, earlier) };
  });
});

test('to add a saga step: a checkout of the next version walks over it and asks its new question', { timeout: 900_000 }, async () => {
  const { order, wishes, walked, earlier } = await paidOrder();
  assert.deepEqual(walked.slice(-3), ['end_session', 'wish_well', 'hand_over']);
  assert.deepEqual(earlier.slice(-2), ['end_session', 'hand_over'], 'a checkout of the previous version keeps to its own');
  assert.equal(wishes.length, 1);
  assert.equal(wishes[0].order, order);
  assert.ok(wishes[0].member, 'as its row says');
});

test('to add a payment provider: an order is paid there, and its webhooks are believed', { timeout: 900_000 }, async () => {
  const { payment, webhook } = await paidOrder();
  assert.equal(payment.provider, 'acme');
  assert.equal(webhook.status, 204, webhook.text);
});

// Adds a limit, its refusal and their texts.
function addSeatRule(tree) {
  tree.begin();
  const core = 'seat-service/src/core';
  tree.change(`${core}/hall/plan_limits.h`, '    bool orphan_rule;\n', '    bool orphan_rule;\n    bool one_row;\n');
  tree.change(`${core}/hall/plan_limits.c`, '    {"orphan_rule",', '    {"one_row", PLAN_LIMIT_FLAG, FIELD(one_row), 0, 1, false, false},\n    {"orphan_rule",');
  tree.change(`${core}/engine/verdicts.h`, '    /* lost to another buyer */', '    ROW(ONE_ROW, "not-one-row", 409, SEAT, "the seats of a hold stand in one row") \\\n    /* lost to another buyer */');
  tree.change(`${core}/engine/engine_rules.c`, '        some_flags |= plan_flags_of(engine->facts, seats[i]);\n', `        some_flags |= plan_flags_of(engine->facts, seats[i]);
        if (engine->limits->one_row && engine->facts->run[seats[i]] != engine->facts->run[seats[0]]) {
            op->seat = seats[i];
            return ENGINE_ONE_ROW;
        }
`);
  tree.end();
  for (const lang of ['en', 'ko']) tree.text(`seat-service/web/text.${lang}`, (text) => `${text}error.not-one-row = One row, please.\n`);
}

function addLanguage(tree) {
  tree.begin();
  tree.change('common/web/lang.h', 'LANG(KO, "ko")', 'LANG(KO, "ko") LANG(JA, "ja")');
  tree.end();
  for (const name of ['queue-front/web/text', 'seat-service/web/text', 'payment-adapter/web/text', 'web/console/console'])
    tree.text(`${name}.ja`, () => tree.read(`${name}.en`).replace('language.name = English', 'language.name = 日本語'));
}

// Changes one text in a page's HTML, and another that its script uses by a new key.
function changeText(tree) {
  tree.text('seat-service/web/text.en', (text) => text.replace(/^(gone\.button = ).*/m, '$1To the line'));
  for (const lang of ['en', 'ko']) tree.text(`seat-service/web/text.${lang}`, (text) => text.replace('gone.not-yet = ', 'gone.not-now = '));
  tree.change('seat-service/web/visit.js', "say('gone.not-yet')", "say('gone.not-now')");
}

// A seat-service with all three, and an event with that rule. It has taken over from the previous version, another instance
// of which stands by.
const ruledSeats = once(async () => {
  const tree = copyOfTree('seat-service');
  addSeatRule(tree);
  changeText(tree);
  addLanguage(tree);
  const { hall, importHall, opens, openPostgres, openSeats, operator, visitor } = await import('./seat-service/site.js');
  const bin = tree.build();
  const postgres = await openPostgres(scope);
  const first = await openSeats(scope, postgres);
  await importHall(first, 'plain', hall());
  const hold = (at, event, ...names) => at.http.post(`/v1/seats/${event}/holds`, { token: visitor(at, event).token, body: { seats: names } });
  const earlier = await hold(first, 'plain', 'r1s1', 'r2s1');
  const { office, secrets } = first;
  const seats = await withPrograms(bin, () => openSeats(scope, postgres, { office, secrets, ready: false }));
  await first.stop();
  await until('the new version to take over', () => opens(seats, 'plain'));
  await importHall(seats, 'rows', hall({ limits: { one_row: true } }));
  const standby = await openSeats(scope, postgres, { office, secrets, ready: false });
  return { seats, standby, earlier, previous: async () => (await operator(standby).events()).json.events, hold: (event, ...names) => hold(seats, event, ...names) };
});

test('to add a seat rule: an event has it as a limit, and a hold that breaks it is refused', { timeout: 900_000 }, async () => {
  const { hold, previous, earlier } = await ruledSeats();
  const refused = await hold('rows', 'r1s1', 'r2s1');
  assertProblem(refused, 409, 'not-one-row');
  assert.equal(refused.json.seat, 'r2s1');
  assert.equal((await hold('rows', 'r1s1', 'r1s2')).status, 201);
  // The previous version refuses an event with the rule, and follows one without it.
  assert.equal(earlier.status, 201);
  assertProblem(await hold('plain', 'r1s1'), 409, 'seats-taken');
  const known = await until('the previous version to read both', async () => {
    const states = Object.fromEntries((await previous()).map(({ event, state }) => [event, state]));
    return states.plain === 'following' && states.rows !== 'loading' && states.rows;
  });
  assert.equal(known, 'out');
});

test('to add a language: a page is served in it', { timeout: 900_000 }, async () => {
  const { seats } = await ruledSeats();
  const page = (await seats.http.get('/seats/rows', { headers: { 'accept-language': 'ja' } })).text;
  assert.match(page, /<html lang="ja"/);
  assert.match(page, /日本語/);
});

test('to change a page\'s text: a page says it, and has its files from the previous version too', { timeout: 900_000 }, async () => {
  const { seats, standby } = await ruledSeats();
  const [next, previous] = await Promise.all([seats, standby].map(async (at) => (await at.http.get('/seats/rows?lang=en')).text));
  assert.deepEqual([next, previous].map((text) => text.includes('To the line')), [true, false]);
  const [file] = /\/seats\/-\/[^"]+\.js/.exec(next);
  assert.ok(!previous.includes(file));
  assert.equal((await standby.http.get(file)).status, 200);
});

test('to add a knob that Redis obeys: a line obeys it, next to a front of the previous version', { timeout: 900_000 }, async (t) => {
  const tree = copyOfTree('queue-front');
  tree.begin();
  tree.change('queue-front/src/core/event/event_doc.h', '    uint64_t joins_per_ip_per_min;', '    uint64_t places_max;\n    uint64_t joins_per_ip_per_min;');
  const doc = 'queue-front/src/core/event/event_doc.c';
  tree.change(doc, '    {"joins_per_ip_per_min", KNOB_NUMBER,', '    {"places_max", KNOB_NUMBER, FORMAT_FIRST, AT(places_max), 0, COUNT_MAX, 0, "people",\n     "As many places as the line has. 0 sets no limit."},\n    {"joins_per_ip_per_min", KNOB_NUMBER,');
  tree.change(doc, '        .joins_per_ip_per_min =', '        .places_max = doc->places_max,\n        .joins_per_ip_per_min =');
  tree.change('queue-front/lua/wire.list', '  joins_per_ip_per_min  --', '  places_max            -- 0: no limit\n  joins_per_ip_per_min  --');
  tree.change('queue-front/lua/wire.list', '  boot state joins_per_ip_per_min version era', '  boot state joins_per_ip_per_min version era places_max');
  tree.change('queue-front/lua/join.lua', 'if issued + count > PLACE_MAX then', 'local places_max = tonumber(cfg[cfg_join.places_max]) or 0\nif issued + count > (places_max > 0 and places_max or PLACE_MAX) then');
  tree.end();

  const bin = tree.build();
  const { makeEvent, openSite, patch, startFront, Visitor } = await import('./queue-front/support.js');
  const site = await openSite(t); // the previous version, which does not know this knob
  await withPrograms(bin, async () => {
    site.fronts.push(await startFront(site));
    const [previous, next] = site.fronts;
    const { knobs } = (await next.admin.get('/admin/knobs')).json;
    assert.deepEqual(knobs.find(({ name }) => name === 'places_max'), { name: 'places_max', kind: 'number', min: 0, max: 10000000, default: 0, unit: 'people', help: 'As many places as the line has. 0 sets no limit.' });
    const wrong = await next.admin.put('/admin/events/wrong', { body: { name: 'Wrong', places_max: -1 } });
    assertProblem(wrong, 422, 'knob-invalid');
    assert.match(wrong.text, /places_max/);
    const make = (id, knobs) => makeEvent({ ...site, front: next }, id, { rate_per_s: 0, ...knobs });
    const small = await make('small', { places_max: 2 });
    for (let n = 0; n < 2; n += 1) assert.equal((await new Visitor(next, small).join()).status, 201);
    assert.notEqual((await new Visitor(next, small).join()).status, 201);
    // Both serve the event, and only the version that knows the knob can change it.
    assert.equal((await new Visitor(previous, small).joined()).position, 3);
    assertProblem(await previous.admin.patch(`/admin/events/${small}`, { body: { name: 'Other' } }), 409, 'document-newer');
    // The default value is not stored.
    const plain = await make('plain');
    await patch(previous, plain, { name: 'Other' });
    const places = await Promise.all(Array.from({ length: 40 }, (_, n) => new Visitor(site.fronts[n % 2], plain).joined()));
    assert.deepEqual(places.map(({ position }) => position).toSorted((a, b) => a - b), places.map((_, n) => n + 1));
  });
});
