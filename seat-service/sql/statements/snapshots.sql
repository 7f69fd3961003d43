-- snapshots.sql: an engine's state at a position of its journal, made by replay. The newest two are kept.

-- The newest snapshot of the document of change `since`, which the caller read: none of an earlier or later document.
-- statement: snapshot_newest
--> event   integer signed
--> seq_max bigint
--> since   bigint
--< seq     bigint
--< chain   bytea
--< body    bytea
SELECT seq, chain, body
FROM snapshot
WHERE event = :event AND seq BETWEEN :since AND :seq_max
    AND NOT EXISTS (SELECT FROM document WHERE event = :event AND since > :since AND since <= snapshot.seq)
ORDER BY seq DESC
LIMIT 1;

-- statement: snapshot_write
--> event integer signed
--> seq   bigint
--> chain bytea
--> body  bytea borrow
INSERT INTO snapshot (event, seq, chain, body)
VALUES (:event, :seq, :chain, :body)
ON CONFLICT DO NOTHING;

-- statement: snapshot_sweep
--> event integer signed
DELETE FROM snapshot
WHERE event = :event
    AND seq NOT IN (SELECT seq FROM snapshot WHERE event = :event ORDER BY seq DESC LIMIT 2);
