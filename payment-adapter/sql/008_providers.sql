-- What providers told us is swept once it is old.
CREATE INDEX webhook_event_received ON pay.webhook_event (received_at);
