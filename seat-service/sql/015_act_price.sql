-- 015_act_price.sql: new prices are on the trail as blocks are, and who imported the event. What was done before
-- this step is in the journal alone; who imported before it is not known.
ALTER TABLE act ADD COLUMN category integer, -- of the plan; kind 12, priced, which is about no seats
    ADD COLUMN price bigint,
    ADD COLUMN price_was bigint;
ALTER TABLE event ADD COLUMN imported_by text;
