//! The tables of the core, of settings and of findings, against all that shows or deploys them: the tables of the documents
//! and the parameters of the template. `WRITE_BOOK=1` has the rows of the documents written anew; `make docs` does so.

#![expect(clippy::unwrap_used, reason = "a test that can't go on had better stop where it stands")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use sagemaker_scale_to_zero::reconcile::{About, FINDINGS, FindingKind, SETTINGS, Setting};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The template's parameter of a setting: `DefaultMaxCapacity` for `max-capacity`.
fn parameter(setting: &Setting) -> String {
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    format!("Default{}", setting.name.split('-').map(capitalised).collect::<String>())
}

fn default(setting: &Setting) -> String {
    setting.default.map_or("\u{2013}".to_owned(), |default| format!("`{default}`"))
}

/// The row of `docs/tags.md`.
fn whole_row(setting: &Setting) -> String {
    let Setting { name, kind, beside, meaning, .. } = setting;
    format!("| `{name}` | {} | {}{beside} | {meaning} |", default(setting), kind.in_words())
}

/// The row of `README.md`, which lists some of them.
fn short_row(setting: &Setting) -> String {
    format!("| `{}` | {} | {} |", setting.name, default(setting), setting.meaning)
}

/// The rows of the table that follows a mark in a document, without its heading.
fn rows(text: &str, mark: &str) -> Vec<String> {
    let (_, table) = text.split_once(mark).unwrap_or_else(|| panic!("there is no {mark}"));
    table.trim_start().lines().skip(2).take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// Compares the rows of a table with what they should be, or writes them.
#[expect(clippy::disallowed_methods, reason = "`make docs` asks for the rows to be written")]
fn hold(path: &str, mark: &str, wanted: &[String]) {
    let text = fs::read_to_string(file(path)).unwrap();
    let shown = rows(&text, mark);
    if env::var_os("WRITE_BOOK").is_some() && shown != wanted {
        let (shown, wanted) = (shown.join("\n"), wanted.join("\n"));
        fs::write(file(path), text.replacen(&shown, &wanted, 1)).unwrap();
        return;
    }
    assert_eq!(shown, wanted, "{path}; `make docs` writes it");
}

#[test]
fn the_documents_show_the_table_of_settings() {
    hold("docs/tags.md", "<!-- table: tags -->", &SETTINGS.iter().map(whole_row).collect::<Vec<_>>());

    let mark = "<!-- table: common tags -->";
    let listed = rows(&fs::read_to_string(file("README.md")).unwrap(), mark);
    let is_listed = |setting: &&Setting| listed.iter().any(|row| row.starts_with(&format!("| `{}` |", setting.name)));
    let wanted: Vec<String> = SETTINGS.iter().filter(is_listed).map(short_row).collect();
    assert!(wanted.len() >= 10, "the README lists {} settings", wanted.len());
    hold("README.md", mark, &wanted);
}

/// The row of a finding.
fn row_of_finding(kind: &FindingKind) -> String {
    let about: Vec<&str> = kind.about.iter().map(|about| About::as_str(*about)).collect();
    format!("| `{}` | {} | {} |", kind.name, about.join(", "), kind.meaning)
}

#[test]
fn the_documents_show_the_table_of_findings() {
    let wanted: Vec<String> = FINDINGS.iter().map(row_of_finding).collect();
    hold("docs/why-it-does-not-sleep.md", "<!-- table: findings -->", &wanted);
}

/// The lines of the template below this one that are indented deeper.
fn block<'a>(template: &'a str, line: &str) -> Vec<&'a str> {
    let depth = line.len() - line.trim_start().len();
    let mut lines = template.lines().skip_while(|it| *it != line);
    lines.next().unwrap_or_else(|| panic!("the template has no line {line}"));
    lines.take_while(|it| it.len() - it.trim_start().len() > depth).collect()
}

#[test]
fn the_template_has_a_parameter_for_each_setting_with_a_default_of_its_own() {
    let template = fs::read_to_string(file("template.yaml")).unwrap();
    let parameters = block(&template, "Parameters:");
    let named = |line: &&str| line.strip_prefix("  Default")?.strip_suffix(':').map(|name| format!("Default{name}"));
    let declared: Vec<String> = parameters.iter().filter_map(named).collect();
    let wanted: Vec<&Setting> = SETTINGS.iter().filter(|setting| setting.has_parameter).collect();
    assert_eq!(declared, wanted.iter().copied().map(parameter).collect::<Vec<_>>());

    for setting in wanted {
        let name = parameter(setting);
        let declared = block(&template, &format!("  {name}:"));
        let default = declared.iter().find_map(|line| line.strip_prefix("    Default: ")).unwrap();
        assert_eq!(default.trim_matches('"'), setting.default.unwrap_or_default(), "{name}");
        let handed_on = format!("          {}: !Ref {name}", setting.variable());
        assert!(template.lines().any(|line| line == handed_on), "{handed_on}");
    }
}
