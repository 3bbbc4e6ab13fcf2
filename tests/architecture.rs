//! The fences between the rooms, which in one package nothing else holds up. ARCHITECTURE.md says why they stand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on had better stop where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file in `folder` and its folders with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let below = Path::new(folder).join(path.file_name().unwrap());
            found.extend(sources(below.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The code without its comments and without what stands in quotes. Each quotation ends where the next mark stands.
fn code(text: &str) -> String {
    let without_marks = text.replace("'\"'", "").replace("\\\"", "");
    assert_eq!(without_marks.matches('"').count() % 2, 0, "a quotation has no end: {text}");
    let quoted = without_marks.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    quoted.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The words of the code: names, and names with what joins them to a path, `std::time::Instant`, also over lines and with
/// blanks.
fn names(text: &str) -> Vec<String> {
    let code = code(text);
    code.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The forbidden words that the code has as names or parts of paths, however it comes by them: `use`, `pub use`, a full
/// path, a group of imports.
fn mentions(text: &str, forbidden: &[&str]) -> Vec<String> {
    let is_forbidden = |name: &String| {
        forbidden.iter().any(|word| match word.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == word,
        })
    };
    names(text).into_iter().filter(is_forbidden).collect()
}

/// Whether the code asks some type for the time: the calendar's have a clock, too.
fn asks_for_the_time(text: &str) -> bool {
    code(text).split_whitespace().collect::<String>().contains("::now(")
}

/// What the imports of a file give names to, whichever crate it is from.
fn imported(text: &str) -> Vec<String> {
    let code = code(text);
    code.split(';').filter_map(|statement| statement.split_once("use ")).flat_map(|(_, paths)| names(paths)).collect()
}

/// The crates and rooms that a file reaches: what stands first in an import, exported or not, and in a full path.
fn reaches(text: &str) -> Vec<String> {
    let code = code(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = code[..at].trim_end();
        let start = before.rfind(|it: char| !it.is_alphanumeric() && it != '_').map_or(0, |it| it + 1);
        let first = &before[start..];
        let is_generic = code[at + 2..].trim_start().starts_with('<');
        let is_first = !before[..start].trim_end().ends_with("::");
        if is_first && !is_generic && first.starts_with(char::is_lowercase) {
            found.push(first.to_owned());
        }
    }
    found
}

/// What imports begin with, as with the name of a crate.
fn roots(text: &str) -> Vec<String> {
    code(text).split("use ").skip(1).filter_map(|path| names(path).into_iter().next()).collect()
}

/// What the core may not know. `*` stands for any end.
const NOT_IN_THE_CORE: [&str; 20] = [
    "async",
    "await",
    "aws_*",
    "tokio",
    "tracing",
    "serde",
    "serde_json",
    "lambda_runtime",
    "SystemTime",
    "Instant",
    "env",
    "fs",
    "net",
    "io",
    "process",
    "thread",
    "sync",
    "Mutex",
    "println",
    "eprintln",
];

/// What a path in the core may begin with beside names of its own: the standard library with its plain types, and two
/// crates.
const KNOWN_IN_THE_CORE: [&str; 18] = [
    "std", "core", "self", "super", "jiff", "strsim", "i8", "i16", "i32", "i64", "u8", "u32", "u64", "usize", "f64",
    "char", "str", "bool",
];

#[test]
fn the_fences_see_full_paths_exports_groups_and_folders() {
    for text in [
        "use std::time::Instant;",
        "pub use std::net::TcpStream;",
        "let it = std::time::Instant::now();",
        "use std::{collections::BTreeMap, net};",
        "use std::{\n    thread,\n};",
        "let it = std\n    ::fs\n    ::read(path);",
        "std::thread::spawn(|| {});",
        "pub(crate) use aws_sdk_sagemaker::Client;",
        "fn it() -> aws_smithy_types::DateTime {}",
        "async fn it() {}",
        "it.await",
        "println!()",
    ] {
        assert_ne!(mentions(text, &NOT_IN_THE_CORE), Vec::<String>::new(), "{text}");
    }
    assert!(asks_for_the_time("Zoned\n    ::now()") && !asks_for_the_time("let now = it.now;"));
    for text in [
        "let name = \"not-async\";",
        "// std::net is far",
        "let known = 1;",
        "let planet = awake(environment);",
        "/// async",
    ] {
        assert_eq!(mentions(text, &NOT_IN_THE_CORE), Vec::<String>::new(), "{text}");
    }
    for (text, reached) in [
        ("pub use serde::Serialize;", vec!["serde"]),
        ("let it: serde_json::Value = jiff::civil::date();", vec!["serde_json", "jiff"]),
        ("crate::aws::Aws", vec!["crate"]),
        ("Vec::<String>::new()", vec![]),
        ("it.parse::<i32>()", vec![]),
    ] {
        assert_eq!(reaches(text), reached, "{text}");
    }
    assert!(sources("src").iter().any(|(path, _)| path.ends_with("reconcile/plan.rs")), "folders are read");
}

#[test]
fn the_core_knows_no_io_no_clock_no_environment_and_no_aws_type() {
    for (path, text) in sources("src/reconcile") {
        assert_eq!(mentions(&text, &NOT_IN_THE_CORE), Vec::<String>::new(), "{}", path.display());
        assert!(!asks_for_the_time(&text), "{}", path.display());
    }
}

#[test]
fn the_core_imports_nothing_but_itself_the_standard_library_and_a_calendar() {
    let own: Vec<String> = sources("src/reconcile")
        .iter()
        .filter_map(|(path, _)| {
            let name = path.file_stem()?.to_str()?;
            Some(if name == "mod" { path.parent()?.file_name()?.to_str()?.to_owned() } else { name.to_owned() })
        })
        .collect();
    for (path, text) in sources("src/reconcile") {
        // A crate of another's begins an import or a path; `fmt::Display` is as good as what `fmt` was imported from.
        let roots = roots(&text);
        let local: Vec<String> = imported(&text).into_iter().filter(|name| !roots.contains(name)).collect();
        let foreign: Vec<String> = reaches(&text)
            .into_iter()
            .filter(|name| !KNOWN_IN_THE_CORE.contains(&name.as_str()) && !own.contains(name) && !local.contains(name))
            .collect();
        assert_eq!(foreign, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn only_the_shell_knows_the_types_of_the_aws_sdk() {
    let outside =
        sources("src").into_iter().filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "aws"));
    for (path, text) in outside {
        assert_eq!(
            mentions(&text, &["aws_sdk_*", "aws_config", "aws_smithy*"]),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn only_the_handler_the_sweep_and_the_look_back_see_both_halves() {
    let mut both: Vec<String> = sources("src")
        .into_iter()
        .filter(|(_, text)| text.contains("use crate::aws") && text.contains("use crate::reconcile"))
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    both.sort();
    assert_eq!(both, ["by_hand.rs", "handler.rs", "news.rs", "retrospect.rs", "sweep.rs", "walk.rs"]);
}

/// The most lines of a file, without the tests that stand at its end. Tests have files of their own without a limit.
const LONGEST: usize = 400;

#[test]
fn no_file_is_longer_than_somebody_reads_at_once() {
    for (path, text) in sources("src").into_iter().chain(sources("examples")) {
        let is_of_tests =
            path.components().any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name));
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(is_of_tests || lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}
