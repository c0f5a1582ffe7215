//! Synod: a private Canton synchronizer.

mod admin_client;
mod bench;
mod bootstrap;
mod cli;
mod commands;
mod config;
mod localnet;
mod node;
mod render;
mod self_test;
mod transactions;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("synod: {}", synod_runtime::Chain(error.as_ref()));
            ExitCode::from(commands::code_of(error.as_ref()))
        }
    }
}
