-- Files of history: how far each has come, so that an import goes on where it stopped.

CREATE TABLE history_import (
    digest      text PRIMARY KEY,
    name        text NOT NULL,
    rows_done   bigint NOT NULL DEFAULT 0,
    committed   bigint NOT NULL DEFAULT 0,
    duplicates  bigint NOT NULL DEFAULT 0,
    refused     bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
