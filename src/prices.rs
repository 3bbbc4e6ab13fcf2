//! What an hour of an instance costs in a Region: a table that is compiled in, each row with its source and date. There
//! is no call and no permission for it at run time. `make prices` writes it from AWS's price list.

/// Asynchronous inference, on demand, before any discount.
const TABLE: &str = include_str!("prices.csv");

/// US$ for an hour of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    pub usd: f64,
    /// Who says so: the payload, or a row of the table.
    pub source: String,
    /// Of the source, where it has one.
    pub date: Option<String>,
}

impl Price {
    /// The price that the caller gave.
    #[must_use]
    pub fn of_payload(usd: f64) -> Self {
        Self { usd, source: "payload".to_owned(), date: None }
    }

    /// `None`: nobody knows, so there are hours and no money.
    #[must_use]
    pub fn known(region: &str, instance_type: &str) -> Option<Self> {
        TABLE.lines().skip(1).filter_map(row).find_map(|[place, kind, usd, source, date]| {
            let is_it = place == region && kind == instance_type;
            let usd = is_it.then(|| usd.parse().ok()).flatten()?;
            Some(Self { usd, source: source.trim_matches('"').to_owned(), date: Some(date.to_owned()) })
        })
    }
}

/// Only the source may hold commas, and then stands in quotation marks.
fn row(line: &str) -> Option<[&str; 5]> {
    let (region, rest) = line.split_once(',')?;
    let (instance_type, rest) = rest.split_once(',')?;
    let (usd, rest) = rest.split_once(',')?;
    let (source, date) = rest.rsplit_once(',')?;
    Some([region, instance_type, usd, source, date])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_price_a_source_and_a_date_and_is_found() {
        let lines: Vec<&str> = TABLE.lines().skip(1).collect();
        assert!(!lines.is_empty());
        for line in &lines {
            let [region, instance_type, usd, source, date] = row(line).expect(line);
            let price = Price::known(region, instance_type).expect(line);
            assert!(price.usd > 0.0 && price.usd < 1000.0, "{line}");
            assert_eq!(Ok(price.usd), usd.parse(), "{line}");
            assert!(!source.is_empty() && date.parse::<jiff::civil::Date>().is_ok(), "{line}");
        }
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(lines, sorted, "sorted, so that a new table differs only where prices do");
    }

    #[test]
    fn what_is_not_in_the_table_has_no_price() {
        assert_eq!(Price::known("eu-west-3", "ml.g4dn.xlarge"), None);
        assert_eq!(Price::known("eu-central-1", "ml.g6.xlarge"), None);
        assert_eq!(Price::known("", ""), None);
    }
}
