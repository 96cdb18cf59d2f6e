//! Raw data as JSON that a person can page through and git can compare.

use serde_json::{Map, Value};

/// `value` with a line of its own for each object and each array that holds no others, and so for
/// each round of a measurement; what holds them is indented.
pub(crate) fn in_lines(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.push('\n');
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if members.values().any(is_container) => {
            write_members(members, depth, text);
        }
        Value::Array(items) if items.iter().any(is_container) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                begin_line(place, depth + 1, text);
                write(item, depth + 1, text);
            }
            end_lines(depth, text);
            text.push(']');
        }
        flat => text.push_str(&flat.to_string()),
    }
}

fn write_members(members: &Map<String, Value>, depth: usize, text: &mut String) {
    text.push('{');
    for (place, (name, value)) in members.iter().enumerate() {
        begin_line(place, depth + 1, text);
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push_str(": ");
        write(value, depth + 1, text);
    }
    end_lines(depth, text);
    text.push('}');
}

fn begin_line(place: usize, depth: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
    end_lines(depth, text);
}

fn end_lines(depth: usize, text: &mut String) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_round_is_a_line_and_reads_back() {
        let value = json!({
            "commit": "a \"quoted\" one",
            "missing": [],
            "rounds": { "annulus": [{ "calls": 1.5, "noisy": false }, { "calls": 2.0 }] },
        });
        let text = in_lines(&value);
        assert_eq!(
            text,
            r#"{
  "commit": "a \"quoted\" one",
  "missing": [],
  "rounds": {
    "annulus": [
      {"calls":1.5,"noisy":false},
      {"calls":2.0}
    ]
  }
}
"#
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert_eq!(in_lines(&json!([1, 2])), "[1,2]\n");
    }
}
