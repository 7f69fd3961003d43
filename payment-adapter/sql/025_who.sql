-- Which operator it was, by the name that their token bears. NULL: the admin token, which bears none, a
-- scanner or a buyer, and what was done before this step.
ALTER TABLE pay.audit ADD COLUMN who text;
ALTER TABLE pay.saga_step ADD COLUMN who text;
