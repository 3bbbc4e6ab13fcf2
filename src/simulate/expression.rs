//! Metric math, as far as alarms of a plan need it: the text that CloudWatch gets is read here too, so that what is
//! simulated is what is sent (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).
//!
//! ```text
//! comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]…
//! sum        = product [("+" | "-") product]…
//! product    = factor [("*" | "/") factor]…
//! factor     = "-" factor | number | id | "(" comparison ")" | FUNCTION "(" comparison ["," comparison]… ")"
//! ```

/// Deeper nesting than any alarm has; a text that nests further is refused before the stack is full.
const DEEPEST: usize = 64;

/// An expression over metrics by their places in the alarm's list.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    Metric(usize),
    Negative(Box<Node>),
    Binary(Operator, Box<(Node, Node)>),
    Rounded(Rounding, Box<Node>),
    /// Condition, then, otherwise.
    If(Box<(Node, Node, Node)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
}

/// What a part of an expression comes to at one moment. A number stands for itself; a series may lack its datapoint.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Number(f64),
    Series(Option<f64>),
}

impl Expression {
    /// Reads the text, in which metrics have these ids.
    ///
    /// # Errors
    /// What can't be read, and where.
    pub fn parse(text: &str, ids: &[&str]) -> Result<Self, String> {
        let mut parser = Parser { text, ids, at: 0, depth: 0 };
        let node = parser.comparison()?;
        match parser.rest() {
            "" => Ok(Self(node)),
            _ => Err(parser.unexpected("an operator")),
        }
    }

    /// The value of a minute in which the metrics have these datapoints; `None` where there is none.
    #[must_use]
    pub fn evaluate(&self, datapoints: &[Option<f64>]) -> Option<f64> {
        let value = match self.0.value(datapoints) {
            Value::Number(value) => Some(value),
            Value::Series(value) => value,
        };
        value.filter(|value| value.is_finite())
    }
}

impl Node {
    fn value(&self, datapoints: &[Option<f64>]) -> Value {
        match self {
            Self::Number(number) => Value::Number(*number),
            Self::Metric(place) => Value::Series(datapoints.get(*place).copied().flatten()),
            Self::Negative(node) => node.value(datapoints).map(|value| -value),
            Self::Rounded(Rounding::Up, node) => node.value(datapoints).map(f64::ceil),
            Self::Rounded(Rounding::Down, node) => node.value(datapoints).map(f64::floor),
            Self::Binary(operator, sides) => operator.apply(sides.0.value(datapoints), sides.1.value(datapoints)),
            Self::If(parts) => {
                // A condition without a datapoint is false.
                let is_met = parts.0.value(datapoints).or_zero() != 0.0;
                let chosen = if is_met { &parts.1 } else { &parts.2 };
                Value::Series(Some(chosen.value(datapoints).or_zero()))
            }
        }
    }
}

impl Value {
    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Number(value) => Self::Number(change(value)),
            Self::Series(value) => Self::Series(value.map(change)),
        }
    }

    fn or_zero(self) -> f64 {
        match self {
            Self::Number(value) | Self::Series(Some(value)) => value,
            Self::Series(None) => 0.0,
        }
    }
}

impl Operator {
    /// "Missing values in a time series are treated as 0", where the other one of two series has a datapoint; with a
    /// number, a missing datapoint stays missing. "If … divide by zero, the data point is dropped."
    fn apply(self, left: Value, right: Value) -> Value {
        let both = |left: f64, right: f64| {
            let truth = |is: bool| Some(f64::from(u8::from(is)));
            match self {
                Self::Add => Some(left + right),
                Self::Subtract => Some(left - right),
                Self::Multiply => Some(left * right),
                Self::Divide => (right != 0.0).then(|| left / right),
                Self::Less => truth(left < right),
                Self::LessOrEqual => truth(left <= right),
                Self::Greater => truth(left > right),
                Self::GreaterOrEqual => truth(left >= right),
                #[expect(clippy::float_cmp, reason = "it is what the expression asks")]
                Self::Equal => truth(left == right),
                #[expect(clippy::float_cmp, reason = "as above")]
                Self::NotEqual => truth(left != right),
            }
        };
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => both(left, right).map_or(Value::Series(None), Value::Number),
            (Value::Number(number), Value::Series(value)) => Value::Series(value.and_then(|value| both(number, value))),
            (Value::Series(value), Value::Number(number)) => Value::Series(value.and_then(|value| both(value, number))),
            (Value::Series(None), Value::Series(None)) => Value::Series(None),
            (Value::Series(left), Value::Series(right)) => {
                Value::Series(both(left.unwrap_or(0.0), right.unwrap_or(0.0)))
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    ids: &'a [&'a str],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn comparison(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it nests more than {DEEPEST} deep"));
        }
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let node = self.chain(&operators, Self::sum)?;
        self.depth -= 1;
        Ok(node)
    }

    fn sum(&mut self) -> Result<Node, String> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<Node, String> {
        self.chain(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::factor)
    }

    /// Operands with any of these operators between, from the left.
    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Node, String>,
    ) -> Result<Node, String> {
        let mut node = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take(sign)) {
            node = Node::Binary(*operator, Box::new((node, operand(self)?)));
        }
        Ok(node)
    }

    fn factor(&mut self) -> Result<Node, String> {
        if self.take("-") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(format!("it nests more than {DEEPEST} deep"));
            }
            let node = self.factor()?;
            self.depth -= 1;
            return Ok(Node::Negative(Box::new(node)));
        }
        if self.take("(") {
            let node = self.comparison()?;
            return if self.take(")") { Ok(node) } else { Err(self.unexpected("\")\"")) };
        }
        let word = self.word();
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return word.parse().map(Node::Number).map_err(|_| format!("{word:?} is no number"));
        }
        if word.is_empty() {
            return Err(self.unexpected("a number, an id or a function"));
        }
        if self.take("(") {
            return self.call(word);
        }
        let place = self.ids.iter().position(|id| *id == word);
        place.map(Node::Metric).ok_or_else(|| format!("{word:?} is the id of no metric"))
    }

    fn call(&mut self, function: &str) -> Result<Node, String> {
        let mut arguments = vec![self.comparison()?];
        while self.take(",") {
            arguments.push(self.comparison()?);
        }
        if !self.take(")") {
            return Err(self.unexpected("\",\" or \")\""));
        }
        let mut arguments = arguments.into_iter();
        match (function, arguments.next(), arguments.next(), arguments.next(), arguments.next()) {
            ("CEIL", Some(node), None, ..) => Ok(Node::Rounded(Rounding::Up, Box::new(node))),
            ("FLOOR", Some(node), None, ..) => Ok(Node::Rounded(Rounding::Down, Box::new(node))),
            ("IF", Some(condition), Some(then), Some(otherwise), None) => {
                Ok(Node::If(Box::new((condition, then, otherwise))))
            }
            _ => Err(format!("{function} is no function that is known here, or has other arguments")),
        }
    }

    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len() } else { 0 };
        is_next
    }

    /// A number or a name, empty where neither is next. The sign of an exponent belongs to its number.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_number = rest.starts_with(|first: char| first.is_ascii_digit() || first == '.');
        let mut before = ' ';
        let end = rest.find(|character: char| {
            let is_exponents_sign = is_number && "+-".contains(character) && "eE".contains(before);
            before = character;
            !(character.is_ascii_alphanumeric() || "._".contains(character) || is_exponents_sign)
        });
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn unexpected(&mut self, wanted: &str) -> String {
        let rest = self.rest();
        match rest.chars().next() {
            Some(found) => format!("{found:?} stands where {wanted} should, before {:?}", &rest[found.len_utf8()..]),
            None => format!("it ends where {wanted} should stand"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = ["w", "b", "a"];

    #[track_caller]
    fn value(text: &str, datapoints: [Option<f64>; 3]) -> Option<f64> {
        Expression::parse(text, &IDS).unwrap().evaluate(&datapoints)
    }

    #[test]
    fn arithmetic_is_read_as_it_is_written_on_paper() {
        for (text, want) in [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("10 - 4 - 3", 3.0),
            ("12 / 4 / 3", 1.0),
            ("-2 * -(3 - 1)", 4.0),
            ("2 < 3", 1.0),
            ("1 + 1 <= 2", 1.0),
            ("2 > 3", 0.0),
            ("3 >= 4 - 1", 1.0),
            ("1 == 1", 1.0),
            ("1 != 1", 0.0),
            ("CEIL(0.4 * 6)", 3.0),
            ("FLOOR(2.9)", 2.0),
            ("IF(1 > 0, 5, 7)", 5.0),
            ("IF(0, 5, 7)", 7.0),
            ("1e3 + 1.5e-1", 1000.15),
        ] {
            assert_eq!(value(text, [None; 3]), Some(want), "{text}");
        }
    }

    #[test]
    fn a_missing_datapoint_counts_as_zero_beside_one_that_is_there() {
        for (text, datapoints, want) in [
            ("w + b", [Some(1.0), None, None], Some(1.0)),
            ("w * b", [Some(3.0), None, None], Some(0.0)),
            ("w - b", [None, Some(2.0), None], Some(-2.0)),
            ("w < b", [None, Some(2.0), None], Some(1.0)),
            ("w + b", [None; 3], None),
            ("w + 1", [None; 3], None),
            ("CEIL(w)", [None; 3], None),
            ("w / b", [Some(1.0), None, None], None),
            ("w / b", [Some(1.0), Some(0.0), None], None),
            ("IF(w, 5, 7)", [None; 3], Some(7.0)),
            ("(w > 0) + (w > 0) * (a <= 60)", [Some(1.0), None, None], Some(1.0)),
        ] {
            assert_eq!(value(text, datapoints), want, "{text} {datapoints:?}");
        }
    }

    #[test]
    fn the_ladder_gives_the_instances_to_start() {
        let ladder = "(w > 0) + (w > 0)*(b > 5)*(a <= 60)*(CEIL(0.4*b) - 1)";
        for (w, b, a, want) in [
            (1.0, Some(1.0), Some(20.0), 1.0),
            (1.0, Some(5.0), Some(20.0), 1.0),
            (1.0, Some(6.0), Some(20.0), 3.0),
            (0.5, Some(100.0), Some(60.0), 40.0),
            (1.0, Some(100.0), Some(61.0), 1.0),
            (1.0, Some(100.0), None, 1.0),
            (1.0, None, Some(20.0), 1.0),
            (0.0, Some(100.0), Some(20.0), 0.0),
        ] {
            assert_eq!(value(ladder, [Some(w), b, a]), Some(want), "w {w} b {b:?} a {a:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (text, says) in [
            ("", "it ends where a number, an id or a function should stand"),
            ("w +", "it ends where"),
            ("(w", "it ends where \")\" should stand"),
            ("w b", "'b' stands where an operator should"),
            ("x + 1", "\"x\" is the id of no metric"),
            ("1.2.3", "\"1.2.3\" is no number"),
            ("FILL(w, 0)", "FILL is no function that is known here"),
            ("CEIL(w, 1)", "CEIL is no function that is known here, or has other arguments"),
            ("w & b", "'&' stands where an operator should"),
            ("é", "'é' stands where a number"),
        ] {
            let problem = Expression::parse(text, &IDS).unwrap_err();
            assert!(problem.contains(says), "{text:?}: {problem}");
        }
        for nested in ["(".repeat(100_000), "-".repeat(100_000), "CEIL(".repeat(100_000)] {
            assert!(Expression::parse(&nested, &IDS).unwrap_err().contains("nests more than"));
        }
    }
}
