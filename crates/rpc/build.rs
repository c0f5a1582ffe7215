//! Compiles the services of `/proto` to stubs over the messages of `synod-proto`.

use std::path::{Path, PathBuf};
use std::{env, error::Error, fs, io};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut descriptors = protox::Compiler::new([&root])?
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?
        .file_descriptor_set();

    tonic_prost_build::configure()
        .extern_path(".com.digitalasset.canton", "::synod_proto")
        .extern_path(".google.rpc", "::synod_proto::google::rpc")
        .extern_path(".synod", "::synod_proto::synod")
        .include_file("packages.rs")
        .compile_fds(descriptors.clone())?;

    // For reflection, which has no use for comments and positions.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
