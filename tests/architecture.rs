//! The fences between the rooms, which in one package nothing else holds up. ARCHITECTURE.md says why they stand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on had better stop where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the core, with those of its folders.
fn core() -> Vec<(PathBuf, String)> {
    [sources("src/reconcile"), sources("src/reconcile/explain")].concat()
}

/// Every source file in `folder` with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The lines of code that mention any of `words`; comments may.
fn mentions(text: &str, words: &[&str]) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//") && words.iter().any(|word| line.contains(word)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_core_knows_no_io_no_clock_no_environment_and_no_aws_type() {
    let forbidden = [
        "async ",
        ".await",
        "aws_",
        "tokio",
        "tracing",
        "serde",
        "lambda_runtime",
        "SystemTime",
        "::now()",
        "env::",
        "std::fs",
    ];
    for (path, text) in core() {
        assert_eq!(mentions(&text, &forbidden), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn the_core_imports_nothing_but_itself_the_standard_library_and_a_calendar() {
    for (path, text) in core() {
        let imports = text.lines().map(str::trim).filter_map(|line| line.strip_prefix("use "));
        let foreign: Vec<&str> = imports
            .filter(|import| !["std::", "self::", "super::", "jiff::"].iter().any(|known| import.starts_with(known)))
            .collect();
        assert_eq!(foreign, Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn only_the_shell_knows_the_types_of_the_aws_sdk() {
    for (path, text) in sources("src") {
        assert_eq!(
            mentions(&text, &["aws_sdk_", "aws_config", "aws_smithy"]),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn only_the_handler_and_the_sweep_see_both_halves() {
    let mut both: Vec<String> = sources("src")
        .into_iter()
        .filter(|(_, text)| text.contains("use crate::aws") && text.contains("use crate::reconcile"))
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    both.sort();
    assert_eq!(both, ["by_hand.rs", "handler.rs", "news.rs", "sweep.rs"]);
}
