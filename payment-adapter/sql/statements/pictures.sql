-- Uploaded pictures of events. Of each event the newest `kept` stay.

-- statement: picture_put
--> event   text
--> content text
--> kept    bigint
--> who     text null
--< id      text
WITH w AS (
    INSERT INTO picture (id, event, content)
    SELECT left(encode(sha256(convert_to(:event || ' ' || :content, 'UTF8')), 'hex'), 32), :event, :content
    ON CONFLICT (id) DO UPDATE
    SET at = now()
    RETURNING id
), old AS (
    DELETE FROM picture
    WHERE id = ANY (ARRAY(
        SELECT p.id
        FROM picture p
        WHERE p.event = :event AND p.id <> (SELECT id FROM w)
        ORDER BY p.at DESC
        OFFSET :kept - 1
    ))
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
