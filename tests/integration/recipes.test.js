// The READMEs' recipes "to add a ...", walked: in a copy of the tree the files that a recipe names are
// changed, and no others; what was added is built and seen to work.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { assertProblem, openScope, ROOT } from '../lib-js/index.js';

const FILES_MAX = 4; // of a recipe; tests and texts apart
const SOURCES = ['Makefile', 'infra', 'common', 'web', 'queue-front', 'seat-service', 'payment-adapter'];

const scope = openScope();
after(() => scope.close());

// A copy of the tree in which `program` can be built from what is built already. change(file, from, to)
// puts `to` in the place of `from`, which has to stand there once; build() answers a folder with all
// programs, `program` being the copy's.
function copyOfTree(program) {
  const dir = scope.tempDir('recipe-');
  const copy = (path) => existsSync(join(ROOT, path)) && cpSync(join(ROOT, path), join(dir, path), { recursive: true, preserveTimestamps: true });
  for (const path of SOURCES) copy(path);
  for (const part of ['gen', 'flags', 'obj/llhttp', 'obj/common', `obj/${program}`, 'lib/common.a']) copy(`build/asan/${part}`);
  const changed = new Set();
  return {
    changed,
    change(file, from, to) {
      const text = readFileSync(join(dir, file), 'utf8');
      assert.equal(text.split(from).length, 2, `${file} says once: ${from}`);
      writeFileSync(join(dir, file), text.replace(from, () => to));
      changed.add(file);
    },
    build() {
      execFileSync('make', ['--no-print-directory', '-j2', 'VARIANT=asan', `build/asan/bin/${program}`], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
      const bin = scope.tempDir('recipe-bin-');
      mkdirSync(bin, { recursive: true });
      const ours = join(ROOT, 'build/asan/bin');
      for (const name of readdirSync(ours)) symlinkSync(join(name === program ? join(dir, 'build/asan/bin') : ours, name), join(bin, name));
      return bin;
    },
  };
}

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

test('to add a saga step: a checkout of the next version walks over it', { timeout: 300_000 }, async () => {
  const tree = copyOfTree('payment-adapter');
  const steps = 'payment-adapter/src/core/checkout/sale_steps';
  tree.change(`${steps}.h`, 'void sale_hand_over(', 'void sale_wish_well(struct saga_call *call, void *ctx);\nvoid sale_hand_over(');
  tree.change(`${steps}.c`, 'void sale_hand_over(', `void sale_wish_well(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt != NULL)
        attempt_finish(attempt, SAGA_DONE, NULL);
}

void sale_hand_over(`);
  const checkout = 'payment-adapter/src/core/checkout/checkout.c';
  tree.change(checkout, '    STEP_HAND_OVER,\n', '    STEP_WISH_WELL,\n    STEP_HAND_OVER,\n');
  tree.change(checkout, '    [STEP_HAND_OVER] =', `    [STEP_WISH_WELL] = {{.name = "wish_well", .run = sale_wish_well, BY_OURSELVES},
                        .told = ORDER_COMPLETED},
    [STEP_HAND_OVER] =`);
  tree.change(checkout, 'static const struct checkout_step *const refund_1[]', `static const struct checkout_step *const checkout_2[] = {
    &steps[STEP_EXTEND_HOLD],   &steps[STEP_CREATE_PAYMENT], &steps[STEP_AWAIT_BUYER],
    &steps[STEP_CONFIRM_SEATS], &steps[STEP_CAPTURE],        &steps[STEP_ISSUE_TICKETS],
    &steps[STEP_END_SESSION],   &steps[STEP_WISH_WELL],      &steps[STEP_HAND_OVER],
};
static const struct checkout_step *const refund_1[]`);
  tree.change(checkout, '    {CHECKOUT_REFUND, "refund.1"', '    {CHECKOUT_SALE, "checkout.2", LIST(checkout_2), .pivot = 4},\n    {CHECKOUT_REFUND, "refund.1"');
  assert.ok(tree.changed.size <= FILES_MAX, `${[...tree.changed]}`);

  const bin = tree.build();
  const { openWorld } = await import('./payment-adapter/lib/world.js');
  await withPrograms(bin, async () => {
    const world = await openWorld(scope);
    const buyer = await world.login();
    const { order } = (await world.order(buyer, world.hold())).json;
    await world.payOrder(order);
    const done = await world.untilStatus(buyer, order, 'completed');
    assert.ok(done.tickets !== false);
    await world.settle();
    const { timeline } = (await buyer.get(`/v1/pay/orders/${order}`)).json;
    const walked = timeline.filter(({ result }) => result === 'done').map(({ step }) => step);
    assert.deepEqual(walked.slice(-3), ['end_session', 'wish_well', 'hand_over']);
  });
});

test('to add a knob that Redis obeys: the API knows it, and a line takes no more places than it says', { timeout: 300_000 }, async (t) => {
  const tree = copyOfTree('queue-front');
  tree.change('queue-front/src/core/event/event_doc.h', '    uint64_t joins_per_ip_per_min;', '    uint64_t places_max;\n    uint64_t joins_per_ip_per_min;');
  const doc = 'queue-front/src/core/event/event_doc.c';
  tree.change(doc, '    {"joins_per_ip_per_min", KNOB_NUMBER,', '    {"places_max", KNOB_NUMBER, AT(places_max), 0, COUNT_MAX, 0, "people",\n     "As many places as the line has. 0 sets no limit."},\n    {"joins_per_ip_per_min", KNOB_NUMBER,');
  tree.change(doc, '        .joins_per_ip_per_min =', '        .places_max = doc->places_max,\n        .joins_per_ip_per_min =');
  tree.change('queue-front/lua/wire.list', '  joins_per_ip_per_min  --', '  places_max            -- 0: no limit\n  joins_per_ip_per_min  --');
  const join = 'queue-front/lua/join.lua';
  tree.change(join, "'joins_per_ip_per_min', 'version', 'era')", "'joins_per_ip_per_min', 'version', 'era', 'places_max')");
  tree.change(join, 'if issued + count > PLACE_MAX then', 'local places_max = tonumber(cfg[6]) or 0\nif issued + count > (places_max > 0 and places_max or PLACE_MAX) then');
  assert.ok(tree.changed.size <= FILES_MAX, `${[...tree.changed]}`);

  const bin = tree.build();
  const { makeEvent, openHouse, Visitor } = await import('./queue-front/support.js');
  await withPrograms(bin, async () => {
    const house = await openHouse(t);
    const { knobs } = (await house.front.admin.get('/admin/knobs')).json;
    assert.deepEqual(knobs.find(({ name }) => name === 'places_max'), { name: 'places_max', kind: 'number', min: 0, max: 10000000, default: 0, unit: 'people', help: 'As many places as the line has. 0 sets no limit.' });
    const wrong = await house.front.admin.put('/admin/events/wrong', { body: { name: 'Wrong', places_max: -1 } });
    assertProblem(wrong, 422, 'knob-invalid');
    assert.match(wrong.text, /places_max/);
    const event = await makeEvent(house, 'small', { name: 'Small', rate_per_s: 0, places_max: 2 });
    for (let n = 0; n < 2; n += 1) assert.equal((await new Visitor(house.front, event).join()).status, 201);
    assert.notEqual((await new Visitor(house.front, event).join()).status, 201);
  });
});
