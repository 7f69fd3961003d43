-- Uploaded pictures of events. They stay as long as their event: a document or a ticket may show any of them.

-- No row: the event has the maximum number of pictures.
-- statement: picture_put
--> event   text
--> content text
--> most    bigint
--> who     text null
--< id      text
WITH w AS (
    INSERT INTO picture (id, event, content)
    SELECT n.id, :event, :content
    FROM (SELECT left(encode(sha256(convert_to(:event || ' ' || :content, 'UTF8')), 'hex'), 32) AS id) n
    WHERE (SELECT count(*) FROM picture p WHERE p.event = :event AND p.id <> n.id) < :most
    ON CONFLICT (id) DO UPDATE
    SET at = now()
    RETURNING id
), a AS (
    INSERT INTO audit (event, act, subject, actor, detail, who)
    SELECT :event, 'picture-uploaded', :event, :ACTOR_OPERATOR, jsonb_build_object('picture', id), :who
    FROM w
)
SELECT id
FROM w;

-- statement: picture_read reads
--> id      text
--< content text
SELECT content
FROM picture
WHERE id = :id;
