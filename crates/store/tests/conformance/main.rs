//! One suite for both databases: every case runs on SQLite in a temporary folder and on PostgreSQL in a
//! schema of its own. All cases share one private server, which ends with the process.

mod blocks;
mod lease;
mod model;
mod node;
mod opening;
mod outages;
mod paths;
mod plain;
mod postgres_only;
mod pruning;
mod reads;
mod reload;
mod samples;
mod speed;
mod sqlite_only;
mod tables;

use synod_testkit::databases::TestDatabase as Database;

synod_testkit::on_both_databases! {
    blocks::a_new_database_is_empty,
    blocks::blocks_follow_each_other,
    blocks::a_replay_is_compared,
    blocks::genesis_comes_first_and_once,
    blocks::a_large_commit_is_whole,
    blocks::odd_texts_come_back,
    blocks::a_block_is_found_by_time,
    blocks::frames_are_remembered_while_valid,
    lease::the_second_holder_waits,
    lease::a_lost_lease_cannot_write,
    lease::a_take_over_between_commits_loses_nothing,
    node::identity_and_synchronizer_are_set_once,
    node::settings_are_kept,
    node::keys_are_kept,
    node::keys_are_encrypted_under_the_key_file,
    node::the_outbox_keeps_order_until_a_block_has_the_frame,
    node::the_authorized_store_is_kept,
    opening::a_newer_schema_is_refused,
    opening::foreign_tables_are_refused,
    paths::both_ways_write_the_same_rows,
    paths::both_ways_find_what_is_stored,
    paths::a_commit_extends_the_lease,
    paths::a_refused_row_leaves_nothing,
    plain::plain_rows_come_and_go,
    pruning::only_what_all_acknowledged_may_go,
    pruning::pruned_events_leave_no_gap_unnoticed,
    pruning::the_state_survives_pruning,
    reads::pages_are_bounded,
    reads::own_and_everybodys_events_are_one_stream,
    reads::the_newest_event_before_a_time,
    reads::topology_comes_in_pages,
    reads::first_rows_of_a_mapping,
    reads::traffic_at_a_time,
    reads::members_and_their_acknowledgements,
    reads::many_readers_wait_their_turn,
    reload::random_blocks_come_back,
    tables::sets_of_tables_live_side_by_side,
    tables::a_newer_set_is_refused,
    tables::a_set_is_upgraded,
    tables::what_a_transaction_appends_is_read,
    tables::a_fenced_transaction_holds_the_lease,
    tables::insertion_tells_what_was_new,
}
