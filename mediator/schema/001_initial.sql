-- The mediator's own tables, in the database of its node. For INT64, BYTES and the like see synod_store's TableSet. Times
-- are microseconds since the epoch; the id of a request is the time at which it was sequenced.

-- At most one row: which synchronizer the mediator serves. (Its topology is in topology_rows.)
CREATE TABLE mediator_configuration (
    id INT64 PRIMARY KEY CHECK (id = 1),
    psid ASCII NOT NULL,
    static_parameters BYTES NOT NULL,
    sequencer_connections BYTES NOT NULL,
    is_topology_initialized INT64 NOT NULL
);

-- One row as soon as there is a configuration. head: the last event that was processed. prehead: the last one such that
-- no request up to it is open; a restart goes on after it.
CREATE TABLE mediator_progress (
    id INT64 PRIMARY KEY CHECK (id = 1),
    head INT64,
    prehead INT64
);

-- Until when no other request may have the UUID of one that came.
CREATE TABLE mediator_deduplication (
    request_time INT64 NOT NULL,
    uuid ASCII NOT NULL,
    expire_after INT64 NOT NULL,
    PRIMARY KEY (request_time, uuid)
) CLUSTERED;
CREATE INDEX mediator_deduplication_expire_after ON mediator_deduplication (expire_after);

CREATE TABLE mediator_finalized_requests (
    request_id INT64 PRIMARY KEY,
    request BYTES NOT NULL,
    finalization_time INT64 NOT NULL,
    verdict BYTES NOT NULL
);
postgres:ALTER TABLE mediator_finalized_requests ALTER COLUMN request SET STORAGE EXTERNAL;
postgres:ALTER TABLE mediator_finalized_requests SET (toast_tuple_target = 8160);

-- Signed verdicts that were not seen sequenced, to be sent at send_at; of no use after decision_time.
CREATE TABLE mediator_submissions (
    message_id BYTES PRIMARY KEY,
    request_id INT64 NOT NULL,
    signed BYTES NOT NULL,
    send_at INT64 NOT NULL,
    decision_time INT64 NOT NULL
);
CREATE INDEX mediator_submissions_decision_time ON mediator_submissions (decision_time);
postgres:ALTER TABLE mediator_submissions ALTER COLUMN signed SET STORAGE EXTERNAL;
postgres:ALTER TABLE mediator_submissions SET (toast_tuple_target = 8160);

-- At most one row. Durations are seconds.
CREATE TABLE mediator_pruning_schedule (
    id INT64 PRIMARY KEY CHECK (id = 1),
    cron BYTES NOT NULL,
    max_duration INT64 NOT NULL,
    retention INT64 NOT NULL
);
