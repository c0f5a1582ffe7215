//! What has to hold of every service, seen without running one.

use synod_testkit::Tally;

use super::file::{ComposeFile, Service};

/// Where the ports of the nodes are: (service, in the container, on the machine). In images the ports of health and
/// metrics are Canton's, for both kinds of nodes.
const PORTS: &[(&str, u16, u16)] = &[
    ("sequencer", 5008, 5008),
    ("sequencer", 5009, 5009),
    ("sequencer", 5061, 5061),
    ("sequencer", 10013, 10013),
    ("mediator", 5007, 5007),
    ("mediator", 5061, 5062),
    ("mediator", 10013, 10014),
];

/// Reports each rule as a case.
pub(super) fn check(file: &ComposeFile, tally: &mut Tally) {
    for (name, service) in &file.services {
        let broken: Vec<&str> =
            RULES.iter().filter(|(_, holds)| !holds(file, name, service)).map(|(rule, _)| *rule).collect();
        let result = if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) };
        tally.case("rules", name, result);
    }
    let has = |(service, target, published): &(&str, u16, u16)| file.published(service, *target) == Some(*published);
    let missing: Vec<_> = PORTS.iter().filter(|port| !has(port)).collect();
    let result = if missing.is_empty() { Ok(()) } else { Err(format!("not published: {missing:?}")) };
    tally.case("rules", "ports", result);
    tally.case("rules", "order", file.order().map(|_| ()));
}

type Rule = fn(&ComposeFile, &str, &Service) -> bool;

/// A rule, and whether it holds.
const RULES: &[(&str, Rule)] = &[
    ("the image has to have a version", |_, _, service| {
        service
            .image
            .rsplit_once(':')
            .is_some_and(|(_, tag)| tag != "latest" && tag.contains(|at: char| at.is_numeric()))
    }),
    ("what others wait for has to tell its health", |file, name, service| {
        let is_awaited = |other: &Service| other.depends_on.get(name) == Some(&super::file::Condition::Healthy);
        service.health.is_some() || !(service.is_lasting() || file.services.values().any(is_awaited))
    }),
    ("the memory has to be limited", |_, _, service| service.all["mem_limit"].is_string()),
    ("it has to say when it is started again", |_, _, service| service.all["restart"].is_string()),
    ("what it logs has to be limited", |_, _, service| service.all["logging"]["options"]["max-size"].is_string()),
    ("its root has to be read-only", |_, _, service| service.all["read_only"] == true),
    ("it has to give its privileges away", |_, _, service| {
        service.all["cap_drop"][0] == "ALL" && service.all["security_opt"][0] == "no-new-privileges:true"
    }),
    ("secrets have to come in files", |_, _, service| {
        service.environment.keys().all(|name| !name.contains("PASSWORD") || name.ends_with("_FILE"))
    }),
    ("nothing may be reached from beyond the machine unasked", |_, _, service| {
        service.ports.iter().all(|port| port.address == "127.0.0.1")
    }),
    ("files of the host have to be read-only", |_, _, service| {
        service.mounts.iter().all(|mount| mount.read_only || !mount.is_file())
    }),
];
