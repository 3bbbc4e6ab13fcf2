//! Parsers of tag values. What a tag may hold is so narrow (letters, digits, spaces and `_ . : / = + - @`) and a
//! misread one so dear that only the documented spellings are accepted.

/// The digits of an unsigned decimal integer: no sign, no separator.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// An unsigned integer. Blanks around it are forgiven, as nobody sees them in a console.
pub(super) fn integer(text: &str) -> Option<i32> {
    digits(text.trim())?.parse().ok()
}

/// A decimal number, `5` or `0.5`; no sign, no exponent.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole).and(digits(fraction))?,
        None => digits(text)?,
    };
    text.parse().ok()
}

/// A duration in whole seconds: `300s`, `10m`, `1h`, or plain seconds, `300`.
pub(super) fn seconds(text: &str) -> Option<i32> {
    let text = text.trim();
    let (count, unit) = match text.bytes().next_back()? {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    digits(count)?.parse::<i32>().ok()?.checked_mul(unit)
}

/// `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`, in upper or lower case: what YAML, Python and CloudFormation make of
/// a boolean.
pub(super) fn switch(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is_one_of(["true", "yes", "on", "1"]) {
        Some(true)
    } else if is_one_of(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, want) in [
            ("0", Some(0)),
            (" 4 ", Some(4)),
            ("007", Some(7)),
            ("2147483647", Some(i32::MAX)),
            ("2147483648", None),
            ("", None),
            ("+5", None),
            ("-1", None),
            ("5.0", None),
            ("1e3", None),
            ("five", None),
            ("٥", None),
        ] {
            assert_eq!(integer(text), want, "tag value {text:?}");
        }
    }

    #[test]
    fn numbers() {
        for (text, want) in [
            ("5", Some(5.0)),
            ("0.5", Some(0.5)),
            (" 2.25", Some(2.25)),
            ("0", Some(0.0)),
            (".5", None),
            ("5.", None),
            ("1e3", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(number(text), want, "tag value {text:?}");
        }
    }

    #[test]
    fn durations() {
        for (text, want) in [
            ("300s", Some(300)),
            ("300", Some(300)),
            ("10m", Some(600)),
            ("1h", Some(3600)),
            ("0", Some(0)),
            (" 5m ", Some(300)),
            ("1.5h", None),
            ("5M", None),
            ("5 m", None),
            ("1h30m", None),
            ("-5m", None),
            ("m", None),
            ("", None),
            ("2147483647", Some(i32::MAX)),
            ("999999999h", None),
            ("5µ", None),
        ] {
            assert_eq!(seconds(text), want, "tag value {text:?}");
        }
    }

    #[test]
    fn switches() {
        for text in ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", " true "] {
            assert_eq!(switch(text), Some(true), "tag value {text:?}");
        }
        for text in ["false", "False", "FALSE", "no", "No", "off", "OFF", "0", "false "] {
            assert_eq!(switch(text), Some(false), "tag value {text:?}");
        }
        for text in ["", "y", "n", "2", "00", "tru e", "none", "Flase", "1.0"] {
            assert_eq!(switch(text), None, "tag value {text:?}");
        }
    }
}
