-- How often the house asks others for something, whichever of its processes does: a row for each, of
-- which each taker pays an interval. Nothing here is worth a log: emptied by a crash it begins anew.
CREATE UNLOGGED TABLE pay.pace (
    name    text PRIMARY KEY,
    paid    timestamptz NOT NULL, -- up to then is paid for; in a pause, its end
    granted integer NOT NULL DEFAULT 1 -- by the last who took
) WITH (fillfactor = 20);
