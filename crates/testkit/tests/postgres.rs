//! The private PostgreSQL server: durable by default, alone, and gone afterwards.

use std::fs;

use synod_testkit::postgres::TestServer;

#[test]
fn a_server_is_durable_private_and_gone_afterwards() {
    let server = TestServer::start().expect("PostgreSQL starts");
    assert_eq!(server.sql("postgres", "SHOW fsync").unwrap(), "on");
    assert_eq!(server.sql("postgres", "SHOW synchronous_commit").unwrap(), "on");
    assert_eq!(server.sql("postgres", "SHOW listen_addresses").unwrap(), "127.0.0.1");

    let url = server.create_database("one").unwrap();
    assert_eq!(url, format!("postgres://postgres@127.0.0.1:{}/one", server.port()));
    assert_eq!(server.sql("one", "SELECT current_database()").unwrap(), "one");
    assert!(server.sql("one", "SELECT no_such_column").is_err());

    let postmaster = server.sql("one", "SELECT pg_read_file('postmaster.pid')").unwrap();
    let process = postmaster.lines().next().unwrap();
    let folder = server.socket_folder().to_owned();
    assert!(runs(process) && folder.exists());
    drop(server);
    assert!(!runs(process), "the server still runs");
    assert!(!folder.exists(), "its folder is still there");
}

#[test]
fn settings_and_files_reach_the_server() {
    let server = TestServer::builder()
        .setting("fsync", "off")
        .setting("cluster_name", "it's mine")
        .file("note.txt", "from the test")
        .start()
        .expect("PostgreSQL starts");
    assert_eq!(server.sql("postgres", "SHOW fsync").unwrap(), "off");
    assert_eq!(server.sql("postgres", "SHOW cluster_name").unwrap(), "it's mine");
    assert_eq!(server.sql("postgres", "SELECT pg_read_file('note.txt')").unwrap(), "from the test");
}

#[test]
fn a_wrong_setting_is_an_error_with_the_log() {
    let error = TestServer::builder().setting("no_such_setting", "1").start().expect_err("it must not start");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

/// Whether the process runs; one that has ended and waits for its parent to notice does not.
fn runs(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}
