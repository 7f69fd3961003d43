-- Whose turn it is among a customer's messages. A statement that words the condition like this can use no other index of
-- open messages: the planner would read one of them from end to end for each message, if it last saw the queue short.
-- The previous version's statement goes by shop_outbox_open.
CREATE INDEX shop_outbox_turns ON pay.shop_outbox (member, id) WHERE num_nulls(done_at) = 1;
