// The visit clock: it is paused while no front sees that visitors inside are served.

import { test } from 'node:test';
import { Clockwork, TURN } from './line.js';
import { runScript } from './script.js';

const HALT_MAX_MS = 1_800_000;

const clockwork = await Clockwork.open(test);

// Whether a front sees that visitors inside are served, are not served, have no hall, have one, or cannot tell.
const SERVED = 'set served=1', UNSERVED = 'set served=2', NO_HALL = 'set served=3', HALL = 'set served=4', UNSEEN = 'set served=0';
const HALTED = 'view halted_ms=1..9999999999999', NOT_HALTED = 'view halted_ms=0';
// Place 1 is inside, for 60 s without a sign of life and for at most 100 s.
const INSIDE = `create session_ttl_ms=60000 session_max_ms=100000; ${SERVED}; join 2; tick; step 1000; tick; pass 1 ok`;
// One member inside by places 1 and 2: Redis had lost the first visit when the second began; its signed pass is shown.
const INSIDE_TWICE = `
  create; join 3; run 2000 1000; pass 1 member=m ok; keep a; pass 2 member=m member-inside
  redis DEL active; redis DEL ends; redis DEL members; pass 2 member=m ok; heartbeat 1 member=m by=a ok; pass 3 member=m member-inside`;

for (const [name, text] of [
  // judges: outage
  ['a visit has back the time in which nobody was served', `
    ${INSIDE}; run 30000 1000; ${UNSERVED}; run 600000 1000; view active=1; ${HALTED}; heartbeat 1 ok; answer expiresMs={ms+60000}
    ${SERVED}; run 1000 1000; ${NOT_HALTED}; heartbeat 1 ok; answer expiresMs={ms+60000} endsMs={ms+68000}..{ms+70000}
    pass 1 same; run 59000 1000; view active=1; run 2000 1000; view active=0`],
  ['a time in which no front looked is not given back', `
    ${INSIDE}; ${UNSEEN}; run 30000 1000; ${UNSERVED}; run 5000 1000; ${HALTED}; ${SERVED}; run 1000 1000
    heartbeat 1 ok; answer endsMs={ms+69000}..{ms+76000}`],
  ['a takeover of the seats is no outage', `
    ${INSIDE}; ${UNSERVED}; run 2000 1000; ${SERVED}; run 1000 1000; pass 1 same; answer endsMs={ms+97000}`],
  ['one front that sees visitors served outweighs the others', `
    ${INSIDE}; set slotMs=50; front blind slotMs=50; ${UNSERVED}; 20 times: step 1000, blind, tick, one, tick; one; ${NOT_HALTED}
    pass 1 same; answer endsMs={ms+80000}; ${UNSERVED}; 20 times: step 1000, blind, tick, one, tick; blind; ${HALTED}`],
  ['visits that start in a pause have their whole time', `
    ${INSIDE}; change max_active=2; ${UNSERVED}; run 10000 1000; pass 2 ok; answer endsMs={ms+100000}; join 1; run 300000 1000
    pass 3 not-yet; ${SERVED}; run 61000 1000; view active=0; pass 3 ok`],
  ['a paused clock goes on after half an hour, and the next outage counts', `
    ${INSIDE}; ${UNSERVED}; run 5000 1000; step ${HALT_MAX_MS - 10_000}; tick; view active=1; run 75000 1000
    view halted_ms=0 active=0; ${SERVED}; run 1000 1000; ${UNSERVED}; run 5000 1000; ${HALTED}`],
  ['a paused clock goes on once no front polls, without a report', `
    ${INSIDE}; ${UNSERVED}; run 5000 1000; ${UNSEEN}; front two slotMs=50
    ${HALT_MAX_MS / 1000 - 10} times: step 1000, one, tick, two, tick; two; ${HALTED}
    10 times: step 1000, one, tick, two, tick; two; ${NOT_HALTED}; one; ${NOT_HALTED}
    heartbeat 1 ok; answer endsMs={ms+95000}; redis HEXISTS cfg visits_halted_ms = 0`],
  ['without a hall visits take no time and nobody is called', `
    create session_ttl_ms=60000 session_max_ms=100000; ${NO_HALL}; run 1000 1000; ${UNSEEN}; join 1; run 5000 1000; view serving=0
    step 2000; tick; tick; view serving=1; pass 1 ok; ${NO_HALL}; join 1; run ${2 * HALT_MAX_MS} 4000; view active=1 serving=1; ${HALTED}
    ${UNSERVED}; run 5000 1000; view serving=1; ${HALTED}; run 2000 1000; view serving=2 active=1; ${NOT_HALTED}
    heartbeat 1 ok; answer endsMs={ms+94000}..{ms+96000}; run 62000 1000; view active=0
    ${SERVED}; join 1; step 1000; tick; tick; view serving=3; ${NO_HALL}; step 2000; tick; ${NOT_HALTED}; step 2000; tick; ${HALTED}`],
  ['one front that knows of a hall outweighs those that know of none', `
    create; front wrong slotMs=50; ${NO_HALL}; join 1; run 5000 1000; ${HALTED}; view serving=0
    front right slotMs=50; ${HALL}; 10 times: step 1000, wrong, tick, right, tick; right; ${NOT_HALTED}; view serving=1
    wrong; 2 times: step 1000, tick; ${NOT_HALTED}; 3 times: step 1000, tick; ${HALTED}`],
  ['a hall that is there does not end an outage', `
    ${INSIDE}; ${HALL}; run 2000 1000; ${NOT_HALTED}; run 10000 1000; ${HALTED}; ${SERVED}; run 1000 1000; ${NOT_HALTED}`],
  ['an event that nobody ever saw served is not judged', `
    create session_ttl_ms=60000; ${UNSERVED}; join 1; run 1000 1000; pass 1 ok; run 62000 1000; view halted_ms=0 active=0`],
  ['a member inside twice gets no third visit when the first ends', `
    ${INSIDE_TWICE}; leave 1 member=m ok; pass 3 member=m member-inside; leave 2 member=m ok; pass 3 member=m ok`],
  ['a member inside twice gets no third visit when the second ends', `
    ${INSIDE_TWICE}; leave 2 member=m ok; heartbeat 1 member=m ok; pass 3 member=m member-inside`],
  ['a member whose visit has ended is forgotten', `
    create session_ttl_ms=5000; join 2; run 2000 1000; pass 1 member=m ok; redis HLEN members = 2; leave 1 ok; redis HLEN members = 0
    pass 2 member=m ok; redis HLEN members = 2; run 10000 1000; redis EXISTS members = 0`],
  ['... and noted by the other place, inside twice', `
    ${INSIDE_TWICE}; run 50000 1000; heartbeat 1 member=m ok; run 20000 1000; redis EXISTS members = 0
    heartbeat 1 member=m ok; redis HLEN members = 2`],
  ['a second end of a visit returns its outcome', `
    create; join 1; run 2000 1000; enter 1; ${[['end', 'ok', TURN.ENDED], ['leave', 'same', TURN.ENDED], ['done', 'ok', TURN.DONE],
    ...['end', 'leave', 'done'].map((call) => [call, 'same', TURN.DONE])]
    .map(([call, outcome, turn]) => `${call} 1 ${outcome}; answer turn=${turn}`).join('; ')}`],
]) test(name, () => runScript(clockwork, text));
