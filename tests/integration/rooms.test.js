// Checks the rule of the rooms (infra/rooms) on small trees made for it: each keeps or breaks one rule.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openScope, ROOT } from '../lib-js/index.js';

const scope = openScope(test);

const LIST = `
common:
  base:
  pg: base

shop/src:
  core/price: common/base
  core/order: core common/base
  store: core common
  main: store
`;

const TREE = {
  'common/base/text.h': '',
  'common/pg/pg.h': '#include "base/text.h"\n',
  'shop/src/core/price/price.c': '#include "base/text.h"\n#include "core/price/price.h"\n#include "shop/sql/1.sql.inc"\n',
  'shop/src/core/price/price.h': '#include <stdio.h>\n',
  'shop/src/core/order/order.h': '#include "base/text.h"\n#include "core/price/price.h"\n#include "shop/lua/names.h"\n',
  'shop/lua/names.list': '',
  'shop/src/store/store.h': '#include "core/order/order.h"\n#include "pg/pg.h"\n',
  'shop/src/main.c': '#include "store/store.h"\n',
};

function judge(changed = {}) {
  const dir = scope.tempDir('rooms-');
  for (const [path, text] of Object.entries({ 'infra/rooms': LIST, ...TREE, ...changed })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const { status, stdout, stderr } = spawnSync('node', [join(ROOT, 'infra/rooms.js'), dir], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return { status, said: stdout.trim().split('\n') };
}

function refuses(changed, told) {
  const { status, said } = judge(changed);
  assert.deepEqual(said.slice(0, -1), [told]);
  assert.match(said.at(-1), /^\d+ passed, 1 failed$/);
  assert.equal(status, 1);
}

test('a tree that keeps the rules passes', () => {
  assert.deepEqual(judge(), { status: 0, said: ['8 passed, 0 failed'] });
});

const headerOf = (name) => `struct order;\nint order_open(struct order *order);\nstatic inline int orders_len(void)\n{\n    return f(1);\n}\n/* int gone(void); */\nconst char *${name}(int a,\n    int b) __attribute__((pure));\n`;
const mainWith = (line) => ({ 'shop/src/main.c': `#include "store/store.h"\n${line}` });
const filesOf = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`common/pg/p${10 + i}.c`, '']));

for (const [name, changed] of [
  ['a function of a header may begin with the first word of its name', { 'shop/src/store/orders_view.h': headerOf('order_name') }],
  ['functions of routes.h may have any name', { 'shop/src/store/routes.h': headerOf('view_name') }],
  ['a drawing or an address is no tag of HTML', mainWith('"<svg viewBox=\\"0 0\\"><path d=\\"\\"/></svg>" "Link: </events/" "<%s@%s>"\n')],
  ['a room may have twelve .c files, not counting headers', filesOf(12)],
]) test(name, () => assert.equal(judge(changed).status, 0));

for (const [name, changed, told] of [
  ['an include that is not allowed is named with its line', mainWith('\n#include "core/price/price.h"\n'),
    'shop/src/main.c:3: shop/src/main may not include shop/src/core/price (core/price/price.h)'],
  ['an include from a higher room is refused', { 'shop/src/core/price/price.h': '#include "core/order/order.h"\n' },
    'shop/src/core/price/price.h:1: shop/src/core/price may not include shop/src/core/order (core/order/order.h)'],
  ['the list allows no include from a higher room, so there are no cycles', { 'infra/rooms': LIST.replace('core/price: common/base', 'core/price: core/order common/base') },
    'infra/rooms:7: core/order does not stand above shop/src/core/price'],
  ['a folder name in the list stands only for rooms above it', {
    'infra/rooms': LIST.replace('  store:', '  core/late: common/base\n  store:'),
    'shop/src/core/late/late.h': '#include "base/text.h"\n',
    'shop/src/core/order/order.h': '#include "base/text.h"\n#include "core/price/price.h"\n#include "core/late/late.h"\n',
  }, 'shop/src/core/order/order.h:3: shop/src/core/order may not include shop/src/core/late (core/late/late.h)'],
  ['a function of a header begins with the first word of its name', { 'shop/src/store/orders_view.h': headerOf('view_name') },
    'shop/src/store/orders_view.h:8: view_name does not begin with order'],
  ['an HTML tag in a string is named with its line', mainWith('/* a <b> in a comment */\nTEXT_LIT(out, "<p class=\\"brand\\">");\n'),
    'shop/src/main.c:3: a tag of HTML in a string: a page is a template'],
  ['the end of an HTML element is a tag as well', mainWith('TEXT_LIT(out, "%s</li>");\n'),
    'shop/src/main.c:2: a tag of HTML in a string: a page is a template'],
  ['core never includes the shell, whatever the list allows', {
    'infra/rooms': LIST.replace('core/price: common/base', 'core/price: common'),
    'shop/src/core/price/price.h': '#include "pg/pg.h"\n',
  }, 'shop/src/core/price/price.h:1: core includes common/pg (pg/pg.h)'],
  ['a header for a room alone is included there alone', {
    'shop/src/core/price/price_internal.h': '',
    'shop/src/core/order/order.h': '#include "base/text.h"\n#include "core/price/price_internal.h"\n',
  }, 'shop/src/core/order/order.h:2: core/price/price_internal.h is for shop/src/core/price alone'],
  ['a room has at most twelve .c files', filesOf(13), 'common/pg/p22.c:1: common/pg has 13 .c files, and a room at most 12'],
  ['each file is in a room', { 'shop/src/lost.c': '' }, 'shop/src/lost.c:1: lies in no room of infra/rooms'],
  ['an included file exists', mainWith('#include "store/gone.h"\n'), 'shop/src/main.c:2: store/gone.h: no such file'],
  ['an allowed include that nobody uses is an error', { 'infra/rooms': LIST.replace('main: store', 'main: store core/price') },
    'infra/rooms:10: shop/src/main includes nothing of shop/src/core/price'],
]) test(name, () => refuses(changed, told));

// Two files of a room that need each other: one by its header, the other by a call without an include.
const ROUND = {
  'common/pg/pg.h': '#include "base/text.h"\nvoid pg_send(void);\n',
  'common/pg/pg.c': '#include "pg/pg.h"\n#include "pg/pool.h"\n\nvoid pg_send(void)\n{\n    pool_take();\n}\n',
  'common/pg/pool.h': 'void pool_take(void);\n',
  'common/pg/pool.c': '#include "pg/pool.h"\n\n/* pg_send() is not called here. */\nvoid pool_take(void)\n{\n    struct pg_send { int n; } way = {0};\n    way.n = 1;\n}\n',
};

test('files of a room have no cycles, neither by includes nor by calls', () => {
  assert.equal(judge(ROUND).status, 0);
  const calls = { ...ROUND, 'common/pg/pool.c': ROUND['common/pg/pool.c'].replace('way.n = 1', 'pg_send()') };
  const { status, said } = judge(calls);
  assert.equal(status, 1);
  assert.deepEqual(said, [
    'common/pg/pg.c:2: needs common/pg/pool, which needs it in turn (pg/pool.h)',
    'common/pg/pool.c:7: needs common/pg/pg, which needs it in turn (pg_send)',
    'infra/rooms:4: a circle in common/pg: common/pg/pg common/pg/pool',
    '8 passed, 3 failed',
  ]);
  const one = (names) => LIST.replace('  pg: base', `  pg: base\n    # Why.\n    one: ${names}`);
  assert.equal(judge({ ...calls, 'infra/rooms': one('pg pool') }).status, 0);
  refuses({ ...ROUND, 'infra/rooms': one('pg pool') }, 'infra/rooms:6: pg, pool of common/pg are no circle');
});
