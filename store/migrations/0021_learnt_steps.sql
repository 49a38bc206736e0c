-- A step may be that fresh models came into use: they lie in a snapshot of their own until the
-- next snapshot of the state holds them.

ALTER TABLE consumer_step ADD COLUMN learnt boolean NOT NULL DEFAULT false;
