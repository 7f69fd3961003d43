-- Pictures that operators uploaded for an event. The line and the hall name one by its path, so an id never gets
-- another content.
CREATE TABLE pay.picture (
    id      text PRIMARY KEY, -- a hash of event and content
    event   text NOT NULL,
    content text NOT NULL,    -- base64url
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX picture_event ON pay.picture (event, at);
