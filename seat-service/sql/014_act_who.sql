-- 014_act_who.sql: who blocked seats and gave them back, by the name that their token bears. NULL: the
-- admin token, which bears none, and what was done before this step.
ALTER TABLE act ADD COLUMN who text;
