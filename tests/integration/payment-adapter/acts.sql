-- acts.sql: what one run of a statement changes. A block is a test: its name, and lines of statements and perhaps a call from
-- lib/acts.js. After a call stands what it returns, and after a colon each value that it changed; +: it changed some. Empty
-- values are left out, and the time of the transaction is `now`. ROLLBACK forgets the block so far. Each effect is also sent
-- under an older lease, after another move and for another saga, and then has to change nothing.
--
-- Order o1 had seat s0, now s1, and s2 was transferred to m2, who has o2. Order o3 was refunded, but its ticket was left.

-- move marks its seats and begins a saga
UPDATE orders SET moves = 2; move(s1 s4)
--> : o1.changed_at=now,o1.move.1.data={move:3,moves:[{to:s4,from:s1,lang:ko,member:m1,ticket:t1}],key_round:4},
-->> o1.move.did={seats:[{to:s4,from:s1}]},o1.moving=[s1]
ROLLBACK; move(s1 s1)
--> : o1.changed_at=now,o1.move.1.data={move:1,moves:[{to:s1,from:s1,lang:ko,member:m1,ticket:t1}],key_round:4},
-->> o1.moving=[s1],o1.tickets-renewed.did={seats:[{to:s1,from:s1}]}

-- move is refused
UPDATE orders SET status = 'refunding'; move(s1 s4) --> not-completed
UPDATE orders SET status = 'completed', moving = '[]'; move(s1 s4) --> not-completed
UPDATE orders SET moving = NULL; INSERT INTO retired_order VALUES ('o1', '', ''); move(s1 s4) --> not-completed
UPDATE retired_order SET id = 'o2'; move(s8 s4) --> seat-not-in-order
move(s0 s4) --> seat-not-in-order
move(s1 s9) --> seats-taken
UPDATE ticket SET standing = true WHERE id = 't1'; move(s1 s4) --> seat-not-in-order
INSERT INTO checkin VALUES ('t1', 'g', now(), false); move(s1 s1) --> ticket-used
move(s2 s4) --> +

-- seat without a valid ticket of the event is free for a move
move(s1 s0) --> +
ROLLBACK; UPDATE ticket SET event = 'ball' WHERE id = 't9'; move(s1 s9) --> +
ROLLBACK; UPDATE ticket SET standing = true WHERE id = 't9'; move(s1 s9) --> +
ROLLBACK; UPDATE ticket SET standing = true; move(s1 s1) --> +

-- credit of places costs what was paid for them with their fees, and a used ticket keeps its seat
credit('["s1","s2"]' NULL true)
--> ,completed : o1.changed_at=now,o1.credit.1.data={kept:1,move:1,moves:[{from:s1,lang:ko,member:m1,ticket:t1},{from:s2,
-->> lang:en,member:m2,ticket:t2}],credit:1,refund:1650,standing:false,key_round:5},o1.credit.did={freed:[s1,s2],seats:[s1,s2],
-->> amount:1650},o1.credits={1:{gone:[{id:s1},{id:s2}],seats:[s1,s2],amount:1650,reason:rain}},o1.moving=[s1,s2],
-->> o1.refund_amount=1650
ROLLBACK; INSERT INTO checkin VALUES ('t1', 'g', now(), false); credit('["s1","s2","s3"]' NULL true)
--> ,completed : o1.changed_at=now,o1.credit.1.data={kept:1,move:1,moves:[{from:s2,lang:en,member:m2,ticket:t2},{from:s3,
-->> lang:ko,member:m1,ticket:t3}],credit:1,refund:3300,standing:false,key_round:5},o1.credit.did={freed:[s2,s3],seats:[s1,s2,
-->> s3],amount:3300},o1.credits={1:{gone:[{id:s2},{id:s3}],seats:[s1,s2,s3],amount:3300,reason:rain}},o1.moving=[s2,s3],
-->> o1.refund_amount=3300
ROLLBACK; UPDATE orders SET purchase = '{"lines":[{"standing":true,"price":700}]}'; credit('["s1"]' NULL false)
--> ,completed : o1.changed_at=now,o1.credit.1.data={kept:3,move:1,moves:[],credit:1,refund:700,standing:true,key_round:5},
-->> o1.credit.did={seats:[s1],amount:700},o1.credits={1:{gone:[],seats:[s1],amount:700,reason:rain}},o1.moving=[],
-->> o1.refund_amount=700

-- credit is refused
credit('["s9"]' 100 false) --> seat-not-in-order,completed
credit('["s1","s2","s3"]' NULL true) --> whole-order,completed
UPDATE ticket SET revoked_at = now() WHERE id = 't3'; credit('["s1","s2","s3"]' NULL true) --> +
ROLLBACK; UPDATE orders SET purchase = '{"lines":[{"place":"s0","price":0},{"place":"s2"}]}'; credit('["s1"]' NULL true) --> +
ROLLBACK; UPDATE orders SET purchase = '{"lines":[{"place":"s0","price":0}]}'; credit('["s1"]' NULL false)
--> price-unknown,completed
UPDATE orders SET status = 'refunded'; credit(NULL 1 true) --> not-refundable,refunded
credit(NULL 1 false) --> +
ROLLBACK; INSERT INTO retired_order VALUES ('o1', '', ''); credit(NULL 1 false) --> not-refundable,completed
ROLLBACK; UPDATE orders SET credits = '{"1":{"amount":1,"seats":["s1","s2"],"reason":"rain","gone":[]},"2":{}}';
credit('["s2","s1"]' 1 false) --> refunded-before,completed
credit(NULL 1 false) --> too-many-refunds,completed

-- credit is given up only while parked, as it was read and without a seat
UPDATE saga SET data = '{"credit":2}' WHERE id = 5; UPDATE orders SET moving = '[]'; give_up(3) --> -
UPDATE saga SET parked = true; UPDATE orders SET moving = '["s1"]' WHERE id = 'o1'; give_up(3) --> -
UPDATE orders SET moving = '[]', refund_amount = 150, credits = '{"1":{"amount":50},"2":{"amount":100}}', moves = 1; give_up(2)
--> -
UPDATE saga SET state = 1; give_up(3) --> -
UPDATE saga SET state = 0; give_up(3)
--> 5 : o1.changed_at=now,o1.credits={1:{amount:50}},o1.move.1.cause=operator,o1.move.1.ended_at=now,o1.move.1.moves=4,
-->> o1.move.1.parked=,o1.move.1.state=3,o1.move.1.token=8,o1.moves=2,o1.moving=,o1.refund_amount=50,
-->> o1.saga-compensated.did={saga:5}

-- effects of a move
UPDATE ticket SET offered_to = 'm5' WHERE id = 't1'; effect(effect_move_shut)
--> : t1.offered_to=,t1.revoked_at=now,t2.revoked_at=now
effect(effect_part_freed) --> : o1.changed_at=now,o1.places=[{id:s3}],o1.seats=[s3]
effect(effect_move_seats ,"places":[{"id":"s5"},{"id":"s4"}]) --> : o1.places=[{id:s5},{id:s4}],o1.seats=[s5,s4]
effect(effect_move_ticket ,"old":"t2","ticket":"t6","event":"gala","seat":"s5","holder":"h","kid":"k","token":"x")
--> : t2.replaced_by=t6,t6.hops=1,t6.lang=en,t6.member=m2,t6.seat=s5
effect(effect_move_ticket ,"old":"t3","ticket":"t1","event":"gala","seat":"s6","holder":"h","kid":"k","token":"x") --> -
UPDATE orders SET moving = '["s1"]'; effect(effect_move_end ,"number":1,"moved":true) --> : o1.moved_at=now,o1.moves=1,o1.moving=
UPDATE orders SET moved_at = NULL; effect(effect_move_end ,"number":1,"moved":true) --> -
effect(effect_move_end ,"number":2,"moved":false) --> : o1.moves=2
effect(effect_revoke) --> : o1.revoked.m2.lang=en,t3.revoked_at=now,t6.revoked_at=now

-- offered ticket is accepted once
accept(m5) --> -
UPDATE ticket SET offered_to = 'm5', hops = 1 WHERE id = 't1'; accept(m6) --> -
accept(m5) --> t6,o1 : t1.offered_to=,t1.replaced_by=t6,t1.revoked_at=now,t6.hops=2,t6.lang=en,t6.member=m5,t6.seat=s1
accept(m5) --> t6,o1
accept(m6) --> -
UPDATE ticket SET revoked_at = now(); accept(m5) --> -

-- ticket that may not change hands is not accepted
UPDATE ticket SET offered_to = 'm5'; UPDATE orders SET moving = '["s1"]'; accept(m5) --> -
UPDATE orders SET moving = NULL; UPDATE orders SET status = 'refunding' WHERE id = 'o1'; accept(m5) --> -
UPDATE orders SET status = 'completed'; INSERT INTO checkin VALUES ('t1', 'g', now(), false); accept(m5) --> -
UPDATE checkin SET ticket = 't2'; INSERT INTO cancelled_event VALUES ('gala', ''); accept(m5) --> -
UPDATE cancelled_event SET event = 'ball'; UPDATE ticket SET revoked_at = now() WHERE id = 't1'; accept(m5) --> -
UPDATE ticket SET replaced_by = CASE id WHEN 't1' THEN 't3' ELSE 't9' END WHERE id IN ('t1', 't8'); accept(m1) --> -
accept(m2) --> -
