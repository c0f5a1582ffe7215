-- INT64, SERIAL64, BYTES and CLUSTERED are replaced for each database; lines that begin with the name of one are for it
-- alone. Times are microseconds since the epoch. Sizes and numbers are 64-bit. Texts that a member or an operator
-- chose are bytes: PostgreSQL's texts hold no NUL, and depend on the encoding of the database.

-- One row: the lease of the writer and the last block. Every commit compares and updates it first, so a leader
-- that was taken over cannot commit, and nobody takes over in the middle of a commit.
CREATE TABLE head (
    id INT64 PRIMARY KEY CHECK (id = 1),
    lease_holder ASCII NOT NULL,
    lease_epoch INT64 NOT NULL,
    lease_expires_at INT64 NOT NULL,
    -- Height -1 before the first block, NULL before genesis.
    height INT64,
    base_time INT64,
    last_time INT64,
    latest_sequencer_event INT64,
    latest_pending_topology INT64,
    app_hash BYTES
);
INSERT INTO head (id, lease_holder, lease_epoch, lease_expires_at) VALUES (1, '', 0, 0);

CREATE TABLE blocks (
    height INT64 PRIMARY KEY,
    base_time INT64 NOT NULL,
    last_time INT64 NOT NULL,
    latest_sequencer_event INT64,
    latest_pending_topology INT64,
    app_hash BYTES NOT NULL
);
CREATE INDEX blocks_last_time ON blocks (last_time, height);

-- Events, each once. recipients NULL is a broadcast.
CREATE TABLE events (
    time INT64 PRIMARY KEY,
    kind INT64 NOT NULL,
    sender INT64,
    message_id BYTES NOT NULL,
    recipients BYTES,
    resolved_groups BYTES,
    batch BYTES,
    status BYTES,
    topology_timestamp INT64,
    receipt BYTES
);
postgres:ALTER TABLE events ALTER COLUMN batch SET STORAGE EXTERNAL;
postgres:ALTER TABLE events SET (toast_tuple_target = 8160);

-- Who receives what: the times (and sizes) of a member's events of one commit, packed, at most 128 in a row.
-- Member -1 is everybody.
CREATE TABLE member_events (
    member_index INT64 NOT NULL,
    last_time INT64 NOT NULL,
    entries BYTES NOT NULL,
    PRIMARY KEY (member_index, last_time)
) CLUSTERED;
postgres:ALTER TABLE member_events ALTER COLUMN entries SET STORAGE EXTERNAL;

-- enabled and pruned_previous belong to this node alone.
CREATE TABLE members (
    member_index INT64 PRIMARY KEY,
    member ASCII NOT NULL UNIQUE,
    registered_from INT64 NOT NULL,
    enabled INT64 NOT NULL DEFAULT 1,
    pruned_previous INT64
);

CREATE TABLE acknowledgements (
    member_index INT64 PRIMARY KEY,
    time INT64 NOT NULL
);

CREATE TABLE topology_rows (
    id INT64 PRIMARY KEY,
    sequenced INT64 NOT NULL,
    valid_from INT64 NOT NULL,
    valid_until INT64,
    batch_index INT64 NOT NULL,
    signed BYTES NOT NULL,
    is_proposal INT64 NOT NULL,
    rejection BYTES,
    tx_hash BYTES NOT NULL,
    code ASCII NOT NULL,
    namespace ASCII NOT NULL,
    identifier ASCII,
    unique_key BYTES NOT NULL,
    serial INT64 NOT NULL,
    operation INT64 NOT NULL
);
CREATE INDEX topology_rows_sequenced ON topology_rows (sequenced, id);
CREATE INDEX topology_rows_key ON topology_rows (code, namespace, identifier, valid_from);
postgres:ALTER TABLE topology_rows SET (toast_tuple_target = 8160);

CREATE TABLE traffic_consumed (
    member_index INT64 NOT NULL,
    time INT64 NOT NULL,
    extra_consumed INT64 NOT NULL,
    base_remainder INT64 NOT NULL,
    last_cost INT64 NOT NULL,
    journaled INT64 NOT NULL,
    PRIMARY KEY (member_index, time)
) CLUSTERED;

CREATE TABLE traffic_purchased (
    member ASCII NOT NULL,
    time INT64 NOT NULL,
    serial INT64 NOT NULL,
    extra_purchased INT64 NOT NULL,
    PRIMARY KEY (member, time)
) CLUSTERED;

CREATE TABLE aggregations (
    id BYTES PRIMARY KEY,
    max_sequencing_time INT64 NOT NULL,
    rule BYTES NOT NULL,
    delivered_at INT64
);

CREATE TABLE contributions (
    aggregation_id BYTES NOT NULL,
    sender INT64 NOT NULL,
    time INT64 NOT NULL,
    signatures BYTES NOT NULL,
    PRIMARY KEY (aggregation_id, sender)
) CLUSTERED;

CREATE TABLE frames (
    id BYTES PRIMARY KEY,
    valid_until INT64 NOT NULL
) CLUSTERED;
CREATE INDEX frames_valid_until ON frames (valid_until);

-- At most one row: events before the time are gone.
CREATE TABLE lower_bound (
    id INT64 PRIMARY KEY CHECK (id = 1),
    time INT64 NOT NULL
);

CREATE TABLE synchronizer_configuration (
    id INT64 PRIMARY KEY CHECK (id = 1),
    psid ASCII NOT NULL,
    static_parameters BYTES NOT NULL
);

CREATE TABLE node_identity (
    id INT64 PRIMARY KEY CHECK (id = 1),
    unique_identifier ASCII NOT NULL
);

CREATE TABLE node_settings (
    name ASCII PRIMARY KEY,
    value BYTES NOT NULL
) CLUSTERED;

CREATE TABLE public_keys (
    fingerprint ASCII PRIMARY KEY,
    name BYTES,
    public_key BYTES NOT NULL
);

-- sealed = 1: encrypted under the key file.
CREATE TABLE private_keys (
    fingerprint ASCII PRIMARY KEY,
    sealed INT64 NOT NULL,
    private_key BYTES NOT NULL
);

-- The rows of the node's own topology store (Canton's "authorized" store), as topology_rows.
CREATE TABLE authorized_rows (
    id INT64 PRIMARY KEY,
    sequenced INT64 NOT NULL,
    valid_from INT64 NOT NULL,
    valid_until INT64,
    batch_index INT64 NOT NULL,
    signed BYTES NOT NULL,
    is_proposal INT64 NOT NULL,
    rejection BYTES,
    tx_hash BYTES NOT NULL,
    code ASCII NOT NULL,
    namespace ASCII NOT NULL,
    identifier ASCII,
    unique_key BYTES NOT NULL,
    serial INT64 NOT NULL,
    operation INT64 NOT NULL
);

-- Frames on their way into a block. A commit removes those that its blocks hold.
CREATE TABLE outbox (
    position SERIAL64 PRIMARY KEY,
    frame_id BYTES NOT NULL UNIQUE,
    frame BYTES NOT NULL,
    valid_until INT64 NOT NULL
);
