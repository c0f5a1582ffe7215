//! One suite of the mediator's store for both databases: every case runs on SQLite and on a private PostgreSQL.

mod commits;
mod configuration;
mod finalized;
mod opening;
mod restarts;
mod samples;
mod speed;

use synod_testkit::databases::TestDatabase;

synod_testkit::on_both_databases! {
    commits::everything_is_stored_at_once,
    commits::a_request_that_is_finalized_again_changes_nothing,
    commits::rejects_without_a_stored_request_are_submitted_once,
    commits::large_commits_are_whole,
    commits::receipts_and_time_empty_the_outbox,
    commits::used_up_uuids_go_every_ten_seconds,
    commits::a_lost_lease_cannot_write,
    configuration::a_mediator_is_initialized_once,
    configuration::a_sequencer_is_no_mediator,
    configuration::connections_change,
    configuration::the_initial_topology_is_stored_once,
    finalized::requests_come_in_pages,
    finalized::only_finished_requests_are_pruned,
    finalized::the_schedule_is_kept,
    opening::a_newer_schema_is_refused,
    opening::foreign_tables_are_refused,
    opening::nothing_is_there_at_first,
    restarts::each_point_of_a_stream,
    restarts::uuids_after_the_prehead_are_forgotten,
    restarts::topology_goes_on_where_it_was,
}
