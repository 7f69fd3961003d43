-- The traceparent below which a letter or a mail is sent: that of the step which wrote it.
ALTER TABLE pay.shop_outbox ADD COLUMN trace text NOT NULL DEFAULT '';
ALTER TABLE pay.mail_outbox ADD COLUMN trace text NOT NULL DEFAULT '';
