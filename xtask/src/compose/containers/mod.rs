//! `docker-compose up` for real: a Docker daemon of our own, in a temporary folder, with base images made out of Debian's
//! packages, because no registry may be within reach. Nothing of it is left behind.

mod daemon;
mod images;
mod programs;
mod project;

use synod_testkit::Tally;

use self::daemon::Daemon;
use self::project::Project;
use super::Deployment;

/// The name of the cases.
const CATEGORY: &str = "containers";

/// What is tried, and how.
type Step<'a> = (&'static str, fn(&mut Project<'a>) -> Result<(), String>);

/// Reports each step as a case, or why there is none on this machine.
pub(super) fn run(deployment: &Deployment, install: bool, tally: &mut Tally) {
    let prepared = prepare(deployment, install);
    let mut project = match prepared {
        Ok(project) => project,
        Err(reason) => {
            println!("containers: not tried on this machine: {reason}");
            return tally.skip(CATEGORY, &reason);
        }
    };
    let steps: [Step<'_>; 7] = [
        ("the image is made from the Dockerfile", Project::build),
        ("up ends in a synchronizer", Project::up),
        ("the nodes are fit and serve members of the machine", Project::is_fit),
        ("containers have no privileges", Project::is_confined),
        ("a second up changes nothing", Project::up_again),
        ("killed nodes are started again", Project::kill),
        ("down leaves nothing", Project::down),
    ];
    for (name, step) in steps {
        let result = step(&mut project).map_err(|reason| format!("{reason}\n{}", project.logs()));
        let is_good = result.is_ok();
        tally.case(CATEGORY, name, result);
        if !is_good {
            break;
        }
    }
}

/// `Err` when this machine cannot run containers.
fn prepare(deployment: &Deployment, install: bool) -> Result<Project<'_>, String> {
    programs::find(install)?;
    let base = images::archives()?;
    let daemon = Daemon::start()?;
    images::import(&daemon, deployment, &base)?;
    Project::new(deployment, daemon)
}
