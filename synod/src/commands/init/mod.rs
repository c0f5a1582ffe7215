//! `synod init`: what a node needs before its first start.

mod node;

use std::process::ExitCode;

use synod_cometbft_config::{Home, Network, Operator};

use super::CommandResult;
use crate::cli::{InitCommand, InitOperatorArgs};

pub(super) fn run(command: InitCommand) -> CommandResult {
    match command {
        InitCommand::Sequencer(arguments) => node::init(node::SEQUENCER, &arguments),
        InitCommand::Mediator(arguments) => node::init(node::MEDIATOR, &arguments),
        InitCommand::Operator(arguments) => operator(arguments),
    }
}

/// Makes the keys of an operator, and prints what the others have to know of it.
fn operator(arguments: InitOperatorArgs) -> CommandResult {
    let InitOperatorArgs { home, name, p2p_address } = arguments;
    let public = |node_id, validator_key| Network {
        operators: vec![Operator {
            name: name.clone(),
            p2p_address: p2p_address.clone(),
            node_id,
            validator_key,
            power: 1,
        }],
    };
    // A name that nobody can use is refused before there are keys for it.
    let checked = public("0".repeat(40), "0".repeat(64)).check();
    if let Err(mistakes) = checked {
        let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        return Err(mistakes.join("\n").into());
    }
    let keys = Home::at(home).make_keys()?;
    print!("{}", public(keys.node_id(), keys.validator_key()).to_toml()?);
    Ok(ExitCode::SUCCESS)
}
