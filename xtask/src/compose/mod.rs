//! `cargo xtask compose`: tries `compose/`, in containers where that is possible, and as processes everywhere.
//!
//! | file | what |
//! |---|---|
//! | `yaml`, `file`, `image` | what `compose.yaml` and the `Dockerfile` say |
//! | `rules` | what has to hold of every service, without running one |
//! | `processes` | each service's command, environment and health check as processes of this machine |
//! | `containers` | a Docker daemon of our own, base images out of Debian's packages, and `docker-compose` |
//! | `outside`, `limited` | what both ask the nodes, and how programs are run |

mod containers;
mod file;
mod image;
mod limited;
mod outside;
mod processes;
mod rules;
mod yaml;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use synod_testkit::Tally;

use self::file::ComposeFile;
use self::image::Image;
use crate::command::{cargo, run as run_command};
use crate::report;
use crate::workspace::{field, metadata};

/// What is tried.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with compose.yaml and the Dockerfile
    #[arg(default_value = "compose")]
    folder: PathBuf,
    /// No containers
    #[arg(long)]
    processes_only: bool,
    /// Install what containers need (apt-get); also with XTASK_INSTALL=yes in the environment
    #[arg(long)]
    install: bool,
    /// The program to try, instead of one that is built first
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// The folder, and what its files say.
struct Deployment {
    folder: PathBuf,
    file: ComposeFile,
    image: Image,
    /// The program that the image is to have.
    binary: PathBuf,
}

/// Runs everything; the last line is `N passed, N failed`.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut tally = Tally::new();
    match Deployment::load(options) {
        Err(reason) => tally.case("files", "compose.yaml and the Dockerfile are read", Err(reason)),
        Ok(deployment) => {
            rules::check(&deployment.file, &mut tally);
            processes::run(&deployment, &mut tally);
            let is_wanted = std::env::var("XTASK_INSTALL").is_ok_and(|wanted| wanted == "yes");
            if !options.processes_only {
                containers::run(&deployment, options.install || is_wanted, &mut tally);
            }
        }
    }
    report::print(&options.folder.display().to_string(), &tally, usize::MAX);
    report::finish(&tally)
}

impl Deployment {
    fn load(options: &Options) -> Result<Self, String> {
        let absolute = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
        let folder = absolute(&options.folder)?;
        // What nobody has set has the value that the file gives.
        let file = ComposeFile::load(&folder.join("compose.yaml"))?;
        let image = Image::load(&folder.join("Dockerfile"))?;
        let binary = options.binary.as_deref().map_or_else(build, absolute)?;
        Ok(Self { folder, file, image, binary })
    }
}

/// Builds the program as the tests do (see `test::build`).
fn build() -> Result<PathBuf, String> {
    run_command(&mut cargo(&["build", "--quiet", "--locked", "--workspace", "--bin", "synod"]))?;
    let metadata = metadata(false)?;
    Ok(Path::new(field(&metadata, "target_directory")).join("debug").join("synod"))
}
